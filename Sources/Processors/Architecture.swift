/// What kind of processor a guest is written for.
public enum Architecture: String, Sendable, Codable, CaseIterable {
  /// x86, with its 16-bit, 32-bit and 64-bit modes.
  case x86 = "x86_64"
  /// Arm, the 64-bit instruction set, little-endian.
  case aarch64
  /// MIPS32, big-endian.
  case mips
  /// PowerPC, 32-bit, big-endian.
  case ppc
  /// IBM's z/Architecture, big-endian.
  case s390x
  /// RISC-V with 64-bit registers, little-endian.
  case riscv64

  /// Whether the byte with the highest bits of a number comes first in its memory.
  public var isBigEndian: Bool {
    switch self {
    case .x86, .aarch64, .riscv64: false
    case .mips, .ppc, .s390x: true
    }
  }

  /// The physical address behind the one by which code without page tables reaches memory.
  ///
  /// MIPS has windows into the first 512 MiB: kseg0 from 0x80000000 on, cached, and kseg1 from 0xa0000000 on, not (MIPS32 Architecture
  /// for Programmers, volume III, section 4.3).
  public func physical(_ address: UInt64) -> UInt64 {
    guard self == .mips else { return address }
    let low = address & 0xffff_ffff
    return 0x8000_0000..<0xc000_0000 ~= low ? low & 0x1fff_ffff : low
  }

  /// The address by which code without page tables reaches RAM at a physical one.
  public func virtual(_ address: UInt64) -> UInt64 { self == .mips ? address + 0x8000_0000 : address }

  /// The same for registers of devices.
  public func register(_ address: UInt64) -> UInt64 { self == .mips ? address + 0xa000_0000 : address }
}
