/// Protocol buffers' wire format (https://protobuf.dev/programming-guides/encoding/), as far as traces of Perfetto need it.
struct ProtobufBuffer {
  private(set) var bytes: [UInt8] = []

  /// Wire types.
  private enum Wire: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
  }

  /// Bytes of a message's length, which is written before the length is known: more than small numbers need, which readers
  /// take, as Perfetto's own writer does it.
  private static let lengthBytes = 4

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  @inline(__always)
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  @inline(__always)
  private mutating func tag(_ field: UInt64, _ wire: Wire) { varint(field << 3 | wire.rawValue) }

  @inline(__always)
  mutating func unsigned(_ field: UInt64, _ value: UInt64) {
    tag(field, .varint)
    varint(value)
  }

  /// An `int32` or `int64`: negative numbers have ten bytes.
  @inline(__always)
  mutating func signed(_ field: UInt64, _ value: Int64) { unsigned(field, UInt64(bitPattern: value)) }

  @inline(__always)
  mutating func fixed64(_ field: UInt64, _ value: UInt64) {
    tag(field, .fixed64)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  mutating func text(_ field: UInt64, _ text: String) {
    tag(field, .lengthDelimited)
    varint(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  /// Begins a message.
  ///
  /// - Returns: What `end` takes when all of it was written.
  @inline(__always)
  mutating func begin(_ field: UInt64) -> Int {
    tag(field, .lengthDelimited)
    for _ in 0..<Self.lengthBytes { bytes.append(0) }
    return bytes.count
  }

  /// Ends a message of less than 2^28 bytes.
  @inline(__always)
  mutating func end(_ start: Int) {
    var length = bytes.count - start
    precondition(length < 1 << 28)
    for place in (start - Self.lengthBytes)..<start {
      let isLast = place == start - 1
      bytes[place] = UInt8(length & 0x7f) | (isLast ? 0 : 0x80)
      length >>= 7
    }
  }
}
