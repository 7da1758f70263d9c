/// Loads of integers from packets. Callers have checked that all bits are inside the buffer.
enum Bits {
  /// Up to 64 bits from bit `position`, bits of a byte counted from its least significant one.
  @inline(__always)
  static func little(_ source: UnsafeRawPointer, _ position: Int, _ size: Int) -> UInt64 {
    let shift = position & 7
    var pointer = source + (position >> 3)
    let last = source + ((position + size - 1) >> 3)
    var value = UInt64(pointer.load(as: UInt8.self)) >> UInt64(shift)
    var have = 8 - shift
    while pointer < last {
      pointer += 1
      value |= UInt64(pointer.load(as: UInt8.self)) << UInt64(have)
      have += 8
    }
    return size == 64 ? value : value & (1 << UInt64(size) - 1)
  }

  /// Up to 64 bits from bit `position`, bits of a byte counted from its most significant one.
  @inline(__always)
  static func big(_ source: UnsafeRawPointer, _ position: Int, _ size: Int) -> UInt64 {
    let shift = position & 7
    var pointer = source + (position >> 3)
    var value = UInt64(pointer.load(as: UInt8.self)) & (0xff >> UInt64(shift))
    var have = 8 - shift
    if have >= size { return value >> UInt64(have - size) }
    while have + 8 <= size {
      pointer += 1
      value = value << 8 | UInt64(pointer.load(as: UInt8.self))
      have += 8
    }
    let rest = size - have
    if rest > 0 {
      pointer += 1
      value = value << UInt64(rest) | UInt64(pointer.load(as: UInt8.self)) >> UInt64(8 - rest)
    }
    return value
  }

  /// Two's complement of `size` bits, extended.
  @inline(__always)
  static func signed(_ value: UInt64, _ size: Int) -> UInt64 {
    let shift = UInt64(64 - size)
    return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
  }

  /// A float or double as the bits of a double.
  @inline(__always)
  static func double(_ value: UInt64, _ size: Int) -> UInt64 {
    size == 64 ? value : Double(Float(bitPattern: UInt32(truncatingIfNeeded: value))).bitPattern
  }
}
