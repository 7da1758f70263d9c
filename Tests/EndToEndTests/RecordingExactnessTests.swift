import GuestPrograms
import Testing

/// A built-in guest with the machine that it runs on.
struct GuestCase: Sendable, CustomTestStringConvertible {
  let guest: String
  var parameters: [String] = []
  var vcpus = 1
  var doorbells = 1
  var irqchip = "kernel"
  var ioeventfd = true
  var irqfd = true
  var lock = "device"
  var threads = "iothread"
  var wait = "epoll"
  var coalescedIO = false
  var engine = "auto"

  var flags: [String] {
    (coalescedIO ? ["--coalesced-io", "on"] : []) + ["--engine", engine] + [
      "--ioeventfd", ioeventfd ? "on" : "off", "--irqfd", irqfd ? "on" : "off", "--lock", lock, "--threads",
      threads, "--wait", wait,
    ]
      + (doorbells > 1
        ? ["--doorbells", "\(doorbells)"] + (threads == "single" ? [] : ["--iothreads", "2"]) : [])
  }

  var testDescription: String {
    ([guest] + parameters + flags + ["--cpus \(vcpus)", "--irqchip \(irqchip)"]).joined(separator: " ")
  }

  func record(_ more: String...) throws -> RecordedRun { try record(more) }

  func record(_ more: [String]) throws -> RecordedRun {
    try RecordedRun(
      guest, parameters, flags: flags + more, vcpus: vcpus, doorbells: doorbells, irqchip: irqchip)
  }

  static let all: [GuestCase] =
    [
      GuestCase(guest: "port-io", parameters: ["iterations=500", "size=1"]),
      GuestCase(guest: "port-io", parameters: ["iterations=300", "size=4"], irqchip: "none"),
      GuestCase(guest: "mmio", parameters: ["iterations=500", "size=2"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=700"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=700"], ioeventfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt", "window=memory"]),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=400", "wait=interrupt", "window=memory"],
        ioeventfd: false,
        irqfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], irqchip: "split"),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], irqchip: "split", irqfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=640", "batch=16"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=300", "devices=2"], doorbells: 2),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=200", "devices=4", "wait=interrupt", "window=memory"],
        doorbells: 4, irqchip: "split"),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=200", "devices=3", "wait=interrupt"], doorbells: 3,
        ioeventfd: false, irqfd: false),
      GuestCase(guest: "timer", parameters: ["iterations=50", "period=500"]),
      GuestCase(guest: "serial", parameters: ["iterations=300"]),
      GuestCase(guest: "kernel-exits", parameters: ["iterations=300"]),
      GuestCase(guest: "smp", parameters: ["iterations=300"], vcpus: 2),
      GuestCase(guest: "smp", parameters: ["iterations=200", "window=memory"], vcpus: 3, ioeventfd: false),
      GuestCase(guest: "multiqueue", parameters: ["iterations=150", "queues=4"], vcpus: 2),
      GuestCase(
        guest: "multiqueue", parameters: ["iterations=100", "window=memory"], vcpus: 3, ioeventfd: false),
      GuestCase(guest: "multiqueue", parameters: ["iterations=150"], vcpus: 2, irqchip: "split"),
      GuestCase(
        guest: "multiqueue", parameters: ["iterations=150", "queues=8"], irqchip: "split", irqfd: false),
      GuestCase(guest: "mixed", parameters: ["iterations=200"], vcpus: 2),
      GuestCase(
        guest: "mixed", parameters: ["iterations=200"], vcpus: 2, irqchip: "split", ioeventfd: false,
        irqfd: false),
      GuestCase(guest: "port80", parameters: ["iterations=1000"]),
      GuestCase(guest: "costs", parameters: ["iterations=50", "polls=5", "writes=3"]),
    ] + locked + single + waiting

  /// What I/O threads wait with: guests that are served by one, or by several.
  private static let waiting = ["select", "io_uring"].flatMap { wait in
    [
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], wait: wait),
      GuestCase(guest: "doorbell", parameters: ["iterations=640", "batch=16"], wait: wait),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=200", "devices=4", "wait=interrupt"], doorbells: 4,
        irqchip: "split", irqfd: false, lock: "global", wait: wait),
      GuestCase(guest: "serial", parameters: ["iterations=300"], wait: wait),
      GuestCase(guest: "smp", parameters: ["iterations=300"], vcpus: 2, wait: wait),
      GuestCase(guest: "multiqueue", parameters: ["iterations=150", "queues=4"], vcpus: 2, wait: wait),
      GuestCase(guest: "mixed", parameters: ["iterations=200"], vcpus: 2, ioeventfd: false, wait: wait),
    ]
  }

  /// Writes that are kept: each way to the register, few and more than there is room for, on one vCPU and on several, under each model.
  static let coalescing =
    [
      GuestCase(guest: "port-io", parameters: ["iterations=300"]),
      GuestCase(guest: "port-io", parameters: ["iterations=100", "writes=7", "size=1"], irqchip: "none"),
      GuestCase(guest: "port-io", parameters: ["iterations=10", "writes=400"], lock: "none-needed"),
      GuestCase(guest: "mmio", parameters: ["iterations=100", "writes=5", "size=2"], irqchip: "split"),
      GuestCase(guest: "mmio", parameters: ["iterations=10", "writes=400"], lock: "global"),
      GuestCase(guest: "port-io", parameters: ["iterations=100", "writes=5"], threads: "single"),
      GuestCase(
        guest: "mmio", parameters: ["iterations=100", "writes=5"], lock: "none-needed", threads: "single"),
      GuestCase(guest: "port-io", parameters: ["iterations=100", "writes=5"], wait: "select"),
      GuestCase(guest: "mmio", parameters: ["iterations=100", "writes=5"], wait: "io_uring"),
      GuestCase(guest: "smp", parameters: ["iterations=300", "accesses=3"], vcpus: 2),
      GuestCase(guest: "smp", parameters: ["iterations=200", "window=memory"], vcpus: 3, ioeventfd: false),
      GuestCase(guest: "smp", parameters: ["iterations=200"], vcpus: 2, lock: "global", wait: "io_uring"),
      GuestCase(guest: "mixed", parameters: ["iterations=200"], vcpus: 2),
      GuestCase(
        guest: "mixed", parameters: ["iterations=200"], vcpus: 2, irqchip: "split", ioeventfd: false,
        irqfd: false, lock: "global"),
      GuestCase(guest: "mixed", parameters: ["iterations=200"], threads: "single"),
      // No register of theirs bears it.
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"]),
      GuestCase(guest: "serial", parameters: ["iterations=300"]),
      GuestCase(guest: "multiqueue", parameters: ["iterations=150", "queues=4"], vcpus: 2),
      GuestCase(guest: "timer", parameters: ["iterations=50", "period=500"]),
      GuestCase(guest: "kernel-exits", parameters: ["iterations=300"]),
      GuestCase(guest: "port80", parameters: ["iterations=1000"]),
      GuestCase(guest: "costs", parameters: ["iterations=50", "polls=5", "writes=3"]),
    ].map { guest in
      var guest = guest
      guest.coalescedIO = true
      return guest
    }

  /// Without KVM: each guest, all ways of kicks and interrupts, one vCPU and several.
  static let translated =
    [
      GuestCase(guest: "port-io", parameters: ["iterations=500", "size=1"], irqchip: "none"),
      GuestCase(guest: "mmio", parameters: ["iterations=500", "size=2"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=700"], irqchip: "none"),
      GuestCase(guest: "doorbell", parameters: ["iterations=400"], ioeventfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt", "window=memory"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], irqchip: "split"),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], irqfd: false),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], irqchip: "split", irqfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=640", "batch=16"]),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=200", "devices=4", "wait=interrupt"], doorbells: 4),
      GuestCase(guest: "doorbell", parameters: ["iterations=300", "wait=interrupt"], threads: "single"),
      GuestCase(guest: "timer", parameters: ["iterations=50", "period=500"]),
      GuestCase(guest: "serial", parameters: ["iterations=300"]),
      GuestCase(guest: "kernel-exits", parameters: ["iterations=300"]),
      GuestCase(guest: "smp", parameters: ["iterations=200"], vcpus: 3),
      GuestCase(guest: "smp", parameters: ["iterations=200", "window=memory"], vcpus: 2, ioeventfd: false),
      GuestCase(guest: "multiqueue", parameters: ["iterations=150", "queues=4"], vcpus: 2, irqchip: "split"),
      GuestCase(guest: "mixed", parameters: ["iterations=200"], vcpus: 2, lock: "global"),
      GuestCase(guest: "port80", parameters: ["iterations=1000"], wait: "io_uring"),
      GuestCase(guest: "costs", parameters: ["iterations=50", "polls=5", "writes=3"]),
    ].map { guest in
      var guest = guest
      guest.engine = "tcg"
      return guest
    }

  /// One lock around all device code: each guest, and all ways to several vCPUs and devices.
  private static let locked = [
    GuestCase(guest: "port-io", parameters: ["iterations=300"], lock: "global"),
    GuestCase(guest: "mmio", parameters: ["iterations=300"], lock: "global"),
    GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], lock: "global"),
    GuestCase(
      guest: "doorbell", parameters: ["iterations=200", "devices=4", "wait=interrupt"], doorbells: 4,
      irqchip: "split", irqfd: false, lock: "global"),
    GuestCase(guest: "timer", parameters: ["iterations=50", "period=500"], lock: "global"),
    GuestCase(guest: "serial", parameters: ["iterations=300"], lock: "global"),
    GuestCase(guest: "kernel-exits", parameters: ["iterations=300"], lock: "global"),
    GuestCase(guest: "smp", parameters: ["iterations=300"], vcpus: 2, lock: "global"),
    GuestCase(guest: "smp", parameters: ["iterations=200"], vcpus: 3, ioeventfd: false, lock: "global"),
    GuestCase(guest: "multiqueue", parameters: ["iterations=150", "queues=4"], vcpus: 2, lock: "global"),
    GuestCase(guest: "mixed", parameters: ["iterations=200"], vcpus: 2, irqchip: "split", lock: "global"),
    GuestCase(guest: "port80", parameters: ["iterations=1000"], lock: "global"),
    GuestCase(guest: "costs", parameters: ["iterations=50", "polls=5", "writes=3"], lock: "global"),
  ]

  /// The vCPU's thread runs the event loop: each guest for which one vCPU is enough, and all ways of kicks and interrupts.
  private static let single =
    [
      GuestCase(guest: "port-io", parameters: ["iterations=300"]),
      GuestCase(guest: "port-io", parameters: ["iterations=300", "size=4"], irqchip: "none"),
      GuestCase(guest: "mmio", parameters: ["iterations=300"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=400"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"]),
      GuestCase(guest: "doorbell", parameters: ["iterations=400", "wait=interrupt"], ioeventfd: false),
      GuestCase(guest: "doorbell", parameters: ["iterations=640", "batch=16"], lock: "global"),
      GuestCase(
        guest: "doorbell", parameters: ["iterations=200", "devices=4", "wait=interrupt", "window=memory"],
        doorbells: 4, irqchip: "split", irqfd: false),
      GuestCase(guest: "timer", parameters: ["iterations=50", "period=500"]),
      GuestCase(guest: "serial", parameters: ["iterations=300"]),
      GuestCase(guest: "kernel-exits", parameters: ["iterations=300"]),
      GuestCase(
        guest: "multiqueue", parameters: ["iterations=150", "queues=8"], irqchip: "split", irqfd: false),
      GuestCase(guest: "mixed", parameters: ["iterations=200"]),
      GuestCase(guest: "port80", parameters: ["iterations=1000"]),
      GuestCase(guest: "costs", parameters: ["iterations=50", "polls=5", "writes=3"]),
    ].map { guest in
      var guest = guest
      guest.threads = "single"
      return guest
    }
}

@Suite(
  "The recorded trace, and the analyzer's report, are what the guest did", .serialized,
  .needsEngine, .needsTracing)
struct RecordingExactnessTests {
  @Test("exits, kicks, requests, interrupts and marks", arguments: GuestCase.all)
  func exact(_ testCase: GuestCase) throws { try hold(testCase) }

  @Test(
    "the same where writes are kept: each is an exit or was kept", .needsKVM("--coalesced-io on"),
    arguments: GuestCase.coalescing)
  func coalesced(_ testCase: GuestCase) throws { try hold(testCase) }

  @Test("the same under the translator", .needsTranslator, arguments: GuestCase.translated)
  func translated(_ testCase: GuestCase) throws { try hold(testCase) }

  private func hold(_ testCase: GuestCase) throws {
    let recorded = try testCase.record()
    let tally = try OracleTally(recorded.trace)
    let expectation = recorded.expectation

    // Every access is an exit or was kept, and is not both.
    let accesses = tally.exits.merging(tally.coalesced, uniquingKeysWith: +)
    #expect(accesses == expectation.exits(ioeventfd: testCase.ioeventfd))
    holdCoalesced(testCase, tally, accesses)
    #expect(tally.kicks == (testCase.ioeventfd ? expectation.kicks : [:]))
    #expect(tally.requests == expectation.kicks)
    #expect(tally.marks == expectation.marks)
    let interrupts = tally.interrupts.values.reduce(0, +)
    #expect(expectation.deviceInterrupts.contains(interrupts))
    let mechanism = testCase.irqfd ? "irqfd" : testCase.irqchip == "split" ? "signal_msi" : "irq_line"
    #expect(tally.interrupts.keys.allSatisfy { $0 == mechanism })

    // Nothing lost, and the program's own count is the trace's.
    let trace = try #require(recorded.result.trace)
    #expect(trace.isComplete)
    #expect(trace.eventsLost == 0)
    #expect(trace.eventsRecorded == UInt64(tally.events))
    #expect(trace.eventsEmitted == UInt64(tally.events))
    let allExits = tally.exits.values.reduce(0, +) + tally.otherExits.values.reduce(0, +)
    #expect(recorded.result.exits.reduce(0, +) == allExits)
    #expect(tally.counts["vcpu_run_enter"] == tally.counts["vcpu_run_exit"])
    #expect(tally.counts["dispatch_begin"] == tally.counts["dispatch_end"])
    #expect(tally.counts["handler_begin"] == tally.counts["handler_end"])
    try holdAnalyzer(recorded, testCase, tally)
    withExtendedLifetime(recorded) {}
  }

  /// Which writes are kept is known, but for how vCPUs interleave.
  private func holdCoalesced(
    _ testCase: GuestCase, _ tally: OracleTally, _ accesses: [GuestAccess: UInt64]
  ) {
    #expect(tally.counts["coalesced_begin"] == tally.counts["coalesced_end"])
    guard testCase.coalescedIO else {
      #expect(tally.coalesced.isEmpty)
      return
    }
    let scratch = accesses.filter {
      $0.key.direction == .out && ($0.key.address == 0x590 || $0.key.address == 0xd000_1000)
    }
    #expect(Set(tally.coalesced.keys) == Set(scratch.keys))
    guard testCase.vcpus == 1 else { return }
    // With 169 in the ring the next one exits, and empties it.
    let writes =
      testCase.parameters.first { $0.hasPrefix("writes=") }.flatMap { UInt64($0.dropFirst(7)) } ?? 1
    for (access, count) in scratch {
      let exits = count / writes * (writes / 170)
      #expect(tally.exits[access, default: 0] == exits)
      #expect(tally.coalesced[access] == count - exits)
    }
  }

  @Test("--ioeventfd off moves the same guest to the other path and changes nothing else")
  func sameGuestOtherPath() throws {
    let on = GuestCase(guest: "doorbell", parameters: ["iterations=500", "wait=interrupt"])
    let off = GuestCase(
      guest: "doorbell", parameters: ["iterations=500", "wait=interrupt"], ioeventfd: false)
    let runs = (on: try on.record(), off: try off.record())
    let kernel = try OracleTally(runs.on.trace)
    let exits = try OracleTally(runs.off.trace)
    withExtendedLifetime(runs) {}
    #expect(kernel.requests == exits.requests)
    #expect(kernel.stamps == exits.stamps)
    #expect(kernel.interrupts == exits.interrupts)
    #expect(kernel.marks == exits.marks)
    #expect(kernel.kicks == [0: 500])
    #expect(exits.kicks.isEmpty)
    let moved = exits.exits.merging(kernel.exits) { $0 - $1 }.filter { $0.value > 0 }
    #expect(moved == [GuestAccess(.port, .out, 0xd00, size: 4): 500])
  }
}
