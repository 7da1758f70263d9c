/// IA32_APIC_BASE (Intel SDM volume 3, section 11.4.4): where a local APIC's registers are, and whether it is on.
struct APICBase: Equatable {
  private enum Bit {
    static let isFirst: UInt64 = 1 << 8
    static let isOn: UInt64 = 1 << 11
  }
  /// Pages of a physical address of 40 bits, as CPUID has it. The bit for x2APIC is reserved here.
  private static let pages: UInt64 = 0xff_ffff_f000

  private(set) var value: UInt64

  /// At power-on.
  ///
  /// - Parameter isFirst: whether its processor is the one that boots.
  init(isFirst: Bool) { value = LocalAPIC.base | Bit.isOn | (isFirst ? Bit.isFirst : 0) }

  var isOn: Bool { value & Bit.isOn != 0 }
  /// The physical address of its page of registers; nil: it is off.
  var page: UInt64? { isOn ? value & Self.pages : nil }

  /// WRMSR.
  ///
  /// - Returns: false where reserved bits are set, which is a general protection exception: nothing has changed.
  mutating func write(_ value: UInt64) -> Bool {
    guard value & ~(Self.pages | Bit.isFirst | Bit.isOn) == 0 else { return false }
    self.value = value
    return true
  }
}
