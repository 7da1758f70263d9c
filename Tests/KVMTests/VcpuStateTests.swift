import CKVM
import CTestGuests
import Engine
import Glibc
import GuestRAM
import Platform
import Testing

@testable import KVM

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
      #expect(try guest.vcpu.restore(saved) == [])
      let after = try everything(guest.vcpu)
      for (name, value) in before { #expect(after[name] == value, "\(name)") }
    }
  }

  /// What a guest can set, or could if it were given the means: memory types, machine checks, counters, Hyper-V's and KVM's own
  /// registers, the clock's adjustment.
  @Test("A reset puts back every register that KVM takes another value for")
  func modelSpecific() throws {
    let guest = try BareGuest(exeunt_test_image_ports(), interruptControllers: true)
    let vcpu = guest.vcpu
    vcpu.resetIndices = KVMVcpu.resetRegisters(listed: try KVMSystem().modelSpecificRegisterIndices())
    #expect(Set(vcpu.resetIndices).count == vcpu.resetIndices.count)
    let saved = try vcpu.powerOnState(localController: true)
    let before = try vcpu.modelSpecificRegisters(vcpu.resetIndices)
    #expect(before.count > 50)
    let wanted: [(UInt32, UInt64)] = [
      (0x200, 0x8000_0006), (0x201, 0xff_8000_0800), (0x250, 0x0606_0606_0606_0606),
      (0x26f, 0x0505_0505_0505_0505),
      (0x2ff, 0xc00), (0x277, 0x0606_0606_0606_0606), (0x1a0, 0x1800), (0x3b, 0x1234), (0x400, 0),
      (0x174, 0x10),
      // Counters of Intel's and AMD's.
      (0xc1, 5), (0x186, 0x41_00c0), (0xc001_0000, 0x41_00c0), (0xc001_0200, 0x41_00c0),
      // Hyper-V: which system, its page of reference time, its page of the APIC, a timer of its own.
      (0x4000_0000, 0x8100_0000_0000_0001), (0x4000_0021, 0x5000), (0x4000_0073, 0x6000), (0x4000_00b1, 7),
      (0x4b56_4d05, 0), (0xc000_0103, 9), (0xc000_0102, 0x1000),
    ]
    let known = wanted.filter { index, _ in before.contains { $0.index == index } }
    let refused = try vcpu.setModelSpecificRegisters(known.map { .init($0.0, $0.1) }).map(\.index)
    let changed = try vcpu.modelSpecificRegisters(vcpu.resetIndices)
    let different = zip(before, changed).filter { $0 != $1 }.map { $0.1.index }
    // Whatever this KVM has, memory types and PAT are among it.
    #expect(
      Set([0x200, 0x201, 0x250, 0x26f, 0x2ff, 0x277]).isSubset(of: different),
      "\(different), refused \(refused)")
    // And all others that it has and takes another value for.
    for (index, value) in known where !refused.contains(index) {
      guard before.first(where: { $0.index == index })?.data != value else { continue }
      #expect(different.contains(index) || ![0x1a0, 0x3b, 0xc000_0102].contains(index), "\(index)")
    }
    #expect(try vcpu.restore(saved) == [])
    #expect(try vcpu.modelSpecificRegisters(vcpu.resetIndices) == before)
  }

  @Test("What KVM does not take back is told")
  func refusedRegisters() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    // Registers that are not there, beside one that is, more than go into one request.
    let some = (0..<100).map {
      ModelSpecificRegister($0 == 70 ? 0x277 : 0x5000_0000 + $0, 0x0606_0606_0606_0606)
    }
    let refused = try guest.vcpu.setModelSpecificRegisters(some)
    #expect(refused == some.filter { $0.index != 0x277 })
    #expect(
      try guest.vcpu.modelSpecificRegisters(some.map(\.index)) == [.init(0x277, 0x0606_0606_0606_0606)])
  }

  @Test("A reset clears what only XSAVE sees")
  func extendedState() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    let get = Request("KVM_GET_XSAVE", CKVM_GET_XSAVE)
    let set = Request("KVM_SET_XSAVE", CKVM_SET_XSAVE)
    var state = [UInt64](repeating: 0, count: 512)
    try get(guest.vcpu.descriptor, of: &state)
    let saved = try guest.vcpu.powerOnState(localController: false)
    // The upper halves of YMM0 and YMM1: a bit of the header at 512, and the component at 576 (Intel SDM volume 1, 13.4).
    var other = state
    other[64] |= 0b111
    for index in 72..<76 { other[index] = 0x1122_3344_5566_7788 }
    guard (try? set(guest.vcpu.descriptor, of: &other)) != nil else { return }
    try get(guest.vcpu.descriptor, of: &other)
    #expect(other[72] == 0x1122_3344_5566_7788)
    #expect(try guest.vcpu.restore(saved) == [])
    try get(guest.vcpu.descriptor, of: &other)
    #expect(other[64] & 0b100 == 0 || other[72..<76].allSatisfy { $0 == 0 })
  }

  @Test("Firmware's part is set over what any KVM starts with")
  func firmware() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    let cpuid = GuestCPUID(
      try KVMSystem().supportedCPUID(),
      .init(vcpus: 1, hasLocalController: false, hasDeadlineTimer: false, hasPerformanceCounters: false))
    // As kvm_vcpu_reset() of Linux leaves it: no sampling, and slow strings.
    try guest.vcpu.setModelSpecificRegisters([.init(0x1a0, 0x1800)])
    try FirmwareRegisters.apply(to: guest.vcpu, cpuid)
    #expect(try guest.vcpu.modelSpecificRegister(0x1a0) == 0x1801)
    #expect(try guest.vcpu.modelSpecificRegister(0x2ff) == 0x806)
    // Linux 6.8 and later take TscFreqSel.
    if cpuid.isOfAMD, cpuid.hasConstantTimeStampCounter {
      let refused = try guest.vcpu.setModelSpecificRegisters([.init(0xc001_0015, 1 << 24)])
      #expect(try guest.vcpu.modelSpecificRegister(0xc001_0015) == (refused.isEmpty ? 1 << 24 : 0))
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
