/// Two ranges of a bus that overlap, or a range that is none.
public struct BusError: Error, Sendable, CustomStringConvertible {
  /// Which ranges, and what to do.
  public let description: String
}

/// An address space of devices: ports or memory-mapped registers.
///
/// The ranges are sorted and never change once the bus is made, so finding a device needs no lock and no allocation.
public struct Bus: Sendable {
  /// A range of addresses that belongs to a device.
  public struct Range: Sendable {
    /// The first address.
    public let start: UInt64
    /// Bytes, at most 4 GiB.
    public let length: UInt64
    /// Whose registers they are.
    public let device: any BusDevice
    /// The device's own number for this range, where it has several.
    public let window: Int

    /// Describes a range.
    public init(start: UInt64, length: UInt64, device: any BusDevice, window: Int = 0) {
      self.start = start
      self.length = length
      self.device = device
      self.window = window
    }

    var end: UInt64 { start + length }
  }

  /// The ranges, lowest address first.
  public let ranges: [Range]
  // The starts alone, so that a search touches one or two cache lines.
  @usableFromInline let starts: [UInt64]

  /// Freezes a set of ranges.
  ///
  /// - Parameters:
  ///   - name: `port` or `memory`, for messages.
  ///   - limit: the first address that does not exist on this bus.
  /// - Throws: when ranges overlap, are empty or leave the bus.
  public init(name: String, limit: UInt64, _ ranges: [Range]) throws(BusError) {
    let sorted = ranges.sorted { $0.start < $1.start }
    for range in sorted {
      guard range.length > 0, range.length <= 1 << 32, range.start < limit,
        range.length <= limit - range.start
      else {
        throw BusError(
          description: "device \(range.device.id.rawValue): \(range.text) is no range of the \(name) bus")
      }
    }
    for (left, right) in zip(sorted, sorted.dropFirst()) where left.end > right.start {
      throw BusError(
        description:
          "\(name) addresses clash: device \(left.device.id.rawValue) has \(left.text), \(right.device.id.rawValue) has "
          + "\(right.text); move one of them")
    }
    self.ranges = sorted
    starts = sorted.map(\.start)
  }

  /// The range that all of an access falls into.
  ///
  /// - Returns: an index into `ranges`, or nil where no device claims the whole access.
  @inlinable @inline(__always)
  public func find(_ address: UInt64, size: Int) -> Int? {
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low &+ high) &>> 1
      if starts[middle] <= address { low = middle &+ 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let range = ranges[low &- 1]
    let offset = address &- range.start
    guard offset < range.length, UInt64(UInt(bitPattern: size)) <= range.length &- offset else { return nil }
    return low &- 1
  }
}

extension Bus.Range {
  fileprivate var text: String {
    "0x" + String(start, radix: 16) + "–0x" + String(start &+ length &- 1, radix: 16)
  }
}
