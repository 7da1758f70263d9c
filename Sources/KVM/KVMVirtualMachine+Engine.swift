import CKVM
import Engine

extension KVMVirtualMachine {
  /// The guest's TSC frequency in kHz: KVM_GET_TSC_KHZ.
  public var timeStampCounterKHz: UInt32? {
    (try? Request("KVM_GET_TSC_KHZ", CKVM_GET_TSC_KHZ)(descriptor)).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// Makes a virtual CPU whose CPUID knows its place, and whose time stamp counter is the host's.
  public func makeVcpu(id: UInt32) throws -> KVMVcpu {
    let vcpu = try createVcpu(id: id)
    try vcpu.setCPUID(cpuid(forVcpu: id))
    vcpu.setTimeStampCounterOffset(0)
    return vcpu
  }

  /// What a vCPU's CPUID says of itself: its local APIC's number (Intel SDM volume 2, CPUID leaves 1, 0xb and 0x1f).
  private func cpuid(forVcpu id: UInt32) -> [kvm_cpuid_entry2] {
    cpuid.map { entry in
      var entry = entry
      switch entry.function {
      case 1:
        entry.ebx = entry.ebx & 0x0000_ffff | min(vcpuCount, 255) << 16 | (id & 0xff) << 24
      case 0xb, 0x1f:
        entry.edx = id
      default: break
      }
      return entry
    }
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
