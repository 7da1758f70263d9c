import CUnicorn
import Processors

/// What the library calls an architecture's processor and its registers.
struct ForeignProcessor {
  let architecture: Architecture
  /// uc_arch and uc_mode.
  let number, mode: CInt
  /// The register with the address of the next instruction.
  let programCounter: CInt
  /// The one in which a function gets its first argument by the architecture's calling convention.
  let argument: CInt
  /// What is to be set before anything runs.
  let initial: [(register: CInt, value: UInt64)]
  /// The general registers, with their names, for messages.
  let general: [(name: String, register: CInt)]
  /// One more than the highest guest physical address here.
  let addressLimit: UInt64

  /// - Returns: nil for x86, of which processors are `TCGVcpu`s.
  init?(_ architecture: Architecture) {
    self.architecture = architecture
    func registers(_ prefix: String, _ first: Int, _ count: Int) -> [(name: String, register: CInt)] {
      (0..<count).map { ("\(prefix)\($0)", CInt(first + $0)) }
    }
    switch architecture {
    case .x86: return nil
    case .aarch64:
      (number, mode) = (CInt(CUC_ARCH_ARM64), 0)
      programCounter = CInt(CUC_ARM64_PC)
      argument = CInt(CUC_ARM64_X0)
      initial = []
      general =
        registers("x", CUC_ARM64_X0, 29)
        + [("x29", CInt(CUC_ARM64_X29)), ("x30", CInt(CUC_ARM64_X30)), ("sp", CInt(CUC_ARM64_SP))]
      addressLimit = 1 << 40
    case .mips:
      (number, mode) = (CInt(CUC_ARCH_MIPS), CInt(CUC_MODE_MIPS32 | CUC_MODE_BIG_ENDIAN))
      programCounter = CInt(CUC_MIPS_PC)
      argument = CInt(CUC_MIPS_0 + 4)
      initial = []
      general = registers("$", CUC_MIPS_0, 32)
      addressLimit = 1 << 32
    case .ppc:
      (number, mode) = (CInt(CUC_ARCH_PPC), CInt(CUC_MODE_PPC32 | CUC_MODE_BIG_ENDIAN))
      programCounter = CInt(CUC_PPC_PC)
      argument = CInt(CUC_PPC_0 + 3)
      initial = []
      general = registers("r", CUC_PPC_0, 32)
      addressLimit = 1 << 32
    case .riscv64:
      (number, mode) = (CInt(CUC_ARCH_RISCV), CInt(CUC_MODE_RISCV64))
      programCounter = CInt(CUC_RISCV_PC)
      argument = CInt(CUC_RISCV_X0 + 10)
      initial = []
      general = registers("x", CUC_RISCV_X0, 32)
      addressLimit = 1 << 40
    case .s390x:
      (number, mode) = (CInt(CUC_ARCH_S390X), CInt(CUC_MODE_BIG_ENDIAN))
      programCounter = CInt(CUC_S390X_PC)
      argument = CInt(CUC_S390X_R0 + 2)
      // Extended and basic addressing mode: addresses have 64 bits (Principles of Operation, chapter 4, "Program-Status-Word Format").
      initial = [(CInt(CUC_S390X_PSW_MASK), 1 << 32 | 1 << 31)]
      general = registers("r", CUC_S390X_R0, 16)
      addressLimit = 1 << 40
    }
  }
}
