import Board
import Foundation
import GuestRAM
import TestSupport
import Testing

@testable import Boot

@Suite("Boot plans: what each protocol leaves in RAM") struct PlanTests {
  typealias File = KernelFiles

  /// The first vCPU's state, and RAM after the plan was carried out.
  private func boot(_ request: BootRequest, megabytes: UInt64 = 64) throws -> (BootPlan, GuestMemory) {
    let plan = try request.plan()
    let memory = try ram(megabytes: megabytes)
    try plan.load(into: memory)
    return (plan, memory)
  }

  private func checkMap(_ entries: [(UInt64, UInt64, UInt32)], megabytes: UInt64) {
    #expect(
      entries.filter { $0.2 == 1 }.reduce(0) { $0 + $1.1 } == megabytes << 20 - 0x10_0000 + 0x9_fc00,
      "\(entries)")
    for (left, right) in zip(entries, entries.dropFirst()) { #expect(left.0 + left.1 <= right.0) }
    // What KVM keeps for itself, the firmware's tables, and what points to one of them.
    for address: UInt64 in [0xfeff_c000, 0xfeff_ffff, 0xe_0000, 0xf_ffff, 0x9_fc00, 0x9_ffff] {
      #expect(entries.contains { $0.2 == 2 && $0.0 <= address && address < $0.0 + $0.1 }, "\(entries)")
    }
  }

  @Test("bzImage by the 64-bit entry: header, map, command line, ramdisk, page tables")
  func linux64() throws {
    let ramdisk = [UInt8](repeating: 0xab, count: 5000)
    let (plan, memory) = try boot(
      request(
        File.bzImage(code), commandLine: "console=ttyS0 quiet",
        modules: [.init(source: MemoryImage(ramdisk), commandLine: "rd")]))
    #expect(plan.bootProtocol == .linux64)
    #expect(plan.description == "bzImage 6.1.0-test, boot protocol 2.15")
    #expect(plan.entry.mode.isLong)
    #expect(plan.entry.instruction == 0x100_0200)
    #expect(try memory.read(count: code.count, at: GuestAddress(0x100_0000)) == code)
    let page = plan.entry.rsi
    #expect(page % 4096 == 0)
    #expect(try memory.number(page + 0x1fe) as UInt16 == 0xaa55)
    #expect(try memory.number(page + 0x202) as UInt32 == 0x5372_6448)
    #expect(try memory.number(page + 0x206) as UInt16 == 0x20f)
    #expect(try memory.number(page + 0x210) as UInt8 == 0xff)
    #expect(try memory.number(page + 0x214) as UInt32 == 0x100_0000)
    #expect(try memory.number(page + 0x1ef) as UInt8 == 0, "the sentinel")
    #expect(try memory.text(at: UInt64(memory.number(page + 0x228) as UInt32)) == "console=ttyS0 quiet")
    let start = UInt64(try memory.number(page + 0x218) as UInt32)
    #expect(start == 64 << 20 - 8192)
    #expect(try memory.number(page + 0x21c) as UInt32 == 5000)
    #expect(try memory.read(count: 5000, at: GuestAddress(start)) == ramdisk)
    let count = Int(try memory.number(page + 0x1e8) as UInt8)
    checkMap(
      try (0..<count).map {
        let entry = page + 0x2d0 + 20 * UInt64($0)
        return (try memory.number(entry), try memory.number(entry + 8), try memory.number(entry + 16))
      }, megabytes: 64)
    #expect(try memory.number(page + 0x70) as UInt64 == 0xe_0000)
    // Walks the page tables: each of the first 4 GiB is where it seems to be.
    for address: UInt64 in [0, 0x1234_5678, 0xffff_fff0] {
      var table = try #require(plan.entry.mode.pageTables)
      for shift: UInt64 in [39, 30, 21] {
        table = try memory.number(table + 8 * (address >> shift & 511))
        #expect(table & 1 == 1)
        if shift == 21 { #expect(table & 0x80 != 0) }
        table &= shift == 21 ? ~0x1f_ffff : ~0xfff
      }
      #expect(table | address & 0x1f_ffff == address)
    }
    #expect(
      try memory.number(try #require(plan.entry.mode.descriptors).address + 0x10) as UInt64
        == 0x00af_9b00_0000_ffff)
    #expect(
      try memory.number(try #require(plan.entry.mode.descriptors).address + 0x18) as UInt64
        == 0x00cf_9300_0000_ffff)
  }

  @Test("bzImage by the 32-bit entry, where there is no other or it is asked for")
  func linux32() throws {
    for file in [
      try request(File.bzImage(code, has64BitEntry: false)),
      try request(File.bzImage(code), bootProtocol: .linux32),
    ] {
      let (plan, _) = try boot(file)
      #expect(plan.bootProtocol == .linux32)
      #expect(!plan.entry.mode.isLong)
      #expect(plan.entry.instruction == 0x100_0000)
      #expect(plan.entry.rsi != 0)
      #expect(plan.entry.rbx == 0)
    }
  }

  @Test("A relocatable bzImage that does not fit where it wants to be goes lower; another must fit")
  func relocation() throws {
    var old = File.Writer(File.bzImage(code))
    old.put(UInt16(0x20c), at: 0x206)
    let low = try request(old.bytes, megabytes: 8).plan()
    #expect(low.entry.instruction == 0x20_0200)
    // A newer one would move itself back to where there is no RAM.
    #expect(
      refusal { _ = try request(File.bzImage(code), megabytes: 16).plan() }?
        .contains("0x1000000–0x11fffff, which is not all in RAM of 16 MiB; give more --memory") == true)
    #expect(
      refusal { _ = try request(File.bzImage(code, initialSize: 0x700_0000), megabytes: 64).plan() }?
        .contains("give more --memory") == true)
    let fixed = File.bzImage(code, isRelocatable: false)
    #expect(try request(fixed).plan().entry.instruction == 0x10_0200)
    #expect(refusal { _ = try request(fixed, megabytes: 8).plan() }?.contains("--memory") == true)
  }

  @Test("Where even that is too much, a smaller alignment that the kernel allows is taken, and told")
  func smallerAlignment() throws {
    var writer = File.Writer(File.bzImage(code, initialSize: 0xf0_0000))
    writer.put(UInt16(0x20c), at: 0x206)
    writer.put(UInt32(0x100_0000), at: 0x230)
    #expect(refusal { _ = try request(writer.bytes, megabytes: 16).plan() }?.contains("--memory") == true)
    writer.put(UInt8(13), at: 0x235)
    let (plan, memory) = try boot(request(writer.bytes, megabytes: 16), megabytes: 16)
    #expect(plan.entry.instruction == 0x10_0200)
    #expect(try memory.number(plan.entry.rsi + 0x230) as UInt32 == 0x10_0000)
    #expect(try memory.number(plan.entry.rsi + 0x214) as UInt32 == 0x10_0000)
    // With room enough it is as it was.
    let large = try boot(request(writer.bytes))
    #expect(large.0.entry.instruction == 0x100_0200)
    #expect(try large.1.number(large.0.entry.rsi + 0x230) as UInt32 == 0x100_0000)
  }

  @Test("A 32-bit entry that is not at the start, wherever the kernel is loaded")
  func entryOffset() throws {
    var writer = File.Writer(File.bzImage(code, has64BitEntry: false))
    writer.put(UInt32(0x10_0080), at: 0x214)
    let (plan, memory) = try boot(request(writer.bytes))
    #expect(plan.entry.instruction == 0x100_0080)
    #expect(try memory.number(plan.entry.rsi + 0x214) as UInt32 == 0x100_0080)
    // The 64-bit entry does not depend on it.
    writer.put(UInt32(0), at: 0x214)
    writer.put(UInt16(1), at: 0x236)
    #expect(try request(writer.bytes).plan().entry.instruction == 0x100_0200)
    #expect(
      refusal { _ = try request(writer.bytes, bootProtocol: .linux32).plan() }?.hasSuffix("it offers linux64")
        == true)
  }

  @Test("vmlinux: boot_params as if it had a setup header; zeros behind its data")
  func vmlinux() throws {
    let file = File.elf(
      is64Bit: true, entry: 0x100_0100, [.init(at: 0x100_0000, code, memorySize: 0x4000)])
    let plan = try request(file, commandLine: "panic=-1").plan()
    let memory = try ram()
    try memory.write([UInt8](repeating: 0xff, count: 0x8000), at: GuestAddress(0x100_0000))
    try plan.load(into: memory)
    #expect(plan.bootProtocol == .linux64)
    #expect(plan.entry.instruction == 0x100_0100)
    #expect(try memory.read(count: 4096, at: GuestAddress(0x100_0000)) == code)
    #expect(try memory.read(count: 0x3000, at: GuestAddress(0x100_1000)).allSatisfy { $0 == 0 })
    #expect(try memory.number(0x100_4000) as UInt8 == 0xff)
    #expect(try memory.number(plan.entry.rsi + 0x202) as UInt32 == 0x5372_6448)
  }

  @Test("PVH: hvm_start_info with map, command line and module")
  func pvh() throws {
    let file = File.elf(
      is64Bit: true, entry: 0x100_0000, [.init(at: 0x100_0000, code)], notes: File.pvhNote(entry: 0x100_0200))
    let (plan, memory) = try boot(
      request(
        file, commandLine: "quiet", modules: [.init(source: MemoryImage([1, 2, 3]), commandLine: "")],
        megabytes: 5000), megabytes: 5000)
    #expect(plan.bootProtocol == .pvh)
    #expect(!plan.entry.mode.isLong)
    #expect(plan.entry.instruction == 0x100_0200)
    let start = plan.entry.rbx
    #expect(try memory.number(start) as UInt32 == 0x336e_c578)
    #expect(try memory.number(start + 4) as UInt32 == 1)
    #expect(try memory.number(start + 12) as UInt32 == 1)
    let module: UInt64 = try memory.number(try memory.number(start + 16))
    #expect(try memory.read(count: 3, at: GuestAddress(module)) == [1, 2, 3])
    #expect(try memory.text(at: memory.number(start + 24)) == "quiet")
    #expect(try memory.number(start + 32) as UInt64 == 0xe_0000)
    let map: UInt64 = try memory.number(start + 40)
    let count = Int(try memory.number(start + 48) as UInt32)
    checkMap(
      try (0..<count).map {
        let entry = map + 24 * UInt64($0)
        return (try memory.number(entry), try memory.number(entry + 8), try memory.number(entry + 16))
      }, megabytes: 5000)
  }

  @Test("Multiboot: firmware's interrupt vectors, unless the kernel is loaded there")
  func interruptVectors() throws {
    func vectors(segmentAt start: UInt64) throws -> [UInt32] {
      let (plan, memory) = try boot(
        request(
          File.elf(
            is64Bit: false, entry: start + 0x20, [.init(at: start, File.multibootHeader(flags: 0) + code)])))
      let handlers = plan.ranges.filter { $0.contains(0xf_ff00) }
      #expect(handlers.count == 1)
      return try (0..<256).map { try memory.number(4 * $0) as UInt32 }
    }
    let table = try vectors(segmentAt: 0x10_0000)
    #expect(table.allSatisfy { (0xf000_ff00..<0xf000_fff0).contains($0) })
    // Exceptions, the timer, the first 8259's other lines, the second one's, two answers, and what is not served.
    #expect(Set(table).count == 7)
    for same in [0..<8, 9..<16, 0x13..<0x70, 0x70..<0x78, 0x78..<0x100] {
      #expect(Set(table[same]).count == 1)
    }
    #expect(try vectors(segmentAt: 0x300)[0x10] == 0)
  }

  @Test("Multiboot: information, map, modules, and a command line that begins with the kernel's name")
  func multiboot() throws {
    let file = File.elf(
      is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, File.multibootHeader(flags: 0) + code)])
    let (plan, memory) = try boot(
      request(
        file, name: "/boot/test.flat", commandLine: "cpuid",
        modules: [
          .init(source: MemoryImage([9, 8]), commandLine: "first"),
          .init(source: MemoryImage(code), commandLine: "second a"),
        ]))
    #expect(plan.entry.instruction == 0x10_0020)
    #expect(plan.entry.rax == 0x2bad_b002)
    let information = plan.entry.rbx
    #expect(try memory.number(information) as UInt32 == 0b10_0100_1101)
    #expect(try memory.number(information + 4) as UInt32 == 639)
    #expect(try memory.number(information + 8) as UInt32 == 63 << 10)
    #expect(try memory.text(at: UInt64(memory.number(information + 16) as UInt32)) == "/boot/test.flat cpuid")
    #expect(try memory.number(information + 20) as UInt32 == 2)
    let list = UInt64(try memory.number(information + 24) as UInt32)
    for (index, module) in [([9, 8], "first"), (code, "second a")].enumerated() {
      let entry = list + 16 * UInt64(index)
      let start = UInt64(try memory.number(entry) as UInt32)
      #expect(start % 4096 == 0)
      #expect(UInt64(try memory.number(entry + 4) as UInt32) == start + UInt64(module.0.count))
      #expect(try memory.read(count: module.0.count, at: GuestAddress(start)) == module.0)
      #expect(try memory.text(at: UInt64(memory.number(entry + 8) as UInt32)) == module.1)
    }
    var place = UInt64(try memory.number(information + 48) as UInt32)
    let end = place + UInt64(try memory.number(information + 44) as UInt32)
    var entries: [(UInt64, UInt64, UInt32)] = []
    while place < end {
      entries.append(
        (try memory.number(place + 4), try memory.number(place + 12), try memory.number(place + 20)))
      place += UInt64(try memory.number(place) as UInt32) + 4
    }
    checkMap(entries, megabytes: 64)
    // A name that is given is not given twice, be it whole or without its folder.
    for line in ["test.flat cpuid", "/boot/test.flat cpuid"] {
      let (plan, memory) = try boot(request(file, name: "/boot/test.flat", commandLine: line))
      #expect(try memory.text(at: UInt64(memory.number(plan.entry.rbx + 16) as UInt32)) == line)
    }
  }

  @Test("Multiboot modules are right behind the kernel, and free memory is behind the last of them")
  func modulesBehindKernel() throws {
    func modules(at address: UInt64, size: UInt64, _ sizes: [Int], megabytes: UInt64 = 64) throws -> [UInt64]
    {
      let file = File.elf(
        is64Bit: false, entry: address + 0x20,
        [.init(at: address, File.multibootHeader(flags: 0) + code, memorySize: size)])
      let (plan, memory) = try boot(
        request(
          file,
          modules: sizes.map {
            .init(source: MemoryImage([UInt8](repeating: 5, count: $0)), commandLine: "m")
          }, megabytes: megabytes), megabytes: megabytes)
      let list = UInt64(try memory.number(plan.entry.rbx + 24) as UInt32)
      return try sizes.indices.map { UInt64(try memory.number(list + 16 * UInt64($0)) as UInt32) }
    }
    #expect(
      try modules(at: 0x10_0000, size: 0x1_2345, [1, 4096, 5000]) == [0x11_3000, 0x11_4000, 0x11_5000])
    #expect(try modules(at: 0x10_0000, size: 0x1_3000, [1]) == [0x11_3000])
    // A kernel below 1 MiB, and one with no room behind it.
    #expect(try modules(at: 0x2_0000, size: 0x4000, [1, 1]) == [0x10_0000, 0x10_1000])
    #expect(try modules(at: 62 << 20, size: 2 << 20, [1, 8192]) == [0x10_0000, 0x10_1000])
    #expect(
      try modules(at: 61 << 20, size: 2 << 20, [4096, 2 << 20, 4096]) == [
        63 << 20, 0x10_0000, 63 << 20 + 4096,
      ])
  }

  @Test("What does not fit, or is not offered, is refused with what to do")
  func refusals() throws {
    let vmlinux = File.elf(is64Bit: true, entry: 0x100_0000, [.init(at: 0x100_0000, code)])
    let large = MemoryImage([UInt8](repeating: 1, count: 60 << 20))
    func plan(_ file: [UInt8], _ change: (inout BootRequest) -> Void) -> String? {
      refusal {
        var request = try request(file)
        change(&request)
        _ = try request.plan()
      }
    }
    let module = BootRequest.Module(source: large, commandLine: "")
    #expect(plan(vmlinux) { $0.bootProtocol = .pvh }?.contains("it offers linux64") == true)
    #expect(plan(vmlinux) { $0.modules = [module] }?.contains("no room for the ramdisk") == true)
    #expect(plan(vmlinux) { $0.modules = [module, module] }?.contains("one ramdisk") == true)
    #expect(plan(vmlinux) { $0.layout = RAMLayout(bytes: 8 << 20) }?.contains("RAM of 8 MiB") == true)
    #expect(
      plan(File.bzImage(code)) { $0.commandLine = String(repeating: "a", count: 2048) }?.contains(
        "2047 characters")
        == true)
    #expect(
      plan(File.elf(is64Bit: true, entry: 0xe_0000, [.init(at: 0xe_0000, code)])) { _ in }?
        .contains("where a PC has its firmware") == true)
  }

  @Test("A file that changes after it was looked at is not booted")
  func changedFile() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/kernel"
      try Data(File.bzImage(code)).write(to: URL(filePath: path))
      let source = try FileImage(path: path)
      let plan = try BootRequest(
        image: try KernelImage(source), source: source, name: path, commandLine: "", modules: [],
        layout: RAMLayout(bytes: 64 << 20),
        firmware: FirmwareTables(try BoardLayout(BoardOptions()))
      ).plan()
      let memory = try ram()
      try plan.load(into: memory)
      #expect(try memory.read(count: code.count, at: GuestAddress(0x100_0000)) == code)
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.truncate(atOffset: 3000)
      try file.close()
      #expect(refusal { try plan.load(into: memory) }?.contains("was changed while the guest ran") == true)
    }
  }

  /// Whatever a file says, a plan that is made keeps to RAM, and its pieces to themselves.
  @Test("Damaged kernels are refused, or their plans are sound") func damage() throws {
    var random = SeededGenerator(seed: 4)
    let files = [
      File.elf(
        is64Bit: true, entry: 0x20_0000,
        [.init(at: 0x20_0000, code), .init(at: 0x30_0000, code, memorySize: 0x9000)],
        notes: File.pvhNote(entry: 0x20_0000)),
      File.elf(
        is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, File.multibootHeader(flags: 3) + code)]),
      File.multibootHeader(
        flags: 1 << 16, header: 0x10_0000, load: 0x10_0000, zeroEnd: 0x10_8000, entry: 0x10_0020) + code,
      File.bzImage(code),
    ]
    let memory = try ram(megabytes: 32)
    var plans = 0
    for _ in 0..<2000 {
      var file = files.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<min(file.count, 0x290), using: &random)
        file[place] = [0, 1, 0x7f, 0x80, 0xff, file[place] &+ 1].randomElement(using: &random)!
      }
      guard let plan = try? request(file, commandLine: "a", megabytes: 32).plan() else { continue }
      plans += 1
      let ranges = plan.pieces.map { $0.address..<$0.address + $0.length }.sorted {
        $0.lowerBound < $1.lowerBound
      }
      for range in ranges {
        #expect(memory.contains(GuestAddress(range.lowerBound), count: range.count))
      }
      for (left, right) in zip(ranges, ranges.dropFirst()) { #expect(left.upperBound <= right.lowerBound) }
      try plan.load(into: memory)
    }
    #expect(plans > 50)
  }
}
