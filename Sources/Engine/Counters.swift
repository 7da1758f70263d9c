/// One of the counters that an engine keeps of a machine or a vCPU. Types, units and bases are numbered as KVM numbers them.
public struct Counter: Sendable {
  /// The engine's name, such as `io_exits`.
  public let name: String
  /// How many 64-bit values it has; histograms have more than one.
  public let count: Int
  /// What it is: KVM_STATS_TYPE_* of linux/kvm.h, from 0 (cumulative) to 4 (logarithmic histogram).
  public let type: UInt8
  /// What it counts in: KVM_STATS_UNIT_*, from 0 (none) to 4 (boolean).
  public let unit: UInt8
  /// A value is this, 2 or 10, to the power of `exponent`, of its unit: seconds with 10 and -9 are nanoseconds.
  public let base: UInt8
  /// See `base`.
  public let exponent: Int16
  /// How wide each element of a linear histogram is.
  public let bucketSize: UInt32
  /// Where its values begin in a sample, bytes.
  public let offset: Int

  /// Describes a counter.
  public init(
    name: String, count: Int, type: UInt8, unit: UInt8, base: UInt8, exponent: Int16, bucketSize: UInt32,
    offset: Int
  ) {
    self.name = name
    self.count = count
    self.type = type
    self.unit = unit
    self.base = base
    self.exponent = exponent
    self.bucketSize = bucketSize
    self.offset = offset
  }
}

/// The values of all counters of a source at one instant.
public struct CounterSample: Sendable {
  private let bytes: [UInt8]

  /// Wraps the values, 64 bits each in this machine's byte order.
  public init(bytes: [UInt8]) { self.bytes = bytes }

  /// The value of a counter of the same source, or the sum of a histogram's buckets.
  public subscript(counter: Counter) -> UInt64 {
    (0..<counter.count).reduce(0) { $0 &+ self[counter, $1] }
  }

  /// One value of a counter of the same source: an element of a histogram, 0 to `count` - 1. 0 where there is none.
  public subscript(counter: Counter, element: Int) -> UInt64 {
    bytes.withUnsafeBytes { bytes in
      let offset = counter.offset + 8 * element
      guard element >= 0, offset >= 0, offset + 8 <= bytes.count else { return 0 }
      return bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
  }
}

/// What an engine counts of a machine or a vCPU.
public protocol CounterSource: Sendable {
  /// The counters, always the same.
  var counters: [Counter] { get }
  /// Reads all counters at one instant.
  func sample() throws -> CounterSample
}

extension CounterSource {
  /// The counter of a name, if the engine keeps it.
  public func counter(_ name: String) -> Counter? {
    counters.first { $0.name == name }
  }
}
