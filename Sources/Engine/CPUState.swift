/// The registers of an x86 processor that boot protocols set and messages tell (Intel SDM volume 1, section 3.2; volume 3,
/// section 2.1).
public struct CPUState: Sendable, Equatable {
  /// A segment register with what the processor holds of its descriptor (Intel SDM volume 3, section 3.4.5).
  package struct Segment: Sendable, Equatable {
    /// The linear address of its first byte.
    package var base: UInt64 = 0
    /// The last offset within it, bytes.
    package var limit: UInt32 = 0
    /// What software loads.
    package var selector: UInt16 = 0
    /// The descriptor's type, 4 bits.
    package var type: UInt8 = 0
    /// Whether it is present.
    package var isPresent = false
    /// The descriptor's privilege level, 0 to 3.
    package var privilegeLevel: UInt8 = 0
    /// D/B: whether operands are of 32 bits by default.
    package var is32Bit = false
    /// S: whether it holds code or data; else it is a system segment.
    package var isCodeOrData = false
    /// L: whether it holds 64-bit code.
    package var is64Bit = false
    /// G: whether the descriptor counts in pages.
    package var countsPages = false
    /// AVL: software's own bit.
    package var isAvailable = false
    /// Whether the processor may not use it, having loaded a null selector.
    package var isUnusable = false

    /// An unusable null segment, but for `isUnusable`.
    package init() {}
  }

  /// A descriptor table register.
  package struct DescriptorTable: Sendable, Equatable {
    /// The linear address of the table.
    package var base: UInt64 = 0
    /// The last offset within it, bytes.
    package var limit: UInt16 = 0

    /// An empty table.
    package init() {}
  }

  /// The general registers, in the order in which instructions number them.
  package struct General: Sendable, Equatable {
    package var rax: UInt64 = 0
    package var rcx: UInt64 = 0
    package var rdx: UInt64 = 0
    package var rbx: UInt64 = 0
    package var rsp: UInt64 = 0
    package var rbp: UInt64 = 0
    package var rsi: UInt64 = 0
    package var rdi: UInt64 = 0
    package var r8: UInt64 = 0
    package var r9: UInt64 = 0
    package var r10: UInt64 = 0
    package var r11: UInt64 = 0
    package var r12: UInt64 = 0
    package var r13: UInt64 = 0
    package var r14: UInt64 = 0
    package var r15: UInt64 = 0
    /// All zero.
    package init() {}
  }

  /// The general registers.
  package var general = General()
  /// The instruction pointer, an offset within CS.
  package var rip: UInt64 = 0
  /// The flags; bit 1 is always set.
  package var rflags: UInt64 = 2
  package var cs = Segment()
  package var ds = Segment()
  package var es = Segment()
  package var fs = Segment()
  package var gs = Segment()
  package var ss = Segment()
  /// The task register.
  package var tr = Segment()
  package var gdt = DescriptorTable()
  package var idt = DescriptorTable()
  package var cr0: UInt64 = 0
  package var cr2: UInt64 = 0
  package var cr3: UInt64 = 0
  package var cr4: UInt64 = 0
  /// The extended feature enable register.
  package var efer: UInt64 = 0

  /// All zero.
  package init() {}

  /// Gives DS, ES, FS, GS and SS the same descriptor.
  package mutating func setDataSegments(_ segment: Segment) {
    (ds, es, fs, gs, ss) = (segment, segment, segment, segment, segment)
  }
}
