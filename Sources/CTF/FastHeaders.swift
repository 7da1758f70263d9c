/// An event header that is read without the interpreter: one of LTTng's two shapes, little-endian.
///
/// A hot loop is written once and specialised for each of them.
protocol FastHeader {
  /// Bits from the header's aligned begin to its end.
  var bits: Int { get }

  /// Reads the header at `bytes`, of which `bits` are in memory.
  ///
  /// - Parameter clock: Moves on to the event's time, in cycles (CTF 1.8, section 8).
  /// - Returns: The id; ``FastEvents`` knows none that announces an extended header.
  func read(_ bytes: UnsafeRawPointer, _ clock: inout UInt64) -> UInt64
}

/// 5 bits of id, 27 bits of time.
struct CompactHeader: FastHeader {
  /// The id that announces an extended header.
  static let extended: UInt64 = 31

  var bits: Int { 32 }

  @inline(__always)
  func read(_ bytes: UnsafeRawPointer, _ clock: inout UInt64) -> UInt64 {
    let word = bytes.loadUnaligned(as: UInt32.self)
    // What the low bits have advanced by, modulo their range: the same as Interpreter.advance.
    clock &+= UInt64(((word >> 5) &- UInt32(truncatingIfNeeded: clock)) & (1 << 27 - 1))
    return UInt64(word & 31)
  }
}

/// 16 bits of id, 32 bits of time `offset` bytes from the begin.
struct LargeHeader: FastHeader {
  /// The id that announces an extended header.
  static let extended: UInt64 = 65535

  let offset: Int

  var bits: Int { offset &* 8 &+ 32 }

  @inline(__always)
  func read(_ bytes: UnsafeRawPointer, _ clock: inout UInt64) -> UInt64 {
    let time = (bytes + offset).loadUnaligned(as: UInt32.self)
    clock &+= UInt64(time &- UInt32(truncatingIfNeeded: clock))
    return UInt64(bytes.loadUnaligned(as: UInt16.self))
  }
}
