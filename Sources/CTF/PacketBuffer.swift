/// A stretch of a data file in memory, from which packets are decoded.
///
/// Its bytes are those from `start` up to `end` of the file; how far a packet may be read follows from that alone.
@safe
final class PacketBuffer {
  /// Room for a run of fields (``PlanCompiler/maximumRunBits``, the largest padding and integer on top) and some text:
  /// with a buffer of this size everything can be read, if need be in pieces.
  static let sufficientBytes = 64 << 10
  /// Buffers never grow beyond this: larger events are read in pieces.
  static let maximumBytes = 4 << 20
  /// Bytes behind the buffer that may be loaded, but mean nothing: fields are loaded eight bytes at a time.
  private static let slack = 8

  private(set) var file: DataFile?
  private var buffer: UnsafeMutableRawBufferPointer
  private let largest: Int
  /// Offset in the file of the buffer's first byte.
  private(set) var start = 0
  /// Number of bytes in the buffer.
  private(set) var count = 0

  /// - Parameter largest: How far it may grow, in bytes.
  init(capacity: Int, largest: Int = maximumBytes) {
    self.largest = max(capacity, Self.sufficientBytes, min(largest, Self.maximumBytes))
    unsafe buffer = Self.allocate(capacity)
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + slack, alignment: 64)
    // All of it; the slack lies behind what the buffer says to be its end.
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity])
  }

  // Cursors into the buffer are used by its owner alone.
  deinit { unsafe buffer.deallocate() }

  var capacity: Int { unsafe buffer.count }
  var end: Int { start + count }

  func open(_ path: String) throws(TraceError) {
    guard file?.path != path else { return }
    file = nil
    count = 0
    file = try DataFile(path: path)
  }

  /// Forgets the file.
  func close() {
    file = nil
    count = 0
  }

  /// Where byte `offset` of the file is, or would be.
  func address(_ offset: Int) -> PacketBytes {
    // Only computed; what may be read from there is up to `end`.
    unsafe PacketBytes(
      UnsafeRawPointer(bitPattern: UInt(bitPattern: buffer.baseAddress) &+ UInt(bitPattern: offset &- start))
        ?? UnsafeRawPointer(buffer.baseAddress!))
  }

  /// The bytes from `offset` of the file on, as many of `count` as there are in memory, valid until the buffer is filled again.
  func bytes(at offset: Int, count wanted: Int) -> LoadedBytes {
    guard offset >= start, offset <= end else { return unsafe LoadedBytes(address(start), 0) }
    // From inside of the buffer up to its end.
    return unsafe LoadedBytes(address(offset), max(0, min(wanted, end - offset)))
  }

  /// Whether these bytes are in memory from `offset` of the file on.
  func holds(_ bytes: [UInt8], at offset: Int) -> Bool {
    let found = self.bytes(at: offset, count: bytes.count)
    return found.count == bytes.count && bytes.indices.allSatisfy { bytes[$0] == found[$0] }
  }

  /// Fills the buffer with the file's bytes from `offset` on, as many as fit, up to `end`.
  func load(from offset: Int, upTo end: Int) throws(TraceError) {
    guard let file else { return }
    let wanted = max(0, min(capacity, end - offset))
    start = offset
    count = 0
    // Not more than the buffer has room for.
    count = try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset)
  }

  /// Makes the buffer hold at least twice as much; false when it is as large as it may be.
  func grow() -> Bool {
    guard capacity < largest else { return false }
    resize(min(largest, capacity * 4))
    return true
  }

  /// Gives the buffer another size; it is empty then.
  func resize(_ size: Int) {
    count = 0
    // Nothing is in memory until the buffer is filled again.
    unsafe buffer.deallocate()
    unsafe buffer = Self.allocate(size)
  }
}
