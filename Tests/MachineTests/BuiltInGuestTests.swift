import GuestPrograms
import Testing

@testable import Machine

/// Every built-in guest on every machine that it runs on, against what it says it does.
@Suite("Built-in guests in every configuration", .needsEngine)
struct BuiltInGuestTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let guest: String
    let settings: [String]
    let controller: MachineConfiguration.InterruptController
    let vcpus: Int
    let ioeventfd: Bool
    let irqfd: Bool
    var threads = MachineConfiguration.Threads.iothread
    var lock = MachineConfiguration.LockModel.device
    var wait = MachineConfiguration.WaitMethod.epoll

    var testDescription: String {
      "\(guest) \(settings.joined(separator: " ")), \(vcpus) vCPUs, irqchip \(controller.rawValue), "
        + "ioeventfd \(ioeventfd), irqfd \(irqfd), threads \(threads.rawValue), lock \(lock.rawValue), "
        + wait.rawValue
    }
  }

  static let cases: [Case] = {
    var cases: [Case] = []
    var places = 0
    let selections: [(String, [String])] = [
      ("port-io", ["iterations=20"]), ("mmio", ["iterations=20"]), ("port80", ["iterations=20"]),
      ("serial", ["iterations=20"]), ("kernel-exits", ["iterations=20"]),
      ("timer", ["iterations=3", "period=500"]), ("costs", ["iterations=4", "polls=5", "writes=3"]),
      ("costs", ["iterations=4", "polls=0", "writes=3"]), ("costs", ["iterations=4", "polls=5", "writes=0"]),
      ("smp", ["iterations=20"]), ("smp", ["iterations=20", "window=memory"]), ("mixed", ["iterations=20"]),
      ("multiqueue", ["iterations=20"]), ("multiqueue", ["iterations=20", "queues=8"]),
      ("multiqueue", ["iterations=20", "queues=1", "window=memory"]),
      ("doorbell", ["iterations=20", "wait=poll"]), ("doorbell", ["iterations=20", "wait=interrupt"]),
      ("doorbell", ["iterations=20", "wait=interrupt", "window=memory", "batch=3"]),
      ("blk", ["iterations=20", "places=4"]), ("blk", ["iterations=20", "places=4", "wait=interrupt"]),
      (
        "blk",
        ["iterations=60", "places=16", "depth=8", "wait=interrupt", "order=random", "flush=7", "size=512"]
      ),
      ("rng", ["iterations=40"]),
      ("rng", ["iterations=80", "depth=64", "wait=interrupt", "size=8", "batch=3"]),
      ("console", ["iterations=40"]),
      ("console", ["iterations=80", "depth=64", "wait=interrupt", "size=4096", "batch=3"]),
    ]
    for (guest, settings) in selections {
      for controller in MachineConfiguration.InterruptController.allCases {
        for vcpus in [1, 2, 4] {
          for switches in 0..<4 {
            let kicks = ["doorbell", "smp", "multiqueue", "mixed", "blk", "rng", "console"].contains(guest)
            // These are about what is kicked alone; elsewhere one setting of them is enough.
            guard kicks || switches == 3 else { continue }
            // Each way to wait meets each of the others in some case.
            let methods = MachineConfiguration.WaitMethod.allCases
            let one = Case(
              guest: guest, settings: settings, controller: controller, vcpus: vcpus,
              ioeventfd: switches & 1 != 0, irqfd: switches & 2 != 0,
              wait: methods[places % methods.count])
            guard isPossible(one) else { continue }
            places += 1
            cases.append(one)
            // Other models of threads: each guest, its kicks both ways, and interrupts both ways.
            guard controller == .kernel, switches == 3 || switches == 0, vcpus < 4 else { continue }
            for threads in MachineConfiguration.Threads.allCases {
              for lock in MachineConfiguration.LockModel.allCases
              where (threads, lock) != (.iothread, .device) {
                guard threads == .iothread || vcpus == 1 else { continue }
                var other = one
                (other.threads, other.lock) = (threads, lock)
                if threads == .single, other.wait == .ring { other.wait = .epoll }
                cases.append(other)
              }
            }
          }
        }
      }
    }
    return cases
  }()

  private static func isPossible(_ one: Case) -> Bool {
    guard one.vcpus == 1 || one.controller != .none else { return false }
    return (try? expectation(one)) != nil
  }

  private static func expectation(_ one: Case) throws -> GuestExpectation {
    let program = try GuestProgram.named(one.guest)
    return try program.expectation(try program.arguments(one.settings), on: machine(one))
  }

  private static func machine(_ one: Case) -> GuestMachine {
    let controller: GuestMachine.InterruptController =
      switch one.controller {
      case .kernel: .kernel
      case .split: .split
      case .none: .none
      }
    return GuestMachine(vcpus: one.vcpus, interruptController: controller)
  }

  @Test("It powers off, its report is as expected, and every exit is accounted for", arguments: cases)
  func agreesWithExpectation(_ one: Case) throws {
    let expectation = try Self.expectation(one)
    let program = try GuestProgram.named(one.guest)
    let arguments = try program.arguments(one.settings)
    var configuration = MachineConfiguration.ofThisHost
    configuration.mode = try #require(.init(rawValue: program.mode.rawValue))
    configuration.loadAddress = program.loadAddress
    configuration.entry = program.entry
    configuration.interruptController = one.controller
    configuration.vcpus = one.vcpus
    configuration.ioeventfd = one.ioeventfd
    configuration.irqfd = one.irqfd
    configuration.wait = one.wait
    configuration.ioThreads = one.vcpus > 1 ? 2 : 1
    configuration.threads = one.threads
    configuration.lock = one.lock
    configuration.serial = .none
    configuration.entropy = program.requirements.virtio == .entropy
    if program.requirements.virtio == .console {
      configuration.ports = [.init(.port, isConsole: true), .init(.port)]
    }
    if program.requirements.virtio == .disk {
      configuration.disks = [.scratch(bytes: GuestProgram.scratchDiskBytes)]
    }
    configuration.timeLimit = 30_000_000_000
    let machine = try Machine(configuration) { kilohertz throws(MachineError) in
      do {
        var guestMachine = Self.machine(one)
        guestMachine.tscKilohertz = kilohertz
        return try configuration.flatPlan(
          Array(program.image), parameterBlock: program.parameterBlock(arguments, on: guestMachine))
      } catch {
        throw MachineError("\(error)")
      }
    }
    let summary = try machine.run()
    #expect(summary.outcome == .poweredOff)
    let bytes = try #require(summary.report)
    let report = try bytes.withUnsafeBytes { try GuestReport(decoding: $0) }
    #expect(expectation.disagreements(with: report) == [])
    // The end of the run interrupts each vCPU at least once, and every 20 ms until all have stopped; each of these is an
    // exit without an access. Which access was made how often is held against recorded traces (EndToEndTests).
    let accesses = expectation.exits(ioeventfd: one.ioeventfd, (report.kicks, report.interrupts)).values
      .reduce(0, +)
    let exits = summary.exits.reduce(0, +)
    #expect(exits >= accesses + UInt64(one.vcpus))
    // One thread leaves the guest for each thing that its event loop is told: kicks, completions, output, timers.
    let told = one.threads == .single ? 4 * (report.kicks + report.interrupts + expectation.iterations) : 0
    #expect(exits <= accesses + UInt64(one.vcpus * 100) + told)
    let unclaimed = summary.unclaimed.reduce(0) { $0 + $1.count }
    let nobodys = [GuestAccess(.port, .out, 0x80, size: 1), GuestAccess(.port, .in, 0x1f7, size: 1)]
    #expect(unclaimed == nobodys.reduce(0) { $0 + expectation.accesses[$1, default: 0] })
    #expect(summary.resets == 0)
  }

  /// `net` needs somebody on its network: EndToEndTests.
  @Test("There are cases for every built-in guest")
  func complete() {
    #expect(Set(Self.cases.map(\.guest)).union(["net"]) == Set(GuestProgram.all.map(\.name)))
  }
}
