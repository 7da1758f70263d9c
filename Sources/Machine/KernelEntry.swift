import Boot
import CKVM
import KVM

extension BootPlan.Entry {
  /// Sets the registers of the first vCPU as the boot protocol asks: flat segments, interrupts off, and 64-bit mode or
  /// 32-bit protected mode without paging.
  func apply(to vcpu: borrowing Vcpu) throws(MachineError) {
    do {
      var system = try vcpu.systemRegisters()
      var code = kvm_segment()
      code.selector = 0x10
      code.limit = 0xffff_ffff
      code.type = 11  // code, readable, accessed
      code.present = 1
      code.s = 1
      code.g = 1
      code.db = isLongMode ? 0 : 1
      code.l = isLongMode ? 1 : 0
      system.cs = code
      var data = code
      data.selector = 0x18
      data.type = 3  // data, writable, accessed
      data.db = 1
      data.l = 0
      for path in [\kvm_sregs.ds, \.es, \.ss, \.fs, \.gs] { system[keyPath: path] = data }
      // A task state segment that nothing uses, with the limit that PVH asks for.
      system.tr.base = 0
      system.tr.limit = 0x67
      system.tr.type = 11
      system.tr.selector = 0x20
      system.gdt.base = descriptors
      system.gdt.limit = 6 * 8 - 1
      system.idt.base = 0
      system.idt.limit = 0
      system.cr0 = 1 << 4 | 1  // ET, PE
      system.cr4 = 0
      system.efer = 0
      if isLongMode {
        system.cr3 = pageTables
        system.cr4 = 1 << 5  // PAE
        system.cr0 |= 1 << 31  // PG
        system.efer = 1 << 10 | 1 << 8  // LMA, LME
      }
      try vcpu.setSystemRegisters(system)
      var registers = kvm_regs()
      registers.rip = instruction
      registers.rflags = 2
      registers.rax = rax
      registers.rbx = rbx
      registers.rsi = rsi
      registers.rsp = rsp
      try vcpu.setRegisters(registers)
    } catch {
      throw MachineError("setting the vCPU's state at entry: \(error)")
    }
  }
}
