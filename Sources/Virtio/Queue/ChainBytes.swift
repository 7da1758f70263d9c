import GuestRAM

/// Access to what a chain's buffers hold, however a driver has cut it into descriptors (virtio 1.2, section 2.7.4.1: a
/// device makes no assumption about that).
extension DescriptorChain {
  /// Bytes in the buffers for the device to read.
  package var readableLength: UInt64 { readable.reduce(0) { $0 + UInt64($1.length) } }
  /// Bytes in the buffers for the device to write.
  package var writableLength: UInt64 { length - readableLength }

  /// Goes through the pieces of RAM that some bytes of buffers are in.
  ///
  /// - Parameters:
  ///   - skipped: bytes before them.
  ///   - count: how many bytes; the buffers have them.
  package static func pieces(
    of buffers: ArraySlice<Buffer>, skipping skipped: UInt64, count: UInt64,
    _ body: (GuestAddress, Int) throws(GuestMemoryError) -> Void
  ) throws(GuestMemoryError) {
    var skipped = skipped
    var rest = count
    for buffer in buffers where rest > 0 {
      let length = UInt64(buffer.length)
      guard skipped < length else {
        skipped -= length
        continue
      }
      let part = min(length - skipped, rest)
      try body(buffer.address.advanced(by: skipped), Int(part))
      skipped = 0
      rest -= part
    }
  }

  /// Copies the first bytes for the device to read, once.
  ///
  /// - Returns: nil where there are fewer.
  package func header(_ count: Int, _ memory: GuestMemory) -> [UInt8]? {
    guard readableLength >= UInt64(count) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    do {
      try DescriptorChain.pieces(of: readable, skipping: 0, count: UInt64(count)) {
        (address, length) throws(GuestMemoryError) in
        bytes += try memory.read(count: length, at: address)
      }
    } catch {
      return nil
    }
    return bytes
  }
}
