import GuestRAM
import Synchronization

/// The device's side of a split virtqueue (virtio 1.2, section 2.7).
///
/// Nothing of the guest's memory is kept: it is given with each call. Once the guest has done something that the
/// specification forbids, the queue is broken: `fault` says why, and every further call finds nothing and does nothing.
/// All calls come one at a time, under the device's lock.
package struct Virtqueue: Sendable {
  /// Features of the rings that were agreed on (section 6).
  package struct Features: Sendable, Equatable {
    /// VIRTIO_F_INDIRECT_DESC.
    package var indirectDescriptors: Bool
    /// VIRTIO_F_EVENT_IDX.
    package var eventIndex: Bool

    /// Names them.
    package init(indirectDescriptors: Bool = false, eventIndex: Bool = false) {
      self.indirectDescriptors = indirectDescriptors
      self.eventIndex = eventIndex
    }
  }

  /// What a driver was let see.
  package struct Publication: Sendable, Equatable {
    /// Requests completed since the last time.
    package let requests: UInt16
    /// Requests that are taken and not completed.
    package let inFlight: UInt16
    /// Whether it asked for an interrupt for that (section 2.7.7.2).
    package let wantsInterrupt: Bool
  }

  /// The most entries that it can have; a power of two.
  package let maximumSize: UInt16
  /// What the driver asked for: entries, and where the parts are. Used, and checked, when it says that the queue is ready.
  package var requestedSize: UInt32
  package var descriptors = GuestAddress(0)
  package var available = GuestAddress(0)
  package var used = GuestAddress(0)
  /// Whether the device may use it.
  package private(set) var isReady = false
  /// Why it is broken; nil while it is not.
  package private(set) var fault: QueueFault?
  /// How often it was made ready or reset: a request belongs to the queue as it was when it was taken.
  package private(set) var generation: UInt32 = 0
  /// Requests taken since it was made ready; wraps at 2^32.
  package private(set) var taken: UInt32 = 0

  private var size: UInt16 = 0
  private var features = Features()
  /// The next entry of the available ring to be looked at.
  private var nextAvailable: UInt16 = 0
  /// The next entry of the used ring to be filled.
  private var nextUsed: UInt16 = 0
  /// `nextUsed` when it was published last.
  private var publishedUsed: UInt16 = 0

  /// Makes a queue that no driver has told of anything yet.
  package init(maximumSize: UInt16) {
    precondition(maximumSize > 0 && maximumSize <= 32768 && maximumSize & (maximumSize - 1) == 0)
    self.maximumSize = maximumSize
    requestedSize = UInt32(maximumSize)
  }

  /// Chains that were taken and are not completed.
  package var inFlight: UInt16 { nextAvailable &- nextUsed }

  // MARK: Setting up

  /// Lets the device use the queue, from its beginning (section 4.2.3.2), where what the driver said of it makes sense.
  package mutating func start(_ features: Features, _ memory: GuestMemory) {
    do {
      try check(memory)
    } catch {
      fault = error
      return
    }
    size = UInt16(requestedSize)
    self.features = features
    nextAvailable = 0
    nextUsed = 0
    publishedUsed = 0
    taken = 0
    generation &+= 1
    isReady = true
  }

  /// Whether what was taken when the queue was of this generation can be given back to its driver.
  package func canComplete(_ generation: UInt32) -> Bool {
    isReady && fault == nil && generation == self.generation
  }

  /// Takes the queue from the device again.
  package mutating func stop() { isReady = false }

  /// Forgets everything that a driver said.
  package mutating func reset() {
    let generation = generation &+ 1
    self = Virtqueue(maximumSize: maximumSize)
    self.generation = generation
  }

  private func check(_ memory: GuestMemory) throws(QueueFault) {
    guard requestedSize > 0, requestedSize <= UInt32(maximumSize), requestedSize & (requestedSize - 1) == 0
    else { throw .size(requestedSize) }
    let size = UInt64(requestedSize)
    // Sections 2.7.5, 2.7.6 and 2.7.8; with the event index behind each ring, whether or not it is used.
    let parts: [(area: QueueFault.Area, start: GuestAddress, count: UInt64, alignment: UInt64)] = [
      (.descriptors, descriptors, 16 * size, 16), (.available, available, 6 + 2 * size, 2),
      (.used, used, 6 + 8 * size, 4),
    ]
    for part in parts {
      guard part.start.value % part.alignment == 0 else { throw .misaligned(part.area, part.start) }
      guard memory.contains(part.start, count: Int(part.count)) else { throw .outside(part.area, part.start) }
    }
    for (index, one) in parts.enumerated() {
      for other in parts[..<index]
      where one.start.value < other.start.value + other.count
        && other.start.value < one.start.value + one.count
      {
        throw .overlapping(other.area, one.area)
      }
    }
  }

  // MARK: Taking and completing requests

  /// Takes the next request.
  ///
  /// - Parameter chain: becomes the request, where there is one.
  /// - Returns: whether there is one. There is none in a queue that is broken, also since just now.
  package mutating func pop(into chain: inout DescriptorChain, _ memory: GuestMemory) -> Bool {
    guard isReady, fault == nil else { return false }
    do throws(QueueFault) {
      let index = try load(availableIndex, memory)
      // What was taken already has its entry until it is completed: a guest that makes available more than there can be
      // would have the device hold any number of requests.
      let inUse = index &- nextUsed
      guard inUse <= size, inUse >= inFlight else { throw .tooManyAvailable(inUse) }
      guard index != nextAvailable else { return false }
      // The entry is read behind the acquiring load of the index.
      let entry = available.advanced(by: 4 + 2 * UInt64(nextAvailable & (size - 1)))
      let head = try load(entry, memory)
      nextAvailable &+= 1
      try chain.read(
        head: head,
        from: .init(
          table: descriptors, size: size, allowsIndirect: features.indirectDescriptors,
          indirectLimit: Int(maximumSize)), memory)
      taken &+= 1
      return true
    } catch {
      fault = error
      return false
    }
  }

  /// Gives the queue up because of what a request holds.
  package mutating func fail(_ fault: QueueFault) {
    if self.fault == nil { self.fault = fault }
  }

  /// Puts a completed request into the used ring; the driver does not see it before `publish`.
  ///
  /// - Parameters:
  ///   - head: of the request.
  ///   - written: bytes that the device wrote into its buffers.
  package mutating func push(head: UInt16, written: UInt32, _ memory: GuestMemory) {
    guard isReady, fault == nil, inFlight > 0 else { return }
    let entry = used.advanced(by: 4 + 8 * UInt64(nextUsed & (size - 1)))
    do {
      try memory.write(UInt64(written) << 32 | UInt64(head), at: entry, .little)
      nextUsed &+= 1
    } catch {
      fault = .outside(.used, used)
    }
  }

  /// Lets the driver see what was completed.
  ///
  /// - Returns: what it sees, and whether it wants an interrupt for that; nil where there is nothing new.
  package mutating func publish(_ memory: GuestMemory) -> Publication? {
    guard isReady, fault == nil, nextUsed != publishedUsed else { return nil }
    let old = publishedUsed
    publishedUsed = nextUsed
    do {
      try store(nextUsed, used.advanced(by: 2), memory)
      // The driver does the same the other way round: it writes what it wants, then looks at the index. One of the two sees
      // what the other wrote.
      memory.fence()
      return Publication(
        requests: nextUsed &- old, inFlight: inFlight,
        wantsInterrupt: try wantsInterrupt(from: old, memory))
    } catch {
      fault = error
      return nil
    }
  }

  /// Whether the driver wants an interrupt for what was completed since `old`.
  private func wantsInterrupt(from old: UInt16, _ memory: GuestMemory) throws(QueueFault) -> Bool {
    guard features.eventIndex else { return try load(available, memory) & 1 == 0 }
    let event = try load(available.advanced(by: 4 + 2 * UInt64(size)), memory)
    return Virtqueue.isDue(event: event, from: old, to: nextUsed)
  }

  /// Says that kicks are not needed until `resumeKicks` (section 2.7.10).
  package mutating func suspendKicks(_ memory: GuestMemory) {
    // With the event index nothing has to be said: the driver passed it with the kick that brought the device here.
    guard isReady, fault == nil, !features.eventIndex else { return }
    do {
      try store(1, used, memory)
    } catch {
      fault = error
    }
  }

  /// Asks for a kick with the next request.
  ///
  /// - Returns: whether there is one already, for which no kick may come.
  package mutating func resumeKicks(_ memory: GuestMemory) -> Bool {
    guard isReady, fault == nil else { return false }
    do {
      if features.eventIndex {
        try store(nextAvailable, used.advanced(by: 4 + 8 * UInt64(size)), memory)
      } else {
        try store(0, used, memory)
      }
      memory.fence()
      return try load(availableIndex, memory) != nextAvailable
    } catch {
      fault = error
      return false
    }
  }

  /// Whether an index that went from `old` to `new` passed the one that the other side waits for (section 2.7.10).
  static func isDue(event: UInt16, from old: UInt16, to new: UInt16) -> Bool {
    new &- event &- 1 < new &- old
  }

  private var availableIndex: GuestAddress { available.advanced(by: 2) }

  // The rings were in RAM and aligned when the queue was started, but what a driver says of them can be said again. An access
  // that is refused breaks the queue.
  private func load(_ address: GuestAddress, _ memory: GuestMemory) throws(QueueFault) -> UInt16 {
    do {
      return try memory.loadAcquiring16(at: address, .little)
    } catch {
      throw .outside(.available, available)
    }
  }

  private func store(_ value: UInt16, _ address: GuestAddress, _ memory: GuestMemory) throws(QueueFault) {
    do {
      try memory.storeReleasing16(value, at: address, .little)
    } catch {
      throw .outside(.used, used)
    }
  }
}
