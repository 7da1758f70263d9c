import Devices
import GuestRAM

/// The driver's side of a split virtqueue (virtio 1.2, section 2.7): well-behaved where `add` and `publish` are used, and as
/// hostile as the test likes where it writes descriptors and indexes itself. It is written from the specification and
/// shares nothing with the device's side.
package final class SplitRing {
  /// A buffer of a request.
  package struct Part: Equatable, Sendable {
    package var address: UInt64
    package var length: UInt32
    package var isWritable: Bool

    package init(_ address: UInt64, _ length: UInt32, isWritable: Bool = false) {
      self.address = address
      self.length = length
      self.isWritable = isWritable
    }
  }

  /// A completed request.
  package struct Used: Equatable, Sendable {
    package let head: UInt16
    package let written: UInt32

    package init(head: UInt16, written: UInt32) {
      self.head = head
      self.written = written
    }
  }

  /// VIRTQ_DESC_F_NEXT, VIRTQ_DESC_F_WRITE and VIRTQ_DESC_F_INDIRECT.
  package static let next: UInt16 = 1
  package static let write: UInt16 = 2
  package static let indirect: UInt16 = 4

  private let memory: GuestMemory
  package let size: UInt16
  package var descriptors: UInt64
  package var available: UInt64
  package var used: UInt64
  package let usesEventIndex: Bool
  private var free: [UInt16]
  private var chains: [UInt16: [UInt16]] = [:]
  /// The driver's index of the available ring: what is behind it has been added.
  package private(set) var added: UInt16 = 0
  private var published: UInt16 = 0
  private var taken: UInt16 = 0

  /// Lays out a queue.
  ///
  /// - Parameter base: a multiple of 16.
  package init(_ memory: GuestMemory, at base: UInt64, size: UInt16, usesEventIndex: Bool = false) {
    self.memory = memory
    self.size = size
    self.usesEventIndex = usesEventIndex
    descriptors = base
    available = descriptors + 16 * UInt64(size)
    used = (available + 6 + 2 * UInt64(size) + 3) & ~3
    free = Array((0..<size).reversed())
  }

  /// Bytes from the base to the end.
  package var byteCount: UInt64 { used + 6 + 8 * UInt64(size) - descriptors }
  /// Descriptors that nothing uses.
  package var freeCount: Int { free.count }

  /// Sets descriptors and rings to zero, as a driver does with memory that was used before.
  package func clear() throws { try memory.clear(count: Int(byteCount), at: GuestAddress(descriptors)) }

  /// Forgets all requests, as a driver does that has reset its device, and sets descriptors and rings to zero.
  package func restart() throws {
    try clear()
    free = Array((0..<size).reversed())
    chains = [:]
    added = 0
    published = 0
    taken = 0
  }

  // MARK: A driver as it should be

  /// Adds a request to the available ring; the device does not see it before `publish`.
  ///
  /// - Parameter table: where an indirect table may be; nil for a chain of the queue's own descriptors.
  /// - Returns: the head, or nil where there are not enough descriptors.
  package func add(_ parts: [Part], indirectAt table: UInt64? = nil) throws -> UInt16? {
    let needed = table == nil ? parts.count : 1
    guard needed <= free.count else { return nil }
    let indexes = (0..<needed).map { _ in free.removeLast() }
    if let table {
      for (index, part) in parts.enumerated() {
        let isLast = index == parts.count - 1
        try setDescriptor(
          at: table + 16 * UInt64(index), part.address, part.length,
          (part.isWritable ? SplitRing.write : 0) | (isLast ? 0 : SplitRing.next), UInt16(index + 1))
      }
      try setDescriptor(indexes[0], table, 16 * UInt32(parts.count), SplitRing.indirect)
    } else {
      for (index, part) in parts.enumerated() {
        let isLast = index == parts.count - 1
        try setDescriptor(
          indexes[index], part.address, part.length,
          (part.isWritable ? SplitRing.write : 0) | (isLast ? 0 : SplitRing.next),
          isLast ? 0 : indexes[index + 1])
      }
    }
    chains[indexes[0]] = indexes
    try addHead(indexes[0])
    return indexes[0]
  }

  /// Lets the device see what was added.
  ///
  /// - Returns: whether it wants to be kicked for that.
  package func publish() throws -> Bool {
    let old = published
    try publishIndex(added)
    guard old != added else { return false }
    guard usesEventIndex else { return try number16(used) & 1 == 0 }
    let event = try number16(used + 4 + 8 * UInt64(size))
    return added &- event &- 1 < added &- old
  }

  /// Takes what was completed since the last time, and has its descriptors back.
  package func takeUsed() throws -> [Used] {
    var result: [Used] = []
    let index = try number16(used + 2)
    while taken != index {
      let entry = used + 4 + 8 * UInt64(taken % size)
      let head = try memory.read(UInt32.self, at: GuestAddress(entry), .little)
      let written = try memory.read(UInt32.self, at: GuestAddress(entry + 4), .little)
      result.append(Used(head: UInt16(truncatingIfNeeded: head), written: written))
      free += chains.removeValue(forKey: UInt16(truncatingIfNeeded: head)) ?? []
      taken &+= 1
    }
    return result
  }

  /// Asks for an interrupt with the next completion (on), or for none; with the event index, for none before `taken` moves.
  package func wantInterrupts(_ wanted: Bool) throws {
    if usesEventIndex {
      try write16(wanted ? taken : taken &- 1, available + 4 + 2 * UInt64(size))
    } else {
      try write16(wanted ? 0 : 1, available)
    }
  }

  /// The index at which the driver wants its next interrupt.
  package func setInterruptEvent(_ index: UInt16) throws {
    try write16(index, available + 4 + 2 * UInt64(size))
  }

  /// The device's index of the used ring.
  package var usedIndex: UInt16 { get throws { try number16(used + 2) } }
  /// The index at which the device wants its next kick.
  package var kickEvent: UInt16 { get throws { try number16(used + 4 + 8 * UInt64(size)) } }
  /// The flags of the used ring.
  package var usedFlags: UInt16 { get throws { try number16(used) } }

  // MARK: Anything at all

  /// Writes a descriptor of the queue's table, wherever it is.
  package func setDescriptor(
    _ index: UInt16, _ address: UInt64, _ length: UInt32, _ flags: UInt16, _ next: UInt16 = 0
  ) throws {
    try setDescriptor(at: descriptors + 16 * UInt64(index), address, length, flags, next)
  }

  /// Writes a descriptor anywhere.
  package func setDescriptor(
    at place: UInt64, _ address: UInt64, _ length: UInt32, _ flags: UInt16, _ next: UInt16 = 0
  ) throws {
    try memory.write(address, at: GuestAddress(place), .little)
    try memory.write(length, at: GuestAddress(place + 8), .little)
    try memory.write(flags, at: GuestAddress(place + 12), .little)
    try memory.write(next, at: GuestAddress(place + 14), .little)
  }

  /// Adds a head to the available ring, whatever it is.
  package func addHead(_ head: UInt16) throws {
    try write16(head, available + 4 + 2 * UInt64(added % size))
    added &+= 1
  }

  /// Publishes an index, whatever it is.
  package func publishIndex(_ index: UInt16) throws {
    published = index
    try memory.storeReleasing16(index, at: GuestAddress(available + 2), .little)
  }

  private func number16(_ address: UInt64) throws -> UInt16 {
    try memory.loadAcquiring16(at: GuestAddress(address), .little)
  }

  private func write16(_ value: UInt16, _ address: UInt64) throws {
    try memory.storeReleasing16(value, at: GuestAddress(address), .little)
  }
}

/// The driver's side of a virtio device behind memory-mapped registers (virtio 1.2, sections 3.1 and 4.2).
package enum MMIODriver {
  /// Registers.
  package static let deviceFeatures: UInt32 = 0x10
  package static let deviceFeaturesSelector: UInt32 = 0x14
  package static let driverFeatures: UInt32 = 0x20
  package static let driverFeaturesSelector: UInt32 = 0x24
  package static let queueSelector: UInt32 = 0x30
  package static let queueSizeMaximum: UInt32 = 0x34
  package static let queueSize: UInt32 = 0x38
  package static let queueReady: UInt32 = 0x44
  package static let queueNotify: UInt32 = 0x50
  package static let interruptStatus: UInt32 = 0x60
  package static let interruptAcknowledge: UInt32 = 0x64
  package static let status: UInt32 = 0x70
  package static let generation: UInt32 = 0xfc
  package static let configuration: UInt32 = 0x100

  /// What the device offers.
  package static func offered(_ device: some BusDevice) -> UInt64 {
    device.write(0, deviceFeaturesSelector)
    let low = device.read(deviceFeatures)
    device.write(1, deviceFeaturesSelector)
    return device.read(deviceFeatures) << 32 | low
  }

  /// Resets the device and agrees on features.
  ///
  /// - Returns: whether the device agrees.
  @discardableResult
  package static func agree(_ device: some BusDevice, _ features: UInt64) -> Bool {
    device.write(0, status)
    device.write(1, status)
    device.write(3, status)
    for half: UInt64 in 0..<2 {
      device.write(half, driverFeaturesSelector)
      device.write(features >> (32 * half) & 0xffff_ffff, driverFeatures)
    }
    device.write(11, status)
    return device.read(status) & 8 != 0
  }

  /// Tells the device of a queue.
  package static func attach(
    _ ring: SplitRing, to device: some BusDevice, queue: UInt32, memory: GuestMemory
  ) {
    device.write(UInt64(queue), queueSelector)
    device.write(UInt64(ring.size), queueSize)
    for (register, address): (UInt32, UInt64) in [
      (0x80, ring.descriptors), (0x90, ring.available), (0xa0, ring.used),
    ] {
      device.write(address & 0xffff_ffff, register)
      device.write(address >> 32, register + 4)
    }
    device.write(1, queueReady, in: memory)
  }

  /// Says that the driver is ready.
  package static func start(_ device: some BusDevice) { device.write(15, status) }
}
