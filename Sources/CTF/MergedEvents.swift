/// All events of a trace in time order, completely decoded: what a dump prints.
public struct MergedEvents: ~Copyable {
  private let trace: Trace
  private let cursors: [EventCursor]
  private var heap = MergeHeap()
  private var tape = TapeOutput()
  private var hasCurrent = false
  private var isNew: [Bool]

  /// Prepares to read `trace`, whole or only the events with timestamps in a half-open range of ns.
  public init(_ trace: Trace, window: Range<Int64>? = nil) {
    self.trace = trace
    cursors = trace.records.map { EventCursor($0, windowBytes: trace.windowBytes(), window: window) }
    isNew = [Bool](repeating: true, count: cursors.count)
    for cursor in cursors where cursor.nextHeader() {
      heap.insert(.init(timestamp: cursor.timestamp, stream: cursor.stream))
    }
  }

  deinit { tape.deallocate() }

  /// What was wrong in the packets read so far, but survivable.
  public var diagnostics: [Diagnostic] { cursors.flatMap(\.diagnostics) }

  /// The next event, valid until the next call; nil at the end.
  public mutating func next() -> EventRecord? {
    while true {
      if hasCurrent, let top = heap.top {
        let cursor = cursors[top.stream]
        if cursor.nextHeader() {
          heap.replaceTop(.init(timestamp: cursor.timestamp, stream: top.stream))
        } else {
          heap.removeTop()
        }
        hasCurrent = false
      }
      guard let top = heap.top else { return nil }
      let cursor = cursors[top.stream]
      hasCurrent = true
      let event = cursor.event
      let timestamp = cursor.timestamp
      guard cursor.decode(into: &tape) else { continue }
      guard cursor.wanted.contains(timestamp) else { continue }
      return EventRecord(
        stream: top.stream, packet: cursor.packet, timestamp: timestamp, event: event,
        values: UnsafePointer(tape.words), packetContext: cursor.context.words)
    }
  }

  /// The gaps that lie before the event returned last, in its stream; after the last event those that are left.
  public func takeGaps() -> [EventGap] {
    guard hasCurrent, let top = heap.top else {
      return heap.top == nil ? cursors.flatMap { gaps(of: $0) } : []
    }
    return gaps(of: cursors[top.stream])
  }

  private func gaps(of cursor: EventCursor) -> [EventGap] {
    if cursor.gaps.isEmpty { return [] }
    return cursor.takeGaps().map {
      EventGap(stream: cursor.stream, kind: $0.kind, begin: $0.begin, end: $0.end, count: $0.count)
    }
  }
}

/// A decoded event.
public struct EventRecord {
  /// Index into ``Trace/streams``.
  public let stream: Int
  /// Index of the packet in the stream.
  public let packet: Int
  /// ns since the clock's origin; 0 in a stream without a clock.
  public let timestamp: Int64
  /// Index into the events of the stream's class, ``Trace/streamClass(of:)``.
  public let event: Int
  /// The values of the stream's event context, the event's context and its payload, one after the other: an integer
  /// or enumeration is one word, sign-extended if signed, or beyond 64 bits several, the lowest first; a
  /// floating-point number the bits of a `Double`, of 128 bits its own in two words; a string or array of characters
  /// address and length; a sequence the number of elements before them; a variant the index of the option before it.
  /// Of CTF 2, a boolean is 1 or 0, a bit array like an unsigned integer, a text address and length in its own
  /// encoding, a BLOB address and length; an optional field has 1 before it, or is 0.
  public let values: UnsafePointer<UInt64>
  /// The values of the packet's context, in the same way.
  public let packetContext: UnsafePointer<UInt64>
}

/// Events missing in a stream.
public struct EventGap: Sendable {
  /// Index into ``Trace/streams``.
  public let stream: Int
  /// Why they are missing.
  public let kind: GapKind
  /// ns since the clock's origin.
  public let begin: Int64
  /// ns since the clock's origin.
  public let end: Int64
  /// How many events or packets, 0 when that is unknown.
  public let count: UInt64
}

extension Trace {
  /// The class of a stream: what its events look like.
  public func streamClass(of stream: Int) -> StreamClass { records[stream].plan.streamClass }

  /// Whether the events of a stream have timestamps.
  public func hasClock(stream: Int) -> Bool { records[stream].plan.hasClock }
}
