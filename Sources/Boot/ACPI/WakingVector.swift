import GuestRAM

extension BootPlan.Entry {
  /// How firmware gives a sleeping operating system control again (ACPI 6.4, section 5.2.10): in 32-bit protected mode without paging at
  /// the address in X_Firmware_Waking_Vector, and where that is zero, in real mode at the one in Firmware_Waking_Vector. Interrupts are off.
  ///
  /// - Parameter control: where the firmware ACPI control structure is. The guest may have written anything there.
  /// - Throws: where there is no such address.
  package init(wakingWith control: GuestAddress, in memory: GuestMemory) throws(BootError) {
    let structure: [UInt8]
    do {
      structure = try memory.read(count: 40, at: control)
    } catch {
      throw .noRoom("the firmware ACPI control structure: \(error)")
    }
    func number(_ offset: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(structure[offset + $1]) << UInt64(8 * $1) }
    }
    let (real, protected) = (number(12, 4), number(24, 8))
    if protected != 0 {
      guard protected < 1 << 32 else {
        throw .unsupported(
          "has X_Firmware_Waking_Vector at 0x\(String(protected, radix: 16)), which 32-bit code does not reach"
        )
      }
      self.init(mode: .protected(FirmwareTables.wakingSegments), instruction: protected)
      return
    }
    guard real != 0 else {
      throw .unsupported("went to sleep with no waking vector in the firmware ACPI control structure")
    }
    guard real < 1 << 20 else {
      throw .unsupported(
        "has Firmware_Waking_Vector at 0x\(String(real, radix: 16)), which real mode does not reach")
    }
    self.init(mode: .real(codeBase: real & ~0xf), instruction: real)
  }
}
