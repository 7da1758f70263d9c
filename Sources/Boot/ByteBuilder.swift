/// Little-endian structures, put together.
struct ByteBuilder {
  private(set) var bytes: [UInt8] = []

  init() {}

  /// Zeros, to be filled in.
  init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }

  var count: Int { bytes.count }

  mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    for index in 0..<MemoryLayout<Value>.size {
      bytes.append(UInt8(truncatingIfNeeded: value >> Value(8 * index)))
    }
  }

  mutating func append(_ more: [UInt8]) { bytes += more }

  /// Text of a fixed length, filled up.
  mutating func append(_ text: String, count: Int, filler: UInt8 = UInt8(ascii: " ")) {
    let characters = Array(text.utf8.prefix(count))
    bytes += characters + [UInt8](repeating: filler, count: count - characters.count)
  }

  mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    for index in 0..<MemoryLayout<Value>.size {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Value(8 * index))
    }
  }

  mutating func put(_ more: some Collection<UInt8>, at offset: Int) {
    bytes.replaceSubrange(offset..<offset + more.count, with: more)
  }
}
