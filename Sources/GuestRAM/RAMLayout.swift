/// Where a guest's RAM appears in its physical address space: as on a PC, in one piece up to 3 GiB, and the rest
/// from 4 GiB on, so that memory-mapped devices find room below 4 GiB.
public struct RAMLayout: Sendable, Equatable {
  /// The end of low RAM where there is more than that: 3 GiB.
  public static let lowLimit: UInt64 = 3 << 30
  /// The start of high RAM: 4 GiB.
  public static let highStart: UInt64 = 4 << 30

  /// A contiguous piece of RAM.
  public struct Region: Sendable, Equatable {
    /// The guest physical address of the first byte.
    public let start: GuestAddress
    /// Bytes.
    public let length: UInt64
    /// Where it begins in the memory behind all of the guest's RAM, bytes.
    public let backingOffset: UInt64
  }

  /// One region, or two where RAM exceeds 3 GiB.
  public let regions: [Region]

  /// Lays out `bytes` of RAM, at least one page and a multiple of 4 KiB.
  public init(bytes: UInt64) {
    let low = min(bytes, RAMLayout.lowLimit)
    var regions = [Region(start: GuestAddress(0), length: low, backingOffset: 0)]
    if bytes > low {
      regions.append(
        Region(start: GuestAddress(RAMLayout.highStart), length: bytes - low, backingOffset: low))
    }
    self.regions = regions
  }

  /// Lays out `bytes` of RAM in one piece, on a board that has its devices elsewhere.
  public init(bytes: UInt64, at start: GuestAddress) {
    regions = [Region(start: start, length: bytes, backingOffset: 0)]
  }

  /// All of it, bytes.
  public var bytes: UInt64 { regions.reduce(0) { $0 + $1.length } }
}
