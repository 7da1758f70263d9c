import Devices
import Glibc
import GuestRAM
import Platform

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
    /// Let go of what is in the ranges, if the file can.
    case discard
    /// Have the ranges read zeros, and keep no room for them.
    case clear
    /// Have the ranges read zeros.
    case zero
  }

  /// What is written where a file cannot be made to read zeros otherwise. Only read.
  private nonisolated(unsafe) static let zeros: UnsafeMutableRawBufferPointer = {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return bytes
  }()

  /// IOV_MAX: the most parts of one system call.
  static let maximumParts = 1024

  // Written by the device before it is submitted, by the backend until it is completed, and by the device again: one at a time.
  @exclusivity(unchecked) package internal(set) var work = Work.flush
  /// In the file, bytes; with `parts` what is left to be done.
  @exclusivity(unchecked) private(set) var offset: UInt64 = 0
  /// Why it did not work; nil where it did.
  @exclusivity(unchecked) package var failure: Errno?
  /// Of the file, bytes: what is left of the ranges that it is about; not of what has data.
  @exclusivity(unchecked) private(set) var ranges: ArraySlice<Range<UInt64>> = []
  /// Whether the ranges' zeros are to be durable when it is complete.
  @exclusivity(unchecked) private(set) var isDurable = false

  @exclusivity(unchecked) package internal(set) var queue = 0
  /// When it may be over, of CLOCK_MONOTONIC, where a backend holds it until then (`DelayedBackend`).
  @exclusivity(unchecked) var due: UInt64 = 0
  /// Whether it goes by way of a bounce buffer.
  @exclusivity(unchecked) var isBounced = false
  /// Which buffer this is the work of; nil where it is a request's own.
  @exclusivity(unchecked) var chunk: Int?
  /// Its place among the writes under way, where those are kept apart.
  @exclusivity(unchecked) var placeInGate: Int?
  @exclusivity(unchecked) var generation: UInt32 = 0
  @exclusivity(unchecked) var head: UInt16 = 0
  @exclusivity(unchecked) var id: UInt32 = 0
  @exclusivity(unchecked) var kind = DeviceRequest.Kind.other
  @exclusivity(unchecked) var length: UInt64 = 0
  /// Bytes to be read, written, discarded or made zero in all.
  @exclusivity(unchecked) private(set) var bytes: UInt64 = 0
  /// Those of them that are still to be read or written.
  @exclusivity(unchecked) private(set) var left: UInt64 = 0
  @exclusivity(unchecked) var status = GuestAddress(0)

  // The kernel may read them until the request is complete, so that they stay where they are.
  @exclusivity(unchecked) private var storage: UnsafeMutableBufferPointer<iovec>
  @exclusivity(unchecked) private var range = 0..<0
  /// Bytes of the range's first part that were moved.
  @exclusivity(unchecked) private var begun = 0

  init() { storage = .allocate(capacity: 16) }

  deinit { storage.deallocate() }

  /// Has it begin at a place in the file, with no parts yet.
  func begin(at offset: UInt64) {
    self.offset = offset
    range = 0..<0
    begun = 0
    ranges = []
    failure = nil
    isBounced = false
    bytes = 0
    left = 0
  }

  /// Has it be about ranges of the file.
  ///
  /// - Parameter isDurable: whether it is complete only when what it does is durable.
  func begin(_ ranges: [Range<UInt64>], isDurable: Bool) {
    begin(at: 0)
    self.ranges = ranges[...]
    self.isDurable = isDurable
    for range in ranges { bytes += UInt64(range.count) }
  }

  /// The first of the ranges is done.
  func endRange() { _ = ranges.popFirst() }

  /// The file cannot do what is to be done to its ranges (EOPNOTSUPP): what is to be discarded may stay, and zeros are written.
  func doWithout() {
    guard work != .discard, let range = ranges.popFirst() else { return ranges.removeAll() }
    begin(at: range.lowerBound)
    var rest = Int(range.count)
    while rest > 0 {
      let part = UnsafeMutableRawBufferPointer(rebasing: BlockJob.zeros.prefix(rest))
      append(part)
      rest -= part.count
    }
    work = isDurable ? .writeThrough : .write
  }

  /// Adds a piece of guest RAM.
  func append(_ bytes: UnsafeMutableRawBufferPointer) {
    if range.upperBound == storage.count {
      let larger = UnsafeMutableBufferPointer<iovec>.allocate(capacity: 2 * storage.count)
      _ = larger.initialize(from: storage[..<range.upperBound])
      storage.deallocate()
      storage = larger
    }
    storage.initializeElement(
      at: range.upperBound, to: iovec(iov_base: bytes.baseAddress, iov_len: bytes.count))
    self.bytes += UInt64(bytes.count)
    left += UInt64(bytes.count)
    range = range.lowerBound..<range.upperBound + 1
  }

  /// What is left to be read or written, as much as one system call takes.
  var parts: UnsafeMutableBufferPointer<iovec> {
    .init(rebasing: storage[range.prefix(BlockJob.maximumParts)])
  }

  /// Whether there is nothing left to be read or written.
  var isDone: Bool { range.isEmpty }

  /// So many bytes were moved, of those in `parts`.
  func advance(by count: Int) {
    offset += UInt64(count)
    left -= UInt64(count)
    var rest = count
    while let first = range.first, rest >= storage[first].iov_len {
      rest -= storage[first].iov_len
      restart(first)
      range.removeFirst()
    }
    guard rest > 0, let first = range.first else { return }
    storage[first].iov_base += rest
    storage[first].iov_len -= rest
    begun += rest
  }

  private func restart(_ first: Int) {
    storage[first].iov_base -= begun
    storage[first].iov_len += begun
    begun = 0
  }

  /// All pieces of guest RAM that it was given, when nothing of them is to be moved any more.
  func takePieces(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
    if let first = range.first { restart(first) }
    for part in storage[..<range.upperBound] {
      body(UnsafeMutableRawBufferPointer(start: part.iov_base, count: part.iov_len))
    }
    range = 0..<0
  }

  /// Whether direct I/O takes it as it is.
  func isAligned(to alignment: DirectAlignment) -> Bool {
    guard ranges.isEmpty, left > 0 else { return true }
    let block = UInt(alignment.block - 1)
    let memory = UInt(alignment.memory - 1)
    return UInt(offset) & block == 0
      && storage[range].allSatisfy {
        UInt(bitPattern: $0.iov_base) & memory == 0 && UInt($0.iov_len) & block == 0
      }
  }

  /// Copies the next bytes that are to be written.
  func gather(into bytes: UnsafeMutableRawBufferPointer) {
    copy(bytes.count) { place, part in
      UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + part.count]).copyMemory(
        from: UnsafeRawBufferPointer(part))
    }
  }

  /// Fills the next bytes that are to be read.
  func scatter(from bytes: UnsafeRawBufferPointer) {
    copy(bytes.count) { place, part in
      part.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + part.count]))
    }
  }

  /// - Parameter count: not more than is left.
  private func copy(_ count: Int, _ body: (Int, UnsafeMutableRawBufferPointer) -> Void) {
    var done = 0
    for part in storage[range] where done < count {
      let bytes = UnsafeMutableRawBufferPointer(start: part.iov_base, count: min(part.iov_len, count - done))
      body(done, bytes)
      done += bytes.count
    }
  }
}
