import CTF
import Foundation
import Testing

/// Rows of selected fields have to equal what the full decoding yields.
@Suite struct RowTests {
  struct Collected: Equatable {
    var rows: [[UInt64]] = []
    var gaps: [[UInt64]] = []
    var others: UInt64 = 0
    var missing: [String] = []
    var unknown: [String] = []
    var strings: [String] = []
    var diagnostics: [Diagnostic] = []
  }

  func collect(
    _ trace: Trace, _ selection: FieldSelection, _ window: Range<Int64>? = nil, words: Int, text: Int? = nil,
    textTag: UInt16? = nil
  ) -> Collected {
    var merged = MergedRows(trace, selection: selection, window: window)
    var result = Collected()
    while let run = merged.nextRun() {
      #expect(run.count > 0)
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        #expect(Row.stream(row) == run.stream)
        // Behind the fields of an event, its row holds anything.
        let own = Row.tag(row) == 1 ? min(words, 4) : words
        var values = (0..<own).map { row[$0] }
        if Row.tag(row) == textTag { values[2] = UInt64(run.text(row[2]).utf8.count) }
        if Row.tag(row) == Row.gapTag {
          result.gaps.append((0..<6).map { row[$0] })
        } else {
          result.rows.append(values)
          if let text { result.strings.append(run.text(row[text])) }
        }
      }
    }
    result.others = merged.otherEvents.reduce(0, +)
    result.missing = merged.missing.map { "\($0.event).\($0.field)" }
    result.unknown = merged.unknownEvents
    result.diagnostics = merged.diagnostics
    return result
  }

  static var selection: FieldSelection {
    var selection = FieldSelection()
    selection.select(event: "exeunt:vcpu_run_enter", tag: 1, fields: ["seq", "vcpu"])
    selection.select(event: "exeunt:vcpu_run_exit", tag: 2, fields: ["reason", "seq", "address"])
    selection.select(event: "exeunt:vm_info", tag: 3, fields: ["guest", "pid", "nothing"])
    selection.select(event: "exeunt:unheard_of", tag: 4, fields: [])
    selection.countOthers()
    return selection
  }

  @Test(arguments: ["lossy", "rotated-files", "chunks"])
  func rowsEqualTheFullDecoding(name: String) throws {
    let trace = try Trace(opening: [fixture(name)])
    let rows = collect(trace, Self.selection, words: 5, textTag: 3)
    var events = MergedEvents(trace)
    var expected: [[UInt64]] = []
    var others: UInt64 = 0
    while let event = events.next() {
      let values = event.values
      let stamp = UInt64(bitPattern: event.timestamp)
      let word = UInt64(event.stream) << 16 | UInt64(event.packet) << 32
      switch trace.streamClass(of: event.stream).events[event.event].name {
      case "exeunt:vcpu_run_enter": expected.append([stamp, word | 1, values[1], values[0]])
      case "exeunt:vcpu_run_exit": expected.append([stamp, word | 2, values[2], values[1], values[3]])
      case "exeunt:vm_info": expected.append([stamp, word | 3])
      default: others += 1
      }
    }
    #expect(rows.rows.count == expected.count)
    for (row, wanted) in zip(rows.rows, expected) { #expect(Array(row.prefix(wanted.count)) == wanted) }
    #expect(rows.others == others)
    #expect(rows.missing == ["exeunt:vm_info.nothing"])
    #expect(rows.unknown == ["exeunt:unheard_of"])
  }

  @Test func stringsAndSignedFieldsAreDelivered() throws {
    var selection = FieldSelection()
    selection.select(event: "kinds:texts", tag: 7, fields: ["text", "last", "s", "stext"])
    let trace = try Trace(opening: [fixture("kinds")])
    let rows = collect(trace, selection, words: 6, text: 4)
    #expect(rows.strings.prefix(3) == ["zulu", "abcd", "quote \" back\\slash ' ?"])
    #expect(rows.rows.map { $0[3] }.prefix(5) == [1, 2, 3, 4, 1])
    selection.select(event: "kinds:numbers", tag: 8, fields: ["s8", "s64", "net32", "c", "f"])
    let numbers = collect(trace, selection, words: 7).rows.filter { UInt16(truncatingIfNeeded: $0[1]) == 8 }
    #expect(numbers.count == 30)
    #expect(Int64(bitPattern: numbers[2][3]) == -0x1234_5678_9ab)
    #expect(numbers[3][4] == 1 << 24)
    #expect(Float(Double(bitPattern: numbers[3][6])) == Float(1) / 7)
  }

  @Test func lossesAreRows() throws {
    let trace = try Trace(opening: [fixture("lossy")])
    let gaps = collect(trace, Self.selection, words: 2).gaps
    let discarded = gaps.filter { $0[5] == GapKind.discardedEvents.rawValue }
    #expect(discarded.reduce(0) { $0 + $1[4] } == trace.streams.reduce(0) { $0 + $1.discardedEvents })
    #expect(discarded.allSatisfy { $0[2] <= $0[3] && $0[0] == $0[2] })
  }

  @Test(arguments: ["lossy", "rotated-files", "chunks"])
  func slicesAreAPartition(name: String) throws {
    let trace = try Trace(opening: [fixture(name)])
    let whole = collect(trace, Self.selection, words: 5, textTag: 3)
    for count in [1, 2, 3, 7, 50] {
      let slices = trace.timeSlices(count)
      #expect(slices.count <= count)
      var joined = Collected()
      for slice in slices {
        let part = collect(trace, Self.selection, slice, words: 5, textTag: 3)
        joined.rows += part.rows
        joined.gaps += part.gaps
        joined.others += part.others
      }
      #expect(joined.rows == whole.rows)
      #expect(joined.gaps == whole.gaps)
      #expect(joined.others == whole.others)
    }
    #expect(trace.timeSlices(2).count == 2)
  }

  @Test func anyCutsAreAPartition() throws {
    let trace = try Trace(opening: [fixture("lossy")])
    let whole = collect(trace, Self.selection, words: 5, textTag: 3)
    let begin = try #require(trace.beginTimestamp)
    let end = try #require(trace.endTimestamp)
    var random = Random(seed: 5)
    for _ in 0..<20 {
      // Cuts at random times and at the very times of events.
      var cuts = (0..<4).map { _ in begin + Int64(random.below(Int(end - begin))) }
      cuts += (0..<4).map { _ in Int64(bitPattern: whole.rows[random.below(whole.rows.count)][0]) }
      let bounds = [Int64.min] + Set(cuts).sorted() + [Int64.max]
      var rows: [[UInt64]] = []
      var gaps: [[UInt64]] = []
      for (low, high) in zip(bounds, bounds.dropFirst()) {
        let part = collect(trace, Self.selection, low..<high, words: 5, textTag: 3)
        rows += part.rows
        gaps += part.gaps
      }
      #expect(rows == whole.rows)
      #expect(gaps == whole.gaps)
    }
  }

  @Test(arguments: 0..<100)
  func randomTracesGiveTheSameRows(seed: Int) throws {
    let random = RandomTrace(seed: UInt64(seed))
    let directory = try TemporaryTrace(metadata: random.metadata, stream: random.stream)
    let trace = try Trace(opening: [directory.path])
    let events = trace.streamClass(of: 0).events
    // Every second field of every event, skipping the others.
    var selection = FieldSelection()
    for (index, event) in events.enumerated() {
      let names = (event.payload?.fields ?? []).enumerated().filter { $0.offset % 2 == seed % 2 }.map(
        \.element.name)
      selection.select(event: event.name, tag: UInt16(index), fields: names)
    }
    let rows = collect(trace, selection, words: 8)
    #expect(rows.diagnostics == [])
    #expect(rows.rows.count == random.lines.count)
    var full = MergedEvents(trace)
    for row in rows.rows {
      guard let event = full.next() else {
        Issue.record("there are fewer events than rows")
        return
      }
      #expect(row[0] == UInt64(bitPattern: event.timestamp))
      #expect(UInt16(truncatingIfNeeded: row[1]) == UInt16(event.event))
      // A leading integer stands first on the tape, after the event context, which only some traces have.
      guard trace.streamClass(of: 0).eventContext == nil, seed % 2 == 0,
        let first = events[event.event].payload?.fields.first
      else { continue }
      switch first.type {
      case .integer, .enumeration, .floatingPoint: #expect(row[2] == event.values[0])
      default: break
      }
    }
  }
}
