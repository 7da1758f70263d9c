/// What CPUID tells a guest of its processor under the translator: what the library executes, with what is the machine's: local
/// APICs and where each vCPU is among the others. Leaves are those of the Intel SDM, volume 2, "CPUID".
///
/// The machine is one processor with a core for each vCPU and one thread in each core, as under KVM.
struct ProcessorDescription {
  /// vCPUs, 1 or more.
  let vcpus: UInt32
  /// Whether each has a local APIC, with a timer that has a deadline.
  var hasLocalControllers: Bool

  /// What the library executes and does not list (leaf 1, EDX): the FPU, DE, PSE, TSC, MSR, PAE, MTRR, PGE, PAT, PSE-36, MMX; and
  /// SYSENTER, which is done here (`SystemCall`).
  private static let unlisted: UInt32 =
    1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 16 | 1 << 17 | 1
    << 23
  /// Those of leaf 1 that AMD's extended leaf has again.
  private static let again: UInt32 = 0x0183_f3ff

  /// As many bits of an APIC's number as tell vCPUs apart.
  private var numberBits: UInt32 { vcpus <= 1 ? 0 : 32 - UInt32((vcpus - 1).leadingZeroBitCount) }

  /// Changes EAX, EBX, ECX and EDX, as the library would answer.
  func complete(_ values: inout (UInt32, UInt32, UInt32, UInt32), leaf: UInt32, subleaf: UInt32, id: UInt32) {
    switch leaf {
    case 1:
      values.1 = values.1 & 0xffff | min(vcpus, 255) << 16 | (id & 0xff) << 24
      // There is a hypervisor. MONITOR and x2APIC are not there.
      values.2 |= 1 << 31
      values.2 &= ~(1 << 3 | 1 << 21)
      // SSE3.
      values.2 |= 1 << 0
      values.3 |= Self.unlisted
      values.2 = hasLocalControllers ? values.2 | 1 << 24 : values.2 & ~(1 << 24)
      values.3 = hasLocalControllers ? values.3 | 1 << 9 : values.3 & ~(1 << 9)
      values.3 = vcpus > 1 ? values.3 | 1 << 28 : values.3 & ~(1 << 28)
    case 0xb:
      // Threads of a core, cores of the processor, and the end.
      let level: (shift: UInt32, count: UInt32, kind: UInt32) =
        switch subleaf {
        case 0: (0, 1, 1)
        case 1: (numberBits, min(vcpus, 0xffff), 2)
        default: (0, 0, 0)
        }
      values = (level.shift, level.count, level.kind << 8 | subleaf & 0xff, id)
    case 0x4000_0000:
      values = (
        0x4000_0001, ParavirtualClock.signature.0, ParavirtualClock.signature.1, ParavirtualClock.signature.2
      )
    case 0x4000_0001:
      values = (ParavirtualClock.features, 0, 0, 0)
    case 0x8000_0001:
      // SYSCALL, no-execute, and what leaf 1 has; neither 3DNow! nor SKINIT.
      let listed = Self.unlisted | 1 << 8 | 1 << 15 | 1 << 24 | (hasLocalControllers ? 1 << 9 : 0)
      values.3 = values.3 & ~(1 << 31 | 1 << 30) | 1 << 11 | 1 << 20 | listed & Self.again
      values.2 &= ~(1 << 12 | 1 << 2)
      values.2 = vcpus > 1 ? values.2 | 1 << 1 : values.2 & ~(1 << 1)
    case 0x8000_0008:
      values.2 = min(vcpus - 1, 255) | min(numberBits, 15) << 12
    default: break
    }
  }
}
