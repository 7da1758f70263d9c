import Reports
import Testing

@testable import Reporting

/// Findings about threads and events, by made-up runs.
@Suite("Findings about threads")
struct ThreadFindingTests {
  private static let second = ExplainTests.second

  private static func loop(
    _ id: Int = 0, polling: Int64 = 0, polls: UInt64 = 0, ready: UInt64 = 0, sleep: Int64 = 0
  ) -> LoopReport {
    LoopReport(
      id: id, name: "io\(id)", span: second, asleep: second - polling, polling: polling, handling: 0,
      sources: [],
      lockWait: 0, other: 0, unknown: 0, outside: 0, wakeups: polls - ready, timeouts: 0, polls: polls,
      pollsReady: ready, handlers: polls, signals: polls, kicks: polls, brokenHandlers: 0,
      unmatchedRequests: 0,
      unexplained: 0, sleeps: ExplainTests.latency(polls - ready, sleep))
  }

  static func scheduling(waiting: Int64?) -> SchedulingReport {
    SchedulingReport(
      begin: 0, end: second, samples: 2, interval: second, running: second / 2, waiting: waiting,
      involuntarySwitches: 12)
  }

  @Test("a thread that waits for a CPU is named, each by itself")
  func waiting() {
    var run = ExplainTests.run(vcpus: 2)
    run.vcpus[1].scheduling = Self.scheduling(waiting: Self.second / 5)
    run.vcpus[0].scheduling = Self.scheduling(waiting: Self.second / 100)
    run.loops = [Self.loop()]
    run.loops[0].scheduling = Self.scheduling(waiting: Self.second / 10)
    let found = Findings.find(in: run)
    #expect(found.map(\.subject) == ["vcpu1", "io0"])
    #expect(found.allSatisfy { $0.kind == "waiting_for_cpu" })
    #expect(
      found[0].cost
        == FindingCostReport(time: Self.second / 5, whose: "vcpu1", of: Self.second, share: 0.2, weight: 0.1))
    #expect(found[0].number("involuntary_switches") == 12)
    #expect(found[0].title.contains("taken from it 12"))
    run.vcpus[1].scheduling?.involuntarySwitches = 0
    #expect(Findings.find(in: run).first?.title.contains("taken from it") == false)
    run.vcpus[1].scheduling = Self.scheduling(waiting: nil)
    #expect(Findings.find(in: run).map(\.subject) == ["io0"])
  }

  @Test("polls that find something cost nothing; those that do not, their budget")
  func polling() {
    var run = ExplainTests.run()
    run.pollBudgets = [0: 50_000]
    run.loops = [Self.loop(polling: Self.second / 2, polls: 1000, ready: 1000)]
    #expect(Findings.find(in: run).isEmpty)
    // 800 × 50 µs are 40 ms; after them it slept for long.
    run.loops = [Self.loop(polling: Self.second / 2, polls: 1000, ready: 200, sleep: 900_000)]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["polling_misses"] && found.first?.cost.time == 40_000_000)
    #expect(found.first?.number("misses") == 800 && found.first?.severity == "low")
    #expect(found.first?.advice.contains { $0.contains("--iothread-poll 0") } == true)
    run.loops = [Self.loop(polling: Self.second / 2, polls: 1000, ready: 200, sleep: 30_000)]
    #expect(Findings.find(in: run).first?.advice.contains { $0.contains("--iothread-poll 80us") } == true)
    // A longer poll would take a CPU even longer from a vCPU that waits for one.
    run.vcpus[0].scheduling = Self.scheduling(waiting: Self.second / 5)
    let starved = Findings.find(in: run).first { $0.kind == "polling_misses" }
    #expect(starved?.advice.contains { $0.contains("poll longer") } == false)
    #expect(starved?.advice.contains { $0.contains("waited for a CPU meanwhile") } == true)
    run.vcpus[0].scheduling = nil
    // Never more than it polled at all, and nothing where it may not poll.
    run.loops = [Self.loop(polling: Self.second / 40, polls: 1000, ready: 200, sleep: 900_000)]
    #expect(Findings.find(in: run).first?.cost.time == Self.second / 40)
    run.pollBudgets = [0: 0]
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("waits for a lock are counted by the name that they have with free locks traced, and without")
  func locks() {
    var run = ExplainTests.run(vcpus: 2)
    run.vcpus[0].lockWait = Self.second / 10
    run.locks = [
      LockReport(lock: 3, device: "scratch0", wait: ExplainTests.latency(1000, Self.second / 10_000)),
      LockReport(lock: 4, wait: ExplainTests.latency(10, 1000)),
    ]
    let found = Findings.find(in: run)
    #expect(found.map(\.subject) == ["scratch0"] && found.first?.kind == "lock_wait")
    #expect(found.first?.number("waits") == 1000 && found.first?.cost.time == Self.second / 10)
    #expect(found.first?.number("all_lock_waits_of_vcpu0") == Self.second / 10)
    run.configuration["traceLocks"] = "on"
    #expect(Findings.find(in: run).first?.number("acquisitions") == 1000)
    #expect(Findings.find(in: run).first?.cost.time == Self.second / 10 - 1_000_000)
    // Free, all of them, a million times.
    run.locks[0].wait = ExplainTests.latency(1_000_000, 400)
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("what exits waited for a lock is the lock's, not that of what was accessed")
  func lockedAccesses() throws {
    var run = ExplainTests.run(vcpus: 2)
    // Half of the cost is handling, of which the devices' code has a tenth: the rest was waiting.
    let cost = Self.second / 2
    run.registers = [ExplainTests.exits(1000, costing: cost, device: "rng0")]
    run.acknowledgements = [ExplainTests.exits(1000, costing: cost, device: "rng0")]
    run.kicks = [ExplainTests.exits(1000, costing: cost, device: "disk0")]
    run.vcpus[0].devices = [
      ShareReport(name: "rng0", time: cost / 20), ShareReport(name: "disk0", time: cost / 2),
    ]
    run.vcpus[1].devices = [ShareReport(name: "rng0", time: cost / 20)]
    run.vcpus[0].lockWait = Self.second
    run.locks = [LockReport(lock: 1, device: "rng0", wait: ExplainTests.latency(1000, Self.second / 1000))]
    func waits(_ run: ExplainedRun) -> [Int64] {
      var run = run
      run.setLockWaits()
      return (run.registers + run.acknowledgements + run.kicks).map(\.lockWait)
    }
    // Both uses of the device have the same handling, cost / 2 each.
    #expect(waits(run) == [cost * 9 / 20, cost * 9 / 20, 0])
    // No more than there was of that lock, and of all.
    run.locks[0].wait = ExplainTests.latency(1000, cost / 5000)
    #expect(waits(run) == [cost / 10, cost / 10, 0])
    run.vcpus[0].lockWait = cost / 100
    #expect(waits(run) == [cost / 200, cost / 200, 0])
    run.vcpus[0].lockWait = 0
    #expect(waits(run) == [0, 0, 0])
    // One lock of all devices: the disk's exits were in its code all the time.
    run.vcpus[0].lockWait = Self.second
    run.locks = [
      LockReport(lock: 0, device: "all devices", wait: ExplainTests.latency(1000, Self.second / 1000))
    ]
    #expect(waits(run) == [cost * 9 / 20, cost * 9 / 20, 0])
    run.setLockWaits()
    let found = Findings.find(in: run)
    #expect(found.first?.kind == "lock_wait")
    let accesses = try #require(found.first { $0.kind == "small_accesses" })
    #expect(accesses.cost.time == cost - cost * 9 / 20 && accesses.number("lock_wait") == cost * 9 / 20)
    #expect(accesses.cost.atLeast == cost / 2 - cost * 9 / 20 && accesses.cost.atMost == 2 * cost)
    #expect(found.first { $0.kind == "exit_kicks" }?.cost.time == cost)
  }

  private static func path(
    kicks: UInt64, handlers: UInt64, wait: Int64, requests: UInt64 = 1, _ loop: LoopReport
  ) -> (path: PathReport, loop: LoopReport?) {
    let path = PathReport(
      kind: "ioeventfd", device: "disk0", queue: 1, handlers: handlers, kicks: kicks, mostKicks: 1,
      requests: kicks * requests, interrupts: 0, stamps: kicks, unmappedStamps: 0, alreadyAwake: 0,
      stages: [StageReport(name: "kick_to_arrival", latency: ExplainTests.latency(handlers, wait))])
    return (path, loop)
  }

  @Test(
    "wakeups for one kick each are told, but not of a loop that is awake, nor of kicks that come together")
  func singleKicks() {
    var run = ExplainTests.run()
    run.kickPaths = [
      Self.path(kicks: 1010, handlers: 1000, wait: 50_000, Self.loop(polls: 10, sleep: 70_000))
    ]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["single_kicks"] && found.first?.subject == "disk0 queue 1")
    #expect(found.first?.number("kicks") == 1010 && found.first?.number("handlers") == 1000)
    #expect(found.first?.cost.time == 50_000_000 && found.first?.cost.whose == "elapsed")
    #expect(found.first?.advice.contains { $0.contains("--iothread-poll 70us") } == true)
    // One that polls already is not told to.
    run.kickPaths = [
      Self.path(kicks: 1010, handlers: 1000, wait: 50_000, Self.loop(polls: 900, sleep: 70_000))
    ]
    #expect(Findings.find(in: run).first?.advice.contains { $0.contains("--iothread-poll") } == false)
    run.kickPaths = [Self.path(kicks: 1500, handlers: 1000, wait: 50_000, Self.loop())]
    #expect(Findings.find(in: run).isEmpty)
    run.kickPaths = [Self.path(kicks: 1000, handlers: 1000, wait: 50_000, requests: 2, Self.loop())]
    #expect(Findings.find(in: run).isEmpty)
    run.kickPaths = [Self.path(kicks: 1000, handlers: 1000, wait: 50_000, Self.loop(polls: 1000, ready: 900))]
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("handlers that wait for another device's are told, with that device")
  func queuedHandlers() {
    var run = ExplainTests.run()
    var loop = Self.loop()
    loop.sources = [
      ShareReport(name: "disk0", time: 7), ShareReport(name: "doorbell0", time: 5),
      ShareReport(name: "rtc", time: 3),
    ]
    var path = Self.path(kicks: 900, handlers: 500, wait: 10, loop).path
    path.stages = [StageReport(name: "behind_other", latency: ExplainTests.latency(300, 100_000))]
    run.handlers = [(path, loop)]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["queued_handlers"] && found.first?.subject == "disk0 queue 1")
    #expect(found.first?.number("waits") == 300 && found.first?.cost.time == 30_000_000)
    #expect(found.first?.title.contains("doorbell0 had it most") == true)
    run.handlers[0].path.stages[0].latency.total /= 2
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("one access that is the tail is a finding of its own, and not the device's")
  func tail() {
    var run = ExplainTests.run()
    var serial = ExplainTests.exits(200, costing: Self.second / 4, device: "serial0")
    let place = LocationReport(timestamp: 77)
    serial.exits.handling.total = Self.second / 5
    serial.exits.cost?.slowest = SlowestExitReport(handling: Self.second / 10, exemplar: place)
    // The one is among the reads, as that part's own slowest.
    var (reads, writes) = (serial.exits, serial.exits)
    reads.cost?.likely = Self.second / 5
    writes.cost?.likely = Self.second / 20
    writes.cost?.slowest?.handling = Self.second / 1000
    serial.parts = [reads, writes]
    run.registers = [serial]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["small_accesses", "slow_access"])
    let parts = found.first?.parts?.map(\.time)
    #expect(parts == [Self.second / 5 - Self.second / 10, Self.second / 20])
    #expect(parts?.reduce(0, +) == found.first?.cost.time)
    #expect(found.map(\.cost.time).first == Self.second / 4 - Self.second / 10)
    #expect(found.last?.number("longest") == Self.second / 10 && found.last?.exemplar == place)
    run.registers[0].exits.cost?.slowest?.handling -= 1
    #expect(Findings.find(in: run).map(\.kind) == ["small_accesses"])
    run.registers[0].exits.cost?.slowest?.handling += 1
    run.registers[0].exits.handling.count = 99
    #expect(Findings.find(in: run).map(\.kind) == ["small_accesses"])
  }

  @Test("one request that took as long as all others")
  func slowRequest() {
    var run = ExplainTests.run()
    var duration = ExplainTests.latency(200, 100_000)
    duration.maximum = Self.second / 5
    duration.total = 2 * duration.maximum
    duration.maximumExemplar = LocationReport(timestamp: 5, cpuWait: 1000)
    run.requests = [
      RequestReport(
        device: "disk0", queue: 0, kind: "read", count: 200, bytes: 0, failed: 0, duration: duration)
    ]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["slow_request"] && found.first?.severity == "medium")
    #expect(found.first?.number("cpu_wait") == 1000)
    #expect(found.first?.advice.contains { $0.contains("--pin") } == true)
    run.requests[0].duration.total += 1
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("exits for interrupts are told with the interrupts")
  func interrupts() {
    var run = ExplainTests.run()
    run.acknowledgements = [ExplainTests.exits(400, costing: Self.second / 10, device: "disk0")]
    run.interrupts = [
      InterruptReport(device: "disk0", mechanisms: [NamedCount(name: "irqfd", count: 200)]),
      InterruptReport(device: "disk1", mechanisms: [NamedCount(name: "irqfd", count: 7)]),
    ]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["interrupts"] && found.first?.subject == "disk0")
    #expect(found.first?.number("interrupts") == 200 && found.first?.number("exits") == 400)
  }
}
