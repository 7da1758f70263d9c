import CKVM
import CTestGuests
import Engine
import Glibc
import GuestRAM
import KVM
import Platform
import Testing

@Suite("A vCPU's state", .enabled(if: kvmIsUsable, kvmReason))
struct VcpuStateTests {
  private func bytes<Value>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

  /// Every register that a guest can set, so far as KVM tells them.
  private func everything(_ vcpu: KVMVcpu) throws -> [String: [UInt8]] {
    var state = [
      "registers": bytes(try vcpu.registers()), "system": bytes(try vcpu.systemRegisters()),
      "events": bytes(try vcpu.events()), "debug": bytes(try vcpu.debugRegisters()),
      "floating point": bytes(try vcpu.floatingPoint()),
    ]
    for index: UInt32 in [0x174, 0x175, 0x176, 0x277, 0xc000_0082, 0xc000_0102, 0x4b56_4d00, 0x4b56_4d01] {
      if let value = try vcpu.modelSpecificRegister(index) { state["msr \(index)"] = bytes(value) }
    }
    return state
  }

  @Test("After a reset it is as it was at power-on, whatever the guest did")
  func powerOn() throws {
    let guest = try BareGuest(exeunt_test_image_disorder())
    let saved = try guest.vcpu.powerOnState(localController: false)
    let before = try everything(guest.vcpu)
    for _ in 0..<2 {
      #expect(try guest.runToHalt() == [])
      let disorder = try everything(guest.vcpu)
      for (name, value) in before where name != "events" && name != "msr \(0x174)" {
        guard !["msr \(0x175)", "msr \(0x277)", "msr \(0xc000_0102)", "msr \(0x4b56_4d00)"].contains(name)
        else {
          continue
        }
        #expect(disorder[name] != value, "\(name) was to be changed by the guest")
      }
      try guest.vcpu.restore(saved)
      let after = try everything(guest.vcpu)
      for (name, value) in before { #expect(after[name] == value, "\(name)") }
    }
  }

  @Test("Linear addresses are translated by the guest's own tables")
  func translation() throws {
    let guest = try BareGuest(exeunt_test_image_time_stamp(), mode: .long)
    #expect(try guest.translate(0x1234) == 0x1234)
    #expect(try guest.translate(0xd000_0123) == 0xd000_0123)
    #expect(try guest.translate(5 << 30) == nil)
    // A second mapping of the first 2 MiB at 1 GiB.
    try guest.memory.write(0x83 as UInt64, at: GuestAddress(0xb000), .little)
    #expect(try guest.translate(1 << 30 + 0x567) == 0x567)
  }

  @Test("The guest's time stamp counter is the host's plus the offset")
  func timeStampCounter() throws {
    let guest = try BareGuest(exeunt_test_image_time_stamp())
    guard guest.vcpu.timeStampCounterOffset() != nil else { return }
    for offset: UInt64 in [0, 1 << 40, UInt64(bitPattern: -1 << 40)] {
      let done = guest.vcpu.setTimeStampCounterOffset(offset)
      let effective = guest.vcpu.timeStampCounterOffset()
      // PVM guests see the host's counter: other offsets are taken without effect, and reading them tells so.
      if offset == 0 { #expect(done && effective == 0) }
      try guest.enter(.real)
      let before = Clock.timeStampCounter
      #expect(try guest.runToHalt() == [])
      let after = Clock.timeStampCounter
      let registers = try guest.registers
      let seen = (registers.rdx << 32 | registers.rax & 0xffff_ffff) &- (effective ?? 0)
      #expect(before <= seen && seen <= after, "offset \(offset): \(before) \(seen) \(after)")
    }
  }

  private func counter(_ name: String, of statistics: Statistics) throws -> Counter {
    let found = statistics.counter(name)
    return try #require(found)
  }

  @Test("A counter for each port and memory exit")
  func statistics() throws {
    let guest = try BareGuest(exeunt_test_image_memory())
    let statistics = try guest.vcpu.statistics()
    let io = try counter("io_exits", of: statistics)
    let memory = try counter("mmio_exits", of: statistics)
    let exits = try counter("exits", of: statistics)
    let start = try statistics.sample()
    // The accesses across a page are two exits each of one instruction.
    #expect(try guest.runToHalt().count == 10)
    let middle = try statistics.sample()
    #expect(middle[io] == start[io])
    #expect(middle[memory] - start[memory] == 8)
    #expect(middle[exits] >= start[exits])

    let ports = try BareGuest(exeunt_test_image_ports())
    let portStatistics = try ports.vcpu.statistics()
    let portIO = try counter("io_exits", of: portStatistics)
    let before = try portStatistics.sample()[portIO]
    let count = try ports.runToHalt().count
    let counted = try portStatistics.sample()[portIO] - before
    // Only the exits of hardware virtualization are counted as io_exits; PVM emulates every port access.
    #expect(counted == (access("/sys/module/kvm_pvm", F_OK) == 0 ? 0 : UInt64(count)))
    let missing = portStatistics.counter("no such counter")
    #expect(missing == nil)
    let histogram = portStatistics.counters.first { $0.count > 1 }
    #expect(histogram != nil)
    let ofMachine = try ports.machine.statistics()
    #expect(!ofMachine.counters.isEmpty)
  }
}
