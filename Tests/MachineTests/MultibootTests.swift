import CTestGuests
import Foundation
import TestSupport
import Testing

/// A multiboot kernel of ours that keeps to what kvm-unit-tests' programs expect of a machine.
@Suite("A multiboot kernel on a whole machine", .needsEngine)
struct MultibootTests {
  private static let image: [UInt8] = {
    let image = exeunt_test_image_multiboot()
    return Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
  }()

  /// What the kernel is in.
  enum Format { case elf, elf64, addresses }

  /// The kernel as an ELF file, or with its own address fields.
  private func withKernel(
    _ format: Format = .elf, _ body: (_ file: String, _ directory: String) throws -> Void
  )
    throws
  {
    try withTemporaryDirectory { directory in
      var file = Self.image
      if format != .addresses {
        file = KernelFiles.elf(
          is64Bit: format == .elf64, entry: 0x10_0020,
          [.init(at: 0x10_0000, Self.image, memorySize: 0x1_0000)])
      } else {
        var writer = KernelFiles.Writer(file)
        writer.put(UInt32(1 << 16), at: 4)
        writer.put(0 &- 0x1bad_b002 &- UInt32(1 << 16), at: 8)
        file = writer.bytes
      }
      let path = "\(directory)/test.flat"
      try Data(file).write(to: URL(filePath: path))
      try body(path, directory)
    }
  }

  @Test(
    "It finds its command line, modules, memory, tables, processors and lines, and ends with its own status",
    arguments: ["kernel", "split"], [1, 2, 4])
  func everything(irqchip: String, vcpus: Int) throws {
    try withKernel { file, directory in
      try Data("one".utf8).write(to: URL(filePath: "\(directory)/m1"))
      try Data("two, three".utf8).write(to: URL(filePath: "\(directory)/m2"))
      let outcome = try Exeunt.run([
        "run", "--kernel", file, "--append", "test.flat some words 5", "--memory", "128M", "--cpus",
        "\(vcpus)",
        "--irqchip", irqchip, "--initrd", "\(directory)/m1 with words,\(directory)/m2", "--timeout", "40s",
      ])
      let count = String(format: "%08x", vcpus)
      #expect(
        outcome.standardOutput == """
          test.flat some words 5
          module \(directory)/m1 with words: one
          module \(directory)/m2: two, three
          upper 0001fc00
          usable 0001fe7f
          table FACP
          table APIC
          processors \(count)
          online \(count)
          line raised

          """)
      #expect(outcome.exitStatus == 11, "\(outcome.standardError)")
    }
  }

  @Test(
    "By its own address fields, and as a 64-bit executable; success by kvm-unit-tests' convention",
    arguments: [Format.addresses, .elf64])
  func formats(format: Format) throws {
    try withKernel(format) { file, _ in
      let outcome = try Exeunt.run(["run", "--kernel", file, "--append", "0", "--timeout", "40s"])
      #expect(outcome.standardOutput.hasPrefix("\(file) 0\nupper 0000fc00\n"), "\(outcome.standardOutput)")
      #expect(outcome.exitStatus == 1, "\(outcome.standardError)")
    }
  }

  @Test(
    "A kernel that goes to real mode finds what a BIOS leaves, and the timer's third channel",
    arguments: HostEngine.all)
  func realMode(engine: String) throws {
    let image = exeunt_test_image_bios()
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    try withTemporaryDirectory { directory in
      let path = "\(directory)/bios"
      let file = KernelFiles.elf(is64Bit: false, entry: 0x2_0020, [.init(at: 0x2_0000, bytes)])
      try Data(file).write(to: URL(filePath: path))
      let outcome = try Exeunt.run([
        "run", "--engine", engine, "--irqchip", "kernel", "--kernel", path, "--timeout", "40s",
      ])
      #expect(outcome.exitStatus == 11, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("1 resets"))
    }
  }

  @Test("A kernel that asks for a video mode runs, and what it does not get is said")
  func videoMode() throws {
    try withKernel { file, _ in
      var writer = KernelFiles.Writer(Array(try Data(contentsOf: URL(filePath: file))))
      let header = 52 + 32
      writer.put(UInt32(4), at: header + 4)
      writer.put(0 &- 0x1bad_b002 &- UInt32(4), at: header + 8)
      try Data(writer.bytes).write(to: URL(filePath: file))
      let outcome = try Exeunt.run(["run", "--kernel", file, "--append", "0", "--timeout", "40s"])
      #expect(outcome.exitStatus == 1)
      #expect(
        outcome.standardError.contains(
          "asks for a video mode (multiboot flag 2), and this machine has no display"))
    }
  }

  /// What each processor tells (Tests/TestGuests/processors.S), by where it stands.
  private struct Processor {
    let words: [UInt32]
    subscript(offset: Int) -> UInt32 { words[offset / 4] }
    var hasHypervisor: Bool { self[4] >> 31 == 1 }
    var number: UInt32 { self[0] >> 24 }
  }

  @Test(
    "Every processor finds what firmware leaves: at power-on, behind INIT, and after a reset that follows disorder",
    arguments: HostEngine.all.flatMap { engine in ["kernel", "split"].map { (engine, $0) } }, [1, 3])
  func processors(host: (engine: String, irqchip: String), vcpus: Int) throws {
    let image = exeunt_test_image_multiboot_processors()
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    try withTemporaryDirectory { directory in
      let path = "\(directory)/processors"
      let file = KernelFiles.elf(
        is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, bytes, memorySize: 0x1_0000)])
      try Data(file).write(to: URL(filePath: path))
      let outcome = try Exeunt.run([
        "run", "--engine", host.engine, "--kernel", path, "--irqchip", host.irqchip, "--cpus", "\(vcpus)",
        "--timeout", "40s",
      ])
      #expect(outcome.exitStatus == 7, "\(outcome.standardError)")
      #expect(!outcome.standardError.contains("after a reset"), "\(outcome.standardError)")
      let lines = outcome.standardOutput.split(separator: "\n").map {
        $0.split(separator: " ").map(String.init)
      }
      // Two times before the reset and two times after it.
      #expect(
        lines.map { $0[0] }
          == (0..<4).flatMap { pass in
            Array(repeating: pass % 2 == 0 ? "started" : "initialised", count: vcpus)
          })
      let all = try lines.map { line in
        Processor(words: try line.dropFirst().map { try #require(UInt32($0, radix: 16)) })
      }
      let bits: UInt32 = vcpus == 1 ? 0 : 2
      for (index, processor) in all.enumerated() {
        let id = UInt32(index % vcpus)
        let hint: Comment = "\(lines[index])"
        #expect(processor.number == id && processor[60] >> 24 == id && processor[12] == id, hint)
        #expect(processor.hasHypervisor && processor[4] >> 24 & 1 == 1, hint)
        // KVM without hardware virtualization says so of one as well, whatever it is told.
        if vcpus > 1 { #expect(processor[8] >> 28 & 1 == 1, hint) }
        #expect(processor[16] == UInt32(vcpus) && processor[20] == bits, hint)
        // Fast strings; memory types on and write-back, with no ranges; PAT as at power-on.
        #expect(processor[28] & 1 == 1, hint)
        #expect(processor[32] == 0x806 && processor[56] == 0 && processor[36] == 0x0007_0406, hint)
        // AMD: the extended number; a constant counter that says so, where KVM lets it (Linux 6.8).
        if processor[44] >> 22 & 1 == 1 { #expect(processor[24] == id, hint) }
        #expect([0, 1 << 24].contains(processor[40]), hint)
        // No nested virtualization, no counters.
        #expect(processor[4] >> 5 & 1 == 0 && processor[44] >> 2 & 1 == 0 && processor[52] == 0, hint)
        #expect(processor.words == all[index % vcpus].words, hint)
      }
    }
  }

  @Test(
    "The keyboard controller answers what systems ask it, and interrupts; ACPI is on from the start",
    arguments: ["kernel", "split"])
  func keyboard(irqchip: String) throws {
    let image = exeunt_test_image_multiboot_keyboard()
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    try withTemporaryDirectory { directory in
      let path = "\(directory)/keyboard"
      let file = KernelFiles.elf(
        is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, bytes, memorySize: 0x1_0000)])
      try Data(file).write(to: URL(filePath: path))
      let outcome = try Exeunt.run(["run", "--kernel", path, "--irqchip", irqchip, "--timeout", "40s"])
      #expect(outcome.exitStatus == 7, "\(outcome.standardError)")
    }
  }

  @Test("A kernel that takes the memory behind its module for free finds it free")
  func moduleHeap() throws {
    try withTemporaryDirectory { directory in
      let image = exeunt_test_image_module_heap()
      let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
      let (file, module) = ("\(directory)/heap", "\(directory)/module")
      try Data(KernelFiles.elf(is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, bytes)])).write(
        to: URL(filePath: file))
      try Data(count: 100_000).write(to: URL(filePath: module))
      let outcome = try Exeunt.run(["run", "--kernel", file, "--initrd", module, "--timeout", "40s"])
      #expect(outcome.exitStatus == 7, "\(outcome.standardError)")
    }
  }

  @Test(
    "A multiboot 2 kernel finds what its loader tells, wherever it is loaded",
    arguments: [Format.elf, .elf64, .addresses])
  func second(format: Format) throws {
    let image = exeunt_test_image_multiboot2()
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    try withTemporaryDirectory { directory in
      let (path, module) = ("\(directory)/kernel", "\(directory)/m1")
      try Data("one".utf8).write(to: URL(filePath: module))
      // Its header is 0x60 bytes long, and at a multiple of eight in the file.
      var file: [UInt8]
      switch format {
      case .elf:
        file = KernelFiles.elf(
          is64Bit: false, entry: 0x10_0060,
          [.init(at: 0x18_0000, [1, 2, 3, 4]), .init(at: 0x10_0000, bytes)])
      case .elf64: file = KernelFiles.elf(is64Bit: true, entry: 0x10_0060, [.init(at: 0x10_0000, bytes)])
      case .addresses:
        // The same header, with its own addresses, and where it may be moved to.
        let tags = [
          KernelFiles.multiboot2Tag(2, [0x10_0000, 0x10_0000, 0, 0]),
          KernelFiles.multiboot2Tag(3, [0x10_0060]),
          KernelFiles.multiboot2Tag(10, [0x40_0000, .max, 0x1000, 1]),
        ]
        let header = KernelFiles.multiboot2Header(tags)
        #expect(header.count <= 0x60)
        file = header + [UInt8](repeating: 0, count: 0x60 - header.count) + bytes[0x60...]
      }
      try Data(file).write(to: URL(filePath: path))
      let outcome = try Exeunt.run([
        "run", "--kernel", path, "--append", "-- some words 5", "--memory", "128M",
        "--initrd", "\(module) with words", "--timeout", "40s",
      ])
      #expect(
        outcome.standardOutput.split(separator: "\n") == [
          "15 \(format == .addresses ? 4 : 1)00000 ", "1 -- some words 5", "2 exeunt", "3 with words:one",
          "4 27f 1fc00 ", "6 1fe7f ", "e 0 0 ", "f 2 0 ",
        ])
      #expect(outcome.exitStatus == 11, "\(outcome.standardError)")
      #expect(!outcome.standardError.contains("video mode"))
    }
  }

  @Test("A reset boots the kernel anew, as it was")
  func reset() throws { try run(exeunt_test_image_multiboot_reset(), resets: 1) }

  @Test(
    "Back in real mode interrupts come as firmware leaves them, after the chipset's resets too",
    arguments: HostEngine.all)
  func firmwareInterrupts(engine: String) throws {
    try run(exeunt_test_image_multiboot_real(), ["--engine", engine, "--irqchip", "kernel"], resets: 2)
  }

  /// Runs a kernel that resets the machine and ends with 3 when all is well.
  private func run(_ image: exeunt_test_image, _ flags: [String] = [], resets: Int) throws {
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    try withTemporaryDirectory { directory in
      let path = "\(directory)/reset.flat"
      let file = KernelFiles.elf(
        is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, bytes, memorySize: 0x1_0000)])
      try Data(file).write(to: URL(filePath: path))
      let outcome = try Exeunt.run(["run", "--kernel", path, "--timeout", "40s"] + flags)
      #expect(outcome.exitStatus == 7, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("\(resets) resets"))
    }
  }

  @Test("Bad kernels cost status 2, and nothing is run")
  func refusals() throws {
    try withKernel { file, directory in
      func run(_ arguments: [String], says: String) throws {
        let outcome = try Exeunt.run(["run"] + arguments)
        #expect(outcome.exitStatus == 2)
        #expect(outcome.standardOutput.isEmpty)
        #expect(outcome.standardError.contains(says), "\(outcome.standardError)")
      }
      try run(["--kernel", "\(directory)/none"], says: "cannot be opened")
      try run(["--kernel", directory], says: "is not a file")
      try run(
        ["--kernel", file, "--initrd", "\(directory)/none"],
        says: "--initrd \(directory)/none: cannot be opened")
      try run(["--kernel", file, "--boot-protocol", "pvh"], says: "it offers multiboot")
      try run(["--kernel", file, "--load", "0x200000"], says: "brings its own")
      try run(["--kernel", file, "--flat", file], says: "exclude each other")
      try run(["--flat", file, "--append", "x"], says: "go with --kernel")
      try run(["--kernel", file, "--memory", "1M"], says: "not all in RAM of 1 MiB")
      let cut = "\(directory)/cut"
      try Data(try Data(contentsOf: URL(filePath: file)).prefix(600)).write(to: URL(filePath: cut))
      try run(["--kernel", cut], says: "the file ends within the segment at 0x100000")
    }
  }

  @Test("A file that is no kernel is a flat image")
  func flat() throws {
    try Exeunt.withImage(.nobody) { file in
      #expect(try Exeunt.run(["run", "--kernel", file, "--mode", "real"]).exitStatus == 0)
      let outcome = try Exeunt.run(["run", "--kernel", file, "--append", "x"])
      #expect(outcome.exitStatus == 2)
      #expect(outcome.standardError.contains("mean nothing to a flat image"))
    }
  }
}
