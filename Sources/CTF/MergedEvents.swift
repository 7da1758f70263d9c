/// All events of a trace in time order, completely decoded: what a dump prints.
public struct MergedEvents: ~Copyable {
  /// With more open streams than this, those that are not at the front give back their buffers.
  private static let maximumBuffers = 512

  private let trace: Trace
  private let window: Range<Int64>?
  /// nil: not open yet, or read to its end, where there are very many.
  private var cursors: [EventCursor?]
  private var heap = MergeHeap()
  private var tape = TapeOutput()
  private var hasCurrent = false
  /// Whether there are gaps before the current event.
  private var haveGaps = false
  private var openCount = 0
  /// What streams that have been closed had to say.
  private var closed = Closed()

  private struct Closed {
    var diagnostics: [Diagnostic] = []
    var stepsBack: [StepsBack] = []
    var gaps: [EventGap] = []
  }

  /// Prepares to read `trace`, whole or only the events with timestamps in a half-open range of ns.
  public init(_ trace: Trace, window: Range<Int64>? = nil) {
    self.trace = trace
    self.window = window
    cursors = [EventCursor?](repeating: nil, count: trace.streamCount)
    for number in 0..<trace.streamCount {
      if let many = trace.many {
        heap.insert(.init(timestamp: many.begin(number), stream: number))
      } else {
        let cursor = EventCursor(trace.records[number], bufferBytes: trace.bufferBytes(), window: window)
        cursors[number] = cursor
        if cursor.nextHeader() { heap.insert(.init(timestamp: cursor.timestamp, stream: number)) }
      }
    }
  }

  // Records are valid until the next call, which there is none of.
  deinit { unsafe tape.deallocate() }

  /// What was wrong in the packets read so far, but survivable.
  public var diagnostics: [Diagnostic] { closed.diagnostics + cursors.flatMap { $0?.diagnostics ?? [] } }

  /// The streams whose timestamps ran backwards so far. Their events come in the order of the stream, merged with the
  /// others' as well as can be.
  public var stepsBack: [StepsBack] {
    closed.stepsBack + cursors.compactMap { $0?.stepsBack }
  }

  /// The next event, valid until the next call; nil at the end.
  public mutating func next() -> EventRecord? {
    while true {
      if hasCurrent, let top = heap.top, let cursor = cursors[top.stream] {
        advance(cursor)
        hasCurrent = false
      }
      guard let top = heap.top else { return nil }
      guard let cursor = cursors[top.stream] else {
        open(top.stream)
        continue
      }
      hasCurrent = true
      if cursor.isParked, !cursor.unpark() { continue }
      let event = cursor.event
      let timestamp = cursor.timestamp
      guard cursor.decode(into: &tape) else { continue }
      guard cursor.wanted.contains(timestamp) else { continue }
      haveGaps = !cursor.gaps.isEmpty
      // Valid until the next event is decoded.
      return unsafe EventRecord(
        stream: top.stream, packet: cursor.packet, timestamp: timestamp, cycles: cursor.cycles, event: event,
        values: UnsafePointer(tape.words), packetContext: cursor.context.words, isLarge: cursor.isLarge)
    }
  }

  /// Goes to the next event of the stream at the top.
  @inline(__always)
  private mutating func advance(_ cursor: EventCursor) {
    if cursor.nextHeader() {
      heap.replaceTop(.init(timestamp: cursor.timestamp, stream: cursor.stream))
      if openCount > Self.maximumBuffers, heap.top?.stream != cursor.stream { cursor.park() }
    } else {
      heap.removeTop()
      if trace.many != nil { close(cursor) }
    }
  }

  @inline(never)
  private mutating func open(_ number: Int) {
    guard let record = trace.record(number) else {
      heap.removeTop()
      return
    }
    let cursor = EventCursor(
      record, bufferBytes: 16 << 10, window: window, before: trace.many?.packet(before: number))
    cursors[number] = cursor
    openCount += 1
    advance(cursor)
  }

  private mutating func close(_ cursor: EventCursor) {
    cursors[cursor.stream] = nil
    openCount -= 1
    if closed.diagnostics.count < TraceOpener.maximumDiagnostics { closed.diagnostics += cursor.diagnostics }
    if let steps = cursor.stepsBack, closed.stepsBack.count < TraceOpener.maximumDiagnostics {
      closed.stepsBack.append(steps)
    }
    closed.gaps += gaps(of: cursor)
  }

  /// Delivers the values of the event returned last, which is large.
  public func readLarge(into receiver: any EventPieces) {
    guard hasCurrent, let top = heap.top else { return }
    cursors[top.stream]?.readLarge(into: receiver)
  }

  /// Whether `takeGaps` has something: not to be asked for it at each event.
  public var hasGaps: Bool { haveGaps || !hasCurrent || !closed.gaps.isEmpty }

  /// The gaps that lie before the event returned last, in its stream; after the last event those that are left.
  public mutating func takeGaps() -> [EventGap] {
    if !closed.gaps.isEmpty {
      defer { closed.gaps.removeAll() }
      return closed.gaps + openGaps()
    }
    return openGaps()
  }

  private func openGaps() -> [EventGap] {
    guard hasCurrent, let top = heap.top, let cursor = cursors[top.stream] else {
      return heap.top == nil ? cursors.flatMap { $0.map { gaps(of: $0) } ?? [] } : []
    }
    return gaps(of: cursor)
  }

  private func gaps(of cursor: EventCursor) -> [EventGap] {
    if cursor.gaps.isEmpty { return [] }
    return cursor.takeGaps().map {
      EventGap(
        stream: cursor.stream, kind: $0.kind, begin: $0.begin, end: $0.end, count: $0.count, file: $0.file)
    }
  }
}

/// Timestamps of a stream that run backwards.
public struct StepsBack: Sendable {
  /// Index into ``Trace/streams``.
  public let stream: Int
  /// How often an event is earlier than the one before it.
  public let count: UInt64
  /// The timestamps of the first such pair, ns since the clock's origin.
  public let from: Int64
  /// The second one's timestamp.
  public let to: Int64
}

/// A decoded event, valid until the next one is asked for.
@safe
public struct EventRecord {
  /// Index into ``Trace/streams``.
  public let stream: Int
  /// Index of the packet in the stream.
  public let packet: Int
  /// ns since the clock's origin; 0 in a stream without a clock.
  public let timestamp: Int64
  /// The clock's own reading behind ``timestamp``; 0 in a stream without a clock.
  public let cycles: UInt64
  /// Index into the events of the stream's class, ``Trace/streamClass(of:)``.
  public let event: Int
  /// The values of the stream's event context, the event's context and its payload, one after the other: an integer
  /// or enumeration is one word, sign-extended if signed, or beyond 64 bits several, the lowest first; a
  /// floating-point number the bits of a `Double`, from 128 bits on its own, the lowest word first; a string or array
  /// of characters address and length; a sequence the number of elements before them; a variant the index of the option before it.
  /// Of CTF 2, a boolean is 1 or 0, a bit array like an unsigned integer, a text address and length in its own
  /// encoding, a BLOB address and length; an optional field has 1 before it, or is 0.
  public let values: UnsafePointer<UInt64>
  /// The values of the packet's context, in the same way.
  public let packetContext: UnsafePointer<UInt64>
  /// Whether the event is too large to be in memory: `values` is void, ``MergedEvents/readLarge(into:)`` delivers them.
  public let isLarge: Bool
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
  /// Index of the file in which the loss shows, of ``StreamInfo/files``.
  public let file: Int
}

extension Trace {
  /// The class of a stream: what its events look like.
  public func streamClass(of stream: Int) -> StreamClass {
    many?.plan(stream).streamClass ?? records[stream].plan.streamClass
  }

  /// Whether the events of a stream have timestamps.
  public func hasClock(stream: Int) -> Bool { many?.plan(stream).hasClock ?? records[stream].plan.hasClock }

  /// Index into ``traces`` of a stream's trace.
  public func traceNumber(of stream: Int) -> Int { many?.trace(stream) ?? streams[stream].trace }
}
