import CKVM
import Engine

extension KVMVirtualMachine {
  /// The guest's TSC frequency in kHz: KVM_GET_TSC_KHZ.
  public var timeStampCounterKHz: UInt32? {
    (try? Request("KVM_GET_TSC_KHZ", CKVM_GET_TSC_KHZ)(descriptor)).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// Makes a virtual CPU as firmware leaves it, whose CPUID knows its place, and whose time stamp counter is the host's.
  public func makeVcpu(id: UInt32) throws -> KVMVcpu {
    let vcpu = try createVcpu(id: id)
    if let cpuid {
      try vcpu.setCPUID(cpuid.entries(forVcpu: id))
      try FirmwareRegisters.apply(to: vcpu, cpuid)
    }
    vcpu.setTimeStampCounterOffset(0)
    return vcpu
  }

  /// Notes what a reset puts back of the controllers in the kernel.
  public func keepPowerOnState() throws {
    powerOn = controllers == .all ? try controllerState() : nil
  }

  /// Puts it back.
  public func reset() throws {
    if let powerOn { try restore(powerOn) }
  }

  /// The machine's own counters.
  public func counters() throws -> (any CounterSource)? { try statistics() }
}
