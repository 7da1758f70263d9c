/// The registers of an x86 processor that boot protocols set and messages tell (Intel SDM volume 1, section 3.2; volume 3,
/// section 2.1).
public struct CPUState: Sendable, Equatable {
  /// A segment register with what the processor holds of its descriptor (Intel SDM volume 3, section 3.4.5).
  public struct Segment: Sendable, Equatable {
    /// The linear address of its first byte.
    public var base: UInt64 = 0
    /// The last offset within it, bytes.
    public var limit: UInt32 = 0
    /// What software loads.
    public var selector: UInt16 = 0
    /// The descriptor's type, 4 bits.
    public var type: UInt8 = 0
    /// Whether it is present.
    public var isPresent = false
    /// The descriptor's privilege level, 0 to 3.
    public var privilegeLevel: UInt8 = 0
    /// D/B: whether operands are of 32 bits by default.
    public var is32Bit = false
    /// S: whether it holds code or data; else it is a system segment.
    public var isCodeOrData = false
    /// L: whether it holds 64-bit code.
    public var is64Bit = false
    /// G: whether the descriptor counts in pages.
    public var countsPages = false
    /// AVL: software's own bit.
    public var isAvailable = false
    /// Whether the processor may not use it, having loaded a null selector.
    public var isUnusable = false

    /// An unusable null segment, but for `isUnusable`.
    public init() {}
  }

  /// A descriptor table register.
  public struct DescriptorTable: Sendable, Equatable {
    /// The linear address of the table.
    public var base: UInt64 = 0
    /// The last offset within it, bytes.
    public var limit: UInt16 = 0

    /// An empty table.
    public init() {}
  }

  /// The general registers, in the order in which instructions number them.
  public struct General: Sendable, Equatable {
    public var rax: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rbx: UInt64 = 0
    public var rsp: UInt64 = 0
    public var rbp: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var r8: UInt64 = 0
    public var r9: UInt64 = 0
    public var r10: UInt64 = 0
    public var r11: UInt64 = 0
    public var r12: UInt64 = 0
    public var r13: UInt64 = 0
    public var r14: UInt64 = 0
    public var r15: UInt64 = 0
    /// All zero.
    public init() {}
  }

  /// The general registers.
  public var general = General()
  /// The instruction pointer, an offset within CS.
  public var rip: UInt64 = 0
  /// The flags; bit 1 is always set.
  public var rflags: UInt64 = 2
  public var cs = Segment()
  public var ds = Segment()
  public var es = Segment()
  public var fs = Segment()
  public var gs = Segment()
  public var ss = Segment()
  /// The task register.
  public var tr = Segment()
  public var gdt = DescriptorTable()
  public var idt = DescriptorTable()
  public var cr0: UInt64 = 0
  public var cr2: UInt64 = 0
  public var cr3: UInt64 = 0
  public var cr4: UInt64 = 0
  /// The extended feature enable register.
  public var efer: UInt64 = 0

  /// All zero.
  public init() {}

  /// Gives DS, ES, FS, GS and SS the same descriptor.
  public mutating func setDataSegments(_ segment: Segment) {
    (ds, es, fs, gs, ss) = (segment, segment, segment, segment, segment)
  }
}
