import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Synchronization
import Virtio

/// The virtio devices that a hostile guest drives, in front of backends of their own.
final class VirtioBoard {
  /// A device with what is known of it.
  final class Device: QueueObserver, DeviceObserver, InterruptLine, @unchecked Sendable {
    let name: String
    // Known once the transport is made, which needs this to be told of faults. One thread alone uses what is not atomic.
    private(set) var transport: MMIOTransport!
    var queueCount = 0
    var lastStatus: UInt64 = 0
    let faults = Atomic<Int>(0)
    let begun = Atomic<Int>(0)
    let wantsKickStamps = true

    init(_ name: String) { self.name = name }

    func attach(_ device: any VirtioDevice, id: UInt16) {
      queueCount = device.queueSizes.count
      transport = MMIOTransport(id: DeviceID(id), device, interrupt: self, observer: self)
    }

    /// Ends what the two know of each other.
    func detach() { transport = nil }

    func pulse(by thread: ThreadContext) {}
    func queueKicked(_ device: DeviceID, queue: Int, by thread: ThreadContext) {}
    func queuePublished(
      _ device: DeviceID, queue: Int, _ publication: Virtqueue.Publication, by thread: ThreadContext
    ) {}
    func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext) {
      precondition(!fault.description.isEmpty)
      faults.add(1, ordering: .relaxed)
    }
    func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {
      begun.add(1, ordering: .relaxed)
    }
    func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {}
    func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {}
    func mark(_ value: UInt32, by thread: ThreadContext) {}
  }

  static let ramBytes: UInt64 = 1 << 20
  static let thread = ThreadContext(kind: .vcpu, id: 0)
  static let sectors: UInt64 = 64

  let memory: GuestMemory
  let disk = Device("disk")
  let network = Device("network")
  let console = Device("console")
  let entropy = Device("entropy")
  let packets = AnyPackets()
  let blocks: any BlockBackend

  /// A disk of nothing, whose requests threads carry out.
  static func scratchDisk() -> (any BlockBackend)? {
    guard let file = try? DiskFile.scratch(bytes: sectors * 512),
      let backend = try? BlockWorkers(file, queues: 2, threads: 2), (try? backend.start(name: "fuzz")) != nil
    else { return nil }
    return backend
  }

  var devices: [Device] { [disk, network, console, entropy] }

  init(_ memory: GuestMemory, _ blocks: any BlockBackend) throws {
    self.memory = memory
    self.blocks = blocks
    let stamps = KickStamps(table: GuestAddress(0x58000))
    disk.attach(
      BlockDevice(id: DeviceID(1), blocks, queues: 2, serial: "fuzz", stamps: stamps, observer: disk), id: 1)
    network.attach(
      try NetDevice(
        id: DeviceID(2), packets, address: [2, 0, 0, 0, 0, 1], stamps: stamps, observer: network), id: 2)
    let (one, other) = try CharacterPeer.pair()
    console.attach(
      try ConsoleDevice(
        id: DeviceID(3),
        [
          // The port that a reset device is tried with takes everything; the others lead to each other, and may be full.
          (ConsolePortDescription(number: 0, isConsole: true), .null()),
          (ConsolePortDescription(number: 1, name: "port"), one),
          (ConsolePortDescription(number: 2), other),
        ], stamps: stamps, observer: console), id: 3)
    entropy.attach(try EntropyDevice(id: DeviceID(4), stamps: stamps, observer: entropy), id: 4)
  }

  deinit {
    for device in devices { device.detach() }
  }

  /// What loops do for a device, whether or not what they wait for is ready.
  func collect(_ device: Device) {
    for source in device.transport.sources.indices {
      device.transport.collect(source: source, memory: memory, by: Self.thread)
    }
  }

  // MARK: What a good driver finds

  /// Resets a device and has it do one request, as it should.
  ///
  /// - Returns: what it does not do.
  func revive(_ device: Device) throws -> String? {
    let place: UInt64 = 0x1000
    let buffer: UInt64 = 0x20000
    packets.behave()
    device.transport.write(0, MMIODriver.status, in: memory)
    guard device.transport.read(MMIODriver.status) == 0 else {
      return "\(device.name): a reset leaves a status"
    }
    try memory.clear(count: 0x30000, at: GuestAddress(0))
    let ring = SplitRing(memory, at: place, size: 8)
    guard MMIODriver.agree(device.transport, 1 << 32) else {
      return "\(device.name): does not agree after a reset"
    }
    let queue: UInt32 = device === network || device === console ? 1 : 0
    MMIODriver.attach(ring, to: device.transport, queue: queue, memory: memory)
    MMIODriver.start(device.transport)
    let parts: [SplitRing.Part]
    if device === disk {
      // A read of the first sector: VIRTIO_BLK_T_IN is 0, and so is all of the header.
      parts = [
        .init(buffer, 16), .init(buffer + 512, 512, isWritable: true),
        .init(buffer + 16, 1, isWritable: true),
      ]
      try memory.write([0xee], at: GuestAddress(buffer + 16))
    } else if device === entropy {
      parts = [.init(buffer, 64, isWritable: true)]
    } else {
      parts = [.init(buffer, 76)]
    }
    _ = try ring.add(parts)
    _ = try ring.publish()
    device.transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory)
    var used = try ring.takeUsed()
    let deadline = Clock.monotonic + 60_000_000_000
    while used.isEmpty, device === disk, Clock.monotonic < deadline {
      collect(device)
      used = try ring.takeUsed()
    }
    let written: UInt32 = device === disk ? 513 : device === entropy ? 64 : 0
    guard used.map(\.written) == [written] else { return "\(device.name): a request after a reset: \(used)" }
    let status = try memory.read(UInt8.self, at: GuestAddress(buffer + 16), .little)
    return device === disk && status != 0 ? "disk: a request after a reset has status \(status)" : nil
  }
}

/// Packets that come and go as the input says.
final class AnyPackets: PacketBackend {
  struct State {
    var incoming: [Int] = []
    var sends: PacketTransfer?
    var isGone = false
  }

  private let state = Mutex(State())
  let pairs = 2
  let hasOffloads = true

  func descriptor(pair: Int) -> CInt { -1 }
  func use(pairs: Int) -> Bool { true }

  /// Takes everything from now on, and has nothing.
  func behave() { state.withLock { $0 = State() } }

  /// Makes one of the things happen that a tap may do.
  func change(_ what: UInt64, _ number: UInt64) {
    state.withLock { state in
      switch what % 4 {
      case 0: if state.incoming.count < 64 { state.incoming.append(Int(number % 70000)) }
      case 1: state.sends = .notNow
      case 2: state.sends = .failed(.ioError)
      default: state.sends = nil
      }
    }
  }

  func accept(_ offloads: PacketOffloads) {}

  func send(_ vectors: UnsafeMutableBufferPointer<iovec>, pair: Int) -> PacketTransfer {
    if let answer = state.withLock({ $0.sends }) { return answer }
    // As the kernel would, each byte is looked at.
    var count = 0
    var sum: UInt8 = 0
    for vector in vectors {
      let bytes = UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len)
      if let first = bytes.first, let last = bytes.last { sum ^= first ^ last }
      count += bytes.count
    }
    withExtendedLifetime(sum) {}
    return .done(count)
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer, pair: Int) -> PacketTransfer {
    guard let count = state.withLock({ $0.incoming.popLast() }) else { return .notNow }
    let length = min(count, buffer.count)
    UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]).initializeMemory(
      as: UInt8.self, repeating: 0x5a)
    return .done(length)
  }
}
