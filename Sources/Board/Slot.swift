/// A device's place on the board: what it is called, where a guest finds it, which line it raises, and who serves it.
public struct Slot: Sendable, Equatable {
  /// What stands in the slot.
  public enum Kind: Sendable, CaseIterable {
    case serial, doorbell, scratch, marker, keyboard, resetControl, debugExit, powerOff
    case clock, powerTimer, powerEvents, edgeLevels, firmwareConfiguration, testDevice, ioapic
  }

  /// The number in the trace, not 0.
  public let id: UInt16
  /// The name in reports.
  public let name: String
  /// What it is.
  public let kind: Kind
  /// Where its registers are.
  public var ranges: [AddressRange]
  /// The interrupt line that it raises; nil for none.
  public var line: UInt32?
  /// Lines that the guest may give to the device's queues. Several queues, also of several devices, may have the same.
  public var queueLines: ClosedRange<UInt32>?
  /// One for each queue.
  public var kicks: [Kick] = []
  /// The lock that is held around each access, by its number in the trace; nil where accesses may overlap.
  public var lock: UInt16?
  /// The event loop that serves what is not a queue: timers, input.
  public var loop = 0
  /// What firmware tells of it; nil where kernels know it without being told, or never use it.
  public var firmware: FirmwareEntry?

  /// Describes a slot whose device has a lock of its own.
  public init(_ id: UInt16, _ name: String, _ kind: Kind, _ ranges: [AddressRange], line: UInt32? = nil) {
    self.id = id
    self.name = name
    self.kind = kind
    self.ranges = ranges
    self.line = line
    lock = id
  }
}

/// A space of addresses.
public enum AddressSpace: Sendable, CaseIterable {
  /// Ports.
  case port
  /// Guest physical memory.
  case memory

  /// The first address that does not exist.
  public var limit: UInt64 {
    switch self {
    case .port: 1 << 16
    case .memory: 1 << 52
    }
  }
}

/// Registers of a device that follow each other.
public struct AddressRange: Sendable, Equatable {
  /// Ports or memory.
  public let space: AddressSpace
  /// The first address.
  public let start: UInt64
  /// Bytes.
  public let length: UInt64
  /// The device's own number for this range, where its ranges differ.
  public let window: Int

  /// Describes a range of ports.
  public static func ports(_ start: UInt64, _ length: UInt64, window: Int = 0) -> AddressRange {
    AddressRange(space: .port, start: start, length: length, window: window)
  }

  /// Describes a range of memory.
  public static func memory(_ start: UInt64, _ length: UInt64, window: Int = 0) -> AddressRange {
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
public struct Kick: Sendable, Equatable {
  /// A place that the guest may write to.
  public struct Address: Sendable, Equatable {
    /// Ports or memory.
    public let space: AddressSpace
    /// The port or guest physical address.
    public let address: UInt64
  }

  /// The queue.
  public let queue: UInt16
  /// All places at which the queue is kicked.
  public let addresses: [Address]
  /// Where that is in the device's registers.
  public let offset: UInt32
  /// Bytes written.
  public let size: UInt32
  /// The value written.
  public let value: UInt64
  /// The event loop that answers.
  public let loop: Int
}

/// A device as firmware describes it (ACPI 6.4, section 6.1).
public struct FirmwareEntry: Sendable, Equatable {
  /// What it is, to a driver.
  public enum HardwareID: Sendable, Equatable {
    /// Three letters and four hexadecimal digits.
    case eisa(String)
    /// A vendor's own.
    case text(String)
  }

  /// Four characters.
  public let name: String
  /// What it is.
  public let hardwareID: HardwareID
  /// Tells devices of one kind apart; nil where there is one only.
  public let uniqueID: UInt64?

  /// Describes an entry.
  public init(name: String, hardwareID: HardwareID, uniqueID: UInt64? = nil) {
    self.name = name
    self.hardwareID = hardwareID
    self.uniqueID = uniqueID
  }
}
