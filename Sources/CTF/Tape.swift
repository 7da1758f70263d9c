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
///
/// Words are put without a check: `reserve` has made room for them, and ``PlanCheck`` has seen that no run puts more than it
/// reserves.
@safe
struct TapeOutput: DecodeOutput {
  /// An event with more words is read in pieces rather than kept in memory. A run of fields has no more.
  static let maximumWords = 1 << 18

  /// `capacity` words, of which the first `count` have been put.
  private(set) var words: UnsafeMutablePointer<UInt64>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 1024) {
    self.capacity = capacity
    unsafe words = .allocate(capacity: capacity)
    unsafe words.initialize(repeating: 0, count: capacity)
  }

  /// Gives the memory back: nobody may use a copy of the tape any more.
  @unsafe
  func deallocate() { unsafe words.deallocate() }

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
    // What has been put fits in the larger one.
    unsafe larger.initialize(from: words, count: count)
    unsafe words.deallocate()
    unsafe words = larger
    capacity = size
    return true
  }

  // Below, the words up to `count` and those put have been reserved.

  @inline(__always) mutating func put(_ value: UInt64, _ slot: UInt16) {
    unsafe words[count] = value
    count &+= 1
  }

  @inline(__always) @unsafe
  mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64 {
    let target = unsafe words + count
    let value = unsafe fields.load(from: bytes) { index, _, value in unsafe target[index] = value }
    count &+= fields.count
    return value
  }

  @inline(__always) mutating func putStructure(_ value: UInt64) { put(value, Step.noSlot) }

  @inline(__always)
  mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool {
    unsafe words[count] = text.start.address
    unsafe words[count &+ 1] = UInt64(text.count)
    count &+= 2
    return true
  }

  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool {
    putText(text, slot)
  }
}

/// A tape that keeps its own copy of texts: a packet's context outlives what is in memory of the packet.
@safe
struct ContextOutput: DecodeOutput {
  private var tape = TapeOutput(capacity: 32)
  private var texts: [UnsafeMutableRawBufferPointer] = unsafe []

  /// Valid until the next packet.
  var words: UnsafePointer<UInt64> { unsafe UnsafePointer(tape.words) }

  /// Gives the memory back: nobody may use a copy of the tape any more.
  @unsafe
  func deallocate() {
    unsafe tape.deallocate()
    unsafe texts.forEach { unsafe $0.deallocate() }
  }

  mutating func restart() {
    tape.restart()
    // The words with their addresses are gone.
    unsafe texts.forEach { unsafe $0.deallocate() }
    unsafe texts.removeAll()
  }

  mutating func reserve(_ words: Int) -> Bool { tape.reserve(words) }
  mutating func put(_ value: UInt64, _ slot: UInt16) { tape.put(value, slot) }
  @unsafe
  mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64 { unsafe tape.load(fields, bytes) }
  mutating func putStructure(_ value: UInt64) { tape.putStructure(value) }
  mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool {
    // A copy of the same size, until the next packet.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.count), alignment: 1)
    unsafe copy.copyMemory(from: text.buffer)
    unsafe texts.append(copy)
    return unsafe tape.putText(LoadedBytes(PacketBytes(copy.baseAddress!), text.count), slot)
  }
  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool {
    putText(text, slot)
  }
}
