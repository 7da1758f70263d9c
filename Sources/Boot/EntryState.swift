import Engine

extension BootPlan.Entry {
  /// Sets the registers of the first vCPU as the boot protocol asks: the mode with its segments, interrupts off, and all
  /// registers zero that the protocol does not name.
  ///
  /// - Throws: what the engine says where it does not take them.
  package func apply(to vcpu: any Vcpu) throws {
    if case .reset(let argument) = mode { return try vcpu.begin(at: instruction, argument: argument) }
    var state = try vcpu.state()
    state.general = CPUState.General()
    state.general.rax = rax
    state.general.rbx = rbx
    state.general.rsi = rsi
    state.general.rsp = rsp
    state.rip = instruction
    state.rflags = 2
    switch mode {
    case .real(let codeBase):
      state.setRealMode(codeBase: codeBase)
      state.rip = instruction - codeBase
    case .protected(let descriptors):
      state.setFlatSegments(descriptors, longMode: false)
      // Whoever goes back to real mode without a table of his own asks a BIOS by this one. As gates its vectors are none.
      if hasRealModeVectors { state.idt.limit = 0x3ff }
      state.cr0 = 1 << 4 | 1  // ET, PE
      state.cr4 = 0
      state.efer = 0
    case .long(let descriptors, let pageTables):
      state.setFlatSegments(descriptors, longMode: true)
      state.cr3 = pageTables
      state.cr4 = 1 << 5  // PAE
      state.cr0 = 1 << 31 | 1 << 4 | 1  // PG, ET, PE
      state.efer = 1 << 10 | 1 << 8  // LMA, LME
    case .reset: break
    }
    try vcpu.setState(state)
  }
}

extension CPUState {
  /// Code from an address below 1 MiB on, data from 0 on.
  fileprivate mutating func setRealMode(codeBase: UInt64) {
    cs.base = codeBase
    cs.selector = UInt16(codeBase >> 4)
    for path in [\CPUState.ds, \.es, \.ss, \.fs, \.gs] {
      self[keyPath: path].base = 0
      self[keyPath: path].selector = 0
    }
  }

  /// Segments of 4 GiB from 0 on, as they stand in a descriptor table.
  fileprivate mutating func setFlatSegments(_ descriptors: BootPlan.Descriptors, longMode: Bool) {
    gdt.base = descriptors.address
    gdt.limit = UInt16(8 * descriptors.count - 1)
    idt.base = 0
    idt.limit = 0
    var code = Segment()
    code.selector = descriptors.code
    code.limit = 0xffff_ffff
    code.type = 11  // code, readable, accessed
    code.isPresent = true
    code.isCodeOrData = true
    code.countsPages = true
    code.is32Bit = !longMode
    code.is64Bit = longMode
    cs = code
    var data = code
    data.selector = descriptors.data
    data.type = 3  // data, writable, accessed
    data.is32Bit = true
    data.is64Bit = false
    setDataSegments(data)
    guard let task = descriptors.task else { return }
    // A task state segment that nothing uses, with the limit that PVH asks for.
    tr.base = 0
    tr.limit = 0x67
    tr.type = 11
    tr.selector = task
  }
}
