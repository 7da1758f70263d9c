import Foundation
import Statistics
import Testing

@testable import Sweep

@Suite("Plans of sweeps")
struct SweepPlanTests {
  private static let experiment = Experiment(
    question: nil, guests: [.init(label: "smp", arguments: ["--guest", "smp"])], arguments: [],
    factors: [
      .init(
        name: "a", levels: [.init(label: "1", arguments: ["--a=1"]), .init(label: "2", arguments: ["--a=2"])]),
      .init(name: "b", levels: (0..<3).map { .init(label: "\($0)", arguments: ["--b=\($0)"]) }),
    ], pairs: 9, warmUps: 1)

  @Test("each configuration runs once in each block, in an order that the seed alone decides")
  func blocks() {
    let plan = SweepPlan(Self.experiment, seed: 5)
    #expect(plan.runs.map(\.number) == Array(1...54))
    #expect(Set(plan.runs.map(plan.name)).count == 54)
    var orders: Set<[Int]> = []
    for block in 0..<9 {
      let runs = plan.runs.filter { $0.block == block }
      #expect(runs.map(\.configuration).sorted() == Array(0..<6))
      #expect(runs.last.map { $0.number } == runs[0].number + 5)
      orders.insert(runs.map(\.configuration))
    }
    #expect(orders.count > 5)
    #expect(plan == SweepPlan(Self.experiment, seed: 5))
    #expect(plan.runs != SweepPlan(Self.experiment, seed: 6).runs)
    // Any is first about as often.
    let firsts = (0..<600).map { SweepPlan(Self.experiment, seed: UInt64($0)).runs[0].configuration }
    let counts = Dictionary(grouping: firsts) { $0 }.mapValues(\.count)
    #expect(counts.count == 6 && counts.values.allSatisfy { (60...145).contains($0) })
  }

  @Test("a plan is known again by its experiment, whatever its order")
  func identity() throws {
    let plan = SweepPlan(Self.experiment, seed: 5)
    #expect(plan.isPlan(of: Self.experiment))
    var other = Self.experiment
    other.pairs = 10
    #expect(!plan.isPlan(of: other))
    other = Self.experiment
    other.factors[0].levels[1].arguments = ["--a=3"]
    #expect(!plan.isPlan(of: other))
    // One that somebody changed is none.
    var changed = plan
    changed.runs.removeLast()
    #expect(!changed.isPlan(of: Self.experiment))
    let copy = try JSONDecoder().decode(SweepPlan.self, from: JSONEncoder().encode(plan))
    #expect(copy == plan)
  }

  @Test("what pairs can show is what the test of comparisons finds nine times of ten", arguments: [10, 20])
  func power(_ pairs: Int) throws {
    let smallest = try #require(Power.smallest(pairs: pairs))
    var random = Normal(state: 11)
    let tries = 120
    let found = (0..<tries).filter { _ in
      let metrics = (0..<6).map { metric in
        Samples.pairs((0..<pairs).map { _ in random.next() * 0.01 + (metric == 0 ? smallest * 0.01 : 0) })
      }
      // 2^pairs arrangements, or so many drawn.
      return FamilyWise.stepDown(metrics, limit: 1 << 12)[0] <= 0.01
    }.count
    #expect((0.8...0.98).contains(Double(found) / Double(tries)), "\(found) of \(tries)")
    #expect(Power.smallest(pairs: 7) == nil)
    let all = (8...100).compactMap { Power.smallest(pairs: $0) }
    #expect(all.count == 93 && all == all.sorted(by: >))
  }

  @Test("what the processors did is told apart: the run's own, others', stolen")
  func disturbance() throws {
    // 1000 ticks of two processors, of which 300 busy, 50 stolen; the run itself took 2 s of a clock of 100.
    let before = try #require(HostLoad("intr 1\ncpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n"))
    let after = try #require(HostLoad("cpu  300 0 200 1400 50 0 0 50 7 0\n"))
    let found = try #require(Disturbance(from: before, to: after, own: 2, ticks: 100, loadBefore: 0.5))
    #expect(abs(found.stolen - 0.05) < 0.001 && abs(found.others - 0.1) < 0.001 && found.isDisturbed)
    let quiet = try #require(Disturbance(from: before, to: after, own: 5, ticks: 100, loadBefore: nil))
    #expect(quiet.others == 0)
    #expect(HostLoad("cpu 1 2") == nil && HostLoad("") == nil)
    #expect(Disturbance(from: after, to: before, own: 0, ticks: 100, loadBefore: nil) == nil)
    #expect(try #require(HostLoad.read()).all > 0)
  }
}

/// Normally distributed numbers (Box and Muller), the same for the same state.
private struct Normal {
  var state: UInt64

  mutating func uniform() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Double(state >> 11) + 0.5) / 9_007_199_254_740_992
  }

  mutating func next() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
}

@Suite("Sweeps until an interval is narrow enough")
struct SweepUntilTests {
  @Test("looks are declared: the first after all pairs, each after twice as many, the last after the most")
  func looks() throws {
    let until = try #require(SweepUntil("handling.p50 ±1%", pairs: 10, most: 100))
    #expect(until.metric == "handling.p50" && until.width == 0.01 && until.looks == [10, 20, 40, 80, 100])
    #expect(SweepUntil("exits/io in serial0.p50 +- 2.5 %", pairs: 1, most: 10)?.looks == [10])
    #expect(SweepUntil("a+-2.5%", pairs: 30, most: 100)?.looks == [30, 60, 100])
    for pairs in 1...100 {
      for most in max(pairs, 10)...100 {
        let looks = try #require(SweepUntil("a±1%", pairs: pairs, most: most)).looks
        #expect(looks.last == most && looks == Set(looks).sorted() && looks[0] >= min(10, most))
        // At the first of them something can be said.
        #expect(2 / exp2(Double(looks[0])) <= 0.01 / Double(looks.count))
      }
    }
    for text in ["", "±1%", "a", "a ±", "a ±%", "a ±0%", "a ±-1%", "a ±101%", "a ±nan%", "a > 1%", "a ±1"] {
      #expect(SweepUntil(text, pairs: 10, most: 100) == nil, "\(text)")
    }
  }

  @Test("a plan with looks begins as the one without, and is not taken for it")
  func plans() throws {
    var experiment = try ExperimentFile.read("guests: [smp]\nfactors: {lock: [device, global]}\npairs: 10")
    let until = try #require(SweepUntil("a±1%", pairs: 10, most: 40))
    let (short, long) = (SweepPlan(experiment, seed: 4), SweepPlan(experiment, seed: 4, until: until))
    #expect(long.runs.count == 80 && Array(long.runs.prefix(20)) == short.runs)
    #expect(long.isPlan(of: experiment, until: until) && !long.isPlan(of: experiment))
    #expect(!short.isPlan(of: experiment, until: until))
    experiment.duet = .force
    #expect(!short.isPlan(of: experiment) && SweepPlan(experiment, seed: 4).duet == true)
  }

  @Test("daemons are told from other programs by their names, whatever else a name holds")
  func daemons() throws {
    let line = "(lttng-consumerd) S 1 7 7 0 -1 4194560 900 0 0 0 31 12 0 0 20 0 5 0 123456 1 2 3"
    let found = try #require(RecordingDaemons.ticks(of: "42 " + line))
    #expect(found.ticks == 43 && found.started == 123456)
    #expect(RecordingDaemons.ticks(of: "42 (lttng-consumerd) x) S 1 7") == nil)
    #expect(RecordingDaemons.ticks(of: "42 (bash) S 1 7 7 0 -1 1 9 0 0 0 31 12 0 0 20 0 5 0 1 1 2 3") == nil)
    #expect(RecordingDaemons.ticks(of: "") == nil && RecordingDaemons.ticks(of: ")(") == nil)
  }
}
