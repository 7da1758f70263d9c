import Processors

/// Where an architecture's board has RAM and devices: the one table of it. The kit of guests in C is compiled with what stands here.
package struct ArchitectureMap: Sendable, Equatable {
  /// The guest physical address of the first byte of RAM.
  package let ram: UInt64
  /// The most RAM, bytes.
  package let ramLimit: UInt64
  /// The guest physical addresses of devices; no RAM is there.
  package let devices: Range<UInt64>

  /// The map of an architecture other than x86, which has ports, and RAM around its devices (`RAMLayout`).
  ///
  /// RAM and devices of AArch64 and RISC-V are where QEMU's `virt` machines have them; MIPS reaches 512 MiB without page tables, of
  /// which the upper half is for devices, as on its Malta board.
  package init?(_ architecture: Architecture) {
    switch architecture {
    case .x86: return nil
    case .aarch64: self.init(ram: 1 << 30, ramLimit: 64 << 30, devices: 0x0900_0000)
    case .riscv64: self.init(ram: 2 << 30, ramLimit: 64 << 30, devices: 0x1000_0000)
    case .mips: self.init(ram: 0, ramLimit: 256 << 20, devices: 0x1000_0000)
    case .ppc, .s390x: self.init(ram: 0, ramLimit: 3 << 30, devices: 0xd000_0000)
    }
  }

  private init(ram: UInt64, ramLimit: UInt64, devices: UInt64) {
    self.ram = ram
    self.ramLimit = ramLimit
    self.devices = devices..<devices + 0x10_0000
  }

  // MARK: Devices

  /// Where a device has its registers: as far into the range of devices on every board.
  package enum Place: UInt64, Sendable, CaseIterable {
    case serial = 0x0
    case marker = 0x1000
    case debugExit = 0x2000
    case power = 0x3000
    case scratch = 0x4000
    case reset = 0x5000
    /// The first; the others 0x2000 apart.
    case doorbell = 0x1_0000
    /// The first; the others 0x1000 apart.
    case disk = 0x2_0000
    case entropy = 0x2_8000
    case console = 0x2_9000
    /// The first; the others 0x1000 apart.
    case network = 0x3_0000
  }

  /// The guest physical address of a device's registers.
  ///
  /// - Parameter index: which of several.
  package func address(_ place: Place, _ index: Int = 0) -> UInt64 {
    let stride: UInt64 = place == .doorbell ? 0x2000 : 0x1000
    return devices.lowerBound + place.rawValue + stride * UInt64(index)
  }

  // MARK: RAM

  /// Where a flat image is copied to unless somebody says otherwise, and entered.
  package var load: UInt64 { ram + 0x1_0000 }
  /// Where a built-in guest is told what to do.
  package var parameters: UInt64 { ram + 0x7000 }
  /// Where it leaves its report.
  package var report: Range<UInt64> { ram + 0x7800..<ram + 0x7860 }
}
