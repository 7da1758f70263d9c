import CTF
import Testing

/// Traces that LTTng-UST and programs of barectf recorded; Fixtures/make says how.
@Suite struct RecordedTraceTests {
  static let names = ["kinds", "pid", "lossy", "rotated-files", "chunks", "snapshot"] + barectf
  static let barectf = [
    "little-default", "big-default", "little-aligned", "big-packed", "little-packed", "no-clock",
    "no-counters",
    "small-sizes",
  ].map { "barectf-\($0)" }

  @Test(.enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"), arguments: names)
  func dumpEqualsBabeltrace(name: String) throws {
    let (lines, diagnostics) = try dump([fixture(name)])
    #expect(diagnostics == [])
    #expect(!lines.isEmpty)
    #expect(try lines == Babeltrace.lines(fixture(name)))
  }

  @Test func recordedAndDiscardedEventsAreWhatTheProgramEmitted() throws {
    let trace = try Trace(opening: [fixture("lossy")])
    let discarded = trace.streams.reduce(0) { $0 + $1.discardedEvents }
    // 3000 exits of 4 events on each of 2 threads, and 3 events more.
    #expect(trace.decodeAll(threads: 1).events + discarded == 3000 * 4 * 2 + 3)
    #expect(discarded > 0)
  }

  /// babeltrace2 writes the trace anew, with its own metadata, packets and headers.
  @Test(.enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"), arguments: names)
  func babeltracesCopyHasTheSameEvents(name: String) throws {
    let copy = try TemporaryTrace(metadata: nil, files: [:])
    try Babeltrace.rewrite(fixture(name), to: copy.path)
    let (lines, diagnostics) = try dump([copy.path])
    #expect(diagnostics == [])
    #expect(try lines == dump([fixture(name)]).lines)
  }

  @Test(arguments: barectf)
  func whatBarectfDiscardedIsCounted(name: String) throws {
    let trace = try Trace(opening: [fixture(name)])
    let discarded = trace.streams.reduce(0) { $0 + $1.discardedEvents }
    // 40 events of two kinds, and one of the third kind each third time.
    let emitted: UInt64 = 40 * 2 + 14
    let recorded = trace.decodeAll(threads: 1).events
    if name == "barectf-no-counters" {
      #expect(recorded < emitted && discarded == 0)
    } else {
      #expect(recorded + discarded == emitted)
      #expect(discarded > 0)
    }
  }

  @Test(arguments: names)
  func threadsCountTheSameEvents(name: String) throws {
    let trace = try Trace(opening: [fixture(name)])
    let lines = try dump([fixture(name)]).lines.count
    for threads in 1...5 { #expect(trace.decodeAll(threads: threads).events == UInt64(lines)) }
  }

  @Test func chunksOfOneSessionAreOneTrace() throws {
    let trace = try Trace(opening: [fixture("chunks")])
    #expect(trace.members.count == 1)
    #expect(trace.members[0].directories.count == 3)
    #expect(trace.streams.count == 2)
    #expect(trace.streams.allSatisfy { $0.files.count >= 2 && $0.lostPackets == 0 })
  }

  @Test func filesOfOneStreamAreOneStream() throws {
    let trace = try Trace(opening: [fixture("rotated-files")])
    #expect(trace.streams.count == 2)
    #expect(trace.streams.contains { $0.files.count > 1 })
    #expect(trace.streams.map(\.cpu) == [0, 1])
  }

  /// A snapshot begins in the middle of a recording: nothing of it is lost, whatever came before.
  @Test func aSnapshotIsTheEndOfTheRecordingWithoutGaps() throws {
    let trace = try Trace(opening: [fixture("snapshot")])
    #expect(trace.streams.contains { $0.earlierPackets > 0 })
    #expect(trace.streams.allSatisfy { $0.discardedEvents == 0 && $0.lostPackets == 0 })
    var selection = FieldSelection()
    selection.select(event: "exeunt:dispatch_end", tag: 0, fields: ["thread", "seq"])
    var rows = MergedRows(trace, selection: selection)
    var last: [UInt64: UInt64] = [:]
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        #expect(Row.tag(row) != Row.gapTag)
        if let before = last[row[2]] { #expect(row[3] == before + 1) }
        last[row[2]] = row[3]
      }
    }
    #expect(!last.isEmpty && last.values.allSatisfy { $0 == 2999 })
  }

  @Test func severalTracesAreMergedInTime() throws {
    let paths = ["kinds", "pid", "chunks"].map(fixture)
    let separate = try paths.map { try dump([$0]).lines.count }.reduce(0, +)
    let trace = try Trace(opening: paths)
    var events = MergedEvents(trace)
    var count = 0
    var last = Int64.min
    while let event = events.next() {
      #expect(event.timestamp >= last)
      last = event.timestamp
      count += 1
    }
    #expect(count == separate)
    #expect(trace.members.count == 3)
  }

  @Test func informationIsThere() throws {
    let trace = try Trace(opening: [fixture("kinds")])
    #expect(trace.environment.contains { $0 == ("tracer_name", "lttng-ust") })
    #expect(trace.members[0].clocks.first?.frequency == 1_000_000_000)
    #expect(trace.members[0].uuid?.count == 16)
    let begin = try #require(trace.beginTimestamp)
    let end = try #require(trace.endTimestamp)
    #expect(begin < end)
    let busy = try #require(trace.streams.firstIndex { $0.packetCount > 1 })
    let place = try #require(trace.location(stream: busy, packet: 1))
    #expect(place.packet == 1 && place.byteOffset == 4096)
    #expect(trace.location(stream: 0, packet: 1000) == nil)
    #expect(trace.location(stream: 9, packet: 0) == nil)
  }

  @Test func jsonIsOneObjectALine() throws {
    let (lines, _) = try dump([fixture("kinds")], format: .json)
    #expect(lines.count == 60)
    #expect(lines[2].contains("\"name\":\"kinds:texts\""))
    #expect(lines[2].contains("\"seq\":[0]"))
    #expect(lines[2].contains("\"s\":\"zulu\""))
  }
}
