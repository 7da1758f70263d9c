import GuestRAM

/// A request to a disk as its driver wrote it (virtio 1.2, section 5.2.6), parsed and not yet carried out.
///
/// The header is copied once: what is checked here is what is done, whatever the guest writes there meanwhile.
package struct BlockRequest: Sendable, Equatable {
  /// What is asked for.
  package enum Operation: Sendable, Equatable {
    /// Sectors into the buffers to be written.
    case read
    /// The buffers to be read into sectors.
    case write
    /// What was written before, to be durable.
    case flush
    /// The disk's serial number.
    case identify
    /// What is in ranges of sectors, to be kept no more.
    case discard
    /// Zeros into a range of sectors.
    case writeZeroes
    /// A type that this device does not have.
    case unsupported(UInt32)
  }

  /// A range that a request is about which has no data (`virtio_blk_discard_write_zeroes`).
  package struct Segment: Sendable, Equatable {
    /// Bytes of one.
    static let size = 16

    /// The first sector.
    package let sector: UInt64
    /// Sectors.
    package let count: UInt32
    /// Bit 0: the sectors need not be kept allocated; all others are unknown.
    package let flags: UInt32
  }

  /// How it ended (section 5.2.6).
  package enum Status: UInt8, Sendable {
    case ok = 0
    case ioError = 1
    case unsupported = 2
  }

  /// Bytes of a sector, whatever the disk's own are.
  package static let sectorSize: UInt64 = 512
  /// Bytes of a serial number.
  package static let identityLength: UInt64 = 20
  /// The most ranges of one request to discard.
  package static let maximumDiscards = 16
  /// The most sectors of each: 2 GiB.
  package static let maximumDiscardSectors: UInt32 = 1 << 22
  /// The most sectors of a request for zeros, which has one range: 4 MiB, as they may have to be written.
  package static let maximumZeroSectors: UInt32 = 1 << 13
  private static let headerLength = 16

  /// What is asked for.
  package let operation: Operation
  /// The first sector.
  package let sector: UInt64
  /// Bytes of data, beside header and status.
  package let length: UInt64
  /// Ranges, of a request that is about such; none where their number is none that a request may have.
  package let segments: [Segment]
  /// Where the status goes: the last byte that the device may write.
  package let status: GuestAddress

  /// Reads a request.
  ///
  /// - Throws: where there is no whole header, or no place for the status, so that not even an error can be told.
  package init(_ chain: DescriptorChain, _ memory: GuestMemory) throws(QueueFault) {
    // The header of `virtio_blk_req`, with its reserved field in the upper half of `type`. Not in an array, which would be an
    // allocation for each request.
    var header: (type: UInt64, sector: UInt64) = (0, 0)
    guard withUnsafeMutableBytes(of: &header, { chain.copyHeader(to: $0, memory) }) else {
      throw .request("a header of \(chain.readableLength) bytes")
    }
    guard let last = chain.writable.last else { throw .request("no place for the status") }
    sector = UInt64(littleEndian: header.sector)
    status = last.address.advanced(by: UInt64(last.length) - 1)
    switch UInt32(truncatingIfNeeded: UInt64(littleEndian: header.type)) {
    case 0: operation = .read
    case 1: operation = .write
    case 4: operation = .flush
    case 8: operation = .identify
    case 11: operation = .discard
    case 13: operation = .writeZeroes
    case let type: operation = .unsupported(type)
    }
    switch operation {
    case .write: length = chain.readableLength - UInt64(BlockRequest.headerLength)
    case .read, .identify: length = chain.writableLength - 1
    case .flush, .unsupported, .discard, .writeZeroes: length = 0
    }
    segments =
      operation == .discard || operation == .writeZeroes ? BlockRequest.segments(of: chain, memory) : []
  }

  /// Copied once.
  private static func segments(of chain: DescriptorChain, _ memory: GuestMemory) -> [Segment] {
    let bytes = chain.readableLength - UInt64(headerLength)
    guard bytes % UInt64(Segment.size) == 0, bytes <= UInt64(maximumDiscards * Segment.size),
      let header = chain.header(headerLength + Int(bytes), memory)
    else { return [] }
    return stride(from: headerLength, to: header.count, by: Segment.size).map { start in
      func number(_ range: Range<Int>) -> UInt64 {
        header[start + range.lowerBound..<start + range.upperBound].reversed().reduce(0) {
          $0 << 8 | UInt64($1)
        }
      }
      return Segment(
        sector: number(0..<8), count: UInt32(number(8..<12)), flags: UInt32(number(12..<16)))
    }
  }

  /// What is wrong with asking a disk for this; nil where nothing is.
  ///
  /// - Parameter sectors: of the disk.
  package func refusal(sectors: UInt64, isReadOnly: Bool) -> Status? {
    switch operation {
    case .unsupported: return .unsupported
    case .write where isReadOnly: return .ioError
    case .read, .write:
      let count = length / BlockRequest.sectorSize
      guard length % BlockRequest.sectorSize == 0, sector <= sectors, count <= sectors - sector else {
        return .ioError
      }
      return nil
    case .flush: return nil
    case .discard, .writeZeroes: return segmentsRefusal(sectors: sectors, isReadOnly: isReadOnly)
    case .identify: return length >= BlockRequest.identityLength ? nil : .ioError
    }
  }

  /// Section 5.2.6.2: unknown flags, and for a request to discard any, are not supported; what is too much is an error.
  private func segmentsRefusal(sectors: UInt64, isReadOnly: Bool) -> Status? {
    let isDiscard = operation == .discard
    if segments.contains(where: { $0.flags & (isDiscard ? ~0 : ~1) != 0 }) { return .unsupported }
    let limit = isDiscard ? BlockRequest.maximumDiscardSectors : BlockRequest.maximumZeroSectors
    let isPossible = segments.allSatisfy {
      $0.count <= limit && $0.sector <= sectors && UInt64($0.count) <= sectors - $0.sector
    }
    guard !isReadOnly, isPossible, !segments.isEmpty, isDiscard || segments.count == 1 else {
      return .ioError
    }
    return nil
  }

  /// What its segments are about, bytes of the disk; none of what is empty. They were not refused, so that this does not overflow.
  ///
  /// - Parameter block: whole ones are left of each range, bytes; a power of two.
  func ranges(wholeBlocksOf block: UInt64) -> [Range<UInt64>] {
    segments.compactMap { segment in
      let start = segment.sector * BlockRequest.sectorSize
      let end = start + UInt64(segment.count) * BlockRequest.sectorSize
      let first = (start + block - 1) & ~(block - 1)
      let last = end & ~(block - 1)
      return first < last ? first..<last : nil
    }
  }

  /// Goes through the pieces of RAM that its data is in.
  package func data(
    _ chain: DescriptorChain, _ body: (GuestAddress, Int) throws(GuestMemoryError) -> Void
  ) throws(GuestMemoryError) {
    switch operation {
    case .write:
      try DescriptorChain.pieces(
        of: chain.readable, skipping: UInt64(BlockRequest.headerLength), count: length, body)
    case .read, .identify:
      try DescriptorChain.pieces(of: chain.writable, skipping: 0, count: length, body)
    case .flush, .unsupported, .discard, .writeZeroes: break
    }
  }
}
