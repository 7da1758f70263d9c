/// What a PC's firmware leaves for code in real mode: the table of interrupt vectors at 0, and behind it handlers that end
/// the interrupt. There are no services.
///
/// Multiboot asks a loader to leave the machine as firmware initialized it, the 8259s with firmware's vectors (Multiboot
/// Specification 0.6.96, section 3.2). A program that goes back to real mode relies on it, and its first `hlt` on a timer
/// that ticks.
enum InterruptVectors {
  /// Where the table stands, whatever else is there.
  static let range: Range<UInt64> = 0..<0x400
  /// Where the handlers are, far above the firmware's tables. Its segment is 0xf000.
  static let handlers: UInt64 = 0xf_f000

  /// 256 far pointers, offset first.
  static var table: [UInt8] {
    var table = ByteBuilder()
    for vector in 0..<256 {
      let handler =
        switch vector {
        case 8: timer
        case 9..<16: primary
        case 0x70..<0x78: secondary
        default: nothing
        }
      table.append(UInt16(truncatingIfNeeded: handlers & 0xffff) + handler)
      table.append(UInt16(0xf000))
    }
    return table.bytes
  }

  /// The handlers' code.
  static var code: [UInt8] { timerCode + secondaryCode + primaryCode + nothingCode }

  private static var timer: UInt16 { 0 }
  private static var secondary: UInt16 { UInt16(timerCode.count) }
  private static var primary: UInt16 { secondary + UInt16(secondaryCode.count) }
  private static var nothing: UInt16 { primary + UInt16(primaryCode.count) }

  // Counts in the 32 bits at 0x46c, 18.2 times a second.
  private static let timerCode: [UInt8] =
    [0x50, 0x1e]  // push %ax; push %ds
    + [0x31, 0xc0, 0x8e, 0xd8]  // xor %ax, %ax; mov %ax, %ds
    + [0x66, 0xff, 0x06, 0x6c, 0x04]  // incl 0x46c
    + [0x1f] + primaryCode.dropFirst()  // pop %ds, and the end of the interrupt
  private static let secondaryCode: [UInt8] =
    [0x50, 0xb0, 0x20, 0xe6, 0xa0]  // push %ax; mov $0x20, %al; out %al, $0xa0
    + [0xe6, 0x20, 0x58, 0xcf]  // out %al, $0x20; pop %ax; iret
  private static let primaryCode: [UInt8] =
    [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf]  // push %ax; mov $0x20, %al; out %al, $0x20; pop %ax; iret
  private static let nothingCode: [UInt8] = [0xcf]  // iret
}
