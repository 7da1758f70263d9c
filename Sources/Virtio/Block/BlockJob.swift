import Devices
import Glibc
import GuestRAM

/// A disk request on its way: what a backend needs to carry it out, and what the device needs to complete it.
///
/// Used again and again, so that a request costs no allocation once a few were made.
package final class BlockJob: @unchecked Sendable {
  /// What a backend is to do.
  package enum Work: Sendable {
    /// Fill the vectors from the file.
    case read
    /// Write the vectors to the file.
    case write
    /// Write the vectors, and have them durable.
    case writeThrough
    /// Have all that was written before durable.
    case flush
  }

  // Written by the device before it is submitted, by the backend until it is completed, and by the device again: one at a time.
  package internal(set) var work = Work.flush
  /// In the file, bytes.
  package internal(set) var offset: UInt64 = 0
  /// Pieces of guest RAM.
  package internal(set) var vectors: [iovec] = []
  /// Whether it worked.
  package var succeeded = false

  var queue = 0
  var generation: UInt32 = 0
  var head: UInt16 = 0
  var id: UInt32 = 0
  var kind = DeviceRequest.Kind.other
  var length: UInt64 = 0
  var status = GuestAddress(0)

  init() {}
}
