import Board

/// The table from which kernels without ACPI learn of processors and interrupt lines (Intel MultiProcessor Specification
/// 1.4, chapter 4). Linux without ACPI looks for it in 64 KiB, at some cost for each 16 bytes, where it is not found before.
enum MultiprocessorTable {
  /// Local APICs' numbers have eight bits, and the I/O APIC has one of them.
  static let maximumProcessors = 254

  /// The floating pointer structure, which stands where the search begins.
  static func pointer(to table: UInt32) -> [UInt8] {
    var pointer = ByteBuilder()
    pointer.append("_MP_", count: 4)
    pointer.append(table)
    pointer.append([1, 4, 0, 0, 0, 0, 0, 0])  // in units of 16 bytes; version 1.4; there is a table
    pointer.put(checksum(pointer.bytes), at: 10)
    return pointer.bytes
  }

  /// The configuration table: processors, one ISA bus, one I/O APIC with a pin for each line of the bus.
  static func bytes(vcpus: Int) -> [UInt8] {
    let ioapic = UInt8(vcpus)
    var entries: [[UInt8]] = (0..<vcpus).map { id in
      [0, UInt8(id), 0x14, id == 0 ? 0b11 : 0b01] + [UInt8](repeating: 0, count: 16)
    }
    entries.append([1, 0] + Array("ISA   ".utf8))
    var controller = ByteBuilder()
    controller.append([2, ioapic, 0x11, 1])
    controller.append(UInt32(BoardLayout.ioapic.start))
    entries.append(controller.bytes)
    for line: UInt8 in 0..<16 { entries.append([3, 0, 0, 0, 0, line, ioapic, line]) }
    entries.append([4, 3, 0, 0, 0, 0, 0xff, 0])  // the 8259s at LINT0
    entries.append([4, 1, 0, 0, 0, 0, 0xff, 1])  // non-maskable interrupts at LINT1

    var table = ByteBuilder()
    table.append("PCMP", count: 4)
    table.append(UInt16(44 + entries.reduce(0) { $0 + $1.count }))
    table.append([4, 0])  // version 1.4, checksum
    table.append("EXEUNT", count: 8)
    table.append("EXEUNT", count: 12)
    table.append(UInt32(0))  // no table of the manufacturer
    table.append(UInt16(0))
    table.append(UInt16(entries.count))
    table.append(UInt32(BoardLayout.localController.start))
    table.append(UInt32(0))  // no extended table
    for entry in entries { table.append(entry) }
    table.put(checksum(table.bytes), at: 7)
    return table.bytes
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}
