/// The values of a structure in the order of its fields, as 64-bit words.
///
/// | type | words |
/// |---|---|
/// | integer, enumeration | the value, sign-extended if signed; beyond 64 bits several words, the lowest first |
/// | floating-point number | the bits of a `Double`; from 128 bits on its own in several words, the lowest first |
/// | string, array or sequence of characters | address and length in bytes, without NUL |
/// | array | its elements |
/// | sequence | the number of elements, the elements |
/// | structure | its fields |
/// | variant | the index of the option, the option |
/// | boolean | 1 for true, 0 for false |
/// | bit array | the bits as an unsigned integer of the same size |
/// | text | address and length in bytes in its own encoding, without NUL |
/// | BLOB | address and length in bytes |
/// | optional field | 1 and the field, or 0 |
struct TapeOutput: DecodeOutput {
  /// An event with more words is read in pieces rather than kept in memory. A run of fields has no more.
  static let maximumWords = 1 << 18

  private(set) var words: UnsafeMutablePointer<UInt64>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 1024) {
    self.capacity = capacity
    words = .allocate(capacity: capacity)
    words.initialize(repeating: 0, count: capacity)
  }

  func deallocate() { words.deallocate() }

  @inline(__always) mutating func restart() { count = 0 }

  @inline(__always) mutating func reserve(_ words: Int) -> Bool {
    count &+ words <= capacity || grow(words)
  }

  @inline(never)
  private mutating func grow(_ more: Int) -> Bool {
    guard more <= Self.maximumWords, count + more <= Self.maximumWords else { return false }
    var size = capacity
    while size < count + more { size *= 2 }
    let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: size)
    larger.initialize(from: words, count: count)
    words.deallocate()
    words = larger
    capacity = size
    return true
  }

  @inline(__always) mutating func put(_ value: UInt64, _ slot: UInt16) {
    words[count] = value
    count &+= 1
  }

  @inline(__always)
  mutating func load(_ fields: UnsafePointer<FieldLoad>, _ number: Int, _ bytes: UnsafeRawPointer) -> UInt64 {
    let target = words + count
    var value: UInt64 = 0
    var index = 0
    repeat {
      value = fields[index].load(bytes)
      target[index] = value
      index &+= 1
    } while index < number
    count &+= number
    return value
  }

  @inline(__always) mutating func putStructure(_ value: UInt64) {
    words[count] = value
    count &+= 1
  }

  @inline(__always)
  mutating func putText(_ start: UnsafeRawPointer, _ length: Int, _ slot: UInt16) -> Bool {
    words[count] = UInt64(UInt(bitPattern: start))
    words[count &+ 1] = UInt64(length)
    count &+= 2
    return true
  }

  mutating func putText(
    _ start: UnsafeRawPointer, _ length: Int, _ encoding: TextEncoding, _ slot: UInt16
  ) -> Bool {
    putText(start, length, slot)
  }
}

/// A tape that keeps its own copy of texts: a packet's context outlives what is in memory of the packet.
struct ContextOutput: DecodeOutput {
  private var tape = TapeOutput(capacity: 32)
  private var texts: [UnsafeMutablePointer<UInt8>] = []

  var words: UnsafePointer<UInt64> { UnsafePointer(tape.words) }

  func deallocate() {
    tape.deallocate()
    for text in texts { text.deallocate() }
  }

  mutating func restart() {
    tape.restart()
    for text in texts { text.deallocate() }
    texts.removeAll()
  }

  mutating func reserve(_ words: Int) -> Bool { tape.reserve(words) }
  mutating func put(_ value: UInt64, _ slot: UInt16) { tape.put(value, slot) }
  mutating func load(_ fields: UnsafePointer<FieldLoad>, _ count: Int, _ bytes: UnsafeRawPointer) -> UInt64 {
    tape.load(fields, count, bytes)
  }
  mutating func putStructure(_ value: UInt64) { tape.putStructure(value) }
  mutating func putText(_ start: UnsafeRawPointer, _ count: Int, _ slot: UInt16) -> Bool {
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, count))
    copy.initialize(repeating: 0, count: max(1, count))
    UnsafeMutableRawPointer(copy).copyMemory(from: start, byteCount: count)
    texts.append(copy)
    return tape.putText(copy, count, slot)
  }
  mutating func putText(
    _ start: UnsafeRawPointer, _ count: Int, _ encoding: TextEncoding, _ slot: UInt16
  ) -> Bool {
    putText(start, count, slot)
  }
}
