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
    /// A type that this device does not have.
    case unsupported(UInt32)
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
  private static let headerLength = 16

  /// What is asked for.
  package let operation: Operation
  /// The first sector.
  package let sector: UInt64
  /// Bytes of data, beside header and status.
  package let length: UInt64
  /// Where the status goes: the last byte that the device may write.
  package let status: GuestAddress

  /// Reads a request.
  ///
  /// - Throws: where there is no whole header, or no place for the status, so that not even an error can be told.
  package init(_ chain: DescriptorChain, _ memory: GuestMemory) throws(QueueFault) {
    guard let header = chain.header(BlockRequest.headerLength, memory) else {
      throw .request("a header of \(chain.readableLength) bytes")
    }
    guard let last = chain.writable.last else { throw .request("no place for the status") }
    func number(_ range: Range<Int>) -> UInt64 { header[range].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    sector = number(8..<16)
    status = last.address.advanced(by: UInt64(last.length) - 1)
    switch UInt32(number(0..<4)) {
    case 0: operation = .read
    case 1: operation = .write
    case 4: operation = .flush
    case 8: operation = .identify
    case let type: operation = .unsupported(type)
    }
    switch operation {
    case .write: length = chain.readableLength - UInt64(BlockRequest.headerLength)
    case .read, .identify: length = chain.writableLength - 1
    case .flush, .unsupported: length = 0
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
    case .identify: return length >= BlockRequest.identityLength ? nil : .ioError
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
    case .flush, .unsupported: break
    }
  }
}
