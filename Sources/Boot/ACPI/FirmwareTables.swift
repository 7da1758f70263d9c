import Board

/// ACPI tables, as firmware leaves them below 1 MiB (ACPI 6.4, chapter 5): from them a kernel learns of processors,
/// interrupt controllers, the power management timer, and devices on no bus that could be asked.
package struct FirmwareTables: Sendable {
  /// Where the tables stand; the first is the root pointer.
  static let window: Range<UInt64> = 0xe_0000..<0x10_0000

  /// The machine's devices, vCPUs and interrupt controllers.
  let layout: BoardLayout

  /// Describes a machine.
  package init(_ layout: BoardLayout) { self.layout = layout }

  /// Virtual CPUs; their numbers are their local APICs'.
  private var vcpus: Int { layout.options.vcpus }
  /// Whether there are a local APIC for each vCPU and an I/O APIC.
  private var hasInterruptControllers: Bool { layout.options.interruptController != .none }
  /// Whether there are two 8259s as well.
  private var hasLegacyControllers: Bool { layout.options.interruptController == .kernel }

  /// All tables, to be put at the window's start.
  ///
  /// - Throws: when they do not fit.
  package func bytes() throws(BootError) -> [UInt8] { try image().bytes }

  /// What points to the multiprocessor table, to be put at the end of conventional memory; nil where there is none.
  func multiprocessorPointer() throws(BootError) -> [UInt8]? {
    try image().multiprocessorTable.map { MultiprocessorTable.pointer(to: UInt32($0)) }
  }

  /// The tables, and where the multiprocessor table is among them.
  private func image() throws(BootError) -> (bytes: [UInt8], multiprocessorTable: UInt64?) {
    // One after the other, each at a multiple of 64, which the firmware control structure asks for.
    var image = ByteBuilder(count: 64)
    func place(_ table: [UInt8]) -> UInt64 {
      let filler = (64 - image.count % 64) % 64
      image.append([UInt8](repeating: 0, count: filler))
      let address = FirmwareTables.window.lowerBound + UInt64(image.count)
      image.append(table)
      return address
    }
    let control = place(controlStructure)
    let segments = place(FirmwareTables.segmentTable)
    precondition(
      control == FirmwareTables.controlStructureAddress && segments == FirmwareTables.wakingSegments.address)
    let description = place(systemDescription)
    let fixed = place(fixedDescription(control: control, description: description))
    var listed = [fixed]
    if hasInterruptControllers { listed.append(place(interruptControllers)) }
    var root32 = ByteBuilder()
    var root64 = ByteBuilder()
    for address in listed {
      root32.append(UInt32(address))
      root64.append(address)
    }
    let short = place(FirmwareTables.table("RSDT", revision: 1, root32.bytes))
    let long = place(FirmwareTables.table("XSDT", revision: 1, root64.bytes))
    image.put(rootPointer(short: short, long: long), at: 0)
    let isDescribable = hasInterruptControllers && vcpus <= MultiprocessorTable.maximumProcessors
    let multiprocessor = isDescribable ? place(MultiprocessorTable.bytes(vcpus: vcpus)) : nil
    guard FirmwareTables.window.lowerBound + UInt64(image.count) <= BIOSArea.codeWindow.lowerBound else {
      throw .noRoom(
        "the ACPI tables of \(vcpus) vCPUs and \(layout.slots.count) devices do not fit; use fewer")
    }
    return (image.bytes, multiprocessor)
  }

  /// Bytes of the root pointer, which the window begins with.
  static let rootPointerSize = 36

  /// What a root pointer is without what version 2 added to it: revision 0, 20 bytes (5.2.5.3).
  static func oldRootPointer(of pointer: [UInt8]) -> [UInt8] {
    var old = ByteBuilder()
    old.append(Array(pointer.prefix(20)))
    old.put(UInt8(0), at: 15)
    old.put(UInt8(0), at: 8)
    old.put(checksum(old.bytes[...]), at: 8)
    return old.bytes
  }

  /// The root system description pointer (5.2.5.3).
  private func rootPointer(short: UInt64, long: UInt64) -> [UInt8] {
    var pointer = ByteBuilder()
    pointer.append("RSD PTR ", count: 8)
    pointer.append(UInt8(0))  // checksum of the first 20 bytes
    pointer.append("EXEUNT", count: 6)
    pointer.append(UInt8(2))  // revision: with a 64-bit address
    pointer.append(UInt32(short))
    pointer.append(UInt32(36))
    pointer.append(long)
    pointer.append(UInt32(0))  // checksum of all, and reserved bytes
    pointer.put(FirmwareTables.checksum(pointer.bytes[..<20]), at: 8)
    pointer.put(FirmwareTables.checksum(pointer.bytes[...]), at: 32)
    return pointer.bytes
  }

  /// Where the firmware ACPI control structure is, in which an operating system leaves where it wants to wake up.
  static let controlStructureAddress = window.lowerBound + 64

  /// The segments with which an operating system wakes up in protected mode.
  static let wakingSegments = BootPlan.Descriptors(
    address: window.lowerBound + 128, count: 3, code: 8, data: 16, task: nil)

  private static var segmentTable: [UInt8] {
    var table = ByteBuilder()
    table.append(UInt64(0))
    table.append(BootPlan.Descriptors.code(longMode: false))
    table.append(BootPlan.Descriptors.data)
    return table.bytes
  }

  /// The firmware ACPI control structure (5.2.10), which has no checksum.
  private var controlStructure: [UInt8] {
    var structure = ByteBuilder(count: 64)
    structure.put(Array("FACS".utf8), at: 0)
    structure.put(UInt32(64), at: 4)
    structure.put(UInt8(2), at: 32)  // version
    return structure.bytes
  }

  /// The fixed ACPI description table (5.2.9): where the power management registers are.
  private func fixedDescription(control: UInt64, description: UInt64) -> [UInt8] {
    let events = layout.slot(.powerEvents).ranges[0].start
    let control1 = layout.slot(.powerOff).ranges[0].start
    let timer = layout.slot(.powerTimer).ranges[0].start
    var body = ByteBuilder(count: 244 - 36)
    func put<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) { body.put(value, at: offset - 36) }
    put(UInt32(control), 36)
    put(UInt32(description), 40)
    put(UInt16(BoardLayout.powerManagementLine), 46)
    // SMI_CMD (48) stays 0: the machine has no system management mode and is in ACPI mode from the start.
    put(UInt32(events), 56)  // PM1a events
    put(UInt32(control1), 64)  // PM1a control
    put(UInt32(timer), 76)
    put(UInt8(4), 88)
    put(UInt8(2), 89)
    put(UInt8(4), 91)
    put(UInt16(0xffff), 96)  // no C2
    put(UInt16(0xffff), 98)  // no C3
    // The clock's alarm has no day (106) and no month (107).
    put(UInt8(0x32), 108)  // the century in CMOS
    // What there is of the PC (IAPC_BOOT_ARCH): devices of the ISA bus; an 8042 where it has its interrupt; no VGA.
    let hasKeyboard = layout.slot(.keyboard).firmware != nil
    put(UInt16(1 << 0 | (hasKeyboard ? 1 << 1 : 0) | 1 << 2), 109)
    // WBINVD works; C1 on all; power and sleep buttons are no fixed hardware, but the clock's alarm is (FIX_RTC is clear), and wakes up
    // from S3 alone (RTC_S4 is clear); a reset register; timer of 24 bits.
    put([0, 2, 4, 5, 10].reduce(UInt32(0)) { $0 | 1 << UInt32($1) }, 112)
    body.put(FirmwareTables.port(layout.slot(.keyboard).ranges[1].start, bits: 8), at: 116 - 36)
    put(UInt8(0xfe), 128)
    put(UInt8(4), 131)  // minor version, of 6.4
    put(control, 132)
    put(description, 140)
    body.put(FirmwareTables.port(events, bits: 32), at: 148 - 36)
    body.put(FirmwareTables.port(control1, bits: 16), at: 172 - 36)
    body.put(FirmwareTables.port(timer, bits: 32), at: 208 - 36)
    return FirmwareTables.table("FACP", revision: 6, body.bytes)
  }

  /// A port as a generic address (5.2.3.2).
  private static func port(_ port: UInt64, bits: UInt8) -> [UInt8] {
    var address = ByteBuilder()
    address.append([1, bits, 0, bits == 8 ? 1 : bits == 16 ? 2 : 3])
    address.append(port)
    return address.bytes
  }

  /// The multiple APIC description table (5.2.12).
  private var interruptControllers: [UInt8] {
    var body = ByteBuilder()
    body.append(UInt32(BoardLayout.localController.start))
    body.append(UInt32(hasLegacyControllers ? 1 : 0))
    for id in 0..<vcpus {
      if id < 255 {
        body.append([0, 8, UInt8(id), UInt8(id)])
        body.append(UInt32(1))  // enabled
      } else {
        body.append([9, 16, 0, 0])
        body.append(UInt32(id))
        body.append(UInt32(1))
        body.append(UInt32(id))
      }
    }
    body.append([1, 12, 0, 0])
    body.append(UInt32(BoardLayout.ioapic.start))
    body.append(UInt32(0))
    // The line of power management events is level-triggered and active high.
    body.append([2, 10, 0, UInt8(BoardLayout.powerManagementLine)])
    body.append(BoardLayout.powerManagementLine)
    body.append(UInt16(0b1101))
    body.append([4, 6, 0xff, 0, 0, 1])  // non-maskable interrupts at LINT1 of every processor
    return FirmwareTables.table("APIC", revision: 5, body.bytes)
  }

  /// The differentiated system description table: devices, and how the machine is put to sleep and switched off.
  private var systemDescription: [UInt8] {
    let devices = layout.slots.compactMap(FirmwareTables.device)
    // What PM1a's control register is to be set to: suspended to RAM, and off.
    let sleep = [("\\_S3", 1), ("\\_S5", 5)].flatMap { name, type in
      AML.name(name, AML.package([AML.integer(type), AML.integer(0), AML.integer(0), AML.integer(0)]))
    }
    return FirmwareTables.table(
      "DSDT", revision: 2, AML.scope("\\_SB", devices) + sleep)
  }

  /// A device and its resources; nil for one that firmware does not tell of.
  private static func device(_ slot: Slot) -> [UInt8]? {
    guard let entry = slot.firmware else { return nil }
    var content: [[UInt8]] = []
    switch entry.hardwareID {
    case .eisa(let id): content.append(AML.name("_HID", AML.eisaID(id)))
    case .text(let id): content.append(AML.name("_HID", AML.string(id)))
    }
    if let id = entry.uniqueID { content.append(AML.name("_UID", AML.integer(id))) }
    var resources = slot.ranges.map { range in
      switch range.space {
      case .port: AML.ports(UInt16(range.start), count: UInt8(range.length))
      case .memory: AML.memory(UInt32(range.start), size: UInt32(range.length))
      }
    }
    if let line = slot.line { resources.append(AML.interrupt(line)) }
    // What has registers in memory reads and writes RAM as well, in step with the processors' caches (6.2.17).
    if slot.ranges.contains(where: { $0.space == .memory }) {
      content.append(AML.name("_CCA", AML.integer(1)))
    }
    content.append(AML.name("_CRS", AML.resources(resources)))
    return AML.device(entry.name, content)
  }

  /// A table with its header (5.2.6).
  private static func table(_ signature: String, revision: UInt8, _ body: [UInt8]) -> [UInt8] {
    var table = ByteBuilder()
    table.append(signature, count: 4)
    table.append(UInt32(36 + body.count))
    table.append(revision)
    table.append(UInt8(0))
    table.append("EXEUNT", count: 6)
    table.append("EXEUNT", count: 8)
    table.append(UInt32(1))
    table.append("EXNT", count: 4)
    table.append(UInt32(1))
    table.append(body)
    table.put(checksum(table.bytes[...]), at: 9)
    return table.bytes
  }

  /// What makes the sum of all bytes zero.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}
