import Foundation
import GuestRAM
import Platform
import TestSupport
import Testing

@testable import Board
@testable import Boot

@Suite("ACPI tables") struct FirmwareTests {
  private static let base = 0xe_0000

  private func tables(vcpus: Int = 3, devices: Int = 2) throws -> Fields {
    let board = try BoardLayout(BoardOptions(vcpus: vcpus))
    // Beside the board's own, devices with registers in memory, as virtio's are (Linux, drivers/virtio/virtio_mmio.c).
    let slots = (0..<devices).map { index in
      var slot = Slot(
        UInt16(100 + index), "virtio\(index)", .scratch,
        [.memory(0xd010_0000 + UInt64(index) * 0x1000, 0x200)], line: index < 2 ? 12 + UInt32(index) : nil)
      let digits = String(index, radix: 16, uppercase: true)
      slot.firmware = FirmwareEntry(
        name: "V" + String(repeating: "0", count: 3 - digits.count) + digits, hardwareID: .text("LNRO0005"),
        uniqueID: UInt64(index))
      return slot
    }
    let layout = try BoardLayout(board.options, board.threads, board.slots + slots)
    return Fields(bytes: try FirmwareTables(layout).bytes())
  }

  private func sum(_ fields: Fields, _ start: Int, _ count: Int) -> UInt8 {
    fields.bytes[start..<start + count].reduce(0, &+)
  }

  private func table(_ fields: Fields, at address: UInt64) throws -> (signature: String, body: Fields) {
    let start = Int(address) - Self.base
    let length = Int(fields.number(start + 4, UInt32.self))
    #expect(sum(fields, start, length) == 0)
    let body = Array(fields.bytes[start..<start + length])
    return (String(decoding: body[..<4], as: UTF8.self), Fields(bytes: body))
  }

  @Test("Both roots lead to the same tables, every sum is right")
  func roots() throws {
    let fields = try tables()
    #expect(fields.hasBytes(Array("RSD PTR ".utf8), at: 0))
    #expect(sum(fields, 0, 20) == 0)
    #expect(sum(fields, 0, 36) == 0)
    let short = try table(fields, at: UInt64(fields.number(16, UInt32.self)))
    let long = try table(fields, at: fields.number(24))
    #expect(short.signature == "RSDT")
    #expect(long.signature == "XSDT")
    let narrow = stride(from: 36, to: short.body.count, by: 4).map {
      UInt64(short.body.number($0, UInt32.self))
    }
    let wide = stride(from: 36, to: long.body.count, by: 8).map { long.body.number($0, UInt64.self) }
    #expect(narrow == wide)
    #expect(try wide.map { try table(fields, at: $0).signature } == ["FACP", "APIC"])
  }

  @Test("Processors are listed, those beyond 255 as such of x2APIC", arguments: [1, 3, 254, 255, 300, 1024])
  func processors(count: Int) throws {
    let fields = try tables(vcpus: count)
    let root = try table(fields, at: fields.number(24)).body
    let list = try table(fields, at: root.number(36 + 8)).body
    var place = 44
    var ids: [UInt32] = []
    while place < list.count {
      switch list.bytes[place] {
      case 0: ids.append(UInt32(list.bytes[place + 3]))
      case 9: ids.append(list.number(place + 4))
      default: break
      }
      #expect(list.bytes[place + 1] > 0)
      place += Int(list.bytes[place + 1])
    }
    #expect(place == list.count)
    #expect(ids == (0..<UInt32(count)).map { $0 })
  }

  @Test("The fixed table names ports and tables that are there")
  func fixed() throws {
    let fields = try tables()
    let root = try table(fields, at: fields.number(24)).body
    let fixed = try table(fields, at: root.number(36)).body
    #expect(fixed.count == 244)
    #expect(fixed.number(56, UInt32.self) == 0x600)
    #expect(fixed.number(64, UInt32.self) == 0x604)
    #expect(fixed.number(76, UInt32.self) == 0x608)
    #expect(fixed.number(48, UInt32.self) == 0, "no system management mode")
    #expect(fixed.number(208 + 4, UInt64.self) == 0x608)
    #expect(try table(fields, at: UInt64(fixed.number(40, UInt32.self))).signature == "DSDT")
    #expect(fixed.number(140, UInt64.self) == UInt64(fixed.number(40, UInt32.self)))
    let control = Int(fixed.number(36, UInt32.self)) - Self.base
    #expect(fields.hasBytes(Array("FACS".utf8), at: control))
    #expect((Self.base + control) % 64 == 0)
    #expect(UInt64(Self.base + control) == FirmwareTables.controlStructureAddress)
    // The alarm is a fixed event (FIX_RTC clear), and does not wake up from S4 (RTC_S4 clear).
    #expect(fixed.number(112, UInt32.self) & 0b1100_0000 == 0)
    let devices = try table(fields, at: fixed.number(140)).body.bytes
    for (name, type): (String, [UInt8]) in [("_S3_", [1]), ("_S5_", [0x0a, 5])] {
      // A name, and a package of four elements.
      let start = try #require(
        devices.indices.first { devices[$0...].starts(with: [0x08, 0x5c] + Array(name.utf8) + [0x12]) })
      #expect(devices[(start + 8)...].starts(with: [4] + type + [0, 0, 0]))
    }
    let segments = FirmwareTables.wakingSegments
    let place = Int(segments.address) - Self.base
    #expect(fields.number(place + 8) == BootPlan.Descriptors.code(longMode: false))
    #expect(fields.number(place + 16) == BootPlan.Descriptors.data)
  }

  @Test(
    "The multiprocessor table is pointed to, adds up, and lists processors and lines", arguments: [1, 3, 254])
  func multiprocessor(count: Int) throws {
    let tables = FirmwareTables(try BoardLayout(BoardOptions(vcpus: count)))
    let pointer = Fields(bytes: try #require(try tables.multiprocessorPointer()))
    #expect(pointer.hasBytes(Array("_MP_".utf8), at: 0))
    #expect(pointer.count == 16)
    #expect(sum(pointer, 0, 16) == 0)
    let fields = Fields(bytes: try tables.bytes())
    let start = Int(pointer.number(4, UInt32.self)) - Self.base
    let length = Int(fields.number(start + 4, UInt16.self))
    #expect(fields.hasBytes(Array("PCMP".utf8), at: start))
    #expect(sum(fields, start, length) == 0)
    var place = start + 44
    var kinds = [Int](repeating: 0, count: 5)
    while place < start + length {
      kinds[Int(fields.bytes[place])] += 1
      place += fields.bytes[place] == 0 ? 20 : 8
    }
    #expect(place == start + length)
    #expect(kinds == [count, 1, 1, 16, 2])
    #expect(fields.number(start + 34, UInt16.self) == UInt16(kinds.reduce(0, +)))
    // More than it can tell of: ACPI alone.
    let many = FirmwareTables(try BoardLayout(BoardOptions(vcpus: 255)))
    #expect(try many.multiprocessorPointer() == nil)
  }

  @Test("Too many of anything is refused")
  func limits() throws {
    #expect(refusal { _ = try tables(devices: 3000) }?.contains("do not fit") == true)
  }

  @Test("The keyboard controller is told of where it has its line, and not where a network interface has it")
  func keyboard() throws {
    for isNetworked in [false, true] {
      let layout = try BoardLayout(BoardOptions(networks: isNetworked ? [QueueService()] : []))
      let slot = layout.slot(.keyboard)
      #expect(slot.line == (isNetworked ? nil : 1))
      #expect(slot.lock != nil)
      let fields = Fields(bytes: try FirmwareTables(layout).bytes())
      let root = try table(fields, at: fields.number(24)).body
      let fixed = try table(fields, at: root.number(36)).body
      // IAPC_BOOT_ARCH: devices of the ISA bus and no VGA in any case.
      #expect(fixed.number(109, UInt16.self) == (isNetworked ? 0b101 : 0b111))
      let devices = try table(fields, at: fixed.number(140)).body
      #expect(String(decoding: devices.bytes, as: UTF8.self).contains("KBD0") == !isNetworked)
    }
  }

  /// Intel's own compiler reads the tables: it has no part in making them.
  @Test("The ACPI compiler understands them", .enabled(if: Self.compiler != nil, "needs iasl (acpica-tools)"))
  func disassembly() throws {
    let fields = try tables()
    let root = try table(fields, at: fields.number(24)).body
    let fixed = try table(fields, at: root.number(36)).body
    try withTemporaryDirectory { directory in
      func disassemble(_ name: String, _ table: Fields) throws -> String {
        try Data(table.bytes).write(to: URL(filePath: "\(directory)/\(name).aml"))
        let outcome = try Subprocess.run(
          try #require(Self.compiler), ["-p", "\(directory)/\(name)", "-d", "\(directory)/\(name).aml"],
          timeout: 30_000)
        #expect(outcome.exitStatus == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        let text = try String(contentsOfFile: "\(directory)/\(name).dsl", encoding: .utf8)
        for word in ["Invalid", "invalid", "Incorrect", "Error", "Unknown", "**** "] {
          #expect(!text.contains(word), "\(text)")
        }
        return text
      }
      let devices = try disassemble("dsdt", table(fields, at: fixed.number(140)).body)
      for part in [
        "Device (V000)", "Device (V001)", "\"LNRO0005\"", "0xD0101000", "Memory32Fixed (ReadWrite",
        "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive", "0x0000000D,", "EisaId (\"PNP0501\")",
        "EisaId (\"PNP0B00\")", "EisaId (\"PNP0303\")", "Name (\\_S3", "Name (\\_S5", "0x03F8,", "_CCA",
      ] { #expect(devices.contains(part), "\(part) in\n\(devices)") }
      let power = try disassemble("fadt", fixed)
      for part in [
        "PM Timer Block Address : 00000608", "PM Timer Block Length : 04",
        "Reset Register Supported (V2) : 1", "RTC wake not in fixed reg space (V1) : 0",
        "RTC can wake system from S4 (V1) : 0", "RTC Day Alarm Index : 00", "RTC Month Alarm Index : 00",
        "RTC Century Index : 32", "CMOS RTC Not Present (V5) : 0",
      ] {
        #expect(power.contains(part), "\(part) in\n\(power)")
      }
      let clock = try #require(devices.range(of: "Device (RTC0)"))
      let resources = devices[clock.upperBound...].prefix(900)
      for part in ["0x0070,", "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive", "0x00000008,"] {
        #expect(resources.contains(part), "\(part) in\n\(devices)")
      }
      let list = try disassemble("madt", table(fields, at: root.number(36 + 8)).body)
      #expect(list.components(separatedBy: "[Processor Local APIC]").count == 4, "\(list)")
    }
  }

  private static let compiler: String? = ["/usr/bin/iasl", "/usr/local/bin/iasl"].first {
    access($0, X_OK) == 0
  }
}
