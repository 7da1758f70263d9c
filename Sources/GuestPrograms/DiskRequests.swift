/// What a guest asks of its virtio device.
package struct RequestArguments: Sendable, Equatable {
  /// Which places requests are about.
  package enum Order: String, Sendable, CaseIterable {
    /// One after the other, and again from the first.
    case sequential
    /// By a generator that gives the same places in every run.
    case random
  }

  /// What is told over the serial port.
  package enum Announcement: String, Sendable, CaseIterable {
    case nothing
    /// A full stop for each flush that has completed.
    case flushes
  }

  /// Guest physical address of the first buffer; each request under way has its own.
  static let buffers: UInt64 = 0x10_0000
  /// The most requests under way.
  static let maximumDepth: UInt64 = 64
  /// The most places.
  static let maximumPlaces: UInt64 = 4096
  /// The most queues of the disk that are used.
  static let maximumQueues: UInt64 = 8

  /// Bytes of a read or write, a multiple of 512.
  package internal(set) var size: UInt32 = 0
  /// Requests under way at once.
  package internal(set) var depth: UInt32 = 0
  /// Queues of the disk, to which requests go in turn.
  package internal(set) var queues: UInt32 = 1
  /// Requests for each kick.
  package internal(set) var batch: UInt32 = 0
  /// How many of a hundred read; the others write.
  package internal(set) var reads: UInt32 = 0
  /// Writes between two flushes; 0: no flush.
  package internal(set) var flush: UInt32 = 0
  /// Places of one request each that are read and written, from the disk's beginning on.
  package internal(set) var places: UInt32 = 0
  /// Which of them, one after the other.
  package internal(set) var order = Order.sequential
  /// What is told over the serial port.
  package internal(set) var announcement = Announcement.nothing

  /// Bytes of RAM with all buffers.
  func memoryNeeded(of kind: VirtioKind) -> UInt64 {
    let bytes: UInt64 =
      switch kind {
      case .disk, .entropy: UInt64(size)
      // net.c: the packet that comes is the one that goes.
      case .network: 2048
      // console.c: two queues of each of two ports.
      case .console: 4 * UInt64(size)
      }
    return RequestArguments.buffers + UInt64(depth) * bytes
  }
}

/// Requests to a disk, by kind. Of other devices reads are what the guest received, and writes what it sent.
package struct DiskRequests: Sendable, Equatable, Codable {
  package var reads: UInt64
  package var writes: UInt64
  package var flushes: UInt64

  /// Counts requests.
  package init(reads: UInt64 = 0, writes: UInt64 = 0, flushes: UInt64 = 0) {
    self.reads = reads
    self.writes = writes
    self.flushes = flushes
  }

  /// All of them.
  package var total: UInt64 { reads &+ writes &+ flushes }
}
