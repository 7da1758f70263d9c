import Devices
import GuestRAM

/// The guest's side of a ring (docs/guest-abi.md, "Doorbell").
package struct DoorbellRing {
  private let memory: GuestMemory
  /// Where it is.
  package let address: UInt64
  /// Entries.
  package let size: UInt32
  /// The driver's count.
  package private(set) var produced: UInt32 = 0

  /// Describes a ring; the device is not told yet.
  package init(_ memory: GuestMemory, at address: UInt64, size: UInt32) {
    self.memory = memory
    self.address = address
    self.size = size
  }

  /// Tells the device where a queue's ring is.
  package func attach(to doorbell: Doorbell, queue: UInt32) {
    doorbell.write(address & 0xffff_ffff, 0x40 + 16 * queue)
    doorbell.write(address >> 32, 0x44 + 16 * queue)
    doorbell.write(UInt64(size), 0x48 + 16 * queue)
  }

  /// Puts a request into the ring, and publishes it.
  package mutating func produce(stamp: UInt64) throws {
    let entry = GuestAddress(address + 16 + 8 * UInt64(produced % size))
    try memory.write(stamp, at: entry, .little)
    produced &+= 1
    try publish(produced)
  }

  /// Publishes a count, whatever is in the ring.
  package mutating func publish(_ value: UInt32) throws {
    produced = value
    try memory.write(value, at: GuestAddress(address), .little)
  }

  /// The device's count.
  package var completed: UInt32 {
    get throws { try memory.read(UInt32.self, at: GuestAddress(address + 4), .little) }
  }

  /// Says whether completions are to interrupt; the bits that mean nothing are set or clear at will.
  package func askForInterrupts(_ wanted: Bool) throws {
    try memory.write(wanted ? 1 as UInt32 : 0xffff_fffe, at: GuestAddress(address + 8), .little)
  }
}
