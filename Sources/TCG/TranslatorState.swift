import CUnicorn
import Engine

/// The registers of a processor as the library keeps them, in the vCPU's own copy: to be looked at between `cuc_state` and
/// `cuc_set_state`. All places are constants that `cuc_load` has checked.
struct TranslatorState {
  private let bytes: UnsafeMutablePointer<UInt8>

  init(_ bytes: UnsafeMutablePointer<UInt8>) { self.bytes = bytes }

  /// The library's order of segment registers and tables.
  enum Segment: Int {
    case es, cs, ss, ds, fs, gs, localTable, task, globalTable, interruptTable
  }

  private func load<Value: FixedWidthInteger>(_ place: Int, _: Value.Type) -> Value {
    precondition(place >= 0 && place + Value.bitWidth / 8 <= CUC_STATE_SIZE)
    return UnsafeRawPointer(bytes).loadUnaligned(fromByteOffset: place, as: Value.self)
  }

  private func store<Value: FixedWidthInteger>(_ value: Value, _ place: Int) {
    precondition(place >= 0 && place + Value.bitWidth / 8 <= CUC_STATE_SIZE)
    UnsafeMutableRawPointer(bytes).storeBytes(of: value, toByteOffset: place, as: Value.self)
  }

  /// A general register by its number in instructions, 0 to 15.
  subscript(general index: Int) -> UInt64 {
    get { load(CUC_GENERAL + 8 * index, UInt64.self) }
    nonmutating set { store(newValue, CUC_GENERAL + 8 * index) }
  }

  /// A control register, 0 to 4.
  subscript(control index: Int) -> UInt64 {
    get { load(CUC_CONTROL + 8 * index, UInt64.self) }
    nonmutating set { store(newValue, CUC_CONTROL + 8 * index) }
  }

  var rip: UInt64 {
    get { load(CUC_RIP, UInt64.self) }
    nonmutating set { store(newValue, CUC_RIP) }
  }

  var efer: UInt64 {
    get { load(CUC_EFER, UInt64.self) }
    nonmutating set { store(newValue, CUC_EFER) }
  }

  /// What the library knows while it translates.
  var hidden: UInt32 {
    get { load(CUC_HIDDEN_FLAGS, UInt32.self) }
    nonmutating set { store(newValue, CUC_HIDDEN_FLAGS) }
  }

  private func place(_ segment: Segment, _ offset: Int) -> Int {
    CUC_SEGMENTS + CUC_SEGMENT_SIZE * segment.rawValue + offset
  }

  func selector(_ segment: Segment) -> UInt16 {
    UInt16(truncatingIfNeeded: load(place(segment, 0), UInt32.self))
  }
  func base(_ segment: Segment) -> UInt64 { load(place(segment, 8), UInt64.self) }
  func limit(_ segment: Segment) -> UInt32 { load(place(segment, 16), UInt32.self) }
  /// The upper half of a descriptor, without the parts of base and limit.
  func attributes(_ segment: Segment) -> UInt32 { load(place(segment, 20), UInt32.self) }

  func set(_ segment: Segment, selector: UInt16, base: UInt64, limit: UInt32, attributes: UInt32) {
    store(UInt32(selector), place(segment, 0))
    store(base, place(segment, 8))
    store(limit, place(segment, 16))
    store(attributes, place(segment, 20))
  }

  /// The current privilege level.
  var privilege: UInt8 { UInt8(hidden & UInt32(CUC_HF_PRIVILEGE)) }
  /// Whether the last instruction was one that lets the next one be executed before interrupts are taken.
  var inhibitsInterrupts: Bool { hidden & UInt32(CUC_HF_INHIBIT_INTERRUPTS) != 0 }
  var isProtected: Bool { self[control: 0] & 1 != 0 }
  var isLongMode: Bool { efer & 1 << 10 != 0 }
  var is64Bit: Bool { hidden & UInt32(CUC_HF_CS64) != 0 }

  /// Derives what the library knows while it translates from the registers, as its own instructions that set them do.
  func deriveHidden() {
    let kept: UInt32 = hidden & ~0x40_cfff
    let cr0 = UInt32(truncatingIfNeeded: self[control: 0])
    var flags = kept | (cr0 & 1) << 7 | (cr0 & 0xe) << 8
    if self[control: 4] & 1 << 9 != 0 { flags |= UInt32(CUC_HF_OSFXSR) }
    if isLongMode { flags |= UInt32(CUC_HF_LONG_MODE) }
    let code = attributes(.cs)
    let stack = attributes(.ss)
    if isProtected { flags |= stack >> 13 & 3 }
    if isLongMode, code & 1 << 21 != 0 {
      flags |= UInt32(CUC_HF_CS32) | UInt32(CUC_HF_SS32) | UInt32(CUC_HF_CS64)
    } else {
      if code & 1 << 22 != 0 { flags |= UInt32(CUC_HF_CS32) }
      if stack & 1 << 22 != 0 { flags |= UInt32(CUC_HF_SS32) }
      let isFlat = isProtected && code & 1 << 22 != 0 && base(.ds) | base(.es) | base(.ss) == 0
      if !isFlat { flags |= UInt32(CUC_HF_ADDS_SEGMENTS) }
    }
    hidden = flags
  }
}

extension CPUState.Segment {
  /// The upper half of a descriptor, without the parts of base and limit (Intel SDM volume 3, section 3.4.5).
  var attributes: UInt32 {
    var value = UInt32(type) << 8 | UInt32(privilegeLevel) << 13
    if isCodeOrData { value |= 1 << 12 }
    if isPresent, !isUnusable { value |= 1 << 15 }
    if isAvailable { value |= 1 << 20 }
    if is64Bit { value |= 1 << 21 }
    if is32Bit { value |= 1 << 22 }
    if countsPages { value |= 1 << 23 }
    return value
  }

  init(_ state: TranslatorState, _ segment: TranslatorState.Segment) {
    self.init()
    let value = state.attributes(segment)
    base = state.base(segment)
    limit = state.limit(segment)
    selector = state.selector(segment)
    type = UInt8(value >> 8 & 0xf)
    privilegeLevel = UInt8(value >> 13 & 3)
    isCodeOrData = value & 1 << 12 != 0
    isPresent = value & 1 << 15 != 0
    isUnusable = !isPresent
    isAvailable = value & 1 << 20 != 0
    is64Bit = value & 1 << 21 != 0
    is32Bit = value & 1 << 22 != 0
    countsPages = value & 1 << 23 != 0
  }
}

extension CPUState {
  private static var generals: [WritableKeyPath<CPUState.General, UInt64>] {
    [
      \.rax, \.rcx, \.rdx, \.rbx, \.rsp, \.rbp, \.rsi, \.rdi, \.r8, \.r9, \.r10, \.r11, \.r12, \.r13, \.r14,
      \.r15,
    ]
  }
  private static var segments: [(WritableKeyPath<CPUState, CPUState.Segment>, TranslatorState.Segment)] {
    [
      (\.es, .es), (\.cs, .cs), (\.ss, .ss), (\.ds, .ds), (\.fs, .fs), (\.gs, .gs), (\.tr, .task),
    ]
  }

  init(_ state: TranslatorState, flags: UInt64) {
    self.init()
    for (index, path) in CPUState.generals.enumerated() { general[keyPath: path] = state[general: index] }
    rip = state.rip
    rflags = flags
    for (path, segment) in CPUState.segments { self[keyPath: path] = Segment(state, segment) }
    gdt.base = state.base(.globalTable)
    gdt.limit = UInt16(truncatingIfNeeded: state.limit(.globalTable))
    idt.base = state.base(.interruptTable)
    idt.limit = UInt16(truncatingIfNeeded: state.limit(.interruptTable))
    (cr0, cr2) = (state[control: 0], state[control: 2])
    (cr3, cr4) = (state[control: 3], state[control: 4])
    efer = state.efer
  }

  /// Writes all but the flags.
  func write(to state: TranslatorState) {
    for (index, path) in CPUState.generals.enumerated() { state[general: index] = general[keyPath: path] }
    state.rip = rip
    for (path, segment) in CPUState.segments {
      let value = self[keyPath: path]
      state.set(
        segment, selector: value.selector, base: value.base, limit: value.limit, attributes: value.attributes)
    }
    state.set(.globalTable, selector: 0, base: gdt.base, limit: UInt32(gdt.limit), attributes: 0)
    state.set(.interruptTable, selector: 0, base: idt.base, limit: UInt32(idt.limit), attributes: 0)
    state[control: 0] = cr0 | 1 << 4
    state[control: 2] = cr2
    state[control: 3] = cr3
    state[control: 4] = cr4
    state.efer = efer
    state.deriveHidden()
  }
}
