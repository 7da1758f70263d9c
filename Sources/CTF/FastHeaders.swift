/// An event header that is read without the interpreter: one of LTTng's shapes, little-endian.
///
/// A hot loop is written once and specialised for each of them.
protocol FastHeader {
  /// The least number of bits from the header's aligned begin to its end.
  var bits: Int { get }

  /// The end of a header that begins at bit `start`.
  func end(_ start: Int) -> Int

  /// Reads the header from bit `start` of `source` up to bit `end`, which the caller has compared with what is in memory.
  ///
  /// - Parameter clock: Moves on to the event's time, in cycles (CTF 1.8, section 8).
  /// - Returns: The id; ``FastEvents`` knows none that announces an extended header.
  @unsafe func read(_ source: PacketBytes, _ start: Int, _ end: Int, _ clock: inout UInt64) -> UInt64
}

/// 5 bits of id, 27 bits of time.
struct CompactHeader: FastHeader {
  /// The id that announces an extended header.
  static let extended: UInt64 = 31

  var bits: Int { 32 }

  @inline(__always)
  func end(_ start: Int) -> Int { start &+ 32 }

  @inline(__always) @unsafe
  func read(_ source: PacketBytes, _ start: Int, _ end: Int, _ clock: inout UInt64) -> UInt64 {
    let word = unsafe source.load(UInt32.self, at: start >> 3)
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
  func end(_ start: Int) -> Int { start &+ bits }

  @inline(__always) @unsafe
  func read(_ source: PacketBytes, _ start: Int, _ end: Int, _ clock: inout UInt64) -> UInt64 {
    let bytes = source + (start >> 3)
    let time = unsafe bytes.load(UInt32.self, at: offset)
    clock &+= UInt64(time &- UInt32(truncatingIfNeeded: clock))
    return unsafe UInt64(bytes.load(UInt16.self))
  }
}

/// 16 bits of id, and 32 bits of time at the next multiple of an alignment larger than that of the id: so LTTng writes
/// where integers have their natural alignment.
struct PaddedHeader: FastHeader {
  private let mask: Int

  /// - Parameter alignment: Bits, a power of two.
  init(alignment: Int) { mask = alignment &- 1 }

  var bits: Int { 48 }

  @inline(__always)
  func end(_ start: Int) -> Int { ((start &+ 16 &+ mask) & ~mask) &+ 32 }

  @inline(__always) @unsafe
  func read(_ source: PacketBytes, _ start: Int, _ end: Int, _ clock: inout UInt64) -> UInt64 {
    let time = unsafe source.load(UInt32.self, at: end >> 3 &- 4)
    clock &+= UInt64(time &- UInt32(truncatingIfNeeded: clock))
    return unsafe UInt64(source.load(UInt16.self, at: start >> 3))
  }
}
