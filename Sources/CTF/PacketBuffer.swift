/// A stretch of a data file in memory, from which packets are decoded.
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
    buffer = Self.allocate(capacity)
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + slack, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    return UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity])
  }

  deinit { buffer.deallocate() }

  var capacity: Int { buffer.count }
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
  func address(_ offset: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: UInt(bitPattern: buffer.baseAddress) &+ UInt(bitPattern: offset &- start))
      ?? UnsafeRawPointer(buffer.baseAddress!)
  }

  /// Fills the buffer with the file's bytes from `offset` on, as many as fit, up to `end`.
  func load(from offset: Int, upTo end: Int) throws(TraceError) {
    guard let file else { return }
    let wanted = max(0, min(buffer.count, end - offset))
    start = offset
    count = 0
    count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset)
  }

  /// Makes the buffer hold at least twice as much; false when it is as large as it may be.
  func grow() -> Bool {
    guard buffer.count < largest else { return false }
    resize(min(largest, buffer.count * 4))
    return true
  }

  /// Gives the buffer another size; it is empty then.
  func resize(_ size: Int) {
    buffer.deallocate()
    buffer = Self.allocate(size)
    count = 0
  }
}
