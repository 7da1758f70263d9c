@testable import CTF

/// Writes bits as CTF 1.8, section 4.1.5, says: the slow and obvious way.
struct BitWriter {
  private(set) var bytes: [UInt8] = []
  private(set) var count = 0

  mutating func align(_ alignment: Int) {
    while count % alignment != 0 { bit(false, .little) }
  }

  /// Bit `count` of the stream, counted inside a byte from the end that the byte order says.
  private mutating func bit(_ bit: Bool, _ order: ByteOrder) {
    if count % 8 == 0 { bytes.append(0) }
    let place = order == .little ? count % 8 : 7 - count % 8
    if bit { bytes[count / 8] |= 1 << UInt8(place) }
    count += 1
  }

  mutating func integer(_ value: UInt64, size: Int, _ order: ByteOrder) {
    for index in 0..<size {
      let place = order == .little ? index : size - 1 - index
      bit(value >> UInt64(place) & 1 == 1, order)
    }
  }

  mutating func string(_ text: [UInt8]) {
    precondition(count % 8 == 0)
    bytes += text + [0]
    count += (text.count + 1) * 8
  }

  /// Overwrites whole bytes.
  mutating func patch(_ at: Int, _ value: UInt32) {
    for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
  }

  mutating func patch(_ at: Int, _ value: UInt32, _ order: ByteOrder) {
    patch(at, order == .little ? value : value.byteSwapped)
  }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
