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
/// The first byte says in which mode it begins: real (0), protected (1), or 64-bit with pages of its own (2), modulo 3. A step is 8 bytes of
/// code as they are, or, where the first is below 0x60, an access that code of chance would hardly make: to a device's register or to
/// a port, reading or writing.
enum TranslatorTarget {
  private static let ramBytes = VirtioBoard.ramBytes
  private static let code: UInt64 = 0x1000
  private static let tables: UInt64 = 0xf_8000
  private static let windows: UInt64 = 0xd000_0000
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
    do {
      try memory.clear(count: Int(ramBytes), at: GuestAddress(0))
      let mode = input.first.map { Int($0) % 3 } ?? 0
      try memory.write(program(input.dropFirst(), mode), at: GuestAddress(code))
      if mode == 2 { try makeTables(memory) }
      let board = try VirtioBoard(memory, blocks)
      let vcpu = try processor(memory)
      try vcpu.setState(beginning(mode))
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
    } catch {
      return "\(error)"
    }
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
      case .memory(let access): reach(access.address &- windows, access.size, access.isWrite, access.data)
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

  // MARK: What it begins with

  private static func program(_ input: ArraySlice<UInt8>, _ mode: Int) -> [UInt8] {
    var code: [UInt8] = []
    var rest = input
    while rest.count >= 8, code.count < 0x6000 {
      let step = Array(rest.prefix(8))
      rest = rest.dropFirst(8)
      let register = UInt32(step[1]) << 2 & 0x1fc | UInt32(step[2] % 4) * 0x200
      let value = Array(step[4...])
      let wide: [UInt8] = mode == 0 ? [0x66] : []
      let far: [UInt8] = mode == 0 ? [0x66, 0x67] : []
      // MOV EAX, value; the address is after a SIB byte without registers, in all modes alike.
      let load = wide + [0xb8] + value
      let address = [0x04, 0x25] + bytes(UInt32(truncatingIfNeeded: windows) + register)
      switch step[0] {
      case ..<0x20: code += load + far + [0x89] + address
      case ..<0x28: code += far + [0x8b] + address
      case ..<0x30: code += load + wide + [0xba] + bytes(register) + wide + [step[3] & 1 == 0 ? 0xef : 0xed]
      // Where queues may be: a store to low memory.
      case ..<0x60:
        code += load + far + [0x89, 0x04, 0x25] + bytes(UInt32(step[1]) << 8 | UInt32(step[2]) << 2)
      default: code += step
      }
    }
    return code + [0xf4]
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Four gigabytes, each page where it is.
  private static func makeTables(_ memory: GuestMemory) throws {
    try memory.write(tables + 0x1003, at: GuestAddress(tables), .little)
    for gigabyte in 0..<4 as Range<UInt64> {
      let directory = tables + 0x2000 + gigabyte * 0x1000
      try memory.write(directory | 3, at: GuestAddress(tables + 0x1000 + gigabyte * 8), .little)
      for page in 0..<512 as Range<UInt64> {
        try memory.write(
          (gigabyte << 30 | page << 21) | 0x83, at: GuestAddress(directory + page * 8), .little)
      }
    }
  }

  private static func beginning(_ mode: Int) -> CPUState {
    var state = CPUState()
    var segment = CPUState.Segment()
    segment.limit = 0xffff_ffff
    segment.isPresent = true
    segment.isCodeOrData = true
    segment.type = 3
    segment.is32Bit = mode == 1
    segment.countsPages = true
    state.setDataSegments(segment)
    segment.type = 11
    segment.is64Bit = mode == 2
    state.cs = segment
    state.tr.type = 11
    state.tr.isPresent = true
    state.tr.limit = 0xffff
    state.cr0 = mode == 0 ? 0x10 : mode == 1 ? 0x11 : 0x8000_0011
    if mode == 2 {
      state.cr3 = tables
      state.cr4 = 0x20
      state.efer = 0x500
    }
    state.idt.limit = mode == 0 ? 0x3ff : 0
    state.rip = code
    state.general.rsp = 0x8000
    return state
  }
}
