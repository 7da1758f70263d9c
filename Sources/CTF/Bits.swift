/// Loads of integers from packets.
///
/// Whoever loads says `unsafe`, and has checked that all of the bits are in memory; no byte but theirs is read.
enum Bits {
  /// Up to 64 bits from bit `position`, bits of a byte counted from its least significant one.
  @inline(__always) @unsafe
  static func little(_ source: PacketBytes, _ position: Int, _ size: Int) -> UInt64 {
    let shift = position & 7
    var place = position >> 3
    let last = (position + size - 1) >> 3
    var value = unsafe UInt64(source.load(UInt8.self, at: place)) >> UInt64(shift)
    var have = 8 - shift
    while place < last {
      place += 1
      value |= unsafe UInt64(source.load(UInt8.self, at: place)) << UInt64(have)
      have += 8
    }
    return size == 64 ? value : value & (1 << UInt64(size) - 1)
  }

  /// Up to 64 bits from bit `position`, bits of a byte counted from its most significant one.
  @inline(__always) @unsafe
  static func big(_ source: PacketBytes, _ position: Int, _ size: Int) -> UInt64 {
    let shift = position & 7
    var place = position >> 3
    var value = unsafe UInt64(source.load(UInt8.self, at: place)) & (0xff >> UInt64(shift))
    var have = 8 - shift
    if have >= size { return value >> UInt64(have - size) }
    while have + 8 <= size {
      place += 1
      value = unsafe value << 8 | UInt64(source.load(UInt8.self, at: place))
      have += 8
    }
    let rest = size - have
    if rest > 0 {
      place += 1
      value = unsafe value << UInt64(rest) | UInt64(source.load(UInt8.self, at: place)) >> UInt64(8 - rest)
    }
    return value
  }

  /// The lowest `size` bits in the opposite order.
  static func reversed(_ value: UInt64, _ size: Int) -> UInt64 {
    var swapped = value.byteSwapped
    swapped = (swapped & 0x0f0f_0f0f_0f0f_0f0f) << 4 | (swapped >> 4) & 0x0f0f_0f0f_0f0f_0f0f
    swapped = (swapped & 0x3333_3333_3333_3333) << 2 | (swapped >> 2) & 0x3333_3333_3333_3333
    swapped = (swapped & 0x5555_5555_5555_5555) << 1 | (swapped >> 1) & 0x5555_5555_5555_5555
    return swapped >> UInt64(64 - size)
  }

  /// Two's complement of `size` bits, extended.
  @inline(__always)
  static func signed(_ value: UInt64, _ size: Int) -> UInt64 {
    let shift = UInt64(64 - size)
    return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
  }

  /// A number of 16, 32 or 64 bits as the bits of a double.
  @inline(__always)
  static func double(_ value: UInt64, _ size: Int) -> UInt64 {
    switch size {
    case 64: value
    case 32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: value))).bitPattern
    default: half(value)
    }
  }

  /// Sign, 5 bits of exponent, 10 of the significand: every value is also a double.
  private static func half(_ value: UInt64) -> UInt64 {
    let sign = (value >> 15 & 1) << 63
    let exponent = value >> 10 & 0x1f
    let fraction = value & 0x3ff
    switch exponent {
    case 0: return sign | (Double(fraction) * 0x1p-24).bitPattern
    case 0x1f: return sign | 0x7ff << 52 | fraction << 42
    default: return sign | (exponent + 1023 - 15) << 52 | fraction << 42
    }
  }
}
