import CUnicorn
import Platform

/// What a guest asks its processor by CPUID, RDMSR and WRMSR, as far as the library does not know.
extension TCGVcpu {
  /// CPUID.
  func identify(_ leaf: UInt32, _ subleaf: UInt32, _ values: UnsafeMutablePointer<UInt32>) {
    var answer = (values[0], values[1], values[2], values[3])
    var processor = machine.processor
    processor.hasLocalControllers = processor.hasLocalControllers && apicBase.isOn
    processor.complete(&answer, leaf: leaf, subleaf: subleaf, id: id)
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
    guard machine.hasLocalControllers else { return index == UInt32(CUC_TASK_PRIORITY) ? taskPriority : nil }
    switch index {
    case UInt32(CUC_TASK_PRIORITY):
      return lock.withLock { UInt64(arrivals.apic.read(LocalAPIC.taskPriority, now: 0) >> 4) }
    case Register.base: return apicBase.value
    case Register.deadline: return lock.withLock { arrivals.apic.timeStampDeadline }
    default: return nil
    }
  }

  /// Who does a WRMSR.
  enum Write: Int {
    case library = 0
    case done = 1
    /// A general protection exception.
    case refused = 2
  }

  /// WRMSR.
  func writeModelSpecific(_ index: UInt32, _ value: UInt64) -> Write {
    if index == ParavirtualClock.wallClock || index == ParavirtualClock.systemTime {
      clocks[index] = value
      machine.clock.publish(index, value, kHz: machine.timeStampCounterKHz ?? 1, to: machine.memory)
      return .done
    }
    guard machine.hasLocalControllers else {
      guard index == UInt32(CUC_TASK_PRIORITY) else { return .library }
      taskPriority = value
      return .done
    }
    switch index {
    case UInt32(CUC_TASK_PRIORITY):
      writeLocalAPIC(LocalAPIC.taskPriority, UInt32(truncatingIfNeeded: value) << 4, translator)
    case Register.base: return writeBase(value)
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
    default: return .library
    }
    return .done
  }

  private func writeBase(_ value: UInt64) -> Write {
    let wasOn = apicBase.isOn
    guard apicBase.write(value) else { return .refused }
    // Off, it forgets everything; on again, it is as after power-on, but what firmware did (section 11.4.3).
    if apicBase.isOn != wasOn {
      lock.withLock { arrivals.apic = LocalAPIC(identity: id, isOn: !wasOn) }
      machine.setTimer(of: id, at: nil)
    }
    return .done
  }
}
