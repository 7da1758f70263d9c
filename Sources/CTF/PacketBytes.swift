import Glibc

/// Where a packet's bytes are in memory, or would be, as offsets from a byte of it.
///
/// Only a part of a packet is in memory at a time (``PacketBuffer``), and how far that goes is known to ``BitCursor/limit``. A value
/// of this type does not know it: whoever reads says `unsafe`, and has compared the end of what is read with the limit.
/// Eight bytes behind the limit may be loaded too, but mean nothing.
@safe
struct PacketBytes {
  private let start: UnsafeRawPointer

  @inline(__always)
  init(_ start: UnsafeRawPointer) { unsafe self.start = start }

  /// The bytes from `offset` on. Only where that is is computed: it may be outside of what is in memory.
  @inline(__always)
  static func + (bytes: PacketBytes, offset: Int) -> PacketBytes { unsafe PacketBytes(bytes.start + offset) }

  /// An integer in the byte order of this machine, at any alignment.
  @inline(__always) @unsafe
  func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int = 0) -> Value {
    unsafe start.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// The address of the first byte, for a tape.
  @inline(__always)
  var address: UInt64 { unsafe UInt64(UInt(bitPattern: start)) }

  @inline(__always) @unsafe
  fileprivate var pointer: UnsafeRawPointer { unsafe start }
}

/// Bytes of a packet that are in memory, such as a text, until the buffer moves.
@safe
struct LoadedBytes {
  let start: PacketBytes
  let count: Int

  /// - Parameter count: At least 0. The caller has compared the last byte's end with what is in memory.
  @inline(__always) @unsafe
  init(_ start: PacketBytes, _ count: Int) {
    self.start = start
    self.count = count
  }

  subscript(index: Int) -> UInt8 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such byte")
    // Less than `count`.
    return unsafe start.load(UInt8.self, at: index)
  }

  /// The first of the bytes, not more than there are.
  func prefix(_ limit: Int) -> LoadedBytes {
    // No more than before.
    unsafe LoadedBytes(start, max(0, min(count, limit)))
  }

  /// Where the first NUL is.
  @inline(__always)
  var firstNUL: Int? {
    // `count` bytes, which are in memory.
    guard count > 0, let place = unsafe memchr(start.pointer, 0, count) else { return nil }
    return unsafe UnsafeRawPointer(place) - start.pointer
  }

  /// The bytes for the system and for other modules, which must not keep them.
  @inline(__always)
  var buffer: UnsafeRawBufferPointer {
    // `count` bytes, which are in memory.
    unsafe UnsafeRawBufferPointer(start: start.pointer, count: count)
  }
}
