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

  /// Copies the first bytes for the device to read, once, as many as there is room for.
  ///
  /// - Returns: false where there are fewer.
  package func copyHeader(to target: UnsafeMutableRawBufferPointer, _ memory: GuestMemory) -> Bool {
    guard readableLength >= UInt64(target.count) else { return false }
    var place = 0
    do {
      try DescriptorChain.pieces(of: readable, skipping: 0, count: UInt64(target.count)) {
        (address, length) throws(GuestMemoryError) in
        let bytes = UnsafeRawBufferPointer(try memory.hostBytes(at: address, count: length))
        UnsafeMutableRawBufferPointer(rebasing: target[place..<place + length]).copyMemory(from: bytes)
        place += length
      }
    } catch {
      return false
    }
    return true
  }

  /// The first bytes for the device to read, copied once.
  ///
  /// - Returns: nil where there are fewer.
  package func header(_ count: Int, _ memory: GuestMemory) -> [UInt8]? {
    guard readableLength >= UInt64(count) else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    return bytes.withUnsafeMutableBytes({ copyHeader(to: $0, memory) }) ? bytes : nil
  }
}
