import CTestGuests
import Foundation
import Reports
import TestSupport
import Testing

@Suite("Guests without KVM, under the translator", .needsTranslator)
struct TranslatorTests {
  /// Runs a flat image.
  private static func flat(_ code: [UInt8], _ flags: [String]) throws -> Output {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    try Data(code).write(to: image)
    return try run(
      Tools.exeunt,
      ["run", "--flat", image.path] + (flags.contains("--timeout") ? [] : ["--timeout", "60s"]) + flags)
  }

  /// Real mode: `int $0x21`, an undefined instruction and a division by zero, each of which a handler answers with a letter; the
  /// handler goes on behind two bytes, or behind the INT.
  private static let exceptions: [UInt8] = {
    var code: [UInt8] = [0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x80]
    // Handlers are at offsets of the image, whose segment is 0x1000.
    let handlers: [(vector: UInt16, letter: UInt8, skipped: UInt8)] = [
      (0x21, 0x41, 0), (6, 0x42, 2), (0, 0x43, 2),
    ]
    for (index, handler) in handlers.enumerated() {
      let place = handler.vector * 4
      let offset = UInt16(0x80 + 0x20 * index)
      // movw $offset, place; movw $0x1000, place + 2
      for (address, value) in [(place, offset), (place + 2, 0x1000)] {
        code += [
          0xc7, 0x06, UInt8(address & 0xff), UInt8(address >> 8), UInt8(value & 0xff), UInt8(value >> 8),
        ]
      }
    }
    // int $0x21; ud2; xor %cx, %cx; div %cx; then mov $0x604, %dx; mov $0x3400, %ax; out %ax, %dx.
    code += [0xcd, 0x21, 0x0f, 0x0b, 0x31, 0xc9, 0xf7, 0xf1, 0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef, 0xf4]
    for (index, handler) in handlers.enumerated() {
      code += [UInt8](repeating: 0x90, count: 0x80 + 0x20 * index - code.count)
      // mov $0x3f8, %dx; mov letter, %al; out %al, %dx; mov %sp, %bp; addw skipped, (%bp); iret
      code += [
        0xba, 0xf8, 0x03, 0xb0, handler.letter, 0xee, 0x89, 0xe5, 0x83, 0x46, 0x00, handler.skipped, 0xcf,
      ]
    }
    return code
  }()

  @Test("INT and exceptions are taken through the table of real mode")
  func exceptionsOfRealMode() throws {
    let output = try Self.flat(Self.exceptions, ["--engine", "tcg"])
    #expect(output.status == 0 && output.text == "ABC", "\(output.text)\(output.standardError)")
  }

  @Test("so they are under KVM", .needsKVM("the translator has the same test"))
  func exceptionsUnderKVM() throws {
    let output = try Self.flat(Self.exceptions, ["--engine", "kvm"])
    // Without hardware virtualization KVM's emulator lacks the undefined instruction.
    let isWhole = output.status == 0 && output.text == "ABC"
    #expect(isWhole || output.text == "A" && output.standardError.contains("KVM could not emulate"))
  }

  @Test("an image runs in each mode", arguments: ["real", "protected", "long"])
  func modes(mode: String) throws {
    // mov $0x42, %al; mov $0x3f8, %dx; out %al, %dx; mov $0x604, %dx; mov $0x3400, %ax; out %ax, %dx
    let prefix: [UInt8] = mode == "real" ? [] : [0x66]
    let code =
      [0xb0, 0x42] + prefix + [0xba, 0xf8, 0x03, 0xee] + prefix + [0xba, 0x04, 0x06] + prefix
      + [0xb8, 0x00, 0x34] + prefix + [0xef]
    let output = try Self.flat(code, ["--engine", "tcg", "--mode", mode])
    #expect(output.status == 0 && output.text == "B", "\(output.standardError)")
  }

  @Test("a triple fault ends the run, or resets the machine")
  func tripleFault() throws {
    // With a table of interrupts that has no room for any: lidt of six zero bytes; ud2.
    let code: [UInt8] = [0x0f, 0x01, 0x1d, 0x20, 0x00, 0x01, 0x00, 0x0f, 0x0b]
    let ended = try Self.flat(code, ["--engine", "tcg", "--mode", "protected"])
    #expect(ended.status == 4 && ended.standardError.contains("triple fault"), "\(ended.standardError)")
    let reset = try Self.flat(
      code, ["--engine", "tcg", "--mode", "protected", "--on-crash", "reset", "--timeout", "1s"])
    let resets = reset.standardError.firstMatch(of: /([0-9]+) triple faults? reset/).flatMap { Int($0.1) }
    #expect(resets ?? 0 > 1, "\(reset.standardError)")
  }

  @Test("a vCPU that ends in a triple fault keeps no other from its turn")
  func tripleFaultOfOne() throws {
    let image = exeunt_test_image_two_processors_one_crashes()
    let code = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    let ended = try Self.flat(code, ["--engine", "tcg", "--mode", "protected", "--cpus", "2"])
    #expect(ended.status == 4, "\(ended.standardError)")
    #expect(ended.standardError.contains("vcpu0: triple fault"), "\(ended.standardError)")
  }

  private static var paging: [UInt8] {
    let image = exeunt_test_image_paging()
    return Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
  }

  @Test("page tables of 64-bit mode: faults, rights, large pages, a user's code and its system calls")
  func pageTables() throws {
    let output = try Self.flat(Self.paging, ["--engine", "tcg", "--mode", "long"])
    #expect(output.status == 0, "\(output.standardError)")
  }

  @Test("so they are under KVM", .needsKVM("the translator has the same test"))
  func pageTablesUnderKVM() throws {
    let output = try Self.flat(Self.paging, ["--engine", "kvm", "--mode", "long"])
    // Without hardware virtualization a user's code has no system calls: step 15 is the first of a user.
    #expect(output.status == 0 || output.status == 15 << 1 | 1, "\(output.standardError)")
  }

  @Test("a reset gives back what the processor before it had")
  func resets() throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    // mov $0xfe, %al; out %al, $0x64; hlt
    try Data([0xb0, 0xfe, 0xe6, 0x64, 0xf4] as [UInt8]).write(to: image)
    let output = try run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c", "ulimit -v 16777216 && exec \"$@\"", "sh", Tools.exeunt.path, "run", "--engine", "tcg",
        "--flat",
        image.path, "--timeout", "5s",
      ])
    // Each has a GiB of addresses for translated code.
    let resets = output.standardError.firstMatch(of: /([0-9]+) resets/).flatMap { Int($0.1) }
    #expect(output.status == 6 && resets ?? 0 > 50, "\(output.standardError)")
  }

  private static var patching: [UInt8] {
    let image = exeunt_test_image_patching()
    return Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
  }

  @Test("code that one vCPU changes is executed changed by another", arguments: HostEngine.all)
  func patchedCode(engine: String) throws {
    let output = try Self.flat(Self.patching, ["--engine", engine, "--mode", "long", "--cpus", "2"])
    #expect(output.status == 0, "\(output.standardError)")
  }

  /// Protected mode with page tables: a letter is written above 4 MiB, or 2 MiB, and read where it is mapped to, at 0.
  ///
  /// - Parameter hasExtension: tables with entries of 64 bits (CR4.PAE), pages of 2 MiB; else pages of 4 MiB.
  private static func aliased(hasExtension: Bool) -> [UInt8] {
    // movl $value, address
    func store(_ value: UInt32, _ address: UInt32) -> [UInt8] {
      [0xc7, 0x05] + withUnsafeBytes(of: address.littleEndian, Array.init)
        + withUnsafeBytes(of: value.littleEndian, Array.init)
    }
    var code: [UInt8] = []
    if hasExtension {
      for word: (UInt32, UInt32) in [
        (0x10_1001, 0x10_0000), (0, 0x10_0004), (0x83, 0x10_1000), (0, 0x10_1004), (0x83, 0x10_1008),
        (0, 0x10_100c),
      ] { code += store(word.0, word.1) }
    } else {
      code += store(0x83, 0x10_0000) + store(0x83, 0x10_0004)
    }
    // mov $0x100000, %eax; mov %eax, %cr3; mov %cr4, %eax; or $PAE or PSE, %eax; mov %eax, %cr4; and CR0.PG
    code += [0xb8, 0x00, 0x00, 0x10, 0x00, 0x0f, 0x22, 0xd8]
    code += [0x0f, 0x20, 0xe0, 0x83, 0xc8, hasExtension ? 0x20 : 0x10, 0x0f, 0x22, 0xe0]
    code += [0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0]
    // movb $0x42, 0x9000 above; mov 0x9000, %al; out it; power off
    code += [0xc6, 0x05, 0x00, 0x90, hasExtension ? 0x20 : 0x40, 0x00, 0x42, 0xa0, 0x00, 0x90, 0x00, 0x00]
    code += [0x66, 0xba, 0xf8, 0x03, 0xee, 0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef]
    return code
  }

  @Test("page tables of 32-bit mode, both forms, map an address elsewhere", arguments: [false, true])
  func narrowPageTables(hasExtension: Bool) throws {
    let output = try Self.flat(
      Self.aliased(hasExtension: hasExtension), ["--engine", "tcg", "--mode", "protected"])
    #expect(output.status == 0 && output.text == "B", "\(output.text)\(output.standardError)")
  }

  @Test(
    "what it does not have is refused with the option that asks for it",
    arguments: [
      ["--trace-rip", "--trace", "TRACE"], ["--pmu", "on"], ["--coalesced-io", "on"],
    ])
  func refusals(flags: [String]) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    for check in [[], ["--check"]] {
      let output = try run(
        Tools.exeunt,
        ["run", "--engine", "tcg", "--guest", "port-io"] + flags.map { $0 == "TRACE" ? trace : $0 } + check)
      #expect(
        output.status == 2 && output.standardError.contains(flags[0]), "\(check): \(output.standardError)")
    }
  }

  @Test(
    "where there is no KVM a guest runs all the same, and one line says so; --engine kvm is refused",
    .enabled(if: geteuid() == 0, "hides /dev/kvm in a mount namespace, as root"))
  func withoutKVM() throws {
    func hidden(_ arguments: String) throws -> Output {
      try run(
        URL(fileURLWithPath: "/usr/bin/unshare"),
        [
          "--mount", "sh", "-c",
          "mount -t tmpfs none /dev && exec \(Tools.exeunt.path) run --guest port-io iterations=10 \(arguments)",
        ])
    }
    let output = try hidden("--serial none")
    #expect(output.status == 0 && output.standardError.contains("runs under --engine tcg, without KVM: "))
    #expect(output.standardError.contains("10 iterations, 20 port accesses"), "\(output.standardError)")
    let refused = try hidden("--serial none --engine kvm")
    #expect(refused.status == 2 && refused.standardError.contains("/dev/kvm"), "\(refused.standardError)")
  }

  @Test("the report says which engine ran, and KVM's counters are absent", .needsEngine, .needsTracing)
  func report() throws {
    let recorded = try RecordedRun(
      "doorbell", ["iterations=100"], flags: ["--engine", "tcg"], irqchip: "split")
    let text = try run(Tools.analyzer, ["summary", recorded.trace]).text
    #expect(text.contains("TCG, Linux") && !text.contains("KVM pvm") && !text.contains("KVM none"), "\(text)")
    #expect(text.contains("calls out of translated code"), "\(text)")
    // Nor are there KVM's counters to go by.
    #expect(!text.contains("guest or KVM") && !text.contains("by KVM's"), "\(text)")
    let json = try run(Tools.analyzer, ["summary", "--format", "json", recorded.trace])
    let summary = try #require(try Report(json: json.text).summary)
    #expect(summary.kvm.isEmpty && !summary.vcpus.isEmpty)
  }
}
