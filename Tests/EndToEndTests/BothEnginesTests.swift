import CTestGuests
import Foundation
import TestSupport
import Testing

/// Small guests that tell on the serial port what they find: under the translator all of it, and the same under KVM.
@Suite("Guests tell the same under both engines")
struct BothEnginesTests {
  struct Guest: Sendable, CustomTestStringConvertible {
    let name: String
    let mode: String
    let irqchip: String
    let bytes: [UInt8]
    /// What it tells.
    let told: [UInt8]

    var testDescription: String { name }

    init(_ name: String, _ image: exeunt_test_image, mode: String, irqchip: String, told: [[UInt8]]) {
      self.name = name
      self.mode = mode
      self.irqchip = irqchip
      bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
      self.told = Array(told.joined())
    }
  }

  private static func tell(_ letter: Character, _ bytes: UInt8...) -> [UInt8] { [letter.asciiValue!] + bytes }

  static let guests = [
    Guest(
      "exceptions in protected mode", exeunt_test_image_exceptions_protected(), mode: "protected",
      irqchip: "none",
      told: [
        // The code segment, and whether interrupts were on in the handler: not behind an interrupt gate.
        tell("D", 0x08, 0), tell("a"), tell("U", 0x08, 1), tell("b"),
        // Error codes: a selector, and a gate; then the code segment.
        tell("G", 0x58, 0x00, 0x08, 0), tell("c"), tell("N", 0x8a, 0x01), tell("d"),
        // From privilege 3.
        tell("U", 0x1b, 0), tell("G", 0x00, 0x00, 0x1b, 0), tell("G", 0x02, 0x01, 0x1b, 0),
        // Its stack, its stack segment, and the bytes of the frame on the other stack.
        tell("I", 0x1b, 0x02, 0x23, 20), tell("G", 0x00, 0x00, 0x1b, 0),
      ]),
    Guest(
      "exceptions in 64-bit mode", exeunt_test_image_exceptions_long(), mode: "long", irqchip: "none",
      told: [
        // The code segment, and the stack, which was aligned to 16 bytes; then as it was.
        tell("D", 0x08, 0x00, 0x10), tell("a", 0x04),
        tell("G", 0x58, 0x00, 0x08), tell("b"), tell("G", 0x0a, 0x01, 0x08), tell("c"),
        // On the stack of the interrupt stack table.
        tell("U", 0x08, 0x10, 0x00, 0x01, 0), tell("d"),
        tell("U", 0x1b, 0x23, 0x00, 0x01, 0), tell("G", 0x00, 0x00, 0x1b), tell("G", 0x02, 0x01, 0x1b),
        // On the privilege's stack, whose segment is null.
        tell("I", 0x1b, 0x23, 0xa0, 0x00, 0x01, 0),
      ]),
    Guest(
      "8259s and 8254", exeunt_test_image_controllers(), mode: "real", irqchip: "kernel",
      told: [
        // Masks as they were written, and which lines may be level-triggered.
        [0xff, 0xff], [0xf8, 0xde],
        // Polls: masked, open, and when it has ended; what is asked for then.
        [0x07, 0x80, 0x00, 0x07],
        // In service in the handler and behind it, and with automatic ends.
        [0x01, 0x00, 0x00],
        // The clock's, at both.
        [0x04, 0x01],
        // Gate and output of the third counter; its status, alone, beside the count, and of other modes.
        [0x21, 0xb0, 0xb0, 0x27, 0x34],
      ]),
  ]

  private func run(_ guest: Guest, under engine: String) throws -> Output {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    try Data(guest.bytes).write(to: image)
    return try EndToEndTests.run(
      Tools.exeunt,
      [
        "run", "--flat", image.path, "--mode", guest.mode, "--irqchip", guest.irqchip, "--engine", engine,
        "--timeout", "60s",
      ])
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0, radix: 16) }.joined(separator: " ")
  }

  @Test("under the translator", .needsTranslator, arguments: guests)
  func translated(_ guest: Guest) throws {
    let output = try run(guest, under: "tcg")
    #expect(output.status == 0, "\(output.standardError)")
    #expect(Self.text(output.standardOutput) == Self.text(guest.told))
  }

  /// Without hardware virtualization KVM's emulator has not all of it: then as far as it comes.
  @Test("under KVM", .needsKVM("the translator has the same test"), arguments: guests)
  func underKVM(_ guest: Guest) throws {
    let output = try run(guest, under: "kvm")
    if output.status == 0 {
      #expect(Self.text(output.standardOutput) == Self.text(guest.told))
    } else {
      #expect(output.standardError.contains("KVM could not emulate"), "\(output.standardError)")
      #expect(Self.text(guest.told.prefix(output.standardOutput.count)) == Self.text(output.standardOutput))
    }
  }
}
