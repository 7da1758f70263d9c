import GuestRAM

/// A request as a driver described it: buffers for the device to read, then buffers for it to write (virtio 1.2, section
/// 2.7.4). Copied once out of the guest's memory, so that nothing in it changes any more; what the buffers hold can.
///
/// Every buffer is within RAM. A chain is meant to be used again, for the next request, without another allocation.
package struct DescriptorChain: Sendable {
  /// One descriptor's buffer.
  package struct Buffer: Sendable, Equatable {
    /// Where it is.
    package let address: GuestAddress
    /// Bytes, at least 1.
    package let length: UInt32
  }

  /// The descriptor that it begins with, by which the driver knows it.
  package private(set) var head: UInt16 = 0
  /// All buffers, in their order.
  package private(set) var buffers: [Buffer] = []
  /// How many of them, from the first on, are for the device to read.
  package private(set) var readableCount = 0
  /// Bytes in all of them, at most 4 GiB.
  package private(set) var length: UInt64 = 0

  /// Makes an empty chain.
  package init() {}

  /// Buffers for the device to read.
  package var readable: ArraySlice<Buffer> { buffers[..<readableCount] }
  /// Buffers for the device to write.
  package var writable: ArraySlice<Buffer> { buffers[readableCount...] }
}

/// A descriptor as it was when it was read, once (section 2.7.5): 16 bytes.
private struct Descriptor {
  static let size: UInt64 = 16

  let address: GuestAddress
  let length: UInt32
  let flags: UInt16
  let next: UInt16

  init(_ memory: GuestMemory, at place: GuestAddress) throws(GuestMemoryError) {
    address = GuestAddress(try memory.read(UInt64.self, at: place, .little))
    let rest = try memory.read(UInt64.self, at: place.advanced(by: 8), .little)
    length = UInt32(truncatingIfNeeded: rest)
    flags = UInt16(truncatingIfNeeded: rest >> 32)
    next = UInt16(truncatingIfNeeded: rest >> 48)
  }

  /// VIRTQ_DESC_F_NEXT, VIRTQ_DESC_F_WRITE and VIRTQ_DESC_F_INDIRECT.
  var continues: Bool { flags & 1 != 0 }
  var isWritable: Bool { flags & 2 != 0 }
  var isIndirect: Bool { flags & 4 != 0 }
}

extension DescriptorChain {
  /// Where a chain's descriptors are, and how many there may be.
  struct Source {
    /// The queue's descriptor table, which is in RAM.
    let table: GuestAddress
    /// Descriptors in it.
    let size: UInt16
    /// Whether indirect tables were agreed on.
    let allowsIndirect: Bool
    /// Descriptors that a chain may have where some are in an indirect table.
    let indirectLimit: Int
  }

  /// Follows a chain, from its head to its end. Reads each descriptor once, and no more of them than the limit.
  mutating func read(head: UInt16, from source: Source, _ memory: GuestMemory) throws(QueueFault) {
    self.head = head
    buffers.removeAll(keepingCapacity: true)
    readableCount = 0
    length = 0
    guard head < source.size else { throw .head(head) }
    var table = (start: source.table, count: UInt32(source.size), isIndirect: false)
    var limit = Int(source.size)
    var index = UInt32(head)
    while true {
      let place = table.start.advanced(by: UInt64(index) * Descriptor.size)
      let descriptor: Descriptor
      do {
        descriptor = try Descriptor(memory, at: place)
      } catch {
        throw table.isIndirect ? .indirectOutside(table.start) : .outside(.descriptors, table.start)
      }
      if descriptor.isIndirect {
        table = try indirect(descriptor, isNested: table.isIndirect, source, memory)
        limit = source.indirectLimit
        index = 0
        continue
      }
      try append(descriptor, limit: limit, memory)
      guard descriptor.continues else { return }
      guard UInt32(descriptor.next) < table.count else { throw .next(descriptor.next) }
      index = UInt32(descriptor.next)
    }
  }

  /// The table that an indirect descriptor leads to (section 2.7.5.3).
  private func indirect(
    _ descriptor: Descriptor, isNested: Bool, _ source: Source, _ memory: GuestMemory
  ) throws(QueueFault) -> (start: GuestAddress, count: UInt32, isIndirect: Bool) {
    guard source.allowsIndirect else { throw .indirectNotNegotiated }
    guard !isNested else { throw .indirectNested }
    guard !descriptor.continues else { throw .indirectContinued }
    let bytes = descriptor.length
    guard bytes > 0, bytes % UInt32(Descriptor.size) == 0 else { throw .indirectLength(bytes) }
    guard memory.contains(descriptor.address, count: Int(bytes)) else {
      throw .indirectOutside(descriptor.address)
    }
    return (descriptor.address, bytes / UInt32(Descriptor.size), true)
  }

  private mutating func append(
    _ descriptor: Descriptor, limit: Int, _ memory: GuestMemory
  ) throws(QueueFault) {
    guard buffers.count < limit else { throw .chainTooLong }
    guard descriptor.length > 0 else { throw .emptyBuffer }
    guard memory.contains(descriptor.address, count: Int(descriptor.length)) else {
      throw .buffer(descriptor.address, descriptor.length)
    }
    if descriptor.isWritable {
      // The count of those to be read stays where it is from now on.
    } else {
      guard readableCount == buffers.count else { throw .readableAfterWritable }
      readableCount += 1
    }
    length += UInt64(descriptor.length)
    guard length <= 1 << 32 else { throw .totalTooLong }
    buffers.append(Buffer(address: descriptor.address, length: descriptor.length))
  }
}
