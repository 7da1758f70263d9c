import GuestRAM

/// What a guest did wrong with a queue, which is broken from then on until the device is reset (virtio 1.2, section 2.1.2,
/// DEVICE_NEEDS_RESET).
package enum QueueFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// A queue's parts, in the order in which a driver tells of them.
  package enum Area: String, Sendable, CaseIterable {
    /// The descriptor table (section 2.7.5).
    case descriptors = "descriptor table"
    /// The driver area: the available ring (section 2.7.6).
    case available = "available ring"
    /// The device area: the used ring (section 2.7.8).
    case used = "used ring"
  }

  /// Not a power of two, zero, or more than the device has.
  case size(UInt32)
  /// A part of the queue is not at a multiple of what it has to be.
  case misaligned(Area, GuestAddress)
  /// A part of the queue is not all in RAM.
  case outside(Area, GuestAddress)
  /// Two parts of the queue share bytes.
  case overlapping(Area, Area)
  /// More was made available than the queue has entries for.
  case tooManyAvailable(UInt16)
  /// A chain begins at a descriptor that is not in the table.
  case head(UInt16)
  /// A descriptor's `next` is not in its table.
  case next(UInt16)
  /// A chain has more descriptors than the queue: a loop, or a table too large.
  case chainTooLong
  /// An indirect table without VIRTIO_F_INDIRECT_DESC.
  case indirectNotNegotiated
  /// An indirect table's length is zero or no multiple of 16.
  case indirectLength(UInt32)
  /// An indirect table is not all in RAM.
  case indirectOutside(GuestAddress)
  /// An indirect table inside of one.
  case indirectNested
  /// An indirect descriptor says that another one follows it.
  case indirectContinued
  /// A buffer is not all in RAM.
  case buffer(GuestAddress, UInt32)
  /// A buffer of no bytes.
  case emptyBuffer
  /// All buffers together have more than 4 GiB.
  case totalTooLong
  /// A buffer for the device to read follows one for it to write.
  case readableAfterWritable
  /// What the device was asked for cannot be answered, not even with an error.
  case request(String)

  /// The message.
  package var description: String {
    switch self {
    case .size(let size): "a queue of \(size) entries"
    case .misaligned(let area, let address): "the \(area.rawValue) at \(address) is not aligned"
    case .outside(let area, let address): "the \(area.rawValue) at \(address) is not all in RAM"
    case .overlapping(let one, let other): "the \(one.rawValue) and the \(other.rawValue) overlap"
    case .tooManyAvailable(let count): "\(count) entries are in use, which are more than there are"
    case .head(let index): "a chain begins at descriptor \(index), which does not exist"
    case .next(let index): "a chain goes on at descriptor \(index), which does not exist"
    case .chainTooLong: "a chain is longer than the queue"
    case .indirectNotNegotiated: "an indirect table, which was not agreed on"
    case .indirectLength(let length): "an indirect table of \(length) bytes"
    case .indirectOutside(let address): "an indirect table at \(address) is not all in RAM"
    case .indirectNested: "an indirect table inside of an indirect table"
    case .indirectContinued: "a descriptor follows an indirect one"
    case .buffer(let address, let length): "a buffer of \(length) bytes at \(address) is not all in RAM"
    case .emptyBuffer: "a buffer of no bytes"
    case .totalTooLong: "a chain of more than 4 GiB"
    case .readableAfterWritable: "a buffer to be read follows one to be written"
    case .request(let what): "a request with \(what)"
    }
  }
}

extension QueueFault {
  /// Its number in the trace, `queue_fault` of the event catalogue.
  package var number: UInt8 {
    switch self {
    case .size: 0
    case .misaligned: 1
    case .outside: 2
    case .overlapping: 3
    case .tooManyAvailable: 4
    case .head: 5
    case .next: 6
    case .chainTooLong: 7
    case .indirectNotNegotiated: 8
    case .indirectLength: 9
    case .indirectOutside: 10
    case .indirectNested: 11
    case .indirectContinued: 12
    case .buffer: 13
    case .emptyBuffer: 14
    case .totalTooLong: 15
    case .readableAfterWritable: 16
    case .request: 17
    }
  }
}
