import Devices
import GuestRAM
import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Virtio

/// A device with three queues that completes every request as it takes it, and writes down what it is told.
final class EchoDevice: VirtioDevice, @unchecked Sendable {
  let kind: UInt32 = 42
  let features: UInt64 = 1 << 3 | 1 << 40
  let queueSizes: [UInt16] = [8, 256, 1]
  var started: [UInt64] = []
  var resets = 0
  var settled = 0
  var handled: [Int] = []
  var written: [(UInt32, Int, UInt64)] = []
  private var chain = DescriptorChain()

  func readConfiguration(offset: UInt32, size: Int) -> UInt64 { UInt64(offset) << 8 | UInt64(size) }
  func writeConfiguration(offset: UInt32, size: Int, value: UInt64) { written.append((offset, size, value)) }
  func start(features: UInt64) { started.append(features) }
  func settle() { settled += 1 }
  func reset(by thread: ThreadContext) { resets += 1 }
  func handle(_ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext) {
    handled.append(index)
    while queue.pop(into: &chain, memory) { queue.push(head: chain.head, written: 7, memory) }
  }
}

/// Writes down what broke, and what drivers were let see.
final class RecordingFaults: QueueObserver {
  private let storage = Mutex<[String]>([])
  var faults: [String] { storage.withLock { $0 } }
  private let published = Mutex<[(queue: Int, Virtqueue.Publication)]>([])
  var publications: [(queue: Int, Virtqueue.Publication)] { published.withLock { $0 } }
  private let kicked = Mutex<[Int]>([])
  /// Queues in the order of their kicks.
  var kicks: [Int] { kicked.withLock { $0 } }
  func queueKicked(_ device: DeviceID, queue: Int, by thread: ThreadContext) {
    kicked.withLock { $0.append(queue) }
  }
  func queuePublished(
    _ device: DeviceID, queue: Int, _ publication: Virtqueue.Publication, by thread: ThreadContext
  ) {
    published.withLock { $0.append((queue, publication)) }
  }
  func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext) {
    storage.withLock { $0.append("\(queue): \(fault)") }
  }
}

@Suite("The registers of virtio devices")
struct TransportTests {
  private let memory: GuestMemory
  private let line = CountingLine()
  private let faults = RecordingFaults()
  private let device = EchoDevice()
  private let transport: MMIOTransport
  private let all: UInt64 = 1 << 3 | 1 << 40 | 1 << 28 | 1 << 29 | 1 << 32

  init() throws {
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    transport = MMIOTransport(id: DeviceID(20), device, interrupt: line, observer: faults)
  }

  private func status() -> UInt64 { transport.read(MMIODriver.status) }

  /// A driver that has come as far as DRIVER_OK, with one queue.
  private func driver(queue: UInt32 = 0, size: UInt16 = 8) -> SplitRing {
    let ring = SplitRing(memory, at: 0x1000, size: size)
    try? ring.clear()
    MMIODriver.agree(transport, all & ~(1 << 29))
    MMIODriver.attach(ring, to: transport, queue: queue, memory: memory)
    MMIODriver.start(transport)
    return ring
  }

  @Test("Registers read as the specification has them, and nothing else is there")
  func registers() {
    #expect(transport.read(0x00) == 0x7472_6976)
    #expect(transport.read(0x04) == 2)
    #expect(transport.read(0x08) == 42)
    #expect(MMIODriver.offered(transport) == all)
    transport.write(2, MMIODriver.deviceFeaturesSelector)
    #expect(transport.read(MMIODriver.deviceFeatures) == 0)
    for (queue, size): (UInt64, UInt64) in [(0, 8), (1, 256), (2, 1), (3, 0), (0xffff_ffff, 0)] {
      transport.write(queue, MMIODriver.queueSelector)
      #expect(transport.read(MMIODriver.queueSizeMaximum) == size)
      #expect(transport.read(MMIODriver.queueReady) == 0)
    }
    for offset: UInt32 in [0xb0, 0xb4] { #expect(transport.read(offset) == 0xffff_ffff) }
    // Write-only and undefined ones.
    for offset: UInt32 in [
      0x14, 0x20, 0x24, 0x28, 0x30, 0x38, 0x40, 0x50, 0x64, 0x80, 0x84, 0x90, 0xc0, 0xf8,
    ] {
      #expect(transport.read(offset) == 0)
    }
  }

  @Test("Registers are 32 bits wide, and at multiples of four; the configuration is of any width")
  func widths() {
    for (offset, size): (UInt32, Int) in [
      (0, 1), (0, 2), (0, 8), (1, 4), (2, 2), (3, 1), (0x71, 4), (0xfe, 2),
    ] {
      #expect(transport.read(offset, size: size) == 0)
    }
    transport.write(1, MMIODriver.status, size: 1)
    transport.write(1, MMIODriver.status, size: 2)
    transport.write(1, MMIODriver.status, size: 8)
    transport.write(1, MMIODriver.status + 1, size: 4)
    #expect(status() == 0)
    for size in [1, 2, 4, 8] { #expect(transport.read(0x10a, size: size) == UInt64(0x0a00 + size)) }
    transport.write(5, 0x104, size: 2)
    #expect(device.written.isEmpty, "no driver yet")
    transport.write(3, MMIODriver.status)
    transport.write(5, 0x104, size: 2)
    #expect(device.written.map(\.0) == [4])
    #expect(device.written.map(\.2) == [5])
  }

  @Test("The status goes its way and no other")
  func statusMachine() {
    transport.write(8, MMIODriver.status)
    #expect(status() == 0, "features before a driver")
    transport.write(4, MMIODriver.status)
    #expect(status() == 0, "ready before features")
    transport.write(64, MMIODriver.status)
    #expect(status() == 0, "only the device needs a reset")
    transport.write(0xffff_ff30, MMIODriver.status)
    #expect(status() == 0, "undefined bits")
    transport.write(1, MMIODriver.status)
    transport.write(3, MMIODriver.status)
    #expect(status() == 3)
    transport.write(1, MMIODriver.status)
    #expect(status() == 3, "nothing is taken back")
    transport.write(7, MMIODriver.status)
    #expect(status() == 3)
    transport.write(11, MMIODriver.status)
    #expect(status() == 3, "without VIRTIO_F_VERSION_1")
    #expect(!MMIODriver.agree(transport, all | 1 << 5), "something that was not offered")
    #expect(MMIODriver.agree(transport, all))
    #expect(device.started.isEmpty)
    MMIODriver.start(transport)
    #expect(status() == 15)
    #expect(device.started == [all])
    // Agreed is agreed.
    transport.write(0, MMIODriver.driverFeaturesSelector)
    transport.write(0, MMIODriver.driverFeatures)
    MMIODriver.start(transport)
    #expect(device.started == [all])
    transport.write(0x80, MMIODriver.status)
    #expect(status() == 0x8f, "the driver gave up")
    let resets = device.resets
    transport.write(0, MMIODriver.status)
    #expect(status() == 0)
    #expect(device.resets == resets + 1)
  }

  @Test("A request goes from its kick to its interrupt, which the driver acknowledges")
  func request() throws {
    let ring = driver()
    let head = try #require(try ring.add([.init(0x40000, 16)]))
    _ = try ring.publish()
    transport.write(0, MMIODriver.queueNotify, in: memory)
    #expect(line.pulses == 1)
    #expect(try ring.takeUsed() == [.init(head: head, written: 7)])
    #expect(transport.read(MMIODriver.interruptStatus) == 1)
    transport.write(2, MMIODriver.interruptAcknowledge)
    #expect(transport.read(MMIODriver.interruptStatus) == 1)
    transport.write(1, MMIODriver.interruptAcknowledge)
    #expect(transport.read(MMIODriver.interruptStatus) == 0)
    // A kick for nothing.
    transport.handleKicks(3, queue: 0, memory: memory, by: vcpu0)
    #expect(line.pulses == 1)
  }

  @Test(
    "Kicks before the driver is ready, on queues that are not there or not ready, and after a reset do nothing"
  )
  func earlyAndLateKicks() throws {
    let ring = SplitRing(memory, at: 0x1000, size: 8)
    func kickAll() {
      for queue: UInt64 in [0, 1, 2, 3, 0xffff, 0xffff_ffff] {
        transport.write(queue, MMIODriver.queueNotify, in: memory)
      }
      for queue in [-1, 0, 3, .max, .min] {
        transport.handleKicks(.max, queue: queue, memory: memory, by: vcpu0)
      }
    }
    kickAll()
    MMIODriver.agree(transport, all)
    kickAll()
    MMIODriver.attach(ring, to: transport, queue: 0, memory: memory)
    _ = try ring.add([.init(0x40000, 16)])
    _ = try ring.publish()
    kickAll()
    #expect(device.handled.isEmpty)
    MMIODriver.start(transport)
    kickAll()
    #expect(device.handled == [0, 0])
    transport.write(0, MMIODriver.status)
    kickAll()
    #expect(device.handled == [0, 0])
    #expect(transport.read(MMIODriver.interruptStatus) == 0)
  }

  @Test(
    "A queue is set up while it is not in use, and after the features are agreed on; it can be taken back")
  func setup() throws {
    let ring = SplitRing(memory, at: 0x1000, size: 8)
    MMIODriver.attach(ring, to: transport, queue: 0, memory: memory)
    #expect(transport.read(MMIODriver.queueReady) == 0, "too early")
    let used = driver()
    // In use: nothing of it changes.
    for register: UInt32 in [0x38, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4] { transport.write(0xffff, register) }
    transport.write(1, MMIODriver.queueReady, in: memory)
    _ = try used.add([.init(0x40000, 16)])
    _ = try used.publish()
    transport.write(0, MMIODriver.queueNotify, in: memory)
    #expect(try used.takeUsed().count == 1)
    transport.write(0, MMIODriver.queueReady, in: memory)
    #expect(device.settled == 1)
    #expect(transport.read(MMIODriver.queueReady) == 0)
    let handled = device.handled
    transport.write(0, MMIODriver.queueNotify, in: memory)
    #expect(device.handled == handled)
    #expect(faults.faults.isEmpty)
  }

  @Test("A broken queue is told once, makes the device need a reset, and costs nothing until then")
  func broken() throws {
    var ring = driver()
    try ring.addHead(99)
    _ = try ring.publish()
    for _ in 0..<5 { transport.write(0, MMIODriver.queueNotify, in: memory) }
    #expect(faults.faults == ["0: a chain begins at descriptor 99, which does not exist"])
    #expect(device.handled == [0])
    #expect(status() == 15 | 64)
    #expect(transport.read(MMIODriver.interruptStatus) == 2)
    #expect(line.pulses == 1)
    // Only a reset helps, and then it works again.
    transport.write(15, MMIODriver.status)
    #expect(status() == 15 | 64)
    transport.write(1, MMIODriver.queueSelector)
    transport.write(1, MMIODriver.queueReady, in: memory)
    #expect(transport.read(MMIODriver.queueReady) == 0)
    ring = driver()
    #expect(status() == 15)
    _ = try ring.add([.init(0x40000, 16)])
    _ = try ring.publish()
    transport.write(0, MMIODriver.queueNotify, in: memory)
    #expect(try ring.takeUsed().count == 1)
  }

  @Test("A queue that cannot be is told when it is said to be ready")
  func badSetup() {
    for (size, fault): (UInt64, String) in [(0, "0 entries"), (3, "3 entries"), (16, "16 entries")] {
      MMIODriver.agree(transport, all)
      transport.write(0, MMIODriver.queueSelector)
      transport.write(size, MMIODriver.queueSize)
      transport.write(1, MMIODriver.queueReady, in: memory)
      #expect(transport.read(MMIODriver.queueReady) == 0)
      #expect(status() & 64 != 0)
      #expect(faults.faults.last == "0: a queue of \(fault)")
    }
    #expect(line.pulses == 0, "no driver is ready to be told")
  }

  @Test("A changed configuration has another generation, and its driver is told")
  func configurationChanges() {
    #expect(transport.read(MMIODriver.generation) == 0)
    transport.configurationChanged(by: vcpu0)
    #expect(transport.read(MMIODriver.generation) == 1)
    #expect(line.pulses == 0)
    _ = driver()
    transport.configurationChanged(by: vcpu0)
    #expect(transport.read(MMIODriver.generation) == 2)
    #expect(line.pulses == 1)
    #expect(transport.read(MMIODriver.interruptStatus) == 2)
  }

  @Test("Any access at any time: no trap", arguments: 0..<20)
  func random(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var ring = driver(queue: 1, size: 16)
    for _ in 0..<20_000 {
      let offset: UInt32 =
        Bool.random(using: &random)
        ? 4 * .random(in: 0..<80, using: &random) : .random(in: 0..<0x1000, using: &random)
      let size = Int.random(in: 0..<8, using: &random) == 0 ? 1 << Int.random(in: 0..<4, using: &random) : 4
      let value: UInt64 =
        switch Int.random(in: 0..<4, using: &random) {
        case 0: random.next()
        case 1: .random(in: 0..<16, using: &random)
        case 2: 1 << UInt64.random(in: 0..<12, using: &random)
        default: .random(in: 0..<1 << 20, using: &random) & ~15
        }
      switch Int.random(in: 0..<50, using: &random) {
      case 0:
        ring = driver(
          queue: .random(in: 0..<3, using: &random), size: 1 << UInt16.random(in: 0..<9, using: &random))
      case 1: try ring.publishIndex(UInt16(truncatingIfNeeded: value))
      case 2:
        try ring.setDescriptor(
          .random(in: 0..<16, using: &random), value, .random(in: 0...64, using: &random),
          .random(in: 0...7, using: &random), .random(in: 0...16, using: &random))
      case 3...20: _ = transport.read(offset, size: size)
      default: transport.write(value, offset, size: size, in: memory)
      }
    }
  }
}
