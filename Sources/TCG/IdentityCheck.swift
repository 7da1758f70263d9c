import GuestRAM

/// Looks whether a guest's page tables map what is present to itself: libunicorn 2.0 does not translate x86's linear addresses
/// (`handle_mmu_fault` of its qemu/target/i386/excp_helper.c takes them as physical ones), so that any other guest would be
/// executed wrongly without a word.
struct IdentityCheck {
  /// What is mapped elsewhere.
  struct Deviation: Equatable {
    let linear: UInt64
    let physical: UInt64
  }

  private let memory: GuestMemory
  /// Entries that are looked at, at the most: a guest whose tables hold more is not one that maps all to itself in large pages.
  private static let limit = 16_384
  private var looked = 0

  private init(_ memory: GuestMemory) { self.memory = memory }

  /// The first address that is mapped elsewhere, or beyond what can be looked through; nil where paging is off or changes nothing.
  static func firstDeviation(_ state: TranslatorState, _ memory: GuestMemory) -> Deviation? {
    guard state[control: 0] & 1 << 31 != 0 else { return nil }
    var check = IdentityCheck(memory)
    let cr3 = state[control: 3]
    if state.isLongMode {
      let levels = state[control: 4] & 1 << 12 != 0 ? 5 : 4
      return check.look(cr3 & 0x000f_ffff_ffff_f000, level: levels, from: 0, .wide)
    }
    if state[control: 4] & 1 << 5 != 0 {
      return check.look(cr3 & 0xffff_ffe0, level: 3, from: 0, .extension)
    }
    let hasLarge = state[control: 4] & 1 << 4 != 0
    return check.look(cr3 & 0xffff_f000, level: 2, from: 0, hasLarge ? .narrowWithLarge : .narrow)
  }

  /// The forms of tables (Intel SDM volume 3, section 4.1.1).
  private enum Form {
    case wide, `extension`, narrow, narrowWithLarge

    var isNarrow: Bool { self == .narrow || self == .narrowWithLarge }
  }

  private mutating func look(_ table: UInt64, level: Int, from linear: UInt64, _ form: Form) -> Deviation? {
    let bits: UInt64 = form.isNarrow ? 10 : 9
    let shift = 12 + bits * UInt64(level - 1)
    let count = form == .extension && level == 3 ? 4 : UInt64(1) << bits
    for index in 0..<count {
      let address = linear | index << shift
      looked += 1
      guard looked <= Self.limit else { return Deviation(linear: address, physical: .max) }
      guard let entry = entry(table, index, form), entry & 1 != 0 else { continue }
      let isLarge =
        entry & 1 << 7 != 0
        && (form.isNarrow
          ? level == 2 && form == .narrowWithLarge : level == 2 || level == 3 && form == .wide)
      let mask: UInt64 = form.isNarrow ? 0xffff_f000 : 0x000f_ffff_ffff_f000
      if level == 1 || isLarge {
        let physical = entry & mask & ~((1 << shift) - 1)
        if physical != address || isLarge && form.isNarrow && entry >> 13 & 0xff != 0 {
          return Deviation(linear: address, physical: physical)
        }
      } else if let found = look(entry & mask, level: level - 1, from: address, form) {
        return found
      }
    }
    return nil
  }

  private func entry(_ table: UInt64, _ index: UInt64, _ form: Form) -> UInt64? {
    form.isNarrow
      ? (try? memory.read(UInt32.self, at: GuestAddress(table &+ 4 &* index), .little)).map { UInt64($0) }
      : try? memory.read(UInt64.self, at: GuestAddress(table &+ 8 &* index), .little)
  }
}
