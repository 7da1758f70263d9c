import CKVM
import Engine
import GuestRAM

/// Instructions that kernels execute while they start and that KVM's instruction emulator does not know, done here. KVM
/// without hardware virtualization emulates all of a kernel's instructions; elsewhere none of these ever gets here.
enum InstructionMending {
  private enum Instruction: Equatable {
    /// `int3`: the breakpoint exception, behind it.
    case breakpoint
    /// `fwait`.
    case wait
    /// `fnstsw %ax`.
    case storeStatus
    /// `clac` and `stac`, which forbid and allow a kernel to touch its users' pages.
    case setAccess(Bool)
    /// `xgetbv` and `xsetbv`, by which a kernel learns and says which extended states are in use.
    case readExtendedControl, writeExtendedControl
    /// One of the hints 0F 1E of a register, such as `rdssp`: without shadow stacks, nothing.
    case hint(length: UInt64)

    init?(_ bytes: [UInt8]) {
      switch bytes.first {
      case 0xcc: self = .breakpoint
      case 0x9b: self = .wait
      case 0xdf where bytes.dropFirst().first == 0xe0: self = .storeStatus
      case 0x0f where bytes.starts(with: [0x0f, 0x01, 0xca]): self = .setAccess(false)
      case 0x0f where bytes.starts(with: [0x0f, 0x01, 0xcb]): self = .setAccess(true)
      case 0x0f where bytes.starts(with: [0x0f, 0x01, 0xd0]): self = .readExtendedControl
      case 0x0f where bytes.starts(with: [0x0f, 0x01, 0xd1]): self = .writeExtendedControl
      case 0xf3:
        let hasWidth = bytes.count > 1 && bytes[1] & 0xf0 == 0x40
        let rest = bytes.dropFirst(hasWidth ? 2 : 1)
        guard rest.starts(with: [0x0f, 0x1e]), let operand = rest.dropFirst(2).first, operand >= 0xc0 else {
          return nil
        }
        self = .hint(length: hasWidth ? 5 : 4)
      default: return nil
      }
    }
  }

  /// Does what KVM could not emulate, and leaves the vCPU behind it.
  ///
  /// - Returns: false where it is something else, or would raise an exception.
  static func mend(_ error: VcpuExit.InternalError, of vcpu: KVMVcpu) -> Bool {
    guard error.suberror == 1 else { return false }
    do {
      guard let instruction = Instruction(error.instruction) else {
        return try mendMediaControl(error.instruction, of: vcpu)
      }
      var registers = try vcpu.registers()
      switch instruction {
      case .breakpoint:
        registers.rip &+= 1
        try vcpu.setRegisters(registers)
        try vcpu.inject(exception: 3)
        return true
      case .wait:
        guard try hasFloatingPoint(vcpu), try vcpu.floatingPoint().fsw & 0x80 == 0 else { return false }
        registers.rip &+= 1
      case .storeStatus:
        guard try hasFloatingPoint(vcpu) else { return false }
        registers.rax = registers.rax & ~0xffff | UInt64(try vcpu.floatingPoint().fsw)
        registers.rip &+= 2
      case .setAccess(let isAllowed):
        // For the most privileged level only.
        guard try vcpu.systemRegisters().ss.dpl == 0 else { return false }
        let flag: UInt64 = 1 << 18
        registers.rflags = isAllowed ? registers.rflags | flag : registers.rflags & ~flag
        registers.rip &+= 3
      case .readExtendedControl, .writeExtendedControl:
        // XCR0, the only one that software may name everywhere, with CR4.OSXSAVE.
        guard try vcpu.systemRegisters().cr4 & 1 << 18 != 0, UInt32(truncatingIfNeeded: registers.rcx) == 0,
          try useExtendedControl(of: vcpu, &registers, writing: instruction == .writeExtendedControl)
        else { return false }
        registers.rip &+= 3
      case .hint(let length):
        // CR4.CET: shadow stacks may be on.
        guard try vcpu.systemRegisters().cr4 & 1 << 23 == 0 else { return false }
        registers.rip &+= length
      }
      try vcpu.setRegisters(registers)
      return true
    } catch {
      return false
    }
  }

  /// Reads XCR0 to EDX:EAX, or sets it from there. KVM refuses what the processor would.
  private static func useExtendedControl(
    of vcpu: KVMVcpu, _ registers: inout kvm_regs, writing: Bool
  ) throws -> Bool {
    guard var control = vcpu.extendedControl(), control.nr_xcrs > 0, control.xcrs.0.xcr == 0 else {
      return false
    }
    if writing {
      guard try vcpu.systemRegisters().ss.dpl == 0 else { return false }
      control.xcrs.0.value = registers.rdx << 32 | registers.rax & 0xffff_ffff
      try Request("KVM_SET_XCRS", CKVM_SET_XCRS)(vcpu.descriptor, &control)
      return true
    }
    registers.rax = control.xcrs.0.value & 0xffff_ffff
    registers.rdx = control.xcrs.0.value >> 32
    return true
  }

  /// `ldmxcsr` and `stmxcsr`, which compilers put where a program sets how its floating point rounds.
  private static func mendMediaControl(_ bytes: [UInt8], of vcpu: KVMVcpu) throws -> Bool {
    guard let memory = vcpu.memory else { return false }
    var registers = try vcpu.registers()
    let system = try vcpu.systemRegisters()
    guard let operand = MemoryOperand([0x0f, 0xae], in: bytes, registers: registers, system: system),
      operand.operation == 2 || operand.operation == 3
    else { return false }
    // For a kernel that has switched SSE on (CR4.OSFXSR), without EM and TS of CR0; virtual-8086 mode is none.
    guard system.cr0 & 0b1100 == 0, system.cr4 & 1 << 9 != 0, system.ss.dpl == 0,
      registers.rflags & 1 << 17 == 0
    else { return false }
    let stores = operand.operation == 3
    guard let linear = operand.linear(count: 4, writing: stores, system) else { return false }
    let walk = PageWalk(
      memory: memory, system: system, flags: registers.rflags, hasGigabytePages: vcpu.hasGigabytePages)
    // The operand may lie on two pages.
    var places: [GuestAddress] = []
    for offset: UInt64 in 0..<4 {
      guard let place = walk.physical(linear &+ offset, writing: stores) else { return false }
      places.append(GuestAddress(place))
    }
    var isDone = false
    try vcpu.withMediaControl { value, mask in
      guard places.allSatisfy({ memory.contains($0, count: 1) }) else { return nil }
      if stores {
        for (index, place) in places.enumerated() {
          try memory.write(UInt8(truncatingIfNeeded: value >> UInt32(8 * index)), at: place, .little)
        }
        isDone = true
        return nil
      }
      let new = try places.enumerated().reduce(UInt32(0)) { value, byte in
        value | UInt32(try memory.read(UInt8.self, at: byte.element, .little)) << UInt32(8 * byte.offset)
      }
      // Setting a bit that there is not is #GP.
      guard new & ~mask == 0 else { return nil }
      isDone = true
      return new
    }
    guard isDone else { return false }
    registers.rip &+= UInt64(operand.length)
    try vcpu.setRegisters(registers)
    return true
  }

  /// Whether x87 instructions raise no exception: neither EM nor TS of CR0.
  private static func hasFloatingPoint(_ vcpu: KVMVcpu) throws(KVMError) -> Bool {
    try vcpu.systemRegisters().cr0 & 0b1100 == 0
  }
}
