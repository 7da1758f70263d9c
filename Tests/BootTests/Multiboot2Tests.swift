import GuestRAM
import TestSupport
import Testing

@testable import Boot

@Suite("Multiboot 2: headers, and what a kernel is told") struct Multiboot2Tests {
  typealias File = KernelFiles

  /// A kernel at 1 MiB, entered behind its header.
  private func elf(
    _ tags: [[UInt8]] = [], is64Bit: Bool = false, at address: UInt64 = 0x10_0000, size: UInt64? = nil
  ) -> [UInt8] {
    let header = File.multiboot2Header(tags)
    // The ELF header has 52 or 64 bytes, its only program header 32 or 56.
    let filler = [UInt8](repeating: 0, count: is64Bit ? 0 : 4)
    return File.elf(
      is64Bit: is64Bit, entry: address + UInt64(filler.count + header.count),
      [.init(at: address, filler + header + code, memorySize: size)])
  }

  /// The information's tags: number and content, in order.
  private func tags(of plan: BootPlan, _ memory: GuestMemory) throws -> [(number: UInt32, bytes: [UInt8])] {
    let start = plan.entry.rbx
    #expect(start % 8 == 0)
    let end = start + UInt64(try memory.number(start) as UInt32)
    var place = start + 8
    var tags: [(number: UInt32, bytes: [UInt8])] = []
    while place < end {
      let size = UInt64(try memory.number(place + 4) as UInt32)
      tags.append(
        (try memory.number(place), try memory.read(count: Int(size) - 8, at: GuestAddress(place + 8))))
      place += (size + 7) & ~7
    }
    #expect(place == end)
    #expect(tags.last?.number == 0)
    return tags
  }

  private func number(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<4).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
  }

  private func boot(_ request: BootRequest) throws -> (plan: BootPlan, memory: GuestMemory) {
    let plan = try request.plan()
    let memory = try ram()
    try plan.load(into: memory)
    return (plan, memory)
  }

  @Test("Registers, command line, modules, memory, ACPI", arguments: [false, true])
  func information(is64Bit: Bool) throws {
    let modules: [BootRequest.Module] = [
      .init(source: MemoryImage([9, 8]), commandLine: "/tmp/first"),
      .init(source: MemoryImage(code), commandLine: "/tmp/second initrd  two"),
    ]
    let (plan, memory) = try boot(
      request(
        elf(is64Bit: is64Bit, size: 0x2345), name: "/boot/kernel", commandLine: "-- quiet", modules: modules))
    #expect(plan.bootProtocol == .multiboot2)
    #expect(plan.entry.rax == 0x36d7_6289)
    #expect(!plan.entry.mode.isLong)
    #expect(plan.warnings.isEmpty)
    #expect(try memory.read(count: code.count, at: GuestAddress(plan.entry.instruction)) == code)
    let tags = try tags(of: plan, memory)
    func tag(_ wanted: UInt32) throws -> [UInt8] {
      let found = tags.filter { $0.number == wanted }
      #expect(found.count == 1)
      return try #require(found.first).bytes
    }
    // As GRUB does: neither the kernel's name nor the modules'.
    #expect(try tag(1) == Array("-- quiet\0".utf8))
    #expect(try tag(2) == Array("exeunt\0".utf8))
    #expect(number(try tag(4), 0) == 639)
    #expect(number(try tag(4), 4) == 63 << 10)
    #expect(number(try tag(21), 0) == 0x10_0000)
    // Right behind the kernel, on pages of their own.
    let listed = tags.filter { $0.number == 3 }.map(\.bytes)
    #expect(listed.map { number($0, 0) } == [0x10_3000, 0x10_4000])
    #expect(listed.map { number($0, 4) } == [0x10_3002, 0x10_5000])
    #expect(listed.map { Array($0[8...]) } == [[0], Array("initrd  two\0".utf8)])
    #expect(try memory.read(count: 2, at: GuestAddress(0x10_3000)) == [9, 8])
    #expect(try memory.read(count: code.count, at: GuestAddress(0x10_4000)) == code)
    let map = try tag(6)
    #expect(number(map, 0) == 24)
    #expect(number(map, 4) == 0)
    let expected = MemoryMap(RAMLayout(bytes: 64 << 20)).entries
    #expect(map.count == 8 + 24 * expected.count)
    for (index, entry) in expected.enumerated() {
      let place = 8 + 24 * index
      #expect(number(map, place) | number(map, place + 4) << 32 == entry.start)
      #expect(number(map, place + 8) | number(map, place + 12) << 32 == entry.length)
      #expect(number(map, place + 16) == UInt64(entry.kind))
    }
    // Both versions of the root pointer are whole.
    let (old, new) = (try tag(14), try tag(15))
    #expect((old.count, new.count) == (20, 36))
    #expect((old[15], new[15]) == (0, 2))
    #expect(old.reduce(0, &+) == 0)
    #expect(new.reduce(0, &+) == 0)
    #expect(new[..<20].reduce(0, &+) == 0)
    #expect(try memory.read(count: 36, at: GuestAddress(0xe_0000)) == new)
    #expect(Array(old[16...]) == Array(new[16..<20]))
    #expect(tags.filter { $0.number == 9 }.isEmpty, "there are no sections")
  }

  @Test(
    "Sections: those that are not loaded are put into RAM, and found by their headers",
    arguments: [false, true])
  func sections(is64Bit: Bool) throws {
    let symbols = (0..<100).map { UInt8($0) }
    let names = Array("\0.text\0.symtab\0".utf8)
    let kernel = elf(is64Bit: is64Bit)
    let file = File.adding(
      [
        .init(kind: 1, address: 0x10_0000, []), .init(kind: 2, symbols), .init(kind: 8, []),
        .init(kind: 3, names),
      ],
      to: kernel)
    let (plan, memory) = try boot(request(file))
    let table = try #require(try tags(of: plan, memory).first { $0.number == 9 }).bytes
    let size = is64Bit ? 64 : 40
    #expect(number(table, 0) == 5)
    #expect(number(table, 4) == UInt64(size))
    #expect(number(table, 8) == 4)
    #expect(table.count == 12 + 5 * size)
    func address(_ index: Int) -> UInt64 { number(table, 12 + index * size + (is64Bit ? 16 : 12)) }
    #expect(address(1) == 0x10_0000)
    #expect(address(3) == 0, "one without bytes is nowhere")
    #expect(try memory.read(count: symbols.count, at: GuestAddress(address(2))) == symbols)
    #expect(try memory.read(count: names.count, at: GuestAddress(address(4))) == names)
    // Out of the way of whoever takes the memory behind the kernel.
    #expect(address(2) > 60 << 20)
    #expect(plan.warnings.isEmpty)
    // Where they do not fit, the kernel runs all the same.
    var large = try request(file, megabytes: 64)
    large.layout = RAMLayout(bytes: 2 << 20)
    #expect(try large.plan().warnings.isEmpty)
    let much = File.adding([.init(kind: 2, [UInt8](repeating: 1, count: 2 << 20))], to: kernel)
    #expect(
      try request(much, megabytes: 2).plan().warnings.first?.contains("symbols do not fit into RAM") == true)
  }

  @Test("By its own addresses, also with the whole file before the header")
  func addresses() throws {
    for load: UInt32 in [0x20_0000, .max] {
      let header = File.multiboot2Header([
        File.multiboot2Tag(2, [0x20_0040, load, 0, 0x20_8000]), File.multiboot2Tag(3, [0x20_0080]),
      ])
      let file = [UInt8](repeating: 0x90, count: 0x40) + header + code
      let (plan, memory) = try boot(
        request(file, modules: [.init(source: MemoryImage([1]), commandLine: "")]))
      #expect(plan.entry.instruction == 0x20_0080)
      #expect(try memory.read(count: file.count, at: GuestAddress(0x20_0000)) == file)
      #expect(try memory.number(0x20_8000) as UInt8 == 1)
    }
  }

  @Test("An entry of its own, and PVH where it has a note")
  func entries() throws {
    let (plan, _) = try boot(request(elf([File.multiboot2Tag(3, [0x10_0100])])))
    #expect(plan.entry.instruction == 0x10_0100)
    let header = File.multiboot2Header()
    let file = File.elf(
      is64Bit: true, entry: 0x10_0000, [.init(at: 0x10_0000, [0, 0, 0, 0, 0, 0, 0, 0] + header + code)],
      notes: File.pvhNote(entry: 0x10_0040))
    #expect(try request(file).plan().bootProtocol == .multiboot2)
    #expect(try request(file, bootProtocol: .pvh).plan().bootProtocol == .pvh)
  }

  @Test("With headers of both versions the first counts, unless the second is asked for")
  func both() throws {
    let file = File.elf(
      is64Bit: false, entry: 0x10_0100,
      [.init(at: 0x10_0000, [0, 0, 0, 0] + File.multibootHeader(flags: 0) + File.multiboot2Header() + code)])
    #expect(try request(file).plan().bootProtocol == .multiboot)
    let source = MemoryImage(file)
    var second = try request(file)
    second.image = try KernelImage(source, for: .multiboot2)
    #expect(try second.plan().bootProtocol == .multiboot2)
  }

  @Test("An image that may be moved goes where it wants to be, as far as it may")
  func relocation() throws {
    func place(
      _ minimum: UInt32, _ maximum: UInt32, _ alignment: UInt32, _ preference: UInt32,
      _ others: [[UInt8]] = []
    ) throws -> UInt64 {
      let file = elf([File.multiboot2Tag(10, [minimum, maximum, alignment, preference])] + others)
      let (plan, memory) = try boot(request(file))
      let base = number(try #require(try tags(of: plan, memory).first { $0.number == 21 }).bytes, 0)
      #expect(
        plan.entry.instruction == base + 4
          + UInt64(File.multiboot2Header([File.multiboot2Tag(10, [0, 0, 0, 0])] + others).count))
      #expect(try memory.read(count: code.count, at: GuestAddress(plan.entry.instruction)) == code)
      return base
    }
    // Where it is linked, unless it may not be there.
    #expect(try place(0, .max, 0x1000, 0) == 0x10_0000)
    #expect(try place(0x30_0000, .max, 0x1000, 0) == 0x30_0000)
    #expect(try place(0, .max, 0x20_0000, 0) == 0x20_0000)
    #expect(try place(0x12_3456, .max, 0x1000, 1) == 0x12_4000)
    #expect(try place(0, .max, 0x20_0000, 2) == 62 << 20)
    #expect(try place(0, 0x80_0000, 0x1000, 2) == 0x7f_e000)
    #expect(
      refusal { _ = try place(0x30_0000, 0x30_0100, 1, 1) }?.contains("0x300000 to 0x300100") == true)
    #expect(refusal { _ = try place(0, .max, 3, 1) }?.contains("no power of two") == true)
  }

  @Test("What it asks for and cannot have is told or refused, what is optional or for EFI is passed over")
  func wishes() throws {
    let told = try request(
      elf([
        File.multiboot2Tag(5, [1024, 768, 32]), File.multiboot2Tag(1, [8, 1, 7]), File.multiboot2Tag(7),
        File.multiboot2Tag(9, [0]), File.multiboot2Tag(6), File.multiboot2Tag(4, [2]),
      ])
    ).plan().warnings
    #expect(told.count == 3, "\(told)")
    for word in ["a video mode", "a framebuffer", "VBE"] {
      #expect(told.filter { $0.contains(word) }.count == 1, "\(told)")
    }
    let quiet = try request(
      elf([
        File.multiboot2Tag(5, optional: true, [0, 0, 0]), File.multiboot2Tag(1, optional: true, [99]),
        File.multiboot2Tag(77, optional: true), File.multiboot2Tag(4, optional: true, [3]),
      ])
    ).plan().warnings
    #expect(quiet.isEmpty)
    for (tags, says): ([[UInt8]], String) in [
      ([File.multiboot2Tag(77)], "something unknown (tag 77)"),
      ([File.multiboot2Tag(1, [1, 99])], "unknown information (type 99)"),
      ([File.multiboot2Tag(4, [3])], "requires a display"),
      ([File.multiboot2Tag(2, [0x10_0000, 0x10_0000, 0, 0])], "no entry address (tag 3)"),
      ([File.multiboot2Tag(3, [0x50])], "entry 0x50 (tag 3) in none"),
      ([File.multiboot2Tag(10, [0, 0])], "tag 10 of 16 bytes; it has 24"),
      ([[3, 0, 0, 0, 4, 0, 0, 0]], "tag 3 of 4 bytes"),
      ([[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]], "tag 3 of 4294967295 bytes"),
    ] {
      #expect(refusal { _ = try request(elf(tags)) }?.contains(says) == true, "\(says)")
    }
  }

  @Test("Damaged headers are refused with what is wrong with them")
  func damaged() {
    func complaint(_ bytes: [UInt8]) -> String? { refusal { _ = try KernelImage(MemoryImage(bytes)) } }
    let filler = [UInt8](repeating: 0, count: 8)
    for (file, says) in [
      (File.multiboot2Header(architecture: 4) + code, "for architecture 4"),
      (File.multiboot2Header(length: 16) + code, "no room for its end tag"),
      (File.multiboot2Header([File.multiboot2Tag(6)], hasEnd: false) + code, "without an end tag"),
      (File.multiboot2Header(length: 100_000) + code, "the file ends within the multiboot 2 header"),
      (
        [UInt8](repeating: 0, count: 32768 - 24) + File.multiboot2Header([File.multiboot2Tag(6)]) + code,
        "beyond the first 32768 bytes"
      ),
      (File.multiboot2Header() + code, "is not ELF"),
      (Array(File.multiboot2Header().prefix(15)) + [1] + code, "its checksum is wrong"),
      (
        filler
          + File.multiboot2Header([
            File.multiboot2Tag(2, [0, .max, 0, 0]), File.multiboot2Tag(3, [0x10]),
          ]) + code, "all of the file before it"
      ),
    ] {
      #expect(complaint(file)?.contains(says) == true, "\(says): \(complaint(file) ?? "taken")")
    }
    let sections = File.adding([.init(kind: 2, [1, 2, 3])], to: elf())
    var writer = File.Writer(sections)
    writer.put(UInt16(39), at: 46)
    #expect(complaint(writer.bytes)?.contains("section headers of 39 bytes") == true)
    #expect(complaint(Array(sections.dropLast(1)))?.contains("within the ELF section headers") == true)
    writer = File.Writer(sections)
    writer.put(UInt32.max, at: sections.count - 40 + 20)
    #expect(complaint(writer.bytes)?.contains("within ELF section 1") == true)
  }

  @Test("Damaged kernels are refused, or their plans are sound") func damage() throws {
    var random = SeededGenerator(seed: 6)
    let files = [
      File.adding(
        [.init(kind: 2, [UInt8](repeating: 7, count: 300)), .init(kind: 3, [1, 2, 3])],
        to: elf([File.multiboot2Tag(10, [0, .max, 0x1000, 2])])),
      elf([File.multiboot2Tag(1, [1, 3, 6])], is64Bit: true, size: 0x9000),
      File.multiboot2Header([
        File.multiboot2Tag(2, [0x10_0000, 0x10_0000, 0, 0x10_9000]), File.multiboot2Tag(3, [0x10_0050]),
      ]) + code,
    ]
    let memory = try ram(megabytes: 32)
    var plans = 0
    for _ in 0..<3000 {
      var file = files.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Headers in front, and those of sections at the end.
        let place =
          Bool.random(using: &random)
          ? Int.random(in: 0..<0x100, using: &random) : file.count - Int.random(in: 1...0xa0, using: &random)
        file[place] = [0, 1, 0x7f, 0x80, 0xff, file[place] &+ 1].randomElement(using: &random)!
      }
      let module = BootRequest.Module(source: MemoryImage([1, 2, 3]), commandLine: "m")
      guard
        let plan = try? request(file, commandLine: "a", modules: [module], megabytes: 32).plan()
      else { continue }
      plans += 1
      let ranges = plan.ranges.sorted { $0.lowerBound < $1.lowerBound }
      for range in ranges {
        #expect(memory.contains(GuestAddress(range.lowerBound), count: range.count))
      }
      for (left, right) in zip(ranges, ranges.dropFirst()) { #expect(left.upperBound <= right.lowerBound) }
      try plan.load(into: memory)
    }
    #expect(plans > 500, "\(plans)")
  }
}
