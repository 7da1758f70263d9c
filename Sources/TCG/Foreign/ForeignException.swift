import Processors

/// What the library's numbers of exceptions stand for, in the words of each architecture's manual. The numbers are those of QEMU's
/// target/*/cpu.h (RISC-V: riscv/cpu_bits.h, which are `mcause` of the Privileged Specification, table 3.6).
enum ForeignException {
  /// nil: it has no name here.
  static func name(_ number: UInt32, of architecture: Architecture) -> String? {
    switch architecture {
    case .x86: nil
    case .aarch64: arm[number]
    case .mips: mips[number]
    case .ppc: powerPC[number]
    case .riscv64: riscV[number]
    case .s390x: s390[number]
    }
  }

  private static let arm: [UInt32: String] = [
    1: "undefined instruction", 2: "supervisor call", 3: "prefetch abort", 4: "data abort", 7: "breakpoint",
    11: "hypervisor call", 12: "trap to the hypervisor", 13: "secure monitor call", 16: "semihosting call",
  ]

  private static let mips: [UInt32: String] = [
    7: "machine check", 11: "watchpoint, fetch", 12: "address error, load or fetch",
    13: "address error, store", 14: "TLB refill", 15: "bus error, fetch", 16: "debug breakpoint",
    17: "system call", 18: "breakpoint", 19: "coprocessor unusable", 20: "reserved instruction",
    21: "integer overflow", 22: "trap", 23: "floating point", 24: "watchpoint, data", 25: "TLB modified",
    26: "TLB invalid, load or fetch", 27: "TLB invalid, store", 28: "bus error, data",
  ]

  private static let powerPC: [UInt32: String] = [
    1: "machine check", 2: "data storage", 3: "instruction storage", 5: "alignment", 6: "program",
    7: "floating-point unavailable", 8: "system call", 9: "auxiliary processor unavailable",
    13: "data TLB miss", 14: "instruction TLB miss", 15: "debug", 68: "trace", 73: "vector unavailable",
  ]

  private static let riscV: [UInt32: String] = [
    0: "instruction address misaligned", 1: "instruction access fault", 2: "illegal instruction",
    3: "breakpoint", 4: "load address misaligned", 5: "load access fault",
    6: "store or AMO address misaligned", 7: "store or AMO access fault",
    // From whatever mode: the library leaves telling them apart to the delivery.
    8: "environment call", 12: "instruction page fault", 13: "load page fault",
    15: "store or AMO page fault",
  ]

  private static let s390: [UInt32: String] = [
    2: "supervisor call", 3: "program interruption", 8: "machine check",
  ]
}
