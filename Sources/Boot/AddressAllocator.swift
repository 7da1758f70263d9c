import GuestRAM

/// Finds room in guest RAM for what a boot protocol has to leave there, beside the image.
struct AddressAllocator {
  private let layout: RAMLayout
  // Sorted by start, without overlaps.
  private var taken: [Range<UInt64>] = []

  /// The end of memory below the 1 MiB hole that a guest may use; the rest is where firmware keeps its data area.
  static let lowEnd: UInt64 = 0x9_fc00
  /// The hole, in which nothing but the firmware's tables stands.
  static let hole: Range<UInt64> = lowEnd..<0x10_0000

  init(layout: RAMLayout) { self.layout = layout }

  /// The end of RAM below 4 GiB.
  var lowRAMEnd: UInt64 { layout.regions[0].length }

  /// Takes a range that cannot be elsewhere.
  mutating func take(_ range: Range<UInt64>, what: String) throws(BootError) {
    guard !range.isEmpty else { return }
    let isRAM = layout.regions.contains {
      range.lowerBound >= $0.start.value && range.upperBound - $0.start.value <= $0.length
    }
    guard isRAM else {
      let total = layout.regions.reduce(0) { $0 + $1.length } >> 20
      throw .noRoom(
        "\(what) needs \(ELFImage.text(range)), which is not all in RAM of \(total) MiB; give more --memory")
    }
    if let other = taken.first(where: { $0.overlaps(range) }) {
      throw .noRoom("\(what) needs \(ELFImage.text(range)), where \(ELFImage.text(other)) is taken")
    }
    taken.append(range)
    taken.sort { $0.lowerBound < $1.lowerBound }
  }

  /// Takes room at the lowest address of a window that has it.
  ///
  /// - Parameter alignment: a power of two.
  mutating func lowest(
    _ size: UInt64, alignment: UInt64, in window: Range<UInt64>, what: String
  ) throws(BootError) -> UInt64 {
    var candidate = aligned(window.lowerBound, alignment)
    for range in taken where range.upperBound > candidate && range.lowerBound < candidate + size {
      candidate = aligned(range.upperBound, alignment)
    }
    guard candidate + size <= window.upperBound else { throw full(size, window, what) }
    try take(candidate..<candidate + size, what: what)
    return candidate
  }

  /// Takes room at the highest address of a window that has it.
  mutating func highest(
    _ size: UInt64, alignment: UInt64, in window: Range<UInt64>, what: String
  ) throws(BootError) -> UInt64 {
    var end = window.upperBound
    while end >= size, end - size >= window.lowerBound {
      let candidate = (end - size) & ~(alignment - 1)
      guard candidate >= window.lowerBound else { break }
      guard let blocking = taken.last(where: { $0.overlaps(candidate..<candidate + size) }) else {
        try take(candidate..<candidate + size, what: what)
        return candidate
      }
      end = blocking.lowerBound
    }
    throw full(size, window, what)
  }

  private func full(_ size: UInt64, _ window: Range<UInt64>, _ what: String) -> BootError {
    .noRoom(
      "there is no room for \(what), \(size) bytes within \(ELFImage.text(window)), beside the image; "
        + "give more --memory")
  }

  private func aligned(_ value: UInt64, _ alignment: UInt64) -> UInt64 {
    (value + alignment - 1) & ~(alignment - 1)
  }
}
