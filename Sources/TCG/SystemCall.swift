import CUnicorn
import GuestRAM

/// SYSCALL (AMD64 Architecture Programmer's Manual volume 3, "SYSCALL"; Intel SDM volume 2), which the library leaves to whoever
/// asks for it. It adds the instruction's length to RIP after its callback, so RIP is set to so much less.
enum SystemCall {
  /// Model-specific registers.
  private enum Register {
    static let star: UInt32 = 0xc000_0081
    static let longTarget: UInt32 = 0xc000_0082
    static let compatibilityTarget: UInt32 = 0xc000_0083
    static let mask: UInt32 = 0xc000_0084
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
    let selector = UInt16(truncatingIfNeeded: star >> 32) & ~3
    // Flat segments of privilege 0: present, of code or data, accessed; 4 KiB units; 64 or 32 bits.
    let common: UInt32 = 1 << 15 | 1 << 12 | 1 << 8 | 1 << 23
    let code: UInt32 = common | 0xb << 8 | (isLong ? 1 << 21 : 1 << 22)
    let stack: UInt32 = common | 0x3 << 8 | 1 << 22
    state.set(.cs, selector: selector, base: 0, limit: .max, attributes: code)
    state.set(.ss, selector: selector &+ 8, base: 0, limit: .max, attributes: stack)
    state.deriveHidden()
    translator.apply()
    translator.flags = flags & ~cleared
    return nil
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
