import Engine
import GuestRAM
import Platform

@testable import TCG

/// A vCPU that is run by hand from 0x1000 on: in real mode, or with flat segments in protected mode, without interrupt gates.
final class BareVcpu: VcpuExitHandler, @unchecked Sendable {
  static let start: UInt64 = 0x1000
  let memory: GuestMemory
  let machine: TCGMachine
  let vcpu: TCGVcpu
  var onExit: (VcpuExit) -> Bool = { _ in false }

  init(_ code: [UInt8], isProtected: Bool = false, hasLocalControllers: Bool = false) throws {
    let bytes: UInt64 = 1 << 20
    let mapping = try MemoryMapping(anonymous: Int(bytes), alignment: 4096)
    memory = GuestMemory(layout: RAMLayout(bytes: bytes), mapping: mapping, backing: "test")
    try memory.write(code, at: GuestAddress(Self.start))
    _ = try TCGEngine()
    let requirements = MachineRequirements(
      vcpus: 1, interruptControllers: hasLocalControllers ? .local : .none,
      signalsMessages: hasLocalControllers)
    machine = try TCGMachine(requirements, memory: memory)
    vcpu = try machine.makeVcpu(id: 0)
    var state = CPUState.realMode(startVector: 0)
    state.rip = Self.start
    if isProtected {
      state.cr0 |= 1
      state.idt.limit = 0
      for path in [\CPUState.cs, \.ds, \.es, \.ss, \.fs, \.gs] {
        state[keyPath: path].limit = .max
        state[keyPath: path].countsPages = true
        state[keyPath: path].is32Bit = true
      }
    }
    try vcpu.setState(state)
  }

  func willEnterGuest() {}
  func handle(_ exit: VcpuExit) -> Bool { onExit(exit) }

  /// Numbers of 32 bits that the guest left from 0x2000 on.
  func words(_ count: Int) throws -> [UInt32] {
    try (0..<UInt64(count)).map { try memory.read(UInt32.self, at: GuestAddress(0x2000 + 4 * $0), .little) }
  }
}
