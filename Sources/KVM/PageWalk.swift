import CKVM
import GuestRAM

/// A guest's page tables, as the processor walks them for a kernel's access (Intel SDM volume 3, chapter 4). KVM_TRANSLATE does not
/// say what may be written.
struct PageWalk {
  let memory: GuestMemory
  let system: kvm_sregs
  /// RFLAGS, of which AC allows a kernel to touch its users' pages.
  let flags: UInt64
  /// Whether the guest's processor has pages of 1 GiB, by its CPUID.
  let hasGigabytePages: Bool

  private static let present: UInt64 = 1
  private static let writable: UInt64 = 1 << 1
  private static let ofUsers: UInt64 = 1 << 2
  private static let accessed: UInt64 = 1 << 5
  private static let dirty: UInt64 = 1 << 6
  private static let large: UInt64 = 1 << 7

  /// Levels of the tables, with how many bits of an address each takes, the first first, and bytes of an entry.
  private var form: (bits: [UInt64], entrySize: UInt64) {
    if system.efer & 1 << 10 != 0 {
      return ([UInt64](repeating: 9, count: system.cr4 & 1 << 12 != 0 ? 5 : 4), 8)
    }
    return system.cr4 & 1 << 5 != 0 ? ([2, 9, 9], 8) : ([10, 10], 4)
  }

  /// The guest physical address behind a linear one, for a kernel; notes in the tables that it was accessed.
  ///
  /// - Returns: nil where the access would be a page fault, or the tables are not in RAM.
  func physical(_ linear: UInt64, writing: Bool) -> UInt64? {
    guard system.cr0 & 1 << 31 != 0 else { return linear }
    let (bits, entrySize) = form
    var table = entrySize == 4 ? system.cr3 & 0xffff_f000 : system.cr3 & 0x000f_ffff_ffff_f000
    // The four entries of the first table are not in a page of their own.
    if bits[0] == 2 { table = system.cr3 & 0xffff_ffe0 }
    var shift = 12 + bits.reduce(0, +)
    var isWritable = true
    var isOfUsers = true
    for (level, width) in bits.enumerated() {
      shift -= width
      let place = GuestAddress(table + entrySize * (linear >> shift & (1 << width - 1)))
      guard let entry = read(place, entrySize), entry & Self.present != 0 else { return nil }
      // Those four have no rights.
      let hasRights = width != 2
      if hasRights {
        isWritable = isWritable && entry & Self.writable != 0
        isOfUsers = isOfUsers && entry & Self.ofUsers != 0
      }
      // Pages of 4 KiB, and by the last tables but one or two larger ones; with entries of four bytes only where CR4.PSE says so.
      let left = bits.count - 1 - level
      guard !hasReservedBits(entry, entrySize, left: left, hasRights: hasRights) else { return nil }
      let isLarge =
        hasRights && (1...2).contains(left) && entry & Self.large != 0
        && (entrySize == 8 || system.cr4 & 1 << 4 != 0)
      guard left == 0 || isLarge else {
        if hasRights { note(Self.accessed, in: entry, at: place) }
        table = entrySize == 4 ? entry & 0xffff_f000 : entry & 0x000f_ffff_ffff_f000
        continue
      }
      // A kernel writes to what is not writable where CR0.WP is clear, and with SMAP touches users' pages only when it says so.
      guard isWritable || !writing || system.cr0 & 1 << 16 == 0 else { return nil }
      guard !isOfUsers || system.cr4 & 1 << 21 == 0 || flags & 1 << 18 != 0 else { return nil }
      note(writing ? Self.accessed | Self.dirty : Self.accessed, in: entry, at: place)
      return base(entry, entrySize, shift) | linear & (1 << shift - 1)
    }
    return nil
  }

  /// Whether an entry has bits that make it a page fault (tables 4-4 to 4-21), as far as they do not depend on how many bits the
  /// processor has of addresses: what lies beyond those is no RAM.
  private func hasReservedBits(_ entry: UInt64, _ entrySize: UInt64, left: Int, hasRights: Bool) -> Bool {
    let isLarge = hasRights && left > 0 && entry & Self.large != 0
    guard entrySize == 8 else {
      // Of pages of 4 MiB, as KVM has them, with 36 bits.
      return isLarge && system.cr4 & 1 << 4 != 0 && entry & 0x3e_0000 != 0
    }
    let isLong = system.efer & 1 << 10 != 0
    var reserved: UInt64 = system.efer & 1 << 11 == 0 ? 1 << 63 : 0
    if !isLong { reserved |= 0x7ff0_0000_0000_0000 }
    if isLarge {
      reserved |= left == 1 ? 0x1f_e000 : left == 2 && hasGigabytePages ? 0x3fff_e000 : Self.large
    }
    if !hasRights { reserved |= 0xfff0_0000_0000_01e6 }
    return entry & reserved != 0
  }

  private func base(_ entry: UInt64, _ entrySize: UInt64, _ shift: UInt64) -> UInt64 {
    if entrySize == 8 { return entry & 0x000f_ffff_ffff_ffff & ~(1 << shift - 1) }
    // A page of 4 MiB has the highest bits of its address in bits 13 to 20 (PSE-36).
    return shift == 12 ? entry & 0xffff_f000 : entry & 0xffc0_0000 | (entry >> 13 & 0xff) << 32
  }

  private func read(_ place: GuestAddress, _ size: UInt64) -> UInt64? {
    size == 8
      ? try? memory.read(UInt64.self, at: place, .little)
      : (try? memory.read(UInt32.self, at: place, .little)).map { UInt64($0) }
  }

  /// All three flags are in the entry's first byte.
  private func note(_ flags: UInt64, in entry: UInt64, at place: GuestAddress) {
    guard entry & flags != flags else { return }
    try? memory.write(UInt8(truncatingIfNeeded: entry | flags), at: place, .little)
  }
}
