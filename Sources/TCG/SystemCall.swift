import CUnicorn
import GuestRAM

/// SYSCALL (AMD64 Architecture Programmer's Manual volume 3, "SYSCALL"; Intel SDM volume 2), which the library leaves to whoever
/// asks for it. It adds the instruction's length to RIP after its callback, so RIP is set to so much less. And SYSENTER (volume 2),
/// which the library passes over.
enum SystemCall {
  /// Model-specific registers.
  private enum Register {
    static let star: UInt32 = 0xc000_0081
    static let longTarget: UInt32 = 0xc000_0082
    static let compatibilityTarget: UInt32 = 0xc000_0083
    static let mask: UInt32 = 0xc000_0084
    static let entryCode: UInt32 = 0x174
    static let entryStack: UInt32 = 0x175
    static let entryTarget: UInt32 = 0x176
  }

  /// Enters the kernel.
  ///
  /// - Returns: the exception that it is instead, if any; nothing has changed then.
  static func enter(_ translator: Translator, _ memory: GuestMemory) -> UInt8? {
    let state = translator.state
    // EFER.SCE.
    guard state.efer & 1 != 0, state.isProtected else { return 6 }
    let length = instructionLength(state, memory)
    let next = state.rip &+ length
    let flags = translator.flags
    let star = cuc_model_specific(translator.processor, Register.star)
    let isLong = state.isLongMode
    state[general: 1] = isLong ? next : next & 0xffff_ffff
    var target = star & 0xffff_ffff
    // VM, IF and RF are cleared where there is no mask.
    var cleared: UInt64 = 1 << 9 | 1 << 16 | 1 << 17
    if isLong {
      state[general: 11] = flags & ~(1 << 16)
      target = cuc_model_specific(
        translator.processor, state.is64Bit ? Register.longTarget : Register.compatibilityTarget)
      cleared = cuc_model_specific(translator.processor, Register.mask) | 1 << 16
    }
    state.rip = target &- length
    setSegments(of: state, UInt16(truncatingIfNeeded: star >> 32) & ~3, isLong: isLong)
    translator.apply()
    translator.flags = flags & ~cleared
    return nil
  }

  /// Enters the kernel by SYSENTER. Arithmetic flags are those of a while ago.
  ///
  /// - Returns: the exception that it is instead, if any; nothing has changed then.
  static func enterFast(_ translator: Translator) -> UInt8? {
    let state = translator.state
    // An AMD processor, as CPUID has it, does not know it in long mode.
    guard !state.isLongMode else { return 6 }
    let selector =
      UInt16(truncatingIfNeeded: cuc_model_specific(translator.processor, Register.entryCode)) & ~3
    guard selector != 0 else { return 13 }
    let flags = translator.flags
    state[general: 4] = cuc_model_specific(translator.processor, Register.entryStack) & 0xffff_ffff
    state.rip = cuc_model_specific(translator.processor, Register.entryTarget) & 0xffff_ffff
    setSegments(of: state, selector, isLong: false)
    translator.apply()
    // VM, IF and RF.
    translator.flags = flags & ~(1 << 9 | 1 << 16 | 1 << 17)
    return nil
  }

  /// Flat segments of privilege 0: present, of code or data, accessed; 4 KiB units; 64 or 32 bits.
  private static func setSegments(of state: TranslatorState, _ selector: UInt16, isLong: Bool) {
    let common: UInt32 = 1 << 15 | 1 << 12 | 1 << 8 | 1 << 23
    let code: UInt32 = common | 0xb << 8 | (isLong ? 1 << 21 : 1 << 22)
    let stack: UInt32 = common | 0x3 << 8 | 1 << 22
    state.set(.cs, selector: selector, base: 0, limit: .max, attributes: code)
    state.set(.ss, selector: selector &+ 8, base: 0, limit: .max, attributes: stack)
    state.deriveHidden()
  }

  /// Has the library, which goes on behind the instruction, go on where RIP is.
  static func compensate(_ translator: Translator, instruction length: UInt64) {
    let state = translator.state
    state.rip &-= length
    translator.apply()
  }

  /// How long the SYSCALL at the instruction pointer is, with its prefixes.
  static func instructionLength(_ state: TranslatorState, _ memory: GuestMemory) -> UInt64 {
    let linear = LinearMemory(state, memory)
    let start = state.base(.cs) &+ state.rip
    // 15 bytes are the most that an instruction has.
    for length in UInt64(2)...15 where linear.read(start &+ length - 2, bytes: 2) == 0x050f { return length }
    return 2
  }
}
