import CTF
import Testing

/// Random field classes of CTF 2, random values: every way to read a trace has to find what the generator wrote.
@Suite struct RandomFragmentsTests {
  @Test(arguments: 0..<400)
  func dumpPrintsWhatWasWritten(seed: Int) throws {
    let random = RandomFragments(seed: UInt64(seed))
    let trace = try TemporaryTrace(metadata: random.metadata, files: ["stream": random.stream])
    let (lines, diagnostics) = try trace.dump()
    let metadata = String(decoding: random.metadata, as: UTF8.self)
    #expect(diagnostics == [], "\(metadata)")
    #expect(lines == random.lines, "\(metadata)")
    #expect(try Trace(opening: [trace.path]).decodeAll(threads: 2).events == UInt64(random.lines.count))
  }

  @Test(arguments: 0..<100)
  func rowsCountTheSameEvents(seed: Int) throws {
    let random = RandomFragments(seed: UInt64(seed))
    let directory = try TemporaryTrace(metadata: random.metadata, files: ["stream": random.stream])
    var selection = FieldSelection()
    selection.select(event: "e0", tag: 0, fields: (1...9).map { "f\($0)" })
    selection.countOthers()
    var rows = MergedRows(try Trace(opening: [directory.path]), selection: selection)
    var count: UInt64 = 0
    while let run = rows.nextRun() { count += UInt64(run.count) }
    #expect(rows.diagnostics == [])
    #expect(count + rows.otherEvents.reduce(0, +) == UInt64(random.lines.count))
  }
}
