/// What a BIOS leaves in the first MiB (IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference,
/// sections 2 and 3), as far as kernels that never meet one look for it: where conventional memory ends, and interrupts
/// that say that they are not served. Xen puts its start-up code below the one, and falls back to what its boot loader
/// told it after the other.
enum BIOSArea {
  /// The real-mode interrupt table and the data area.
  static let window: Range<UInt64> = 0..<0x500
  /// Code, up to where a processor begins after a reset and behind it.
  static let codeWindow: Range<UInt64> = 0xf_ff00..<0x10_0000

  private static let codeSegment = UInt16(0xf000)
  private static let conventional = UInt16(AddressAllocator.lowEnd >> 10)
  // One serial port, a floating point unit.
  private static let equipment = UInt16(1 << 9 | 1 << 1)

  /// The interrupt table and the data area.
  ///
  /// - Parameter serialPort: the first serial port's first register.
  static func bytes(serialPort: UInt16) -> [UInt8] {
    var area = ByteBuilder(count: window.count)
    for vector in 0..<256 {
      let routine: Routine =
        switch vector {
        case 0..<8: .nothing  // exceptions
        case 8: .timer
        case 9..<0x10: .primary
        case 0x70..<0x78: .secondary
        case 0x11: .equipment
        case 0x12: .memory
        default: .failure
        }
      area.put(UInt16(truncatingIfNeeded: codeWindow.lowerBound) + routine.offset, at: 4 * vector)
      area.put(codeSegment, at: 4 * vector + 2)
    }
    area.put(serialPort, at: 0x400)
    area.put(UInt16(AddressAllocator.lowEnd >> 4), at: 0x40e)  // the extended area's segment
    area.put(equipment, at: 0x410)
    area.put(conventional, at: 0x413)
    return area.bytes
  }

  /// The extended data area, at the end of conventional memory: its size, and what points to the multiprocessor table.
  static func extended(multiprocessorPointer: [UInt8]?) -> [UInt8] {
    var area = ByteBuilder(count: 16)
    area.put(UInt8(1), at: 0)  // KiB
    area.append(multiprocessorPointer ?? [])
    return area.bytes
  }

  /// Where an interrupt's code is.
  private enum Routine: UInt16 {
    case failure, nothing, equipment, memory, timer, primary, secondary
    var offset: UInt16 { rawValue * 32 }
  }

  /// The interrupts' code, and at the place where a processor begins after a reset one that resets the machine.
  static var code: [UInt8] {
    var code = ByteBuilder(count: codeWindow.count)
    func put(_ routine: Routine, _ bytes: [UInt8]) { code.put(bytes, at: Int(routine.offset)) }
    func answer(_ value: UInt16) -> [UInt8] { [0xb8, UInt8(value & 0xff), UInt8(value >> 8), 0xcf] }
    // push %bp; mov %sp, %bp; orw $1, 6(%bp): the carry flag that iret restores; mov $0x86, %ah; pop %bp; iret
    put(.failure, [0x55, 0x89, 0xe5, 0x83, 0x4e, 0x06, 0x01, 0xb4, 0x86, 0x5d, 0xcf])
    put(.nothing, [0xcf])
    put(.equipment, answer(equipment))
    put(.memory, answer(conventional))
    // mov $0x20, %al; out %al, $0x20; pop %ax; iret
    let end: [UInt8] = [0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf]
    // push %ax; push %ds; xor %ax, %ax; mov %ax, %ds; incl 0x46c: the ticks, 18.2 a second; pop %ds
    put(.timer, [0x50, 0x1e, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xff, 0x06, 0x6c, 0x04, 0x1f] + end)
    // push %ax
    put(.primary, [0x50] + end)
    // push %ax; mov $0x20, %al; out %al, $0xa0
    put(.secondary, [0x50, 0xb0, 0x20, 0xe6, 0xa0] + end)
    // mov $0xfe, %al; out %al, $0x64; hlt; jmp to the hlt
    code.put([0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd], at: 0xf0)
    return code.bytes
  }
}
