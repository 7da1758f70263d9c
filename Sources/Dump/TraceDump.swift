import CTF
import Glibc

/// Prints every event of a trace, one line each, in time order.
package struct TraceDump: ~Copyable {
  /// The layout of a line.
  package enum Format: Sendable {
    /// As babeltrace2 prints by default.
    case text
    /// One JSON object: `timestamp` (ns since the clock's origin), `name`, `trace` and `stream` (indices), and the
    /// contexts and fields that the event has. Of names that differ only by the underscore in front, one keeps it.
    case json
    /// A table of comma-separated values (RFC 4180) with a header row: `timestamp` (ns since the clock's origin), `trace`
    /// and `stream` (indices), `event`, and a column for each field of the events that can be shown.
    case csv
    /// Nothing: the events are counted.
    case none
  }

  /// How a dump ended.
  package enum Outcome: Sendable, Equatable {
    /// Everything that could be read has been printed.
    case complete
    /// Nobody reads the output any more.
    case closed
    /// The output cannot be written: error number.
    case failed(CInt)
  }

  private let trace: Trace
  private let style: DumpProgram.Style
  private let quotesBigIntegers: Bool
  private static let maximumStreams = 4096

  private let streams: UnsafeMutablePointer<UnsafeMutablePointer<DumpStream>?>
  /// The numbers of the streams that have been made.
  private var known: [Int] = []
  private var classes: [Key: DumpEvents] = [:]
  private var sink: ByteSink
  private var clock: DumpClock
  private let filter: PreparedFilter?
  /// Of the formats that are not made line by line.
  private let table: DumpTable?
  private let isSilent: Bool
  /// How many events have been shown.
  package private(set) var shownEvents: UInt64 = 0

  /// Prepares to print `trace` to a file descriptor.
  ///
  /// - Parameter bigIntegers: How JSON has integers that doubles would round.
  package init(
    _ trace: Trace, format: Format, clock: ClockStyle = ClockStyle(), descriptor: CInt,
    bigIntegers: BigIntegers = .text
  ) {
    self.init(trace, format, clock, nil, descriptor, bigIntegers)
  }

  /// Prepares to print what a filter lets through.
  ///
  /// - Throws: When the trace cannot have what the filter asks for.
  package init(
    _ trace: Trace, format: Format, clock: ClockStyle = ClockStyle(), filter: DumpFilter, descriptor: CInt,
    bigIntegers: BigIntegers = .text
  ) throws(FilterError) {
    let prepared = filter.isEmpty ? nil : try PreparedFilter(filter, trace)
    self.init(trace, format, clock, prepared, descriptor, bigIntegers)
  }

  private init(
    _ trace: Trace, _ format: Format, _ clock: ClockStyle, _ filter: PreparedFilter?, _ descriptor: CInt,
    _ bigIntegers: BigIntegers
  ) {
    quotesBigIntegers = bigIntegers == .text
    table = format == .csv ? DumpTable(trace, filter) : nil
    self.filter = filter
    isSilent = format == .none
    self.trace = trace
    self.clock = DumpClock(clock)
    style = format == .text ? .text : .json
    sink = ByteSink(descriptor: descriptor)
    streams = .allocate(capacity: max(1, trace.streamCount))
    streams.initialize(repeating: nil, count: max(1, trace.streamCount))
  }

  deinit {
    for number in known { Self.forget(streams + number) }
    streams.deallocate()
  }

  private struct Key: Hashable {
    let streamClass: ObjectIdentifier
    let trace: Int
  }

  /// What a dump knows about a stream; made when its first event comes.
  @inline(__always)
  private mutating func stream(_ number: Int) -> UnsafeMutablePointer<DumpStream> {
    streams[number] ?? makeStream(number)
  }

  @inline(never)
  private mutating func makeStream(_ number: Int) -> UnsafeMutablePointer<DumpStream> {
    // It can all be made again.
    if known.count >= Self.maximumStreams { forgetStreams() }
    let streamClass = trace.streamClass(of: number)
    let index = trace.traceNumber(of: number)
    let key = Key(streamClass: ObjectIdentifier(streamClass), trace: index)
    let program = DumpProgram(style, quotesBigIntegers: quotesBigIntegers)
    let info = trace.members[index]
    let events =
      classes[key]
      ?? DeepStack.run(levels: streamClass.height) { DumpEvents(streamClass, info, program, trace: index) }
    classes[key] = events
    let stream = UnsafeMutablePointer<DumpStream>.allocate(capacity: 1)
    stream.initialize(to: DumpStream(events: events, hasClock: trace.hasClock(stream: number)))
    streams[number] = stream
    known.append(number)
    return stream
  }

  private static func forget(_ place: UnsafeMutablePointer<UnsafeMutablePointer<DumpStream>?>) {
    place.pointee?.pointee.context.deallocate()
    place.pointee?.deinitialize(count: 1)
    place.pointee?.deallocate()
    place.pointee = nil
  }

  private mutating func forgetStreams() {
    for number in known { Self.forget(streams + number) }
    known.removeAll()
    classes.removeAll()
  }

  /// Prints all events.
  ///
  /// - Parameters:
  ///   - window: Only events with timestamps in this half-open range of ns.
  ///   - onGap: Told of lost events, before the event that follows them is printed, and of what else is odd.
  /// - Returns: How it ended, and what was wrong in the packets but survivable.
  package mutating func run(
    window: Range<Int64>? = nil, onGap: (String) -> Void
  ) -> (Outcome, [Diagnostic]) {
    for warning in trace.warnings { onGap("WARNING: \(warning)") }
    for note in trace.notes { onGap("NOTE: \(note).") }
    if let warning = table?.warning { onGap("WARNING: \(warning)") }
    table?.writeHeader(to: &sink)
    var events = MergedEvents(trace, window: window)
    while let event = events.next() {
      if events.hasGaps { for gap in events.takeGaps() { report(gap, onGap) } }
      if let filter, !filter.shows(event, events) { continue }
      shownEvents &+= 1
      if table != nil || isSilent {
        printOtherwise(event, events)
      } else {
        print(event)
        if event.isLarge { printLarge(event, events) }
      }
      if sink.failure != nil { break }
    }
    for gap in events.takeGaps() { report(gap, onGap) }
    sink.flush()
    for steps in events.stepsBack { report(steps, onGap) }
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
    guard let stream = trace.stream(gap.stream) else { return }
    let file = stream.files.indices.contains(gap.file) ? stream.files[gap.file] : stream.files.first ?? ""
    onGap(
      "WARNING: Tracer discarded \(gap.count) \(what)\(gap.count == 1 ? "" : "s") between "
        + "[\(clock.text(gap.begin))] and [\(clock.text(gap.end))] in stream \(file)"
        + " (stream class ID: \(stream.classID)).")
  }

  private func report(_ steps: StepsBack, _ onGap: (String) -> Void) {
    guard let stream = trace.stream(steps.stream) else { return }
    onGap(
      "WARNING: Timestamps run backwards \(steps.count) time\(steps.count == 1 ? "" : "s"), first from "
        + "[\(clock.text(steps.from))] to [\(clock.text(steps.to))], in stream "
        + "\(stream.files.first ?? "") (stream class ID: \(stream.classID)).")
  }

  private mutating func print(_ event: EventRecord) {
    let stream = stream(event.stream)
    if stream.pointee.packet != event.packet { renderContext(event, stream) }
    if stream.pointee.hasClock {
      switch style {
      case .text: clock.write(event.timestamp, cycles: event.cycles, to: &sink)
      case .json:
        sink.text("{\"timestamp\":")
        if quotesBigIntegers {
          sink.exactSignedDecimal(event.timestamp)
        } else {
          sink.signedDecimal(event.timestamp)
        }
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
    if let code = entry.pointee.code, !event.isLarge { DumpInterpreter.run(code, event.values, &sink) }
  }

  /// Prints an event as a row of a table, or not at all.
  @inline(never)
  private mutating func printOtherwise(_ event: EventRecord, _ events: borrowing MergedEvents) {
    table?.write(event, events, hasClock: trace.hasClock(stream: event.stream), to: &sink)
  }

  /// Prints the values of an event that is not in memory as a whole.
  private mutating func printLarge(_ event: EventRecord, _ events: borrowing MergedEvents) {
    guard let code = stream(event.stream).pointee.events.entry(event.event).pointee.code else { return }
    withUnsafeMutablePointer(to: &sink) { sink in
      let pieces = DumpPieces(code, sink)
      events.readLarge(into: pieces)
      pieces.finish()
    }
  }

  /// The packet's context is the same for all its events: it is printed once and copied.
  private mutating func renderContext(_ event: EventRecord, _ stream: UnsafeMutablePointer<DumpStream>) {
    stream.pointee.packet = event.packet
    guard let code = stream.pointee.events.context else { return }
    var memory = ByteSink.inMemory()
    DumpInterpreter.run(code, event.packetContext, &memory)
    let text = memory.take()
    stream.pointee.context.deallocate()
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
    _ = copy.initialize(from: text)
    stream.pointee.context = copy
  }

  @inline(__always)
  private mutating func write(_ text: UnsafeMutableBufferPointer<UInt8>) {
    if let start = text.baseAddress { sink.bytes(start, text.count) }
  }
}
