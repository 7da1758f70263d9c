import CKVM
import CTestGuests
import Engine
import Glibc
import GuestRAM
import TestSupport
import Testing

@testable import KVM

/// Whether this host lets us run guests. Suites that need it are skipped visibly where it does not.
let kvmIsUsable = HostEngine.hasKVM
let kvmReason: Comment = "\(HostEngine.needsKVM("the tests are of its ioctls"))"

/// A vCPU with 1 MiB of RAM and nothing else, with a test guest at 0x1000.
final class BareGuest {
  enum Mode {
    case real
    case long
  }

  static let entry: UInt64 = 0x1000
  let memory: GuestMemory
  let machine: KVMVirtualMachine
  let vcpu: KVMVcpu

  init(
    _ image: exeunt_test_image, mode: Mode = .real, interruptControllers: Bool = false,
    keepsWrites: Bool = false
  ) throws {
    let system = try KVMSystem()
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let machine = try system.createVirtualMachine()
    if keepsWrites { machine.ringPage = try system.check(.coalescedMMIO) }
    try machine.setIdentityMapAddress(0xfeff_c000)
    try machine.setTSSAddress(0xfeff_d000)
    // Real mode reaches no further than this; what lies between the guest's data and the end of RAM is not there.
    let ram = memory.hostMemory(of: memory.layout.regions[0])
    let size = mode == .real ? 0x2_0000 : ram.count
    try machine.setMemory(slot: 0, guestAddress: 0, memory: .init(rebasing: ram[..<size]))
    if interruptControllers { try machine.createInterruptControllers() }
    vcpu = try machine.createVcpu(id: 0)
    try vcpu.setCPUID(try system.supportedCPUID())
    self.machine = machine
    try memory.write(
      UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)), at: GuestAddress(BareGuest.entry))
    try enter(mode)
  }

  /// Sets the state in which the guest begins.
  func enter(_ mode: Mode) throws {
    var system = try vcpu.systemRegisters()
    system.cs.base = 0
    system.cs.selector = 0
    if mode == .long {
      // One page directory of 2 MiB pages for each of four GiB.
      try memory.write(0x9003 as UInt64, at: GuestAddress(0x8000), .little)
      for directory in 0..<UInt64(4) {
        let table = 0xa000 + directory * 0x1000
        try memory.write(table | 3, at: GuestAddress(0x9000 + 8 * directory), .little)
        for entry in 0..<UInt64(512) {
          let page = directory << 30 | entry << 21 | 0x83
          try memory.write(page, at: GuestAddress(table + 8 * entry), .little)
        }
      }
      system.cr3 = 0x8000
      system.cr4 |= 1 << 5
      system.cr0 |= 1 << 31 | 1
      system.efer |= 1 << 10 | 1 << 8
      system.cs.l = 1
      system.cs.db = 0
      system.cs.selector = 8
      system.cs.type = 11
      system.cs.g = 1
      system.cs.limit = 0xffff_ffff
    }
    try vcpu.setSystemRegisters(system)
    var registers = try vcpu.registers()
    registers.rip = BareGuest.entry
    registers.rflags = 2
    registers.rsp = 0x7000
    try vcpu.setRegisters(registers)
  }

  // Testing's macros take no noncopyable receivers.
  var registers: kvm_regs {
    get throws { try vcpu.registers() }
  }

  func translate(_ linear: UInt64) throws -> UInt64? { try vcpu.translate(linear: linear) }

  /// An exit in a form that can be compared and kept.
  enum Access: Equatable {
    case out(UInt16, size: Int, [UInt8])
    case into(UInt16, size: Int, count: Int)
    case write(UInt64, [UInt8])
    case read(UInt64, size: Int)
  }

  /// Runs until HLT; reads are answered with 0xa0, 0xa1, … counted over all reads.
  ///
  /// - Returns: the accesses, or a failure's description as the last element's absence.
  func runToHalt(limit: Int = 1000) throws -> [Access] {
    var accesses: [Access] = []
    var answer: UInt8 = 0xa0
    for _ in 0..<limit {
      switch vcpu.enter() {
      case .halt: return accesses
      case .port(let access):
        let bytes = UnsafeMutableRawBufferPointer(start: access.data, count: access.size * access.count)
        if access.isWrite {
          accesses.append(.out(access.port, size: access.size, Array(bytes)))
        } else {
          for index in bytes.indices {
            bytes[index] = answer
            answer &+= 1
          }
          accesses.append(.into(access.port, size: access.size, count: access.count))
        }
      case .memory(let access):
        let bytes = UnsafeMutableRawBufferPointer(start: access.data, count: access.size)
        if access.isWrite {
          accesses.append(.write(access.address, Array(bytes)))
        } else {
          for index in bytes.indices {
            bytes[index] = answer
            answer &+= 1
          }
          accesses.append(.read(access.address, size: access.size))
        }
      case .interrupted: continue
      case let other:
        Issue.record("unexpected exit \(ExitReason.name(other.reason)): \(other)")
        return accesses
      }
    }
    Issue.record("the guest did not halt")
    return accesses
  }
}
