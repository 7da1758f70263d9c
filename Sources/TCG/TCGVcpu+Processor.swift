import CUnicorn
import Platform

/// What a guest asks its processor by CPUID, RDMSR and WRMSR, as far as the library does not know.
extension TCGVcpu {
  /// CPUID.
  func identify(_ leaf: UInt32, _ subleaf: UInt32, _ values: UnsafeMutablePointer<UInt32>) {
    var answer = (values[0], values[1], values[2], values[3])
    machine.processor.complete(&answer, leaf: leaf, subleaf: subleaf, id: id)
    (values[0], values[1], values[2], values[3]) = answer
  }

  /// Model-specific registers (Intel SDM volume 4).
  private enum Register {
    static let base: UInt32 = 0x1b
    static let memoryTypes: UInt32 = 0xfe
    static let deadline: UInt32 = 0x6e0
  }

  /// RDMSR; nil: the library knows.
  func readModelSpecific(_ index: UInt32) -> UInt64? {
    // IA32_MTRRCAP: eight variable ranges, the fixed ones, write-combining.
    if index == Register.memoryTypes { return 8 | 1 << 8 | 1 << 10 }
    if index == ParavirtualClock.wallClock || index == ParavirtualClock.systemTime {
      return clocks[index] ?? 0
    }
    guard machine.hasLocalControllers else { return nil }
    switch index {
    case UInt32(CUC_TASK_PRIORITY):
      return lock.withLock { UInt64(arrivals.apic.read(LocalAPIC.taskPriority, now: 0) >> 4) }
    // Enabled, and the first vCPU is who boots.
    case Register.base: return LocalAPIC.base | 1 << 11 | (id == 0 ? 1 << 8 : 0)
    case Register.deadline: return lock.withLock { arrivals.apic.timeStampDeadline }
    default: return nil
    }
  }

  /// WRMSR; false: the library knows.
  func writeModelSpecific(_ index: UInt32, _ value: UInt64) -> Bool {
    if index == ParavirtualClock.wallClock || index == ParavirtualClock.systemTime {
      clocks[index] = value
      machine.clock.publish(index, value, kHz: machine.timeStampCounterKHz ?? 1, to: machine.memory)
      return true
    }
    guard machine.hasLocalControllers else { return false }
    switch index {
    case UInt32(CUC_TASK_PRIORITY):
      writeLocalAPIC(LocalAPIC.taskPriority, UInt32(truncatingIfNeeded: value) << 4, translator)
    // Where it is stays.
    case Register.base: break
    case Register.deadline:
      let now = Clock.correlate()
      let ticks = value > now.timeStampCounter ? value - now.timeStampCounter : 0
      let kHz = UInt64(max(machine.timeStampCounterKHz ?? 1, 1))
      let product = ticks.multipliedFullWidth(by: 1_000_000)
      let nanoseconds = product.high < kHz ? kHz.dividingFullWidth(product).quotient : .max
      let (due, isFar) = now.monotonic.addingReportingOverflow(nanoseconds)
      let deadline = lock.withLock { () -> UInt64?? in
        guard arrivals.apic.setDeadline(value, due: isFar ? .max : due) else { return nil }
        return arrivals.apic.deadline
      }
      if let deadline { machine.setTimer(of: id, at: deadline) }
    default: return false
    }
    return true
  }
}
