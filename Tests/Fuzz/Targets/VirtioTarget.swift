import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Synchronization
import Virtio

/// A guest that does anything at all to virtio devices: any access of any register, anything in rings and buffers, while
/// packets, data and completions come.
///
/// The first byte says whether another vCPU changes memory meanwhile (bit 0), and who carries out disks' requests (bit 1). A
/// step is 16 bytes: what to do (1), to which device (1), a size (1), a queue or something to be added (1), an address (4)
/// and a value (8), all little-endian.
enum VirtioTarget {
  /// Steps beyond these are not looked at: a hang must show as one step that does not end.
  private static let maximumSteps = 256

  /// RAM is kept from one input to the next, but cleared. What is behind its end is nobody's: touching it ends the process.
  private static let memory: GuestMemory? = {
    let guardBytes = 1 << 16
    let layout = RAMLayout(bytes: VirtioBoard.ramBytes)
    guard
      let mapping = try? MemoryMapping(
        descriptor: -1, length: Int(VirtioBoard.ramBytes) + guardBytes, flags: MAP_PRIVATE | MAP_ANONYMOUS),
      mprotect(mapping.base + Int(VirtioBoard.ramBytes), guardBytes, PROT_NONE) == 0
    else { return nil }
    return GuestMemory(layout: layout, mapping: mapping, backing: "fuzz")
  }()

  private static let workers = VirtioBoard.scratchDisk()

  /// Where the host has no io_uring, threads do it all.
  private static let rings: (any BlockBackend)? = {
    guard let file = try? DiskFile.scratch(bytes: VirtioBoard.sectors * 512) else { return workers }
    return (try? BlockRings(file, queues: 2)) ?? workers
  }()

  /// One input at a time: RAM and disks are all inputs'.
  private static let turn = Mutex(())

  static func run(_ input: [UInt8]) -> String? { turn.withLock { _ in runAlone(input) } }

  private static func runAlone(_ input: [UInt8]) -> String? {
    guard let memory, let workers, let rings else { return "no guest RAM, or no disk" }
    let kind = input.first ?? 0
    var steps: [Step] = []
    var place = 1
    while place + 16 <= input.count, steps.count < maximumSteps {
      steps.append(Step(input[place..<place + 16]))
      place += 16
    }
    do {
      try memory.clear(count: Int(VirtioBoard.ramBytes), at: GuestAddress(0))
      let guest = HostileGuest(try VirtioBoard(memory, kind & 2 == 0 ? workers : rings))
      let other = kind & 1 == 1 ? OtherVcpu(memory, steps) : nil
      let complaint = guest.run(steps)
      other?.stop()
      return try complaint ?? guest.end()
    } catch {
      return "\(error)"
    }
  }
}

/// What the input says is to be done next.
struct Step: Sendable {
  let kind: UInt64
  let device: Int
  let size: Int
  let extra: UInt64
  let address: UInt64
  let value: UInt64

  init(_ bytes: ArraySlice<UInt8>) {
    func number(_ offset: Int, _ count: Int) -> UInt64 {
      let start = bytes.startIndex + offset
      return bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    kind = number(0, 1) % 10
    device = Int(number(1, 1) % 4)
    size = 1 << Int(number(2, 1) % 4)
    extra = number(3, 1)
    address = number(4, 4)
    value = number(8, 8)
  }

  /// Where in RAM it is about: mostly where rings and small buffers are.
  var place: UInt64 { (extra & 1 == 0 ? address % 0x10000 : address % VirtioBoard.ramBytes) }
}

/// The vCPU that drives the devices.
private final class HostileGuest {
  private let board: VirtioBoard
  private var memory: GuestMemory { board.memory }
  /// The queues that a step has set up, by device and queue.
  private var rings: [Int: SplitRing] = [:]

  init(_ board: VirtioBoard) { self.board = board }

  func run(_ steps: [Step]) -> String? {
    for (number, step) in steps.enumerated() {
      let device = board.devices[step.device]
      let begun = device.begun.load(ordering: .relaxed)
      let wasBroken = device.lastStatus & 64 != 0
      let resets = act(step, device)
      device.lastStatus = device.transport.read(MMIODriver.status)
      if resets { continue }
      // Latched: only a reset ends it, it is told once, and no request is taken.
      if wasBroken, device.lastStatus & 64 == 0 {
        return "step \(number): \(device.name) is not broken any more"
      }
      if device.faults.load(ordering: .relaxed) > 1 {
        return "step \(number): \(device.name) is broken twice"
      }
      if wasBroken, isKick(step), device.begun.load(ordering: .relaxed) != begun {
        return "step \(number): \(device.name) is broken and takes requests"
      }
    }
    return nil
  }

  /// Whatever was done, each device does what it should after a reset.
  func end() throws -> String? {
    for device in board.devices {
      if let complaint = try board.revive(device) { return complaint }
    }
    for device in board.devices { device.transport.reset() }
    return nil
  }

  private func isKick(_ step: Step) -> Bool { step.kind == 7 }

  /// - Returns: whether the device may have been reset.
  private func act(_ step: Step, _ device: VirtioBoard.Device) -> Bool {
    let transport = device.transport!
    switch step.kind {
    case 0, 1:
      // Every other at a register, the others at any offset.
      let offset = step.extra & 1 == 0 ? UInt32(step.address % 0x40 * 4) : UInt32(step.address % 0x1000)
      let mask: UInt64 = step.size == 8 ? .max : 1 << (8 * UInt64(step.size)) - 1
      if step.kind == 0 {
        transport.write(
          offset: offset, size: step.size, value: step.value & mask, window: 0, memory: memory,
          by: VirtioBoard.thread)
        guard offset == MMIODriver.status, step.size == 4, UInt32(truncatingIfNeeded: step.value) == 0 else {
          return false
        }
        device.faults.store(0, ordering: .relaxed)
        return true
      }
      _ = transport.read(offset: offset, size: step.size, window: 0, by: VirtioBoard.thread)
    case 2: try? memory.write(step.value, at: GuestAddress(step.place), .little)
    case 3:
      setUp(step, device)
      return true
    case 4, 5, 6: add(step, device)
    case 7:
      transport.handleKicks(
        1 + step.value % 3, queue: Int(step.extra % 20), memory: memory, by: VirtioBoard.thread)
    case 8: board.collect(device)
    default:
      if step.device == 0 { board.packets.change(step.extra, step.value) }
      if step.device == 1, step.extra == 0 {
        transport.reset()
        device.faults.store(0, ordering: .relaxed)
        return true
      }
      // A queue is taken back, or given once more.
      transport.write(step.extra % 8, MMIODriver.queueSelector, in: memory)
      transport.write(step.value & 1, MMIODriver.queueReady, in: memory)
    }
    return false
  }

  private func place(of queue: Int, _ device: Int) -> UInt64 { 0x1000 * UInt64(1 + device * 8 + queue % 8) }

  /// As a driver should, with any features that are offered and queues of any size.
  private func setUp(_ step: Step, _ device: VirtioBoard.Device) {
    let transport = device.transport!
    device.faults.store(0, ordering: .relaxed)
    let features = MMIODriver.offered(transport) & (step.value | 1 << 32)
    MMIODriver.agree(transport, features)
    for queue in 0..<device.queueCount where step.address >> UInt64(queue) & 1 == 0 {
      let ring = SplitRing(
        memory, at: place(of: queue, step.device), size: 1 << UInt16(step.extra % 7),
        usesEventIndex: features & 1 << 29 != 0)
      try? ring.clear()
      rings[step.device * 32 + queue] = ring
      MMIODriver.attach(ring, to: transport, queue: UInt32(queue), memory: memory)
    }
    MMIODriver.start(transport)
  }

  /// Adds a request of up to four buffers, of which the value says what they are, and kicks.
  private func add(_ step: Step, _ device: VirtioBoard.Device) {
    let queue = Int(step.extra) % device.queueCount
    guard let ring = rings[step.device * 32 + queue] else { return }
    let base = 0x30000 + step.address % 0x8000
    // A header that may well be one: a request of a disk, a message of a console, or a packet's.
    try? memory.write(step.value & 0x7_0007, at: GuestAddress(base), .little)
    try? memory.write(step.value >> 56 % VirtioBoard.sectors, at: GuestAddress(base + 8), .little)
    var parts: [SplitRing.Part] = []
    for index in 0...UInt64(step.size.trailingZeroBitCount) {
      let bits = step.value >> (16 * index) & 0xffff
      let length: UInt64 =
        switch bits & 7 {
        case 0: 16
        case 1: 512
        case 2: 1
        case 3: 12
        case 4: 2048
        case 5: bits
        case 6: bits << 8
        default: bits << 16
        }
      // The first is the header, mostly; where it ends may be beyond RAM.
      let start = index == 0 ? base : bits & 8 == 0 ? base + 64 + 0x800 * index : bits << 5
      parts.append(.init(start, UInt32(truncatingIfNeeded: length), isWritable: bits & 0x10 != 0))
    }
    let table: UInt64? = step.kind == 6 ? 0x28000 + 0x40 * (step.address % 64) : nil
    _ = try? ring.add(parts, indirectAt: table)
    _ = try? ring.publish()
    device.transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory)
    // What came back makes room; a guest that does not look is hostile, too.
    if step.kind != 5 { _ = try? ring.takeUsed() }
  }
}

/// Another vCPU: changes memory at any moment, as the steps that store say, over and over.
///
/// It writes through the kernel: the guest is no thread of the VMM's, and its racing with the VMM is no fault of that.
private final class OtherVcpu: @unchecked Sendable {
  private static let ownMemory = open("/proc/self/mem", O_WRONLY | O_CLOEXEC)

  private let isOver = Atomic(false)
  // Accessed by whoever made this alone.
  private var thread: DedicatedThread?

  init?(_ memory: GuestMemory, _ steps: [Step]) {
    let stores = steps.filter { $0.kind == 2 }
    guard !stores.isEmpty else { return nil }
    thread = try? DedicatedThread(name: "vcpu1") { [self] in
      while !isOver.load(ordering: .relaxed) {
        for step in stores { OtherVcpu.store(step.value, step.size, at: step.place, memory) }
      }
    }
  }

  func stop() {
    isOver.store(true, ordering: .relaxed)
    thread?.join()
    thread = nil
  }

  private static func store(_ value: UInt64, _ size: Int, at place: UInt64, _ memory: GuestMemory) {
    guard let target = try? memory.hostBytes(at: GuestAddress(place), count: size) else { return }
    withUnsafeBytes(of: value.littleEndian) {
      _ = pwrite(ownMemory, $0.baseAddress, size, off_t(Int(bitPattern: target.baseAddress)))
    }
  }
}
