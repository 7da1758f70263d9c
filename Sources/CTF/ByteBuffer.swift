/// Bytes that files are read into; each access is checked.
@safe
struct ByteBuffer: ~Copyable {
  private let bytes: UnsafeMutableRawBufferPointer

  /// All bytes are 0.
  init(count: Int) {
    unsafe bytes = .allocate(byteCount: count, alignment: 64)
    unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }

  // Nobody else has it.
  deinit { unsafe bytes.deallocate() }

  var count: Int { unsafe bytes.count }

  @inline(__always)
  subscript(index: Int) -> UInt8 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such byte")
    return unsafe bytes[index]
  }

  /// The first `count` bytes, for a call that fills them.
  func first(_ count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(count >= 0 && count <= self.count, "no such bytes")
    return unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
  }

  /// The bytes of a range as an array.
  func array(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such bytes")
    return unsafe Array(bytes[range])
  }

  /// The bytes of a range as text; invalid UTF-8 is repaired.
  func text(_ range: Range<Int>) -> String {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such bytes")
    return unsafe String(decoding: bytes[range], as: UTF8.self)
  }
}

extension DataFile {
  /// Reads bytes of the file into the begin of a buffer; returns how many, fewer than `count` only at the file's end.
  func read(into buffer: borrowing ByteBuffer, _ count: Int, at offset: Int) throws(TraceError) -> Int {
    // The buffer has so many bytes.
    try unsafe read(into: buffer.first(count), at: offset)
  }
}
