/// A device's place on the board: what it is called, where a guest finds it, which line it raises, and who serves it.
package struct Slot: Sendable, Equatable {
  /// What stands in the slot.
  package enum Kind: Sendable, CaseIterable {
    case serial, doorbell, disk, network, entropy, console, scratch, marker, keyboard, resetControl,
      debugExit,
      powerOff, debugConsole
    case clock, powerTimer, powerEvents, edgeLevels, firmwareConfiguration, testDevice, ioapic
  }

  /// The number in the trace, not 0.
  package let id: UInt16
  /// The name in reports.
  package let name: String
  /// What it is.
  package let kind: Kind
  /// Where its registers are.
  package var ranges: [AddressRange]
  /// The interrupt line that it raises; nil for none.
  package var line: UInt32?
  /// Registers that only later accesses to the device can tell to have been written: the engine may keep writes to them until
  /// the guest exits for another reason (`--coalesced-io`). Each is within one of `ranges`, and no kick.
  package var coalesced: [AddressRange] = []
  /// Lines that the guest may give to the device's queues. Several queues, also of several devices, may have the same.
  package var queueLines: ClosedRange<UInt32>?
  /// One for each queue.
  package var kicks: [Kick] = []
  /// Whether kicks exit to this process even where the kernel could consume them.
  package var kicksExit = false
  /// Whether its interrupts are raised through an ioctl even where eventfds could.
  package var interruptsByIoctl = false
  /// The lock that is held around each access, by its number in the trace; nil where accesses may overlap.
  package var lock: UInt16?
  /// The event loop that serves what is not a queue: timers, input.
  package var loop = 0
  /// What firmware tells of it; nil where kernels know it without being told, or never use it.
  package var firmware: FirmwareEntry?

  /// Describes a slot whose device has a lock of its own.
  package init(_ id: UInt16, _ name: String, _ kind: Kind, _ ranges: [AddressRange], line: UInt32? = nil) {
    self.id = id
    self.name = name
    self.kind = kind
    self.ranges = ranges
    self.line = line
    lock = id
  }
}

/// A space of addresses.
package enum AddressSpace: Sendable, CaseIterable {
  /// Ports.
  case port
  /// Guest physical memory.
  case memory

  /// The first address that does not exist.
  package var limit: UInt64 {
    switch self {
    case .port: 1 << 16
    case .memory: 1 << 52
    }
  }
}

/// Registers of a device that follow each other.
package struct AddressRange: Sendable, Equatable {
  /// Ports or memory.
  package let space: AddressSpace
  /// The first address.
  package let start: UInt64
  /// Bytes.
  package let length: UInt64
  /// The device's own number for this range, where its ranges differ.
  package let window: Int

  /// Describes a range of ports.
  package static func ports(_ start: UInt64, _ length: UInt64, window: Int = 0) -> AddressRange {
    AddressRange(space: .port, start: start, length: length, window: window)
  }

  /// Describes a range of memory.
  package static func memory(_ start: UInt64, _ length: UInt64, window: Int = 0) -> AddressRange {
    AddressRange(space: .memory, start: start, length: length, window: window)
  }

  /// Whether the two share an address.
  func overlaps(_ other: AddressRange) -> Bool {
    space == other.space && start < other.start &+ other.length && other.start < start &+ length
  }

  /// The range for people: `port 0xd00–0xe7f`.
  var text: String {
    let last = start &+ length &- 1
    return "\(space) 0x\(String(start, radix: 16))–0x\(String(last, radix: 16))"
  }
}

/// How a guest kicks one queue: a write that the kernel may consume (KVM_IOEVENTFD), and the loop that then answers it.
package struct Kick: Sendable, Equatable {
  /// A place that the guest may write to.
  package struct Address: Sendable, Equatable {
    /// Ports or memory.
    package let space: AddressSpace
    /// The port or guest physical address.
    package let address: UInt64
  }

  /// The queue.
  package let queue: UInt16
  /// All places at which the queue is kicked.
  package let addresses: [Address]
  /// Where that is in the device's registers.
  package let offset: UInt32
  /// Bytes written.
  package let size: UInt32
  /// The value written.
  package let value: UInt64
  /// The event loop that answers.
  package let loop: Int
}

/// A device as firmware describes it (ACPI 6.4, section 6.1).
package struct FirmwareEntry: Sendable, Equatable {
  /// What it is, to a driver.
  package enum HardwareID: Sendable, Equatable {
    /// Three letters and four hexadecimal digits.
    case eisa(String)
    /// A vendor's own.
    case text(String)
  }

  /// Four characters.
  package let name: String
  /// What it is.
  package let hardwareID: HardwareID
  /// Tells devices of one kind apart; nil where there is one only.
  package let uniqueID: UInt64?

  /// Describes an entry.
  package init(name: String, hardwareID: HardwareID, uniqueID: UInt64? = nil) {
    self.name = name
    self.hardwareID = hardwareID
    self.uniqueID = uniqueID
  }
}
