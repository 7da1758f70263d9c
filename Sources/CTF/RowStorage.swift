/// The memory of a block of rows.
///
/// Rows and words are checked where they are named by numbers. The hot loop and the interpreter get pointers, to rows that
/// there are; a row's slots were held against its size when the storage was made.
@safe
struct RowStorage {
  /// Words from one row to the next.
  let stride: Int
  /// Rows.
  let capacity: Int
  /// The first row's first word.
  let words: UnsafeMutablePointer<UInt64>

  /// - Parameter slotCount: How many words the fields of a row take; they have to fit in it.
  init(stride: Int, capacity: Int, slotCount: Int) {
    precondition(slotCount <= stride - Row.firstField, "rows are too short for their fields")
    self.stride = stride
    self.capacity = capacity
    unsafe words = .allocate(capacity: capacity * stride)
    unsafe words.initialize(repeating: 0, count: capacity * stride)
  }

  /// Gives the memory back: nobody may use a copy of the storage any more.
  @unsafe
  func deallocate() { unsafe words.deallocate() }

  /// A word of a row.
  subscript(row: Int, word: Int) -> UInt64 {
    get {
      check(row, word)
      return unsafe words[row * stride + word]
    }
    nonmutating set {
      check(row, word)
      unsafe words[row * stride + word] = newValue
    }
  }

  private func check(_ row: Int, _ word: Int) {
    precondition(row >= 0 && row < capacity && word >= 0 && word < stride, "no such word")
  }

  func timestamp(_ row: Int) -> Int64 { Int64(bitPattern: self[row, 0]) }

  /// The first word of a row, or of the one behind the last.
  @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<UInt64> {
    precondition(index >= 0 && index <= capacity, "no such row")
    return unsafe words + index * stride
  }

  /// Where the values of a row go.
  func output(_ row: Int, _ strings: StringStorage, stringCount: Int) -> RowOutput {
    precondition(row < capacity, "no such row")
    return unsafe RowOutput(fields: self.row(row) + Row.firstField, strings.bytes, stringCount: stringCount)
  }

  /// Sets the fields of a row to 0.
  func clear(_ row: Int) {
    for word in Row.firstField..<stride { self[row, word] = 0 }
  }
}

/// The memory of the strings in a block's rows.
@safe
struct StringStorage {
  let bytes: UnsafeMutableBufferPointer<UInt8>

  /// - Parameter capacity: Bytes.
  init(capacity: Int) {
    unsafe bytes = .allocate(capacity: capacity)
    unsafe bytes.initialize(repeating: 0)
  }

  var capacity: Int { unsafe bytes.count }

  /// Gives the memory back: nobody may use a copy of the storage any more.
  @unsafe
  func deallocate() { unsafe bytes.deallocate() }
}

/// Where the values of one row go.
@safe
struct RowOutput: PieceOutput {
  /// The first field's word. Slots fit in the row: the storage has checked it.
  private var row: UnsafeMutablePointer<UInt64>
  /// The block's strings, and how much of them is used.
  private let strings: UnsafeMutableBufferPointer<UInt8>
  var stringCount: Int

  /// - Parameters:
  ///   - fields: The first field's word of a row.
  ///   - stringCount: How much of `strings` is in use.
  @unsafe
  fileprivate init(
    fields: UnsafeMutablePointer<UInt64>, _ strings: UnsafeMutableBufferPointer<UInt8>, stringCount: Int
  ) {
    unsafe row = fields
    unsafe self.strings = strings
    self.stringCount = stringCount
  }

  /// Goes to the row that begins there, of the same storage.
  @inline(__always) @unsafe
  mutating func move(to row: UnsafeMutablePointer<UInt64>) { unsafe self.row = row + Row.firstField }

  mutating func restart() {}
  @inline(__always) mutating func reserve(_ words: Int) -> Bool { true }
  @inline(__always) mutating func put(_ value: UInt64, _ slot: UInt16) {
    if slot != Step.noSlot { unsafe row[Int(slot)] = value }
  }
  @inline(__always) @unsafe
  mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64 {
    unsafe fields.load(from: bytes) { _, slot, value in unsafe row[Int(slot)] = value }
  }
  mutating func drain() -> Bool { false }
  /// Of texts that are larger than any buffer only those that are not wanted can be passed over.
  mutating func putPart(_ part: LoadedBytes, _ slot: UInt16, isFirst: Bool, isLast: Bool) -> Bool {
    slot == Step.noSlot
  }
  @inline(__always) mutating func putStructure(_ value: UInt64) {}
  @inline(__always) mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool {
    unsafe slot == Step.noSlot || keep(text.buffer, slot)
  }

  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool {
    if slot == Step.noSlot { return true }
    let first = stringCount
    var hasRoom = true
    unsafe encoding.utf8(text) { bytes in
      guard hasRoom, !bytes.isEmpty else { return }
      hasRoom = unsafe keep(UnsafeRawBufferPointer(bytes), slot)
    }
    put(UInt64(first) << 32 | UInt64(stringCount - first), slot)
    return hasRoom
  }

  @inline(never)
  private mutating func keep(_ bytes: UnsafeRawBufferPointer, _ slot: UInt16) -> Bool {
    guard unsafe strings.count - stringCount >= bytes.count else { return false }
    // There is room for it.
    unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(strings)[stringCount...])
      .copyMemory(from: bytes)
    put(UInt64(stringCount) << 32 | UInt64(bytes.count), slot)
    stringCount += bytes.count
    return true
  }
}
