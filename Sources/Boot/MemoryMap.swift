import Board
import GuestRAM

/// What a guest is told about its memory, as firmware's function 0xE820 would (ACPI 6.4, section 15).
package struct MemoryMap {
  /// A range and what it is.
  struct Entry: Equatable {
    let start: UInt64
    let length: UInt64
    let kind: UInt32
  }

  static let usable: UInt32 = 1
  static let reserved: UInt32 = 2

  /// Lowest address first.
  let entries: [Entry]

  /// RAM as it is, but for the top of the first MiB, where a PC has its firmware; and what no device may be put over.
  init(_ layout: RAMLayout) {
    let low = layout.regions[0].length
    let hole = AddressAllocator.hole
    var entries = [
      Entry(start: 0, length: hole.lowerBound, kind: MemoryMap.usable),
      Entry(start: hole.lowerBound, length: 0xa_0000 - hole.lowerBound, kind: MemoryMap.reserved),
      Entry(
        start: FirmwareTables.window.lowerBound, length: UInt64(FirmwareTables.window.count),
        kind: MemoryMap.reserved),
    ]
    if low > hole.upperBound {
      entries.append(
        Entry(start: hole.upperBound, length: low - hole.upperBound, kind: MemoryMap.usable))
    }
    entries.append(
      Entry(
        start: BoardLayout.hypervisorPages.lowerBound, length: UInt64(BoardLayout.hypervisorPages.count),
        kind: MemoryMap.reserved))
    for region in layout.regions.dropFirst() {
      entries.append(Entry(start: region.start.value, length: region.length, kind: MemoryMap.usable))
    }
    self.entries = entries
  }
}
