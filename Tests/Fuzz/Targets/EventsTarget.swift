import CTF
import Dump
import Glibc
import Reporting

/// A trace is read in every way there is, and all have to find the same events.
enum EventsTarget {
  private static let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)

  static func run(_ input: [UInt8]) -> String? {
    let files = TraceInput.split(input)
    do throws(TraceError) {
      let trace = try Trace(opening: [TraceInput.write(metadata: files[0], files: files.dropFirst())])
      return compare(trace)
    } catch {
      return OneLine.complaint(error)
    }
  }

  private static func compare(_ trace: Trace) -> String? {
    let all = countEvents(trace, nil)
    for threads in [1, 2] {
      let decoded = trace.decodeAll(threads: threads).events
      if decoded != all { return "\(all) events one by one, \(decoded) decoded by \(threads) threads" }
    }
    for format in [TraceDump.Format.text, .json] {
      var dump = TraceDump(trace, format: format, descriptor: nowhere)
      let (outcome, _) = dump.run { _ in }
      if outcome != .complete { return "the dump ended as \(outcome)" }
    }
    let selection = select(trace)
    let (rows, isDamaged) = countRows(trace, selection, nil)
    if isDifferent(rows, all, isDamaged) { return "\(all) events one by one, \(rows) as rows" }
    // Rows that are not wanted are skipped by other code.
    var others = FieldSelection()
    others.countOthers()
    let (skipped, _) = countRows(trace, others, nil)
    if isDifferent(skipped, all, isDamaged) { return "\(all) events one by one, \(skipped) skipped" }
    let slices = trace.timeSlices(3)
    let sliced = slices.reduce(0) { $0 + countEvents(trace, $1) }
    if sliced != all { return "\(all) events, in \(slices.count) slices \(sliced)" }
    let slicedRows = slices.reduce(0) { $0 + countRows(trace, selection, $1).count }
    guard !isDifferent(slicedRows, all, isDamaged) else {
      return "\(all) events, in \(slices.count) slices as rows \(slicedRows)"
    }
    return locate(trace)
  }

  private static func countEvents(_ trace: Trace, _ window: Range<Int64>?) -> UInt64 {
    var count: UInt64 = 0
    var events = MergedEvents(trace, window: window)
    while events.next() != nil {
      count += 1
      _ = events.takeGaps()
    }
    _ = events.takeGaps()
    return count
  }

  /// All fields of half of the events.
  private static func select(_ trace: Trace) -> FieldSelection {
    var selection = FieldSelection()
    selection.countOthers()
    var tag: UInt16 = 0
    for stream in trace.streams.indices.prefix(4) {
      for event in trace.streamClass(of: stream).events.prefix(16) where tag < 32 {
        tag += 1
        if tag % 2 == 0 { continue }
        let fields = event.payload?.fields.map(\.name) ?? []
        selection.select(event: event.name, tag: tag, fields: Array(fields.prefix(40)))
      }
    }
    return selection
  }

  /// Rows leave out what is outside of the times of a packet that turned out to be damaged: it is not believed.
  private static func isDifferent(_ rows: UInt64, _ all: UInt64, _ isDamaged: Bool) -> Bool {
    isDamaged ? rows > all : rows != all
  }

  private static func countRows(_ trace: Trace, _ selection: FieldSelection, _ window: Range<Int64>?)
    -> (count: UInt64, isDamaged: Bool)
  {
    var count: UInt64 = 0
    var sum: UInt64 = 0
    var rows = MergedRows(trace, selection: selection, window: window)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) != Row.gapTag { count += 1 }
        for word in 0..<run.stride { sum &+= row[word] }
      }
    }
    withExtendedLifetime(sum) {}
    return (count + rows.otherEvents.reduce(0, +), !rows.diagnostics.isEmpty)
  }

  private static func locate(_ trace: Trace) -> String? {
    for (number, stream) in trace.streams.enumerated() {
      for packet in [0, 1, stream.packetCount / 2, stream.packetCount - 1, stream.packetCount] {
        let isThere = trace.location(stream: number, packet: packet) != nil
        if isThere != (0..<stream.packetCount).contains(packet) {
          return "packet \(packet) of the \(stream.packetCount) in stream \(number): \(isThere)"
        }
      }
    }
    return nil
  }
}
