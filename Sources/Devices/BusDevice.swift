import GuestRAM

/// A device that a guest reaches through ports or memory-mapped registers.
///
/// The machine makes one access at a time where the board's layout gives the device a lock; accesses come from any vCPU's
/// thread and from I/O threads. Values are little-endian numbers of `size` bytes in the low bits. Whatever a guest
/// does, an access returns: what a register does not define reads as zero and ignores writes.
public protocol BusDevice: AnyObject, Sendable {
  /// The device's number in the trace.
  var id: DeviceID { get }

  /// The guest reads. No register's reading touches guest RAM.
  ///
  /// - Parameters:
  ///   - offset: from the start of the range that was hit, bytes.
  ///   - size: 1, 2, 4 or 8 bytes, all within the range.
  func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64

  /// The guest writes `size` bytes of `value`.
  ///
  /// - Parameter memory: guest RAM, which a device may use during the call, and must not keep.
  func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  )

  /// Puts the device into the state that it has at power-on. No vCPU is running.
  func reset()

  /// What accesses leave to be done when the device's lock is free again; nil where they do it all. Always the same.
  var backlog: (any Backlog)? { get }
}

/// A device with queues, which a guest kicks after it has put requests there. A kick is handled alike whichever way it
/// came: by an access that exited, or by an event loop that consumed what the kernel made of it.
public protocol KickHandler: BusDevice {
  /// Answers kicks. The device's lock is held, as around an access.
  ///
  /// - Parameters:
  ///   - count: kicks since the last time; more than one where they were coalesced.
  ///   - queue: the queue that they are for; a guest may name one that does not exist.
  ///   - memory: guest RAM, where the queue's requests are.
  func handleKicks(_ count: UInt64, queue: Int, memory: GuestMemory, by thread: ThreadContext)
}

/// Work that an access to a device leaves behind because it may take long, such as output to a slow reader.
///
/// A device's handler never blocks: it runs with the device's lock held.
public protocol Backlog: AnyObject, Sendable {
  /// Does the work, on the thread that made the access and without any lock.
  func workOff(by thread: ThreadContext)
}

extension BusDevice {
  /// Nothing, unless a device says otherwise.
  public var backlog: (any Backlog)? { nil }
}

/// An interrupt line as a device sees it: something that can be pulsed.
public protocol InterruptLine: AnyObject, Sendable {
  /// Raises the line and lowers it again.
  func pulse(by thread: ThreadContext)
}

/// What devices tell about their work; the machine turns it into trace events.
public protocol DeviceObserver: AnyObject, Sendable {
  /// Whether the time stamps of kicks are wanted; without a listener they need not be read.
  var wantsKickStamps: Bool { get }
  /// The guest kicked a queue, by an access that no ioeventfd took.
  func kicked(_ device: DeviceID, queue: UInt16, by thread: ThreadContext)
  /// A request was taken from a queue.
  func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext)
  /// A request's completion was pushed, or never will be; status 0 is success.
  func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext)
  /// A request's work is handed to the host now.
  func backendSubmitted(
    _ request: DeviceRequest, _ work: BackendWork, bytes: UInt32, by thread: ThreadContext)
  /// The host has done it, as the device has just learned.
  ///
  /// - Parameter status: 0, or an errno.
  func backendCompleted(_ request: DeviceRequest, status: UInt16, by thread: ThreadContext)
  /// The guest left the time stamp counter of its kick.
  func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext)
  /// The guest wrote to the marker port.
  func mark(_ value: UInt32, by thread: ThreadContext)
}

extension DeviceObserver {
  /// Nothing, for who does not look at kicks.
  public func kicked(_ device: DeviceID, queue: UInt16, by thread: ThreadContext) {}

  /// Nothing, for who does not look at what is behind devices.
  public func backendSubmitted(
    _ request: DeviceRequest, _ work: BackendWork, bytes: UInt32, by thread: ThreadContext
  ) {}

  /// Nothing, for who does not look at what is behind devices.
  public func backendCompleted(_ request: DeviceRequest, status: UInt16, by thread: ThreadContext) {}
}

/// What a device has the host do; the raw values are those of `backend_work` in the event catalogue.
public enum BackendWork: UInt8, Sendable {
  /// Fill a disk's buffers from its file.
  case read = 0
  /// Write a disk's buffers to its file.
  case write = 1
  /// The same, and have them durable.
  case durableWrite = 2
  /// Have all that was written durable.
  case flush = 3
  /// Pass on what the guest sends.
  case send = 4
  /// Fetch what the guest receives.
  case receive = 5
  /// Make random bytes.
  case random = 6
  /// Let go of ranges of a disk's file.
  case discard = 7
  /// Have ranges of a disk's file read zeros.
  case zero = 8
  /// Fill a disk's buffers from its file by way of a bounce buffer, as they are not aligned for direct I/O.
  case bouncedRead = 9
  /// Write a disk's buffers in the same way; where they end within a block, the rest of it is read first.
  case bouncedWrite = 10
  /// The same, and have them durable.
  case bouncedDurableWrite = 11
}

/// A request to a device.
public struct DeviceRequest: Sendable, Equatable {
  /// What a request asks for; the raw values are those of `request_kind` in the event catalogue.
  public enum Kind: UInt8, Sendable {
    /// Nothing but an answer.
    case doorbell = 0
    /// Sectors of a disk, read.
    case read = 1
    /// Sectors of a disk, written.
    case write = 2
    /// What was written, made durable.
    case flush = 3
    /// Data from the guest.
    case transmit = 4
    /// Data for the guest.
    case receive = 5
    /// Something else.
    case other = 6
    /// Random bytes.
    case entropy = 7
  }

  /// The status of one that was given up: its queue was reset, taken back or broken, and its driver is told nothing.
  public static let givenUp: UInt8 = 255

  /// The device.
  public let device: DeviceID
  /// The queue it came from.
  public let queue: UInt16
  /// Its number on that queue, wraps at 2^32.
  public let id: UInt32
  /// What it asks for.
  public let kind: Kind

  /// Describes a request.
  public init(device: DeviceID, queue: UInt16, id: UInt32, kind: Kind) {
    self.device = device
    self.queue = queue
    self.id = id
    self.kind = kind
  }
}

/// How a device ends or restarts the run.
public protocol PowerControl: AnyObject, Sendable {
  /// The guest switched the machine off.
  func powerOff()
  /// The guest put the machine to sleep, with RAM kept (ACPI's S3).
  func suspend()
  /// The guest asked for a sleep state that the machine does not have, by the number in SLP_TYP.
  func sleep(type: UInt8)
  /// The guest asked for a reset.
  func reset()
  /// The guest ended the run with a value through the debug exit port.
  func debugExit(value: UInt32)
}
