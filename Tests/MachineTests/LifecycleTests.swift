import Devices
import Glibc
import GuestRAM
import Platform
import TestSupport
import Testing

@testable import Machine

@Suite("How a run begins, is reset and ends", .needsEngine)
struct LifecycleTests {
  typealias Controller = MachineConfiguration.InterruptController

  @Test("Each mode is entered as documented")
  func entryStates() throws {
    for guest in [TestGuest.entryReal, .entryProtected, .entryLong] {
      #expect(try guest.run().outcome == .poweredOff, "\(guest.mode)")
    }
  }

  @Test(
    "The debug exit port's value becomes the exit status",
    arguments: [
      ([0xb0, 0x00, 0xe6, 0xf4], 0, 1),  // mov $0, %al; out %al, $0xf4
      ([0xb0, 0x01, 0xe6, 0xf4], 1, 3),
      ([0xb0, 0x7f, 0xe6, 0xf4], 0x7f, 0xff),
      ([0xb0, 0x80, 0xe6, 0xf4], 0x80, 1),
      ([0xb0, 0xff, 0xe6, 0xf4], 0xff, 0xff),
      ([0xb8, 0x34, 0x12, 0xe7, 0xf4], 0x1234, 0x69),  // mov $0x1234, %ax; out %ax, $0xf4
      ([0x66, 0xb8, 0xff, 0xff, 0xff, 0xff, 0x66, 0xe7, 0xf4], 0xffff_ffff, 0xff),  // four bytes
    ] as [([UInt8], UInt32, Int32)])
  func debugExit(code: [UInt8], value: UInt32, status: Int32) throws {
    var configuration = MachineConfiguration.ofThisHost
    configuration.serial = .none
    configuration.timeLimit = 30_000_000_000
    let summary = try Machine(configuration) { _ throws(MachineError) in try configuration.flatPlan(code) }
      .run()
    #expect(summary.outcome == .debugExit(value: value))
    #expect(summary.outcome.exitStatus == status)
  }

  /// How often the main thread repeats an interrupt depends on the scheduler; what the guest did does not.
  @Test("The same guest makes the same number of exits each time, resets included")
  func exitsOfResets() throws {
    let runs = try (0..<12).map { _ in
      try TestGuest.resets.run { $0.ioeventfd = false }
    }
    #expect(runs.allSatisfy { $0.outcome == .poweredOff })
    #expect(Set(runs.map(\.exits)).count == 1, "\(runs.map(\.exits))")
  }

  @Test(
    "A reset restores devices, registers and the image, and leaves other RAM alone",
    arguments: Controller.allCases)
  func resets(controller: Controller) throws {
    for ioeventfd in [true, false] {
      let summary = try TestGuest.resets.run {
        $0.interruptController = controller
        $0.ioeventfd = ioeventfd
      }
      #expect(summary.outcome == .poweredOff)
      #expect(summary.resets == 4)
    }
    let once = try TestGuest.resets.run {
      $0.interruptController = controller
      $0.onReboot = .exit
    }
    #expect(once.outcome == .rebooted)
    #expect(once.outcome.exitStatus == 0)
    #expect(once.resets == 0)
  }

  @Test(
    "Resets while two vCPUs kick and kicks are in flight", arguments: [Controller.kernel, .split],
    [true, false])
  func resetsUnderLoad(controller: Controller, ioeventfd: Bool) throws {
    for round in 0..<3 {
      let summary = try TestGuest.resetUnderLoad.run {
        $0.vcpus = 2
        $0.interruptController = controller
        $0.ioeventfd = ioeventfd
        $0.irqfd = round != 1
        $0.ioThreads = 2
      }
      #expect(summary.outcome == .poweredOff, "\(summary.outcome)")
      #expect(summary.resets == 6)
    }
  }

  /// The kicks are consumed in the kernel; whether their loop has woken when the run ends is a matter of luck.
  @Test("Kicks made just before the end are answered all the same")
  func kicksBeforeTheEnd() throws {
    for round in 0..<25 {
      let machine = try TestGuest.kickAll.machine { $0.ioThreads = 1 + round % 3 }
      #expect(try machine.run().outcome == .poweredOff)
      let context = ThreadContext(kind: .main, id: 0)
      let doorbell = machine.devices.device(.doorbell, as: Doorbell.self).device
      let completed = (0..<UInt32(16)).map {
        doorbell.read(offset: 0x4c + 16 * $0, size: 4, window: 0, by: context)
      }
      #expect(completed == Array(repeating: 1, count: 16), "round \(round)")
    }
  }

  @Test("Without an interrupt controller a halt that nothing ends ends the run; with one it waits")
  func halts() throws {
    let alone = try TestGuest.halt.run { $0.interruptController = .none }
    #expect(alone.outcome == .halted(hasController: false))
    #expect(alone.outcome.exitStatus == 0)
    // Whether it had interrupts on or off is all the same.
    let message = try #require(alone.outcome.message)
    #expect(message.contains("halted") && message.contains("--irqchip none"), "\(message)")
    #expect(!message.contains("interrupts off"), "\(message)")
    let waiting = try TestGuest.halt.run { $0.timeLimit = 200_000_000 }
    #expect(waiting.outcome.timeoutText?.contains("vcpu0: rip 0x2 (real mode)") == true)
  }

  @Test(
    "A time limit tells where each vCPU was",
    // The translator's processor has no VMCALL.
    arguments: [("spin", 1), ("halt", 1), ("spin", 3)] + (HostEngine.hasKVM ? [("vmcall", 1)] : []))
  func timeLimit(name: String, vcpus: Int) throws {
    let guest = ["spin": TestGuest.spin, "halt": .halt, "vmcall": .vmcall][name]!
    let before = Clock.monotonic
    let summary = try guest.run {
      $0.timeLimit = 300_000_000
      $0.vcpus = vcpus
    }
    #expect(Clock.monotonic - before < 5_000_000_000)
    let text = try #require(summary.outcome.timeoutText, "\(summary.outcome)")
    #expect(text.contains("0.3 s"))
    for vcpu in 0..<vcpus { #expect(text.contains("vcpu\(vcpu): rip 0x"), "\(text)") }
    #expect(summary.outcome.exitStatus == 6)
  }

  @Test("Guests that cannot go on end the run with their registers")
  func crashes() throws {
    let undefined = try #require(try TestGuest.undefined.run().outcome.crashText)
    for part in ["vcpu0", "rip=0000000000010000", "cr0=", "bytes at rip: 0f 0b", "protected mode"] {
      #expect(undefined.contains(part), "\(undefined)")
    }
    let unmapped = try #require(try TestGuest.unmapped.run().outcome.crashText)
    #expect(unmapped.contains("64-bit mode"))
    #expect(unmapped.contains("triple fault"))
    let nowhere = try TestGuest.nowhere.run()
    let text = try #require(nowhere.outcome.crashText, "\(nowhere.outcome)")
    #expect(text.contains("rip=00000000e0000000"), "\(text)")
    #expect(text.contains("not in RAM"), "\(text)")
    #expect(nowhere.outcome.exitStatus == 4)
  }

  @Test("Breakpoints reach the guest's handler, with the address behind them")
  func breakpoints() throws {
    let outcome = try TestGuest.breakpoints.run().outcome
    #expect(outcome == .debugExit(value: 3), "\(outcome)")
  }

  @Test("Instructions that KVM's emulator lacks do what they do on a processor")
  func mended() throws {
    let outcome = try TestGuest.mended.run().outcome
    #expect(outcome == .debugExit(value: 9), "\(outcome)")
  }

  @Test("Lowering the task priority is no crash, wherever the local APIC is", arguments: Controller.allCases)
  func taskPriority(controller: Controller) throws {
    let outcome = try TestGuest.taskPriority.run { $0.interruptController = controller }.outcome
    #expect(outcome == .debugExit(value: 3), "\(outcome)")
  }

  @Test("MXCSR is set from memory and stored there, by operands of every form", arguments: 0..<3)
  func mediaControl(mode: Int) throws {
    let outcome = try TestGuest.mediaControl[mode].run().outcome
    #expect(outcome == .debugExit(value: 9), "\(outcome)")
  }

  @Test(
    "A machine of which every vCPU has halted with interrupts off ends by itself",
    arguments: ["kernel", "split"], [1, 2])
  func haltedForGood(irqchip: String, vcpus: Int) throws {
    let summary = try TestGuest.halt.run {
      $0.interruptController = irqchip == "split" ? .split : .kernel
      $0.vcpus = vcpus
      $0.timeLimit = 300_000_000_000
    }
    #expect(summary.outcome == .halted())
    // Asked twice, each vCPU has left guest mode twice, and no more often than to be told of the end.
    #expect(summary.exits.allSatisfy { (2...8).contains($0) }, "\(summary.exits)")
  }

  @Test("One that an interrupt might wake is asked once, and waits")
  func idle() throws {
    let summary = try TestGuest.idle.run { $0.timeLimit = 8_000_000_000 }
    #expect(summary.outcome.timeoutText != nil, "\(summary.outcome)")
    // The question, and the end.
    #expect(summary.exits[0] <= 4, "\(summary.exits)")
  }

  @Test("A triple fault resets the machine where that is wanted, as often as it happens")
  func crashReset() throws {
    let summary = try TestGuest.crashTwice.run { $0.onCrash = .reset }
    #expect(summary.outcome == .poweredOff)
    #expect(summary.resets == 2)
    #expect(summary.warnings == ["2 triple faults reset the machine (--on-crash reset)"])
    let ended = try TestGuest.crashTwice.run {
      $0.onCrash = .reset
      $0.onReboot = .exit
    }
    #expect(ended.outcome == .rebooted)
    #expect(try TestGuest.crashTwice.run().outcome.crashText?.contains("triple fault") == true)
  }

  @Test("The end may be asked for from outside at any time, also before the guest has begun")
  func endedFromOutside() throws {
    for delay in [0, 0, 100, 1000, 5000, 20_000, 50_000] as [UInt32] {
      let machine = try TestGuest.spin.machine()
      let control = machine.control
      let thread = try DedicatedThread(name: "outside") {
        usleep(delay)
        control.end(.quit)
        control.end(.interrupted(signal: 15))
      }
      #expect(try machine.run().outcome == .quit)
      thread.join()
    }
  }

  @Test("A reset from outside during a run, and together with the end", arguments: [true, false])
  func resetFromOutside(thenEnd: Bool) throws {
    for _ in 0..<5 {
      let machine = try TestGuest.spin.machine { $0.vcpus = 2 }
      let control = machine.control
      let thread = try DedicatedThread(name: "outside") {
        for _ in 0..<20 {
          control.reset()
          usleep(thenEnd ? 0 : 2000)
        }
        control.end(.poweredOff)
        control.reset()
      }
      let summary = try machine.run()
      #expect(summary.outcome == .poweredOff)
      #expect(summary.resets <= 20)
      thread.join()
    }
  }
}
