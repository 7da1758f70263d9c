import Board
import Boot
import Devices
import Engine
import Glibc
import GuestRAM
import Platform
import Synchronization
import TCG
import Virtio

/// A guest whose code is anything at all, run by the translator, with the virtio devices in front of it.
///
/// The first byte says how it begins, modulo 4: in real (0), protected (1) or 64-bit mode with pages of its own (2), with steps of code
/// (`TranslatorProgram`); or what follows is a kernel's file (3), which each boot protocol that takes it boots.
enum TranslatorTarget {
  /// What kernels ask for begins at 1 MiB.
  private static let ramBytes: UInt64 = 4 << 20
  /// A guest may go round for ever: after as many exits, or as many milliseconds, it is stopped.
  private static let maximumExits = 2000
  private static let milliseconds = 20

  // What is behind RAM is nobody's: touching it ends the process.
  private static let memory: GuestMemory? = {
    let guardBytes = 1 << 16
    guard
      let mapping = try? MemoryMapping(
        descriptor: -1, length: Int(ramBytes) + guardBytes, flags: MAP_PRIVATE | MAP_ANONYMOUS),
      mprotect(mapping.base + Int(ramBytes), guardBytes, PROT_NONE) == 0
    else { return nil }
    return GuestMemory(layout: RAMLayout(bytes: ramBytes), mapping: mapping, backing: "fuzz")
  }()

  private static let blocks: (any BlockBackend)? = VirtioBoard.scratchDisk()
  private static let turn = Mutex(())

  static func run(_ input: [UInt8]) -> String? { turn.withLock { _ in runAlone(input) } }

  private static func runAlone(_ input: [UInt8]) -> String? {
    guard (try? TCGEngine()) != nil else { return nil }
    guard let memory, let blocks else { return "no guest RAM, or no disk" }
    let mode = input.first.map { Int($0) % 4 } ?? 0
    do {
      if mode < 3 {
        let program = TranslatorProgram(input.dropFirst(), mode)
        return try run(memory, blocks) { vcpu in
          try program.load(into: memory)
          try vcpu.setState(program.beginning)
        }
      }
      let file = MemoryImage(Array(input.dropFirst()))
      for bootProtocol in BootPlan.BootProtocol.allCases {
        guard let plan = plan(file, bootProtocol, memory.layout) else { continue }
        let complaint = try run(memory, blocks) { vcpu in
          try plan.load(into: memory)
          try plan.entry.apply(to: vcpu)
        }
        if let complaint { return "\(bootProtocol.rawValue): \(complaint)" }
      }
      return nil
    } catch {
      return "\(error)"
    }
  }

  private static let board = (try? BoardLayout(BoardOptions(vcpus: 1))).map(FirmwareTables.init)

  /// How a file is booted; nil where it cannot be, which is `KernelsTarget`'s matter.
  private static func plan(_ file: MemoryImage, _ bootProtocol: BootPlan.BootProtocol, _ layout: RAMLayout)
    -> BootPlan?
  {
    guard let board, let image = try? KernelImage(file, for: bootProtocol) else { return nil }
    let request = BootRequest(
      image: image, source: file, name: "kernel", commandLine: "a b", modules: [], bootProtocol: bootProtocol,
      layout: layout, firmware: board)
    return try? request.plan()
  }

  /// Runs one guest until it ends, or has had its time, and looks at the devices afterwards.
  private static func run(
    _ memory: GuestMemory, _ blocks: any BlockBackend, _ begin: (TCGVcpu) throws -> Void
  ) throws -> String? {
    try memory.clear(count: Int(ramBytes), at: GuestAddress(0))
    let board = try VirtioBoard(memory, blocks)
    let vcpu = try processor(memory)
    try begin(vcpu)
    let guest = Guest(board)
    let watch = try DedicatedThread(name: "watch") {
      for _ in 0..<milliseconds where !guest.isOver.load(ordering: .relaxed) { usleep(1000) }
      vcpu.requestImmediateExit()
    }
    vcpu.run(guest)
    guest.isOver.store(true, ordering: .relaxed)
    watch.join()
    // The guest's stack, left in the middle of an access, keeps who handled it.
    guest.board = nil
    _ = try vcpu.state()
    for device in board.devices {
      if let complaint = try board.revive(device) { return complaint }
    }
    return nil
  }

  // One machine for all inputs, as one run has for all resets: at each its processor is made anew, and the one before given back.
  nonisolated(unsafe) private static var machine: TCGMachine?
  nonisolated(unsafe) private static var vcpu: TCGVcpu?

  private static func processor(_ memory: GuestMemory) throws -> TCGVcpu {
    if let machine, let vcpu {
      try machine.reset()
      _ = try vcpu.reset()
      vcpu.clearImmediateExit()
      return vcpu
    }
    let machine = try TCGEngine().makeMachine(
      MachineRequirements(vcpus: 1, interruptControllers: .local, signalsMessages: true), memory: memory,
      reserved: 0..<0)
    let vcpu = try machine.makeVcpu(id: 0)
    try vcpu.keepPowerOnState()
    (self.machine, self.vcpu) = (machine, vcpu)
    return vcpu
  }

  private final class Guest: VcpuExitHandler, @unchecked Sendable {
    // The vCPU's thread alone, and nobody when that has ended.
    var board: VirtioBoard?
    let isOver = Atomic(false)
    // The vCPU's thread alone.
    private var exits = 0

    init(_ board: VirtioBoard) { self.board = board }

    func willEnterGuest() {}

    func handle(_ exit: VcpuExit) -> Bool {
      exits += 1
      switch exit {
      case .port(let access):
        // Each window of 64 ports has the registers of a device, too: what code of chance reaches by two bytes.
        for index in 0..<access.count {
          let data = access.data + index * access.size
          reach(UInt64(access.port) % 0x400, access.size, access.isWrite, data)
        }
      case .memory(let access):
        reach(access.address &- TranslatorProgram.windows, access.size, access.isWrite, access.data)
      case .settled: break
      default: return false
      }
      return exits < maximumExits
    }

    private func reach(_ place: UInt64, _ size: Int, _ isWrite: Bool, _ data: UnsafeMutableRawPointer) {
      let bytes = UnsafeMutableRawBufferPointer(start: data, count: size)
      guard let board, place < 0x1000, [1, 2, 4, 8].contains(size) else {
        if !isWrite { bytes.initializeMemory(as: UInt8.self, repeating: 0xff) }
        return
      }
      let transport = board.devices[Int(place / 0x200) % board.devices.count].transport!
      let offset = UInt32(place % 0x200)
      if isWrite {
        let value = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        transport.write(
          offset: offset, size: size, value: value, window: 0, memory: board.memory, by: VirtioBoard.thread)
      } else {
        let value = transport.read(offset: offset, size: size, window: 0, by: VirtioBoard.thread)
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
      }
      for device in board.devices { board.collect(device) }
    }
  }
}
