import CTF
import Glibc

/// Prints every event of a trace, one line each, in time order.
public struct Dump: ~Copyable {
  /// The layout of a line.
  public enum Format: Sendable {
    /// As babeltrace2 prints by default.
    case text
    /// One JSON object: `timestamp` (ns since the clock's origin), `name`, `trace` and `stream` (indices), and the
    /// contexts and fields that the event has.
    case json
  }

  /// How a dump ended.
  public enum Outcome: Sendable, Equatable {
    /// Everything that could be read has been printed.
    case complete
    /// Nobody reads the output any more.
    case closed
    /// The output cannot be written: error number.
    case failed(CInt)
  }

  private let trace: Trace
  private let style: DumpProgram.Style
  private let streams: UnsafeMutablePointer<DumpStream>
  private var sink: ByteSink
  private var clock = DumpClock()

  /// Prepares to print `trace` to a file descriptor.
  public init(_ trace: Trace, format: Format, descriptor: CInt) {
    self.trace = trace
    style = format == .text ? .text : .json
    sink = ByteSink(descriptor: descriptor)
    struct Key: Hashable {
      let streamClass: ObjectIdentifier
      let trace: Int
    }
    var known: [Key: DumpEvents] = [:]
    streams = .allocate(capacity: max(1, trace.streams.count))
    for (number, info) in trace.streams.enumerated() {
      let streamClass = trace.streamClass(of: number)
      let key = Key(streamClass: ObjectIdentifier(streamClass), trace: info.trace)
      let events =
        known[key]
        ?? DeepStack.run(levels: streamClass.height) {
          DumpEvents(streamClass, trace.traces[info.trace], style, trace: info.trace)
        }
      known[key] = events
      (streams + number).initialize(to: DumpStream(events: events, hasClock: trace.hasClock(stream: number)))
    }
  }

  deinit {
    for number in trace.streams.indices { streams[number].context.deallocate() }
    streams.deinitialize(count: trace.streams.count)
    streams.deallocate()
  }

  /// Prints all events.
  ///
  /// - Parameters:
  ///   - window: Only events with timestamps in this half-open range of ns.
  ///   - onGap: Told of lost events, before the event that follows them is printed.
  /// - Returns: How it ended, and what was wrong in the packets but survivable.
  public mutating func run(
    window: Range<Int64>? = nil, onGap: (String) -> Void
  ) -> (Outcome, [Diagnostic]) {
    var events = MergedEvents(trace, window: window)
    while let event = events.next() {
      for gap in events.takeGaps() { report(gap, onGap) }
      print(event)
      if sink.failure != nil { break }
    }
    for gap in events.takeGaps() { report(gap, onGap) }
    sink.flush()
    let outcome: Outcome =
      switch sink.failure {
      case nil: .complete
      case EPIPE?: .closed
      case let code?: .failed(code)
      }
    return (outcome, events.diagnostics)
  }

  private mutating func report(_ gap: EventGap, _ onGap: (String) -> Void) {
    if gap.kind == .damage { return }
    // Standard error and output may be the same terminal: keep the order.
    sink.flush()
    let what = gap.kind == .discardedEvents ? "event" : "packet"
    let stream = trace.streams[gap.stream]
    onGap(
      "WARNING: Tracer discarded \(gap.count) \(what)\(gap.count == 1 ? "" : "s") between "
        + "[\(DumpClock.text(gap.begin))] and [\(DumpClock.text(gap.end))] in stream \(stream.files.first ?? "")"
        + " (stream class ID: \(stream.classID)).")
  }

  private mutating func print(_ event: EventRecord) {
    if streams[event.stream].packet != event.packet { renderContext(event) }
    let stream = streams + event.stream
    if stream.pointee.hasClock {
      switch style {
      case .text: clock.write(event.timestamp, to: &sink)
      case .json:
        sink.text("{\"timestamp\":")
        sink.signedDecimal(event.timestamp)
        sink.byte(UInt8(ascii: ","))
      }
    } else if style == .json {
      sink.byte(UInt8(ascii: "{"))
    }
    if style == .json {
      sink.text("\"stream\":")
      sink.decimal(UInt64(event.stream))
      sink.byte(UInt8(ascii: ","))
    }
    let entry = stream.pointee.events.entry(event.event)
    write(entry.pointee.title)
    write(stream.pointee.context)
    if let code = entry.pointee.code { DumpInterpreter.run(code, event.values, &sink) }
  }

  /// The packet's context is the same for all its events: it is printed once and copied.
  private mutating func renderContext(_ event: EventRecord) {
    streams[event.stream].packet = event.packet
    let events = streams[event.stream].events
    guard let code = events.context else { return }
    var memory = ByteSink.inMemory()
    DumpInterpreter.run(code, event.packetContext, &memory)
    let text = memory.take()
    streams[event.stream].context.deallocate()
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
    _ = copy.initialize(from: text)
    streams[event.stream].context = copy
  }

  @inline(__always)
  private mutating func write(_ text: UnsafeMutableBufferPointer<UInt8>) {
    if let start = text.baseAddress { sink.bytes(start, text.count) }
  }
}
