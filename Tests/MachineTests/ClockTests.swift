import GuestRAM
import Testing

@testable import Machine

@Suite("The real-time clock on a whole machine", .needsEngine)
struct ClockTests {
  /// The guest counts; it looks at register C at each interrupt, and at the time at the end.
  @Test(
    "A guest takes periodic, alarm and update-ended interrupts on line 8, and none that it did not ask for",
    arguments: [MachineConfiguration.InterruptController.kernel, .split], [true, false])
  func interrupts(controller: MachineConfiguration.InterruptController, irqfd: Bool) throws {
    let machine = try TestGuest.clockInterrupts.machine {
      $0.interruptController = controller
      $0.irqfd = irqfd
    }
    let outcome = try machine.run().outcome
    #expect(outcome == .poweredOff, "\(outcome)")
    func count(_ address: UInt64) throws -> UInt32 {
      try machine.memory.read(at: GuestAddress(address), .little)
    }
    #expect(try count(0x30000) == 100, "periodic")
    #expect(try count(0x30004) == 1, "alarm")
    #expect(try count(0x30008) == 2, "update ended")
    // 99 periods of 1024 Hz at the least; the first one may have begun before.
    #expect(try count(0x30014) >= 99 * 3_579_545 / 1024 - 3_579_545 / 1024)
    // An interrupt that was on its way when the guest disabled it may still come.
    #expect(try count(0x3000c) <= 1)
    #expect(try (1...2).contains(count(0x30010)), "409 periods passed")
  }
}
