import CKVM
import CTestGuests
import Engine
import Glibc
import GuestRAM
import Platform
import Testing

@testable import KVM

@Suite("Why KVM_RUN returned", .enabled(if: kvmIsUsable, kvmReason))
struct ExitTests {
  @Test("Port accesses of every size, out and in")
  func ports() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    #expect(
      try guest.runToHalt() == [
        .out(0x510, size: 1, [0x44]), .out(0x510, size: 2, [0x44, 0x33]),
        .out(0x510, size: 4, [0x44, 0x33, 0x22, 0x11]), .out(0x80, size: 1, [0x44]),
        .into(0x510, size: 1, count: 1), .into(0x510, size: 2, count: 1), .into(0x510, size: 4, count: 1),
      ])
    #expect(try guest.registers.rax == 0xa6a5_a4a3)
  }

  /// KVM may hand a string over in several parts; together they are the string.
  @Test("String instructions bring several elements in one exit")
  func strings() throws {
    let guest = try BareGuest(exeunt_test_image_strings())
    let data = (0..<100).map { UInt8($0) }
    try guest.memory.write(data, at: GuestAddress(0x2000))
    let accesses = try guest.runToHalt()
    var written: [Int: [UInt8]] = [:]
    var read = 0
    for access in accesses {
      switch access {
      case .out(0x511, let size, let bytes): written[size, default: []] += bytes
      case .into(0x511, size: 2, let count): read += count
      default: Issue.record("unexpected \(access)")
      }
    }
    #expect(written == [1: data, 4: data])
    #expect(read == 60)
    #expect(
      try guest.memory.read(count: 120, at: GuestAddress(0x3000))
        == (0..<120).map { UInt8(truncatingIfNeeded: 0xa0 + $0) })
    #expect(try guest.memory.read(UInt16.self, at: GuestAddress(0x3000 + 120), .little) == 0)
  }

  @Test("Accesses to what is not RAM, of one, two and four bytes and across a page")
  func memory() throws {
    let guest = try BareGuest(exeunt_test_image_memory())
    #expect(
      try guest.runToHalt() == [
        .write(0x20000, [0x44]), .write(0x20002, [0x44, 0x33]), .write(0x20004, [0x44, 0x33, 0x22, 0x11]),
        .read(0x20008, size: 1), .read(0x2000a, size: 2), .read(0x2000c, size: 4),
        .write(0x20ffd, [0x44, 0x33, 0x22]), .write(0x21000, [0x11]),
        .read(0x20fff, size: 1), .read(0x21000, size: 3),
      ])
    let registers = try guest.registers
    #expect(registers.rcx & 0xff == 0xa0)
    #expect(registers.rsi & 0xffff == 0xa2a1)
    #expect(registers.rdi == 0xa6a5_a4a3)
    #expect(registers.rbp == 0xaaa9_a8a7)
  }

  @Test("Eight bytes at once, across pages, and across the end of RAM")
  func wide() throws {
    let guest = try BareGuest(exeunt_test_image_wide(), mode: .long)
    try guest.memory.write([1, 2, 3, 4, 5], at: GuestAddress(0xffffb))
    #expect(
      try guest.runToHalt() == [
        .write(0xd000_0000, [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]),
        .write(0xd000_0ffd, [0x88, 0x77, 0x66]), .write(0xd000_1000, [0x55, 0x44, 0x33, 0x22, 0x11]),
        .read(0xd000_0008, size: 8),
        .read(0xd000_0ffb, size: 5), .read(0xd000_1000, size: 3),
        .write(0x10_0000, [0x55, 0x44, 0x33, 0x22, 0x11]),
        .read(0x10_0000, size: 3),
      ])
    let registers = try guest.registers
    #expect(registers.rcx == 0xa7a6_a5a4_a3a2_a1a0)
    #expect(registers.rdx == 0xafae_adac_abaa_a9a8)
    #expect(try guest.memory.read(count: 5, at: GuestAddress(0xffffb)) == [1, 2, 0x88, 0x77, 0x66])
    #expect(registers.rsi == 0xb2b1_b066_7788_0201)
  }

  @Test("An immediate exit completes the access and does nothing more")
  func immediateExit() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    guest.vcpu.requestImmediateExit()
    for _ in 0..<2 {
      guard case .interrupted = guest.vcpu.enter() else {
        Issue.record("ran in spite of it")
        return
      }
    }
    #expect(try guest.registers.rip == BareGuest.entry)
    guest.vcpu.clearImmediateExit()
    // Up to the first input.
    var inputs = 0
    while inputs == 0 {
      guard case .port(let access) = guest.vcpu.enter() else {
        Issue.record("no port access")
        return
      }
      if !access.isWrite {
        access.data.storeBytes(of: 0x5a, as: UInt8.self)
        inputs += 1
      }
    }
    let before = try guest.registers
    guest.vcpu.requestImmediateExit()
    guard case .interrupted = guest.vcpu.enter() else {
      Issue.record("ran in spite of it")
      return
    }
    let after = try guest.registers
    #expect(after.rax & 0xff == 0x5a)
    #expect(after.rip >= before.rip)
    guest.vcpu.clearImmediateExit()
    #expect(try guest.runToHalt().count == 2)
  }

  @Test("A guest without descriptor tables that faults is a shutdown")
  func shutdown() throws {
    // ud2
    let code: [UInt8] = [0x0f, 0x0b]
    let guest = try code.withUnsafeBytes {
      try BareGuest(exeunt_test_image(bytes: $0.baseAddress, length: UInt($0.count)), mode: .long)
    }
    var system = try guest.vcpu.systemRegisters()
    system.idt.limit = 0
    try guest.vcpu.setSystemRegisters(system)
    guard case .shutdown = guest.vcpu.enter() else {
      Issue.record("no KVM_EXIT_SHUTDOWN")
      return
    }
  }

  /// The page is laid out by the kernel; one that it never would lay out must not be believed.
  @Test("An exit that makes no sense is named by its number, never followed")
  func nonsense() {
    let size = 8192
    let page = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
    defer { page.deallocate() }
    page.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    let run = page.assumingMemoryBound(to: kvm_run.self)

    func port(size elementSize: UInt8, count: UInt32, offset: UInt64) -> VcpuExit {
      run.pointee.exit_reason = UInt32(KVM_EXIT_IO)
      run.pointee.io = .init(direction: 1, size: elementSize, port: 1, count: count, data_offset: offset)
      return VcpuExit(page: run, mappingSize: size)
    }
    func isRefused(_ exit: VcpuExit, _ reason: CInt) -> Bool {
      if case .other(UInt32(reason)) = exit { true } else { false }
    }
    for (elementSize, count, offset): (UInt8, UInt32, UInt64) in [
      (4, 1025, 4096), (4, .max, 4096), (1, 1, 8192), (1, 1, .max), (1, 0, 4096), (0, 1, 4096), (4, 1, 8190),
    ] {
      #expect(isRefused(port(size: elementSize, count: count, offset: offset), KVM_EXIT_IO))
    }
    if case .port(let access) = port(size: 4, count: 1024, offset: 4096) {
      #expect(access.count == 1024)
    } else {
      Issue.record("the whole data page is legal")
    }
    for length: UInt32 in [0, 9, .max] {
      run.pointee.exit_reason = UInt32(KVM_EXIT_MMIO)
      run.pointee.mmio.len = length
      #expect(isRefused(VcpuExit(page: run, mappingSize: size), KVM_EXIT_MMIO))
    }
    run.pointee.exit_reason = UInt32(KVM_EXIT_INTERNAL_ERROR)
    run.pointee.internal.suberror = 1
    run.pointee.internal.ndata = .max
    run.pointee.internal.data.0 = 1
    run.pointee.internal.data.1 = .max
    if case .internalError = VcpuExit(page: run, mappingSize: size) {
      let error = VcpuExit.InternalError(page: run)
      #expect(error.data.count == 16)
      #expect(error.instruction.count <= 15)
    } else {
      Issue.record("no internal error")
    }
    run.pointee.exit_reason = 12345
    #expect(isRefused(VcpuExit(page: run, mappingSize: size), 12345))
  }

  /// Every reason of linux/kvm.h by what becomes of it; those that no x86 machine of ours has cannot go on.
  @Test("Each reason is decided: what is not fatal lets the guest go on")
  func decisions() {
    let page = UnsafeMutableRawPointer.allocate(byteCount: 8192, alignment: 4096)
    defer { page.deallocate() }
    let run = page.assumingMemoryBound(to: kvm_run.self)
    func exit(_ reason: CInt, _ prepare: () -> Void = {}) -> VcpuExit {
      page.initializeMemory(as: UInt8.self, repeating: 0, count: 8192)
      prepare()
      run.pointee.exit_reason = UInt32(reason)
      return VcpuExit(page: run, mappingSize: 8192)
    }
    let settled: Set<CInt> = [
      KVM_EXIT_HYPERCALL, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_SET_TPR, KVM_EXIT_TPR_ACCESS, KVM_EXIT_NMI,
      KVM_EXIT_HYPERV, KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR, KVM_EXIT_XEN,
    ]
    let handled: Set<CInt> = [
      KVM_EXIT_HLT, KVM_EXIT_SHUTDOWN, KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTR, KVM_EXIT_INTERNAL_ERROR,
      KVM_EXIT_SYSTEM_EVENT, KVM_EXIT_IOAPIC_EOI, KVM_EXIT_X86_BUS_LOCK, KVM_EXIT_NOTIFY,
    ]
    for reason: CInt in 0..<60 where reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO {
      let found = exit(reason)
      #expect(found.reason == UInt32(reason))
      switch found {
      case .settled: #expect(settled.contains(reason), "\(reason)")
      case .other: #expect(!settled.contains(reason) && !handled.contains(reason), "\(reason)")
      default: #expect(handled.contains(reason), "\(reason)")
      }
    }
    // Refusals in the words of each interface.
    _ = exit(KVM_EXIT_HYPERCALL)
    #expect(Int64(bitPattern: run.pointee.hypercall.ret) == -1000)
    for reason in [KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR] {
      _ = exit(reason)
      #expect(run.pointee.msr.error == 1)
    }
    _ = exit(KVM_EXIT_HYPERV) { run.pointee.hyperv.type = UInt32(KVM_EXIT_HYPERV_HCALL) }
    #expect(run.pointee.hyperv.u.hcall.result == 2)
    _ = exit(KVM_EXIT_XEN) { run.pointee.xen.type = UInt32(KVM_EXIT_XEN_HCALL) }
    #expect(Int64(bitPattern: run.pointee.xen.u.hcall.result) == -38)
    for flags: UInt32 in [0, 1] {
      guard case .notify(let isContextLost) = exit(KVM_EXIT_NOTIFY, { run.pointee.notify.flags = flags })
      else {
        Issue.record("no notification")
        continue
      }
      #expect(isContextLost == (flags == 1))
    }
  }

  /// The only exit that comes with an error; the same error comes without it.
  @Test("Memory that cannot be reached is told with its address, by every kernel that tells it")
  func memoryFault() {
    let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
    defer { page.deallocate() }
    page.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
    let run = page.assumingMemoryBound(to: kvm_run.self)
    // As linux/kvm.h of 6.8 has it: flags, gpa and size where every reason's own fields are.
    run.pointee.exit_reason = 39
    let start = MemoryLayout<kvm_run>.offset(of: \.apic_base)! + 8
    for (index, value) in ([8, 0x1_2345_6000, 0x1000] as [UInt64]).enumerated() {
      page.storeBytes(of: value, toByteOffset: start + 8 * index, as: UInt64.self)
    }
    for errno in [Errno.badAddress, Errno(rawValue: EHWPOISON)] {
      guard case .memoryFault(let fault) = VcpuExit(error: errno, page: run) else {
        Issue.record("no memory fault")
        return
      }
      #expect(fault == .init(address: 0x1_2345_6000, size: 0x1000, errno: errno))
      #expect(ExitReason.name(VcpuExit.memoryFault(fault).reason) == "memory_fault")
    }
    // A signal that came first is no fault, whatever the page says.
    guard case .interrupted = VcpuExit(error: .interrupted, page: run) else {
      Issue.record("not interrupted")
      return
    }
    // An older kernel leaves the reason of the last exit.
    run.pointee.exit_reason = UInt32(KVM_EXIT_MMIO)
    guard case .failed(.badAddress) = VcpuExit(error: .badAddress, page: run) else {
      Issue.record("an old reason was believed")
      return
    }
  }
}
