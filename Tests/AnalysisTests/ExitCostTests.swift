import Testing

@testable import Analysis
@testable import CTF

@Suite("What exits cost")
struct ExitCostTests {
  /// A vCPU's run, exit by exit.
  struct Run {
    var rows: [SyntheticRow] = []
    var now: Int64 = 1_000
    var seq: UInt64
    let vcpu: UInt64

    init(vcpu: UInt64 = 0, from seq: UInt64 = 0) {
      self.vcpu = vcpu
      self.seq = seq
    }

    mutating func exit(
      _ address: UInt64, run: Int64, handling: Int64, reason: UInt64 = 2, mark: UInt64? = nil
    ) {
      let stream = Int(vcpu)
      rows.append(SyntheticRow(now, .vcpuRunEnter, stream: stream, [vcpu, seq]))
      now += run
      rows.append(SyntheticRow(now, .vcpuRunExit, stream: stream, [vcpu, seq, reason, address, 1, 2, 1]))
      if let mark {
        rows.append(SyntheticRow(now + handling / 2, .guestMark, stream: stream, [vcpu, seq, mark, 0]))
      }
      now += handling
      seq = UInt64(UInt32(truncatingIfNeeded: seq &+ 1))
    }

    /// The vCPU enters once more and is interrupted, and KVM's counters are read for the last time.
    mutating func end() {
      rows.append(SyntheticRow(now, .vcpuRunEnter, stream: Int(vcpu), [vcpu, seq]))
      rows.append(SyntheticRow(now + 5, .vcpuRunExit, stream: Int(vcpu), [vcpu, seq, 10, 0, 0, 0, 0]))
      rows.append(
        SyntheticRow(
          now + 9, .kvmStats, stream: Int(vcpu), [1, vcpu, 2, 0] + Array(repeating: UInt64(0), count: 18)))
    }
  }

  func cost(_ slice: SliceAnalysis, _ address: UInt64) throws -> ExitCost {
    try #require(slice.exitGroups { $0.address }.first { $0.label == address }).cost
  }

  @Test("the bounds are handling with the floor and with all of KVM_RUN, and the ranking is between them")
  func bounds() throws {
    var run = Run()
    run.exit(1, run: 40, handling: 1)
    for _ in 0..<200 { run.exit(1, run: 10, handling: 1) }
    for _ in 0..<100 { run.exit(2, run: 20, handling: 2) }
    // What is much longer than the floor is the guest's own time: it counts for less than 300 quick exits do.
    for _ in 0..<10 { run.exit(3, run: 100_000, handling: 3) }
    let slice = analyse(run.rows)
    #expect(slice.exitFloor()?.inKvmRun == 10)
    #expect(slice.exitFloor()?.exit.address == 1)
    let (quick, slow, rare) = (try cost(slice, 1), try cost(slice, 2), try cost(slice, 3))
    // The first KVM_RUN is the vCPU's start.
    #expect(quick.edges.inKvmRun == 40 && quick.edges.entered == 1)
    #expect(quick.atLeast == 201 + 2_000 && quick.likely == quick.atLeast && quick.atMost == quick.likely)
    #expect(slow.atLeast == 200 + 1_000 && slow.likely == 200 + 2_000 && slow.atMost == slow.likely)
    // The last exit has no re-entry, and so no handling.
    #expect(rare.atLeast == 27 + 100 && rare.likely == 27 + 400 && rare.atMost == 27 + 1_000_000)
    #expect(quick.edges.handled == 0)
  }

  @Test("start-up and power-off are left out, by marks and by the last exit")
  func edges() throws {
    var run = Run()
    run.exit(1, run: 5_000, handling: 900)
    run.exit(1, run: 50, handling: 800)
    run.exit(9, run: 10, handling: 20, mark: 1)
    for step in 0..<50 as Range<Int64> { run.exit(1, run: 10, handling: 5 + step % 3) }
    run.exit(9, run: 10, handling: 20, mark: 2)
    run.exit(1, run: 10, handling: 700)
    run.exit(7, run: 10, handling: 6_000)
    run.end()
    let slice = analyse(run.rows)
    let work = try cost(slice, 1)
    #expect(work.slowest?.handling == 7)
    #expect(work.edges.handled == 3 && work.edges.handling == 900 + 800 + 700)
    #expect(work.edges.entered == 3 && work.edges.inKvmRun == 5_000 + 50 + 10)
    let power = try cost(slice, 7)
    #expect(power.likely == 0 && power.slowest == nil)
    // The first mark's handling is between the marks, its KVM_RUN is not.
    #expect(slice.slowestExit()?.slowest.handling == 20)
    #expect(slice.slowestExit()?.exit.address == 9)
  }

  @Test("without marks, only first KVM_RUNs and the exit that ends the run are left out")
  func unmarked() throws {
    var run = Run()
    run.exit(1, run: 5_000, handling: 30)
    for _ in 0..<20 { run.exit(1, run: 10, handling: 5) }
    run.exit(1, run: 10, handling: 6_000)
    run.end()
    let slice = analyse(run.rows)
    let work = try cost(slice, 1)
    #expect(work.edges == ExitPart(entered: 1, inKvmRun: 5_000, handled: 1, handling: 6_000))
    #expect(work.slowest?.handling == 30)
    // A recording that stopped before the run did has no such exit.
    let open = analyse(run.rows.filter { $0.tag != EventTag.kvmStats.rawValue })
    #expect(try cost(open, 1).edges.handled == 0)
    #expect(open.slowestExit()?.slowest.handling == 6_000)
  }

  @Test("marks early in a long run do not make the rest of it power-off")
  func earlyMarks() throws {
    var run = Run()
    run.exit(9, run: 10, handling: 20, mark: 1)
    run.exit(9, run: 10, handling: 20, mark: 2)
    for _ in 0..<50 { run.exit(1, run: 10, handling: 5) }
    run.end()
    let work = try cost(analyse(run.rows), 1)
    #expect(work.edges.handled == 1)
    #expect(work.likely > 0)
  }

  /// What the analysis keeps by epochs, apart from what it concludes.
  static func parts(_ slice: SliceAnalysis) -> [String] {
    var found: [String] = []
    slice.state.pointee.sites.forEach { key, row in found.append("\(key) \(row.parts) \(row.all)") }
    found.append("others \(slice.state.pointee.sites.others.pointee.parts)")
    return found.sorted()
  }

  @Test(
    "parts are the same whatever the cuts, with many marks on several vCPUs",
    arguments: MergeTests.Damage.allCases)
  func merges(_ damage: MergeTests.Damage) throws {
    for seed in 1..<25 as Range<UInt64> {
      var random = Random(seed)
      var rows: [SyntheticRow] = []
      for vcpu in 0..<3 as Range<UInt64> {
        var run = Run(vcpu: vcpu, from: random.chance(50) ? 0 : UInt64(UInt32.max) - 5)
        run.now += Int64(random.below(50))
        for _ in 0..<(3 + random.below(20)) {
          run.exit(
            UInt64(random.below(3)), run: Int64(random.below(40)), handling: Int64(random.below(30)),
            reason: random.chance(15) ? 10 : 2, mark: random.chance(25) ? 7 : nil)
        }
        if random.chance(70) { run.end() }
        rows += run.rows
      }
      var synthetic = SyntheticRun(seed: seed, vcpus: 0, loops: 0, exits: 0)
      synthetic.rows = rows.enumerated().sorted {
        ($0.element.timestamp, $0.element.stream, $0.offset) < (
          $1.element.timestamp, $1.element.stream, $1.offset
        )
      }.map(\.element)
      if damage != .none { synthetic.lose(seed: seed, unmarked: damage == .unmarked) }
      if damage == .broken { synthetic.damage(seed: seed) }
      let whole = analyse(synthetic.rows)
      for _ in 0..<6 {
        let count = 1 + random.below(6)
        let cuts = (0..<count).compactMap { _ in synthetic.rows.randomElement(using: &random)?.timestamp }
        let merged = analyse(synthetic.rows, cuts: cuts)
        #expect(Self.parts(merged) == Self.parts(whole), "seed \(seed), cuts \(cuts.sorted())")
        #expect(Findings(merged) == Findings(whole), "seed \(seed)")
        if Self.parts(merged) != Self.parts(whole) { return }
      }
    }
  }

  @Test("histograms say sums under a cap and what is next to the longest")
  func histogram() throws {
    let histogram = LatencyHistogram()
    defer { histogram.free() }
    for value in 1...1_000 as ClosedRange<Int64> {
      histogram.record(value, timestamp: 10_000 - value, location: 1)
    }
    #expect(histogram.sum(cappedAt: 2_000) == 500_500)
    let exact = (1...1_000 as ClosedRange<Int64>).reduce(0) { $0 + min($1, 300) }
    #expect(abs(histogram.sum(cappedAt: 300) - exact) <= exact / 128)
    let longest = try #require(histogram.longest)
    let next = try #require(histogram.longest(below: longest))
    #expect(next.time <= 999 && next.time >= 992 && next.timestamp != longest.timestamp)
    #expect(abs(histogram.value(permille: 500) - 500) <= 4)
  }
}
