import Testing

@testable import Analysis
@testable import CTF

/// What a recording's totals say of what is missing from it.
@Suite("Totals of events")
struct WholenessTests {
  private static func run(_ seed: UInt64) -> SyntheticRun {
    SyntheticRun(seed: seed, vcpus: 1 + Int(seed % 3), loops: Int(seed % 3), exits: 30)
  }

  private func judge(_ rows: [SyntheticRow], unknown: [String] = []) -> Wholeness {
    let slice = analyse(rows)
    return slice.wholeness(recordedByRun: [UInt64(rows.count)], unknownEvents: unknown)
  }

  @Test("prove that nothing is missing, or how much, of each thread", arguments: 0..<20 as Range<UInt64>)
  func fromTheBeginning(_ seed: UInt64) throws {
    var run = Self.run(seed)
    run.addTotals(start: 10)
    let whole = judge(run.rows)
    #expect(whole.end == .present && whole.isComplete && whole.missing == 0 && whole.since == nil)
    // The clock_sync comes before the reading.
    #expect(whole.recorded == UInt64(run.rows.count) && whole.emitted == whole.recorded - 1)
    #expect(whole.threads.allSatisfy { $0.emitted == $0.recorded })
    var random = Random(seed)
    var lost: [[UInt64]: UInt64] = [:]
    for _ in 0..<1 + random.below(40) {
      let place = random.below(run.rows.count)
      let kept = [EventTag.eventTotals.rawValue, EventTag.clockSync.rawValue]
      guard !kept.contains(run.rows[place].tag) else { continue }
      lost[SyntheticRun.thread(of: run.rows.remove(at: place)), default: 0] += 1
    }
    let cut = judge(run.rows)
    #expect(cut.missing == lost.values.reduce(0, +) && cut.unaccounted == 0)
    #expect(cut.isComplete == lost.isEmpty)
    for thread in cut.threads {
      let kind = UInt64(try #require(thread.kind))
      #expect(thread.emitted == thread.recorded + (lost[[kind, UInt64(thread.id)]] ?? 0))
    }
  }

  @Test("of a session that attached bound what is missing since", arguments: 0..<30 as Range<UInt64>)
  func attached(_ seed: UInt64) throws {
    var run = Self.run(seed)
    let middle = (run.rows[0].timestamp + run.rows[run.rows.count - 1].timestamp) / 2
    run.addTotals(start: middle, heardFrom: middle - 3_000)
    let whole = judge(run.rows)
    #expect(whole.isComplete && whole.missing == 0)
    let since = try #require(whole.since)
    #expect(since > middle && since < middle + 10)
    var random = Random(seed)
    var lost: UInt64 = 0
    for _ in 0..<random.below(30) {
      let place = random.below(run.rows.count)
      guard run.rows[place].timestamp > middle + 10, run.rows[place].tag != EventTag.eventTotals.rawValue
      else { continue }
      run.rows.remove(at: place)
      lost += 1
    }
    let cut = judge(run.rows)
    let missing = try #require(cut.missing)
    #expect(missing <= lost && missing + cut.unaccounted >= lost)
    #expect(cut.unaccounted < 10)
    #expect(cut.excess == 0)
  }

  @Test("that are not all there leave the end missing")
  func endMissing() {
    var run = Self.run(1)
    #expect(judge(run.rows).end == .missing)
    #expect(judge(run.rows, unknown: ["exeunt:event_totals"]).end == .notRecorded)
    #expect(judge([]).end == .notRecorded)
    run.addTotals(start: 10)
    #expect(judge(run.rows).end == .present)
    // A session that was stopped before the run ended.
    let stopped = judge(run.rows.dropLast(1))
    #expect(
      stopped.end == .missing && stopped.missing == nil && stopped.emitted == nil && !stopped.isComplete)
  }

  @Test("without readings at the beginning say nothing")
  func beginningMissing() {
    var run = Self.run(2)
    run.addTotals(start: 10)
    run.rows.removeAll { $0.tag == EventTag.eventTotals.rawValue && $0.fields[2] == 0 }
    let judged = judge(run.rows)
    #expect(judged.end == .present && judged.missing == nil && !judged.isComplete)
  }

  @Test("are exceeded where something is read twice")
  func twice() {
    var run = Self.run(3)
    run.addTotals(start: 10)
    for _ in 0..<7 { run.rows.insert(run.rows[40], at: 41) }
    let judged = judge(run.rows)
    #expect(judged.excess == 7 && !judged.isComplete)
  }

  @Test("of a session with some of the events prove only that all are there")
  func someEvents() {
    var run = Self.run(4)
    run.addTotals(start: 10)
    #expect(judge(run.rows, unknown: ["exeunt:dispatch_begin"]).isComplete)
    run.rows.removeAll { $0.tag == EventTag.dispatchBegin.rawValue }
    let judged = judge(run.rows, unknown: ["exeunt:dispatch_begin"])
    #expect(judged.end == .present && judged.missing == nil && !judged.isComplete)
  }

  @Test("of two programs in one trace add up, as long as both are there from the beginning")
  func twoPrograms() {
    var one = Self.run(5)
    var other = Self.run(6)
    one.addTotals(start: 10)
    other.addTotals(start: 10)
    func describe(_ pid: UInt64) -> SyntheticRow {
      SyntheticRow(5, .vmInfo, stream: 3, [0, 0, 0, 0, 0, pid, 1, 1, 1, 1])
    }
    func sorted(_ rows: [SyntheticRow]) -> [SyntheticRow] { rows.sorted { $0.timestamp < $1.timestamp } }
    // The state dumps come before the readings here, so that they are not among what was emitted since.
    let both = sorted(one.rows + other.rows)
    #expect(judge(both).isComplete)
    #expect(judge(both).emitted == UInt64(both.count))
    // The end of one of them is not there.
    let ends = other.rows.filter { $0.tag == EventTag.eventTotals.rawValue && $0.fields[2] == 2 }
    let rest = other.rows.dropLast(ends.count)
    let cut = judge([describe(7), describe(8)] + sorted(one.rows + rest))
    #expect(cut.end == .missing && !cut.isComplete)
    // The session attached to one of them.
    var late = Self.run(6)
    late.addTotals(start: 5_000)
    let mixed = judge(sorted(one.rows + late.rows))
    #expect(mixed.end == .present && mixed.missing == nil && !mixed.isComplete)
  }

  @Test("of several traces are told apart")
  func severalTraces() {
    var configuration = testConfiguration
    configuration.runs = [0, 0, 0, 0, 1, 1, 1, 1]
    var one = Self.run(7)
    var other = Self.run(8)
    one.addTotals(start: 10)
    other.addTotals(start: 5_000)
    for place in other.rows.indices { other.rows[place].stream += 4 }
    func judge(_ left: [SyntheticRow], _ right: [SyntheticRow]) -> Wholeness {
      let rows = (left + right).sorted { ($0.timestamp, $0.stream) < ($1.timestamp, $1.stream) }
      return analyse(rows, configuration: configuration).wholeness(
        recordedByRun: [UInt64(left.count), UInt64(right.count)], unknownEvents: [])
    }
    // Runs of one row, which all belong to one stream.
    #expect(
      judge(
        one.rows,
        one.rows.map { row in
          var row = row
          row.stream += 4
          return row
        }
      ).isComplete)
    #expect(judge(one.rows, Array(other.rows.dropLast(2))).end == .missing)
    #expect(judge(one.rows, []).end == .missing)
    // Of an attached one among others it is not told.
    #expect(judge(one.rows, other.rows).missing == nil)
  }
}
