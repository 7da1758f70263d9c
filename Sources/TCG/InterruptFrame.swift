import CUnicorn
import GuestRAM

/// What a processor does to take an interrupt or exception: looks up the gate, switches the stack where privilege rises, and
/// pushes what IRET takes back (Intel SDM volume 3, sections 6.12 to 6.14 and 21.1.4).
struct InterruptFrame {
  /// What is taken.
  enum Event: Equatable {
    /// An interrupt from outside, or the non-maskable one.
    case external(UInt8)
    /// INT and its kin: the gate's privilege is looked at, and the instruction pointer is behind it.
    case software(UInt8)
    /// An exception with what is pushed for it, if anything.
    case fault(UInt8, code: UInt32?)

    var vector: UInt8 {
      switch self {
      case .external(let vector), .software(let vector), .fault(let vector, _): vector
      }
    }
  }

  /// Why one cannot be taken: another exception.
  private struct Refusal: Error {
    let vector: UInt8
    let code: UInt32
  }

  private let translator: Translator
  private let state: TranslatorState
  private let memory: LinearMemory
  private let flags: UInt64

  private init(_ translator: Translator, _ memory: GuestMemory) {
    self.translator = translator
    state = translator.state
    self.memory = LinearMemory(state, memory)
    flags = translator.flags
  }

  /// Has a processor take an event; where that is another exception, that one, and then a double fault.
  ///
  /// - Returns: false for a triple fault.
  static func deliver(_ event: Event, to translator: Translator, memory: GuestMemory) -> Bool {
    do throws(Refusal) {
      try InterruptFrame(translator, memory).enter(event)
      return true
    } catch {
      if case .software(let vector) = event { goBack(before: vector, translator, memory) }
      // A fault while an exception that may cause others is delivered is a double one (section 6.15, table 6-5).
      let isContributory =
        if case .fault(let vector, _) = event { [0, 10, 11, 12, 13, 14].contains(vector) } else { false }
      if event.vector == 8, case .fault = event { return false }
      return deliver(
        isContributory ? .fault(8, code: 0) : .fault(error.vector, code: error.code), to: translator,
        memory: memory)
    }
  }

  /// What is wrong with an INT is told with its own address, and not with that behind it.
  private static func goBack(before vector: UInt8, _ translator: Translator, _ memory: GuestMemory) {
    // As it was: part of the way may have been gone.
    let state = translator.state
    let last = LinearMemory(state, memory).read(state.base(.cs) &+ state.rip &- 2, bytes: 2)
    // INT has its vector in a second byte; INT3 and INTO are one.
    state.rip &-= last == UInt64(vector) << 8 | 0xcd ? 2 : 1
    translator.apply()
  }

  private func enter(_ event: Event) throws(Refusal) {
    if !state.isProtected {
      try enterRealMode(event)
    } else if state.isLongMode {
      try enterLongMode(event)
    } else {
      try enterProtectedMode(event)
    }
  }

  /// The error code that names a gate.
  private func gateError(_ event: Event) -> UInt32 {
    let isExternal = if case .software = event { false } else { true }
    return UInt32(event.vector) * 8 + 2 + (isExternal ? 1 : 0)
  }

  private func enterRealMode(_ event: Event) throws(Refusal) {
    let place = UInt64(event.vector) * 4
    guard place + 3 <= UInt64(state.limit(.interruptTable)),
      let target = memory.read(state.base(.interruptTable) &+ place, bytes: 4)
    else { throw Refusal(vector: 13, code: 0) }
    var stack = state[general: 4]
    for value in [flags, UInt64(state.selector(.cs)), state.rip] {
      stack = stack & ~0xffff | (stack &- 2) & 0xffff
      guard memory.write(value & 0xffff, at: state.base(.ss) &+ stack & 0xffff, bytes: 2) else {
        throw Refusal(vector: 12, code: 0)
      }
    }
    state[general: 4] = stack
    let selector = UInt16(truncatingIfNeeded: target >> 16)
    state.set(
      .cs, selector: selector, base: UInt64(selector) << 4, limit: state.limit(.cs),
      attributes: state.attributes(.cs))
    state.rip = target & 0xffff
    finish(clearing: 1 << 9 | 1 << 8 | 1 << 18)
  }

  /// A gate of the interrupt table.
  private struct Gate {
    let selector: UInt16
    let offset: UInt64
    let isInterrupt: Bool
    let is32Bit: Bool
    let stack: UInt8
  }

  private func gate(_ event: Event) throws(Refusal) -> Gate {
    let size: UInt64 = state.isLongMode ? 16 : 8
    let place = UInt64(event.vector) * size
    let refusal = Refusal(vector: 13, code: gateError(event))
    guard place + size - 1 <= UInt64(state.limit(.interruptTable)),
      let low = memory.read(state.base(.interruptTable) &+ place, bytes: 8)
    else { throw refusal }
    let type = low >> 40 & 0x1f
    let isKnown = state.isLongMode ? [0xe, 0xf].contains(type) : [0x6, 0x7, 0xe, 0xf].contains(type)
    guard isKnown else { throw refusal }
    if case .software = event, low >> 45 & 3 < UInt64(state.privilege) { throw refusal }
    guard low >> 47 & 1 != 0 else { throw Refusal(vector: 11, code: gateError(event)) }
    var offset = low & 0xffff | low >> 32 & 0xffff_0000
    if type & 8 == 0 { offset &= 0xffff }
    if state.isLongMode {
      guard let high = memory.read(state.base(.interruptTable) &+ place &+ 8, bytes: 4) else { throw refusal }
      offset |= high << 32
    }
    return Gate(
      selector: UInt16(truncatingIfNeeded: low >> 16), offset: offset, isInterrupt: type & 1 == 0,
      is32Bit: type & 8 != 0, stack: UInt8(low >> 32 & 7))
  }

  /// A descriptor with where it is.
  private struct Descriptor {
    let selector: UInt16
    let place: UInt64
    let value: UInt64

    var attributes: UInt32 { UInt32(truncatingIfNeeded: value >> 32) & 0x00f0_ff00 }
    var base: UInt64 { value >> 16 & 0xff_ffff | value >> 32 & 0xff00_0000 }
    var limit: UInt32 {
      let raw = UInt32(truncatingIfNeeded: value & 0xffff | value >> 32 & 0xf_0000)
      return value >> 55 & 1 != 0 ? raw << 12 | 0xfff : raw
    }
    var privilege: UInt8 { UInt8(value >> 45 & 3) }
    var isPresent: Bool { value >> 47 & 1 != 0 }
    var isCode: Bool { value >> 43 & 3 == 3 }
    var isConforming: Bool { value >> 42 & 1 != 0 }
    var isWritableData: Bool { value >> 43 & 3 == 2 && value >> 41 & 1 != 0 }
  }

  private func descriptor(_ selector: UInt16, refusal vector: UInt8) throws(Refusal) -> Descriptor {
    let refusal = Refusal(vector: vector, code: UInt32(selector & ~3))
    let table: TranslatorState.Segment = selector & 4 != 0 ? .localTable : .globalTable
    let index = UInt64(selector & ~7)
    guard index != 0 || selector & 4 != 0, index + 7 <= UInt64(state.limit(table)),
      let value = memory.read(state.base(table) &+ index, bytes: 8)
    else { throw refusal }
    return Descriptor(selector: selector, place: state.base(table) &+ index, value: value)
  }

  /// The code segment of a gate, with the privilege that it runs with.
  private func code(_ gate: Gate) throws(Refusal) -> (descriptor: Descriptor, privilege: UInt8) {
    let code = try descriptor(gate.selector, refusal: 13)
    guard code.isCode, code.privilege <= state.privilege else {
      throw Refusal(vector: 13, code: UInt32(gate.selector & ~3))
    }
    guard code.isPresent else { throw Refusal(vector: 11, code: UInt32(gate.selector & ~3)) }
    return (code, code.isConforming ? state.privilege : code.privilege)
  }

  private func load(_ segment: TranslatorState.Segment, _ descriptor: Descriptor, privilege: UInt8) {
    // The processor notes that it was used.
    _ = memory.write(descriptor.value >> 40 & 0xff | 1, at: descriptor.place &+ 5, bytes: 1)
    state.set(
      segment, selector: descriptor.selector & ~3 | UInt16(privilege), base: descriptor.base,
      limit: descriptor.limit, attributes: descriptor.attributes | 1 << 8)
  }

  private func enterProtectedMode(_ event: Event) throws(Refusal) {
    let gate = try gate(event)
    let (code, privilege) = try code(gate)
    let width = gate.is32Bit ? 4 : 2
    let isVirtual8086 = flags & 1 << 17 != 0
    guard !isVirtual8086 else { throw Refusal(vector: 13, code: 0) }
    let old = (selector: UInt64(state.selector(.ss)), pointer: state[general: 4])
    var values = [flags, UInt64(state.selector(.cs)), state.rip]
    if case .fault(_, let code?) = event { values.append(UInt64(code)) }
    var stack = old.pointer
    var base = state.base(.ss)
    var isWide = state.attributes(.ss) & 1 << 22 != 0
    if privilege < state.privilege {
      // From the task's segment (section 7.2.1).
      let place = 4 + 8 * UInt64(privilege)
      guard place + 5 <= UInt64(state.limit(.task)),
        let pointer = memory.read(state.base(.task) &+ place, bytes: 4),
        let selector = memory.read(state.base(.task) &+ place &+ 4, bytes: 2)
      else { throw Refusal(vector: 10, code: UInt32(state.selector(.task) & ~3)) }
      let descriptor = try descriptor(UInt16(truncatingIfNeeded: selector), refusal: 10)
      guard descriptor.isWritableData, descriptor.isPresent, descriptor.privilege == privilege else {
        throw Refusal(vector: 10, code: UInt32(selector & ~3))
      }
      load(.ss, descriptor, privilege: privilege)
      values.insert(contentsOf: [old.selector, old.pointer], at: 0)
      (stack, base, isWide) = (pointer, descriptor.base, descriptor.value >> 54 & 1 != 0)
    }
    let mask: UInt64 = isWide ? 0xffff_ffff : 0xffff
    for value in values {
      stack = stack & ~mask | (stack &- UInt64(width)) & mask
      guard memory.write(value, at: (base &+ stack & mask) & 0xffff_ffff, bytes: width) else {
        throw Refusal(vector: 12, code: 0)
      }
    }
    state[general: 4] = stack
    load(.cs, code, privilege: privilege)
    state.rip = gate.offset
    finish(clearing: 1 << 8 | 1 << 14 | 1 << 16 | 1 << 17 | (gate.isInterrupt ? 1 << 9 : 0))
  }

  private func enterLongMode(_ event: Event) throws(Refusal) {
    let gate = try gate(event)
    let (code, privilege) = try code(gate)
    guard code.value >> 53 & 3 == 1 else { throw Refusal(vector: 13, code: UInt32(gate.selector & ~3)) }
    let old = (selector: UInt64(state.selector(.ss)), pointer: state[general: 4])
    var stack = old.pointer
    if gate.stack != 0 || privilege < state.privilege {
      // The interrupt stack table, or the stack of the privilege (section 7.7).
      let place = gate.stack != 0 ? 36 + 8 * UInt64(gate.stack - 1) : 4 + 8 * UInt64(privilege)
      guard place + 7 <= UInt64(state.limit(.task)),
        let pointer = memory.read(state.base(.task) &+ place, bytes: 8)
      else { throw Refusal(vector: 10, code: UInt32(state.selector(.task) & ~3)) }
      stack = pointer
    }
    stack &= ~0xf
    var values = [old.selector, old.pointer, flags, UInt64(state.selector(.cs)), state.rip]
    if case .fault(_, let code?) = event { values.append(UInt64(code)) }
    for value in values {
      stack &-= 8
      guard memory.write(value, at: stack, bytes: 8) else { throw Refusal(vector: 12, code: 0) }
    }
    state[general: 4] = stack
    if privilege < state.privilege {
      // A null selector of that privilege.
      state.set(
        .ss, selector: UInt16(privilege), base: 0, limit: .max,
        attributes: 1 << 15 | 1 << 12 | 3 << 8 | 1 << 22 | 1 << 23 | UInt32(privilege) << 13)
    }
    load(.cs, code, privilege: privilege)
    state.rip = gate.offset
    finish(clearing: 1 << 8 | 1 << 14 | 1 << 16 | 1 << 17 | (gate.isInterrupt ? 1 << 9 : 0))
  }

  private func finish(clearing mask: UInt64) {
    state.deriveHidden()
    state.hidden &= ~UInt32(CUC_HF_INHIBIT_INTERRUPTS)
    translator.apply()
    translator.flags = flags & ~mask
  }
}
