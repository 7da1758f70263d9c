import Testing

@testable import Analysis
@testable import CTF

/// Everything an analysis can be asked for.
struct Findings: Equatable {
  let result: AnalysisResult
  let exits: [String]
  let wholeness: Wholeness
  let unmatched: [Int: UInt64]

  init(_ slice: SliceAnalysis) {
    result = slice.result()
    exits = slice.exitGroups(barsPerOctave: 128) { $0.hashable }.map { "\($0)" }
    unmatched = slice.state.pointee.requests.unmatched(gapEnd: slice.gapEnd)
    wholeness = slice.wholeness(recordedByRun: [result.events.reduce(0, +)], unknownEvents: [])
  }
}

extension ExitResult {
  var hashable: String { "\(vcpu ?? -1) \(reason) \(direction) \(address)" }
}

/// Analyses slices apart and merges them, as parallel readers do.
func analyse(
  _ rows: [SyntheticRow], cuts: [Int64] = [], configuration: Configuration = testConfiguration
) -> SliceAnalysis {
  let cuts = cuts.sorted()
  var rest = rows[...]
  func next(before end: Int64) -> ArraySlice<SyntheticRow> {
    let slice = rest.prefix { $0.timestamp < end }
    rest = rest.dropFirst(slice.count)
    return slice
  }
  let whole = SliceAnalysis(configuration)
  RowBuffer.feed(next(before: cuts.first ?? .max), to: whole)
  for (begin, end) in zip(cuts, cuts.dropFirst() + [.max]) {
    // A slice needs to know of gaps before it only where they reach into it.
    let gapEnd = whole.gapEnd > begin ? whole.gapEnd : Int64.min
    let slice = SliceAnalysis(configuration, isLeading: false, gapEnd: gapEnd)
    RowBuffer.feed(next(before: end), to: slice, runLength: 3)
    whole.merge(slice)
  }
  return whole
}

let testConfiguration = {
  var configuration = Configuration()
  configuration.calibration = ClockCalibration(
    tsc: 0, timestamp: 0, nanosecondsPerTick: 1, guestOffset: 0, uncertainty: 0, points: 2)
  configuration.separatesVcpus = true
  return configuration
}()

@Suite("Merging slices equals analysing the whole")
struct MergeTests {
  enum Damage: CaseIterable {
    case none, marked, unmarked, broken
  }

  static func run(_ seed: UInt64, _ damage: Damage) -> SyntheticRun {
    var run = SyntheticRun(
      seed: seed, vcpus: 1 + Int(seed % 3), loops: Int(seed % 3), exits: 8, coarse: seed % 4 == 0 ? 100 : 1)
    // Half of them are sessions that attached in the middle.
    if seed % 3 > 0 { run.addTotals(start: seed % 3 == 1 ? 100 : 5_000) }
    switch damage {
    case .none: break
    case .marked: run.lose(seed: seed)
    case .unmarked: run.lose(seed: seed, unmarked: true)
    case .broken:
      run.lose(seed: seed)
      run.damage(seed: seed)
    }
    return run
  }

  @Test("for every single cut", arguments: Damage.allCases)
  func everyCut(_ damage: Damage) {
    for seed in 1..<5 as Range<UInt64> {
      let run = Self.run(seed, damage)
      let whole = Findings(analyse(run.rows))
      for cut in Set(run.rows.map(\.timestamp)).sorted() {
        let merged = Findings(analyse(run.rows, cuts: [cut]))
        #expect(merged == whole, "seed \(seed), cut \(cut)")
        if merged != whole { return }
      }
    }
  }

  @Test("for random sets of cuts", arguments: Damage.allCases)
  func manyCuts(_ damage: Damage) {
    for seed in 100..<140 as Range<UInt64> {
      let run = Self.run(seed, damage)
      var random = Random(seed)
      let whole = Findings(analyse(run.rows))
      let count = 1 + random.below(random.chance(20) ? 200 : 6)
      let cuts = (0..<count).compactMap { _ in run.rows.randomElement(using: &random)?.timestamp }
      let merged = Findings(analyse(run.rows, cuts: cuts))
      #expect(merged == whole, "seed \(seed)")
      if merged != whole { return }
    }
  }

  @Test("when a gap before the cut reaches what began before it")
  func gapBeforeCut() {
    var rows = [
      SyntheticRow(0, .vcpuRunEnter, [0, 0]), SyntheticRow(5, .vcpuRunExit, [0, 0, 2, 1, 1, 1, 1]),
      SyntheticRow(7, .lockWait, [3, 0, 0, 0]), SyntheticRow(8, .lockAcquired, [3, 0, 0, 0]),
      SyntheticRow(10, .dispatchBegin, [0, 0, 0, 2, 0]),
      SyntheticRow(12, .requestBegin, [0, 0, 0, 2, 0, 1, 0, 8]),
      SyntheticRow(gapFrom: 14, to: 18, stream: 1),
      SyntheticRow(25, .requestEnd, [0, 0, 0, 2, 0, 1, 0]), SyntheticRow(30, .dispatchEnd, [0, 0, 0, 2]),
      SyntheticRow(40, .vcpuRunEnter, [0, 1]), SyntheticRow(50, .vcpuRunExit, [0, 1, 2, 1, 1, 1, 1]),
    ]
    for moved in [6, 3] as [Int64] {
      rows[6] = SyntheticRow(gapFrom: moved * 2 + 2, to: 18, stream: 1)
      let sorted = rows.sorted { $0.timestamp < $1.timestamp }
      let whole = Findings(analyse(sorted))
      #expect(whole.result.requests[0].duration.count == 0)
      #expect(whole.result.vcpus[0].unmatchedRequests == 2)
      for cut in 1..<50 as Range<Int64> {
        #expect(Findings(analyse(sorted, cuts: [cut])) == whole, "cut \(cut)")
      }
    }
  }

  @Test("when tables overflow their bounds")
  func capped() {
    var random = Random(5)
    var rows: [SyntheticRow] = []
    var now: Int64 = 0
    for seq in 0..<2_500 as Range<UInt64> {
      let address = UInt64(random.below(3_000)) * 8
      rows.append(SyntheticRow(now, .vcpuRunEnter, [0, seq]))
      rows.append(SyntheticRow(now + 5, .vcpuRunExit, [0, seq, 6, address, 4, 2, 1]))
      rows.append(SyntheticRow(now + 6, .dispatchBegin, [0, 0, seq, address / 8, 0]))
      rows.append(SyntheticRow(now + 8, .requestBegin, [0, 0, seq, address / 8, seq % 7, 1, 0, 8]))
      rows.append(SyntheticRow(now + 9, .requestEnd, [0, 0, seq, address / 8, seq % 7, 1, 0]))
      rows.append(SyntheticRow(now + 10 + Int64(address % 64), .dispatchEnd, [0, 0, seq, address / 8]))
      now += 100
    }
    let whole = analyse(rows)
    #expect(whole.otherExitKinds > 400)
    #expect(whole.otherExitKinds < 1_100)
    let groups = whole.exitGroups { $0.address }
    #expect(groups.count == Limits.sites + 1)
    #expect(groups.map(\.count).reduce(0, +) == 2_500)
    for seed in 0..<4 as Range<UInt64> {
      var random = Random(seed)
      let cuts = (0..<(1 + random.below(9))).map { _ in Int64(random.below(250_000)) }
      #expect(Findings(analyse(rows, cuts: cuts)) == Findings(whole))
    }
  }

  @Test("in the middle of thousands of lock events")
  func lockRuns() {
    var rows = [
      SyntheticRow(0, .vcpuRunEnter, [0, 0]), SyntheticRow(5, .vcpuRunExit, [0, 0, 2, 1, 1, 1, 1]),
    ]
    for step in 0..<900 as Range<Int64> {
      rows.append(SyntheticRow(10 + step * 4, .lockWait, [3, 0, 0, 0]))
      rows.append(SyntheticRow(12 + step * 4, .lockAcquired, [3, 0, 0, 0]))
    }
    rows.append(SyntheticRow(10_000, .vcpuRunEnter, [0, 1]))
    rows.append(SyntheticRow(10_010, .vcpuRunExit, [0, 1, 2, 1, 1, 1, 1]))
    let whole = Findings(analyse(rows))
    #expect(whole.result.vcpus[0].times.times[TimeCategory.unknown] > 0)
    for cut in stride(from: Int64(0), to: 10_100, by: 37) {
      #expect(Findings(analyse(rows, cuts: [cut])) == whole, "cut \(cut)")
    }
    #expect(Findings(analyse(rows, cuts: [300, 400, 1_700, 3_000])) == whole)
  }
}
