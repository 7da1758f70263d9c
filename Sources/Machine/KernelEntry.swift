import Boot
import Engine

extension BootPlan.Entry {
  /// Sets the registers of the first vCPU as the boot protocol asks: flat segments, interrupts off, and 64-bit mode or
  /// 32-bit protected mode without paging.
  func apply(to vcpu: any Vcpu) throws(MachineError) {
    do {
      var state = try vcpu.state()
      var code = CPUState.Segment()
      code.selector = 0x10
      code.limit = 0xffff_ffff
      code.type = 11  // code, readable, accessed
      code.isPresent = true
      code.isCodeOrData = true
      code.countsPages = true
      code.is32Bit = !isLongMode
      code.is64Bit = isLongMode
      state.cs = code
      var data = code
      data.selector = 0x18
      data.type = 3  // data, writable, accessed
      data.is32Bit = true
      data.is64Bit = false
      state.setDataSegments(data)
      // A task state segment that nothing uses, with the limit that PVH asks for.
      state.tr.base = 0
      state.tr.limit = 0x67
      state.tr.type = 11
      state.tr.selector = 0x20
      state.gdt.base = descriptors
      state.gdt.limit = 6 * 8 - 1
      state.idt.base = 0
      state.idt.limit = 0
      state.cr0 = 1 << 4 | 1  // ET, PE
      state.cr4 = 0
      state.efer = 0
      if isLongMode {
        state.cr3 = pageTables
        state.cr4 = 1 << 5  // PAE
        state.cr0 |= 1 << 31  // PG
        state.efer = 1 << 10 | 1 << 8  // LMA, LME
      }
      state.general = CPUState.General()
      state.rip = instruction
      state.rflags = 2
      state.general.rax = rax
      state.general.rbx = rbx
      state.general.rsi = rsi
      state.general.rsp = rsp
      try vcpu.setState(state)
    } catch {
      throw MachineError("setting the vCPU's state at entry: \(error)")
    }
  }
}
