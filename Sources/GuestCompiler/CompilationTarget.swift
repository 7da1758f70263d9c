import Board
import Processors

/// What clang and the guests' sources are told of an architecture.
struct CompilationTarget {
  let architecture: Architecture
  let map: ArchitectureMap

  /// All but x86, for whose guests the package's own build is enough.
  static let all = Architecture.allCases.compactMap { architecture in
    ArchitectureMap(architecture).map { CompilationTarget(architecture: architecture, map: $0) }
  }

  /// Freestanding code without floating point, without unaligned accesses where those may fault, at a fixed address.
  private var code: [String] {
    switch architecture {
    case .x86: []
    case .aarch64: ["--target=aarch64-unknown-none-elf", "-mgeneral-regs-only", "-mstrict-align"]
    case .mips:
      [
        "--target=mips-unknown-linux-gnu", "-march=mips32r2", "-msoft-float", "-mno-abicalls", "-fno-pic",
        "-G0",
      ]
    case .ppc: ["--target=powerpc-unknown-linux-gnu", "-msoft-float", "-fno-pic"]
    case .s390x: ["--target=s390x-unknown-linux-gnu", "-march=z10", "-msoft-float", "-fno-pic"]
    case .riscv64:
      [
        "--target=riscv64-unknown-none-elf", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-mno-relax",
      ]
    }
  }

  /// The compiler's options.
  var options: [String] {
    let places: [(String, UInt64)] = [
      ("RAM", map.ram), ("DEVICE_SERIAL", map.address(.serial)), ("DEVICE_MARKER", map.address(.marker)),
      ("DEVICE_DEBUG_EXIT", map.address(.debugExit)), ("DEVICE_POWER", map.address(.power)),
      ("DEVICE_DOORBELL", map.address(.doorbell)),
      ("DOORBELL_STRIDE", map.address(.doorbell, 1) - map.address(.doorbell)),
      ("RAM_WINDOW", architecture.virtual(0)), ("REGISTER_WINDOW", architecture.register(0)),
    ]
    return code + [
      "-std=c17", "-O2", "-ffreestanding", "-fno-builtin", "-fno-jump-tables", "-fno-stack-protector",
      "-fno-asynchronous-unwind-tables", "-fno-common", "-Wall", "-Wextra", "-Werror",
    ] + places.map { "-D\($0.0)=0x\(String($0.1, radix: 16))" }
  }

  /// Where the image is linked to, as the guest reaches it.
  var linkAddress: UInt64 { architecture.virtual(map.load) }
}
