import Board
import Foundation
import GuestPrograms
import Processors
import Testing

/// A guest of another architecture than x86, under the translator.
@Suite("Guests of other architectures", .needsTranslator)
struct ArchitectureTests {
  static let architectures = Architecture.allCases.filter { $0 != .x86 }

  /// Runs a flat image.
  private static func flat(
    _ architecture: Architecture, _ code: [UInt8], _ flags: [String] = []
  ) throws -> Output {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    try Data(code).write(to: image)
    return try run(
      Tools.exeunt,
      ["run", "--arch", architecture.rawValue, "--flat", image.path]
        + (flags.contains("--timeout") ? [] : ["--timeout", "60s"]) + flags)
  }

  /// 32-bit instructions of little-endian code.
  private static func words(_ words: UInt32...) -> [UInt8] {
    words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
  }

  // MARK: The doorbell

  @Test(
    "the doorbell guest's exits, kicks and requests are in the trace, exactly", .serialized,
    .needsTracing, arguments: architectures, [true, false])
  func doorbell(_ architecture: Architecture, ioeventfd: Bool) throws {
    let recorded = try RecordedRun(
      "doorbell", ["iterations=300", "batch=3", "devices=2"],
      flags: ["--doorbells", "2", "--ioeventfd", ioeventfd ? "on" : "off"], doorbells: 2, irqchip: "none",
      architecture: architecture)
    let tally = try OracleTally(recorded.trace)
    let expectation = recorded.expectation
    #expect(tally.exits == expectation.exits(ioeventfd: ioeventfd))
    #expect(tally.exits.keys.allSatisfy { $0.space == .memory })
    let queues = [GuestQueue(doorbell: 0, 0): UInt64(300), GuestQueue(doorbell: 1, 0): 300]
    #expect(expectation.kicks == queues)
    #expect(tally.kicks == (ioeventfd ? queues : [:]))
    #expect(tally.requests == queues)
    #expect(tally.stamps.isEmpty && tally.interrupts.isEmpty)
    let trace = try #require(recorded.result.trace)
    #expect(trace.isComplete && trace.eventsLost == 0 && trace.eventsRecorded == UInt64(tally.events))
    #expect(recorded.result.guest?.kicks == 600 && recorded.result.guest?.completions == 600)
    let text = try run(Tools.analyzer, ["summary", recorded.trace]).text
    #expect(text.contains("TCG of \(architecture.rawValue), Linux"), "\(text)")
  }

  @Test("runs of two architectures are not compared without a word", .needsTracing)
  func compared() throws {
    let runs = try [Architecture.aarch64, .mips].map {
      try RecordedRun("doorbell", ["iterations=50"], irqchip: "none", architecture: $0)
    }
    let output = try run(Tools.analyzer, ["compare", runs[0].trace, "--against", runs[1].trace])
    #expect(output.text.contains("not all runs are of one architecture (aarch64, mips)"), "\(output.text)")
    withExtendedLifetime(runs) {}
  }

  // MARK: The disk

  @Test("the disk guest leaves the same disk as under x86, byte for byte", arguments: architectures)
  func disk(_ architecture: Architecture) throws {
    let parameters = [
      "iterations=400", "size=1024", "depth=8", "batch=4", "reads=40", "flush=25", "places=37",
    ]
    let directory = try TemporaryDirectory()
    func image(_ architecture: Architecture) throws -> Data {
      let file = directory.url.appendingPathComponent(architecture.rawValue)
      // Nothing of it may pass for what the guest writes, nor be changed behind that.
      try Data((0..<1 << 18).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: file)
      let output = try run(
        Tools.exeunt,
        ["run", "--engine", "tcg", "--arch", architecture.rawValue, "--guest", "blk"] + parameters + [
          "--disk", file.path, "--serial", "none", "--timeout", "120s",
        ])
      #expect(output.status == 0, "\(output.standardError)")
      #expect(output.standardError.contains("400 iterations"), "\(output.standardError)")
      return try Data(contentsOf: file)
    }
    let (own, reference) = try (image(architecture), image(.x86))
    let written = 37 * 1024
    // Not as an expectation's operands: telling how two such disks differ takes minutes.
    let isSame = own == reference
    #expect(isSame)
    // The first sector of each place, once more than it was written to begin with.
    let sector = 512
    for place in 0..<37 {
      let number = own.withUnsafeBytes {
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: place * 2 * sector, as: UInt64.self))
      }
      #expect(number & 0xffff_ffff_ffff == UInt64(2 * place) && number >> 48 >= 1)
    }
    #expect(own.count == 1 << 18 && own[written...].first == UInt8(truncatingIfNeeded: written &* 7))
  }

  @Test(
    "the disk guest's exits and requests are in the trace, exactly", .serialized,
    .needsTracing, arguments: architectures)
  func diskRecorded(_ architecture: Architecture) throws {
    let recorded = try RecordedRun(
      "blk", ["iterations=200", "depth=4", "places=16", "flush=20"], irqchip: "none",
      architecture: architecture)
    let tally = try OracleTally(recorded.trace)
    #expect(tally.exits == recorded.expectation.exits(ioeventfd: true))
    #expect(tally.marks == [1, 2, 0])
    #expect(recorded.result.guest?.diskRequests == recorded.expectation.diskRequests)
    #expect(UInt64(tally.counts["request_end"] ?? 0) == recorded.expectation.diskRequests.total)
  }

  // MARK: Ends

  /// Writes 21 to the register that ends the run, as a little-endian number, and goes round in circles.
  private static let ending: [Architecture: [UInt8]] = [
    .aarch64: words(0x5280_02a0, 0xd2a1_2001, 0xf284_0001, 0xb900_0020, 0x1400_0000),
    .riscv64: words(0x1000_2537, 0x0150_0593, 0x00b5_2023, 0x0000_006f),
    // A big-endian processor has it with its bytes swapped.
    .mips: [
      0x3c, 0x04, 0x15, 0x00, 0x3c, 0x05, 0xb0, 0x00, 0x34, 0xa5, 0x20, 0x00, 0xac, 0xa4, 0x00, 0x00,
      0x10, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
    ],
    .ppc: [
      0x3c, 0x80, 0x15, 0x00, 0x3c, 0xa0, 0xd0, 0x00, 0x60, 0xa5, 0x20, 0x00, 0x90, 0x85, 0x00, 0x00,
      0x48, 0x00, 0x00, 0x00,
    ],
    .s390x: [
      0xc0, 0x1f, 0xd0, 0x00, 0x20, 0x00, 0xc0, 0x2f, 0x15, 0x00, 0x00, 0x00, 0x50, 0x20, 0x10, 0x00,
      0xa7, 0xf4, 0x00, 0x00,
    ],
  ]

  @Test("a guest ends the run with a status", arguments: architectures)
  func status(_ architecture: Architecture) throws {
    let output = try Self.flat(architecture, try #require(Self.ending[architecture]))
    #expect(output.status == 43, "\(output.standardError)")
  }

  /// A branch to itself.
  private static let circle: [Architecture: [UInt8]] = [
    .aarch64: words(0x1400_0000), .riscv64: words(0x0000_006f),
    .mips: [0x10, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00],
    .ppc: [0x48, 0x00, 0x00, 0x00], .s390x: [0xa7, 0xf4, 0x00, 0x00],
  ]

  @Test("one that goes round in circles is ended, and where it was is told", arguments: architectures)
  func timeout(_ architecture: Architecture) throws {
    let code = try #require(Self.circle[architecture])
    let output = try Self.flat(architecture, code, ["--timeout", "300ms"])
    let map = try #require(ArchitectureMap(architecture))
    let place = String(architecture.virtual(map.load), radix: 16)
    #expect(output.status == 6 && output.standardError.contains("pc 0x\(place)"), "\(output.standardError)")
  }

  /// No instruction.
  private static let undefined: [Architecture: [UInt8]] = [
    .aarch64: words(0), .riscv64: words(0), .mips: [0xff, 0xff, 0xff, 0xff],
    .ppc: [0, 0, 0, 0], .s390x: [0, 0, 0, 0],
  ]

  @Test("an undefined instruction ends the run with registers and bytes", arguments: architectures)
  func crash(_ architecture: Architecture) throws {
    let code = try #require(Self.undefined[architecture]) + [0, 0, 0, 0]
    let output = try Self.flat(architecture, code)
    #expect(output.status == 4 && output.standardError.contains("bytes at pc: "), "\(output.standardError)")
    // The register of the first argument: where a built-in guest would be told what to do.
    let map = try #require(ArchitectureMap(architecture))
    let argument = String(architecture.virtual(map.parameters), radix: 16)
    #expect(output.standardError.contains("0" + argument), "\(output.standardError)")
  }

  @Test("an exception ends the run by its name in the architecture's manual", arguments: architectures)
  func exceptions(_ architecture: Architecture) throws {
    func code(_ word: UInt32) -> [UInt8] {
      withUnsafeBytes(of: architecture.isBigEndian ? word.bigEndian : word.littleEndian) { Array($0) }
    }
    // SVC #0, SYSCALL, sc, ECALL, SVC 0.
    let (call, name): ([UInt8], String) =
      switch architecture {
      case .x86: ([], "")
      case .aarch64: (code(0xd400_0001), "supervisor call")
      case .mips: (code(0x0000_000c), "system call")
      case .ppc: (code(0x4400_0002), "system call")
      case .riscv64: (code(0x0000_0073), "environment call")
      case .s390x: ([0x0a, 0x00], "supervisor call")
      }
    let output = try Self.flat(architecture, call)
    #expect(output.status == 4)
    #expect(
      output.standardError.contains(" (\(name)) of \(architecture.rawValue), and"), "\(output.standardError)")
  }

  @Test("a reset starts the image again")
  func reset() throws {
    // Looks whether a word in RAM is still zero: then it makes it one and resets, else it powers off.
    let code = Self.words(
      0xd2a8_0041, 0xb940_0022, 0x3500_00e2, 0x5280_0082, 0xb900_0022, 0xd2a1_2003, 0xf28a_0003, 0x3900_0062,
      0x1400_0000, 0xd2a1_2003, 0xf286_0003, 0x5284_0002, 0x7900_0062, 0x1400_0000)
    let output = try Self.flat(.aarch64, code)
    #expect(output.status == 0 && output.standardError.contains("1 resets"), "\(output.standardError)")
    let ended = try Self.flat(.aarch64, code, ["--on-reboot", "exit"])
    #expect(ended.status == 0 && ended.standardError.contains("the guest reset the machine"))
  }

  @Test("a reset gives back what the processor before it had")
  func resets() throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    // 4 to the port of resets, for ever.
    let code = Self.words(0x5280_0082, 0xd2a1_2003, 0xf28a_0003, 0x3900_0062, 0x1400_0000)
    try Data(code).write(to: image)
    let output = try run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c", "ulimit -v 16777216 && exec \"$@\"", "sh", Tools.exeunt.path, "run", "--arch", "aarch64",
        "--flat",
        image.path, "--timeout", "5s",
      ])
    // Each has a GiB of addresses for translated code.
    let resets = output.standardError.firstMatch(of: /([0-9]+) resets/).flatMap { Int($0.1) }
    #expect(output.status == 6 && resets ?? 0 > 50, "\(output.standardError)")
  }

  @Test("a guest that waits for an interrupt, of which there are none, is at its end")
  func halt() throws {
    // wfi; b .-4
    let output = try Self.flat(.aarch64, Self.words(0xd503_207f, 0x17ff_ffff))
    #expect(
      output.status == 0 && output.standardError.contains("every vCPU halted"), "\(output.standardError)")
  }

  @Test("asking to sleep ends the run: there is nothing that would wake it")
  func sleep() throws {
    // 0x2400 to the power register.
    let output = try Self.flat(
      .aarch64, Self.words(0xd2a1_2003, 0xf286_0003, 0x5284_8002, 0x7900_0062, 0x1400_0000))
    #expect(output.status == 4 && output.standardError.contains("sleep"), "\(output.standardError)")
  }

  // MARK: Refusals

  @Test(
    "what such a machine does not have is refused by name",
    arguments: [
      ["--engine", "kvm"], ["--cpus", "2"], ["--irqchip", "split"], ["--irqchip", "kernel"], ["--pmu", "on"],
      ["--coalesced-io", "on"], ["--debugcon", "stdio"], ["--debug-exit-port", "0x500"], ["--trace-rip"],
      ["--memory", "1T"],
    ])
  func refused(_ flags: [String]) throws {
    for (architecture, check) in [("aarch64", []), ("mips", []), ("aarch64", ["--check"])] {
      let output = try run(
        Tools.exeunt, ["run", "--arch", architecture, "--guest", "doorbell", "iterations=5"] + flags + check)
      #expect(
        output.status == 2 || output.status == 64, "\(flags): \(output.status) \(output.standardError)")
      #expect(output.standardError.contains(flags[0]), "\(output.standardError)")
    }
  }

  @Test("guests and parameters that are not there are refused with those that are")
  func refusedGuests() throws {
    func message(_ arguments: String...) throws -> String {
      let output = try run(Tools.exeunt, ["run", "--arch", "s390x"] + arguments)
      #expect(output.status != 0)
      return output.standardError
    }
    #expect(
      try message("--guest", "timer").contains(
        "for s390x there are doorbell, blk (exeunt guests --arch s390x)"))
    #expect(try message("--guest", "doorbell", "window=port").contains("expected memory"))
    #expect(try message("--guest", "doorbell", "wait=interrupt").contains("expected poll"))
    #expect(try message("--kernel", "/dev/null").contains("kernels are booted on x86_64 alone"))
    #expect(try message("--flat", "/dev/null", "--mode", "long").contains("modes are those of x86"))
    let list = try run(Tools.exeunt, ["guests", "--arch", "s390x"]).text
    #expect(list.contains("doorbell") && list.contains("blk") && !list.contains("port-io"))
  }
}
