import Testing

@testable import Analysis
@testable import CTF

extension SliceAnalysis {
  /// Through bytes, as between processes.
  func sent() throws -> SliceAnalysis {
    var writer = StateCoder()
    try write(&writer)
    var reader = StateCoder(reading: writer.bytes)
    let read = try SliceAnalysis.read(&reader, runs: state.pointee.configuration.runs)
    #expect(reader.isAtEnd)
    var again = StateCoder()
    try read.write(&again)
    #expect(again.bytes == writer.bytes)
    return read
  }
}

/// Slices that are merged in any order of neighbours, each through bytes.
@Suite("Slices as states")
struct StateCodingTests {
  /// Analyses slices apart, none of which knows whether anything comes before it, and merges neighbours as they come.
  static func merged(
    _ rows: [SyntheticRow], cuts: [Int64], _ random: inout Random,
    configuration: Configuration = testConfiguration
  ) throws -> SliceAnalysis {
    var rest = rows[...]
    var slices: [SliceAnalysis] = []
    let bounds = [Int64.min] + Set(cuts).sorted() + [Int64.max]
    let before = SliceAnalysis(configuration)
    for (begin, end) in zip(bounds, bounds.dropFirst()) {
      let part = rest.prefix { $0.timestamp < end }
      rest = rest.dropFirst(part.count)
      let slice = SliceAnalysis(
        configuration, isLeading: false, gapEnd: before.gapEnd > begin ? before.gapEnd : .min)
      RowBuffer.feed(part, to: slice, runLength: 3)
      RowBuffer.feed(part, to: before)
      slices.append(try slice.sent())
    }
    while slices.count > 1 {
      let place = random.below(slices.count - 1)
      slices[place].merge(slices.remove(at: place + 1))
      slices[place] = try slices[place].sent()
    }
    let whole = SliceAnalysis(configuration)
    whole.merge(slices[0])
    return try whole.sent()
  }

  @Test("merge to the whole, whatever is lost or damaged", arguments: MergeTests.Damage.allCases)
  func anyOrder(_ damage: MergeTests.Damage) throws {
    for seed in 200..<230 as Range<UInt64> {
      let run = MergeTests.run(seed, damage)
      var random = Random(seed)
      let cuts = (0..<(1 + random.below(random.chance(20) ? 60 : 6))).compactMap { _ in
        run.rows.randomElement(using: &random)?.timestamp
      }
      let merged = Findings(try Self.merged(run.rows, cuts: cuts, &random))
      let whole = Findings(analyse(run.rows))
      #expect(merged == whole, "seed \(seed), cuts \(cuts)")
      if merged != whole { return }
    }
  }

  @Test("requests that overlap are paired across any cuts, in any order of merging")
  func requests() throws {
    for seed in 1..<24 as Range<UInt64> {
      var random = Random(seed)
      // Half of them with more ids than a set of the table holds at once.
      let rows = RequestTests.rows(
        seed, events: 200, ids: seed % 2 == 0 ? 6 : 60_000, accidents: seed % 3 == 0 ? 0 : 30,
        gaps: seed % 4 == 0 ? 4 : 0)
      let cuts = (0..<(2 + random.below(10))).compactMap { _ in
        rows.randomElement(using: &random)?.timestamp
      }
      let merged = Findings(try Self.merged(rows, cuts: cuts, &random))
      #expect(merged == Findings(analyse(rows)), "seed \(seed), cuts \(cuts)")
    }
  }

  @Test("more requests than are followed make room for each other as in the whole")
  func crowded() throws {
    var random = Random(11)
    var rows: [SyntheticRow] = []
    // All in one set of the table.
    let set = RequestTable.set(of: RequestStep.key(device: 3, queue: 0, id: 0) ?? 0)
    let ids = (0..<60_000 as Range<UInt64>).filter {
      RequestTable.set(of: RequestStep.key(device: 3, queue: 0, id: $0) ?? 0) == set
    }.prefix(7)
    for step in 0..<600 as Range<Int64> {
      let id = ids.randomElement(using: &random) ?? 0
      rows.append(
        random.chance(60)
          ? SyntheticRow(step, .requestBegin, [1, 0, 0, 3, 0, id, 0, 8])
          : SyntheticRow(step, .requestEnd, [1, 1, 0, 3, 0, id, 0]))
    }
    let whole = Findings(analyse(rows))
    #expect(ids.count == 7 && whole.unmatched.values.reduce(0, +) > 100)
    for count in [6, 20, 150, 150] {
      let cuts = (0..<count).map { _ in Int64(random.below(600)) }
      #expect(Findings(try Self.merged(rows, cuts: cuts, &random)) == whole, "cuts \(cuts)")
    }
  }

  @Test("thousands of lock events wait for what was before, whatever is merged first")
  func lockRuns() throws {
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
    for seed in 0..<12 as Range<UInt64> {
      var random = Random(seed)
      let cuts = (0..<(1 + random.below(12))).map { _ in Int64(random.below(4_000)) }
      #expect(Findings(try Self.merged(rows, cuts: cuts, &random)) == whole, "cuts \(cuts)")
    }
  }

  @Test("tables that overflow their bounds are kept with their bounds")
  func capped() throws {
    var random = Random(5)
    var rows: [SyntheticRow] = []
    var now: Int64 = 0
    for seq in 0..<2_500 as Range<UInt64> {
      let address = UInt64(random.below(3_000)) * 8
      rows.append(SyntheticRow(now, .vcpuRunEnter, [0, seq]))
      rows.append(SyntheticRow(now + 5, .vcpuRunExit, [0, seq, 6, address, 4, 2, 1]))
      now += 100
    }
    let whole = Findings(analyse(rows))
    let cuts = (0..<5).map { _ in Int64(random.below(250_000)) }
    #expect(Findings(try Self.merged(rows, cuts: cuts, &random)) == whole)
  }
}
