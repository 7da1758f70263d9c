import TestSupport
import Testing

@testable import Boot

@Suite("Kernel files") struct FormatTests {
  typealias File = KernelFiles

  @Test("ELF, 64 and 32 bits: segments in order, entry, PVH note", arguments: [true, false])
  func elf(is64Bit: Bool) throws {
    let file = File.elf(
      is64Bit: is64Bit, entry: 0x20_0010,
      [.init(at: 0x30_0000, code, memorySize: 0x5000), .init(at: 0x20_0000, code)],
      notes: File.pvhNote(entry: 0x20_0040))
    let image = try ELFImage(MemoryImage(file))
    #expect(image.is64Bit == is64Bit)
    #expect(image.entry == 0x20_0010)
    #expect(image.pvhEntry == 0x20_0040)
    #expect(image.segments.map(\.physicalAddress) == [0x20_0000, 0x30_0000])
    #expect(image.segments.map(\.memorySize) == [4096, 0x5000])
    #expect(Array(file[Int(image.segments[0].fileOffset)...].prefix(4096)) == code)
  }

  @Test("An entry that is a virtual address is translated")
  func virtualEntry() throws {
    let file = File.elf(
      is64Bit: false, entry: 0xc020_0010, [.init(at: 0x20_0000, virtualAddress: 0xc020_0000, code)])
    #expect(try ELFImage(MemoryImage(file)).entry == 0x20_0010)
  }

  @Test("A bzImage's header is understood")
  func bzImage() throws {
    let image = try LinuxImage(MemoryImage(File.bzImage(code) + [1, 2, 3]))
    #expect(image.version == 0x20f)
    #expect(image.codeOffset == 2560)
    // What follows the kernel, such as a signature, is not part of it.
    #expect(image.codeSize == 4096)
    #expect(image.has64BitEntry)
    #expect(image.isRelocatable)
    #expect(image.preferredAddress == 0x100_0000)
    #expect(image.initialSize == 0x20_0000)
    #expect(image.ramdiskLimit == 0x7fff_ffff)
    #expect(image.commandLineLimit == 2047)
    #expect(image.release == "6.1.0-test")
  }

  @Test("The last paragraph of a kernel need not be full", arguments: 0..<16)
  func lastParagraph(missing: Int) throws {
    let image = try LinuxImage(MemoryImage(File.bzImage(code, payloadSize: 16).dropLast(missing)))
    #expect(image.codeSize == UInt64(code.count - missing))
  }

  @Test("PVH needs no entry but its own")
  func onlyPVH() throws {
    let file = File.elf(
      is64Bit: true, entry: 0, [.init(at: 0x20_0000, code)], notes: File.pvhNote(entry: 0x20_0040))
    #expect(try request(file).plan().bootProtocol == .pvh)
    #expect(
      refusal { _ = try request(file, bootProtocol: .linux64).plan() }?.hasSuffix("it offers pvh") == true)
  }

  @Test("A multiboot header is found at every place where it may be, and nowhere else")
  func multibootPlaces() throws {
    for offset in [0, 4, 512, 8192 - 32, 8192 - 12, 8192 - 8] {
      let header = File.multibootHeader(flags: 0)
      var file = [UInt8](repeating: 0x90, count: 9000)
      file.replaceSubrange(offset..<offset + 32, with: header)
      let found = MultibootImage.find(try MemoryImage(file).prefix(MultibootImage.searchLimit))
      #expect(found == (offset <= 8192 - 12 ? offset : nil), "\(offset)")
    }
  }

  @Test("Multiboot address fields place a piece of the file")
  func multibootAddresses() throws {
    let header = File.multibootHeader(
      flags: 1 << 16 | 3, header: 0x10_0040, load: 0x10_0020, loadEnd: 0x10_0220, zeroEnd: 0x10_1000,
      entry: 0x10_0060)
    let file = [UInt8](repeating: 7, count: 64) + header + code
    guard case .multiboot(let image) = try KernelImage(MemoryImage(file)) else {
      Issue.record("not recognised")
      return
    }
    #expect(image.entry == 0x10_0060)
    #expect(
      image.segments == [
        ELFImage.Segment(
          fileOffset: 32, fileSize: 0x200, physicalAddress: 0x10_0020, memorySize: 0xfe0,
          virtualAddress: 0x10_0020)
      ])
  }

  /// Each with what its message must say.
  static let bad: [(name: String, file: [UInt8], says: String)] = {
    let elf = File.elf(is64Bit: true, entry: 0x20_0000, [.init(at: 0x20_0000, code)])
    let elf32 = File.elf(is64Bit: false, entry: 0x20_0000, [.init(at: 0x20_0000, code)])
    let linux = File.bzImage(code)
    func changed<Value: FixedWidthInteger>(_ file: [UInt8], _ offset: Int, _ value: Value) -> [UInt8] {
      var writer = File.Writer(file)
      writer.put(value, at: offset)
      return writer.bytes
    }
    func kludge(_ header: [UInt8]) -> [UInt8] { header + code }
    return [
      ("ELF of class 3", changed(elf, 4, UInt8(3)), "unknown class 3"),
      ("big-endian ELF", changed(elf, 5, UInt8(2)), "big-endian"),
      ("an object", changed(elf, 16, UInt16(1)), "object file"),
      ("a core dump", changed(elf, 16, UInt16(4)), "core dump"),
      ("ELF for Arm", changed(elf, 18, UInt16(183)), "machine 183"),
      ("a 32-bit executable for the other class", changed(elf32, 18, UInt16(62)), "machine 62"),
      ("no program headers", changed(elf, 56, UInt16(0)), "not linked"),
      ("too many program headers", changed(elf, 56, UInt16(0xffff)), "65535 program headers"),
      ("program headers of another size", changed(elf, 54, UInt16(32)), "32 bytes"),
      ("program headers beyond the end", changed(elf, 32, UInt64.max - 8), "within the ELF program headers"),
      ("nothing to load", changed(elf, 64, UInt32(0)), "no PT_LOAD"),
      ("a segment beyond the end", changed(elf, 64 + 32, UInt64(5000)), "only 4096 in memory"),
      (
        "a segment's offset beyond the end", changed(elf, 64 + 8, UInt64.max),
        "the file ends within the segment"
      ),
      ("a segment beyond all addresses", changed(elf, 64 + 24, UInt64.max - 100), "leaves the address space"),
      ("an entry in no segment", changed(elf, 24, UInt64(0x30_0000)), "in none of its segments"),
      (
        "overlapping segments",
        File.elf(is64Bit: true, entry: 0x20_0000, [.init(at: 0x20_0000, code), .init(at: 0x20_0ff0, code)]),
        "overlap: 0x200000–0x200fff and 0x200ff0–0x201fef"
      ),
      (
        "a note that is cut off",
        File.elf(
          is64Bit: true, entry: 0x20_0000, [.init(at: 0x20_0000, code)],
          notes: Array(File.pvhNote(entry: 0x20_0000).dropLast(2))), "cut off"
      ),
      (
        "a PVH entry in no segment",
        File.elf(
          is64Bit: true, entry: 0x20_0000, [.init(at: 0x20_0000, code)], notes: File.pvhNote(entry: 0x10)),
        "PVH entry 0x10"
      ),
      ("a header that is cut", Array(elf.prefix(40)), "within the ELF header"),
      ("an old boot protocol", changed(linux, 0x206, UInt16(0x201)), "boot protocol 2.1;"),
      ("a boot protocol of the future", changed(linux, 0x206, UInt16(0x300)), "boot protocol 3.0;"),
      ("a zImage", changed(linux, 0x211, UInt8(0)), "zImage"),
      ("a setup header without length", changed(linux, 0x201, UInt8(2)), "impossible length"),
      ("a setup header that is too long", changed(linux, 0x201, UInt8(0xff)), "impossible length"),
      ("no kernel", changed(linux, 0x1f4, UInt32(0)), "syssize is 0"),
      (
        "a kernel that lacks a paragraph", Array(linux.dropLast(16)),
        "4096 bytes are announced (syssize), 4080"
      ),
      ("a kernel beyond the end", changed(linux, 0x1f4, UInt32.max), "68719476720 bytes are announced"),
      ("setup code beyond the end", changed(linux, 0x1f1, UInt8(200)), "within the setup code"),
      ("a payload beyond the kernel", changed(linux, 0x24c, UInt32(5000)), "payload of 5000 bytes"),
      ("an alignment that is none", changed(linux, 0x230, UInt32(3)), "no power of two"),
      ("an address beyond all", changed(linux, 0x258, UInt64.max - 4096), "which no processor has"),
      ("a bzImage that is cut", Array(linux.prefix(0x280)), "within the Linux setup header"),
      (
        "an entry before what is loaded", changed(File.bzImage(code, has64BitEntry: false), 0x214, UInt32(0)),
        "at 0x0, outside of what is loaded to 0x100000"
      ),
      (
        "an entry behind it", changed(File.bzImage(code, has64BitEntry: false), 0x214, UInt32(0x10_1000)),
        "at 0x101000, outside"
      ),
      ("multiboot with something unknown", kludge(File.multibootHeader(flags: 1 << 16 | 32)), "flags 0x20"),
      ("multiboot that is no ELF", kludge(File.multibootHeader(flags: 3)), "is not ELF"),
      (
        "multiboot with an entry that PVH's note does not make up for",
        File.elf(
          is64Bit: false, entry: 0, [.init(at: 0x20_0000, File.multibootHeader(flags: 0) + code)],
          notes: File.pvhNote(entry: 0x20_0020)), "entry in none"
      ),
      (
        "multiboot addresses where no loader looks",
        [UInt8](repeating: 0x90, count: 8192 - 16) + File.multibootHeader(flags: 1 << 16) + code,
        "beyond the first 8192 bytes"
      ),
      (
        "multiboot with a header before its load address",
        kludge(File.multibootHeader(flags: 1 << 16, header: 0x10_0000, load: 0x10_0010)),
        "load address 0x100010"
      ),
      (
        "multiboot that ends before it begins",
        kludge(File.multibootHeader(flags: 1 << 16, header: 0x10_0000, load: 0x10_0000, loadEnd: 0x1000)),
        "ends at 0x1000"
      ),
      (
        "multiboot that is longer than its file",
        kludge(File.multibootHeader(flags: 1 << 16, header: 0x10_0000, load: 0x10_0000, loadEnd: 0x20_0000)),
        "1048576 bytes are announced"
      ),
      (
        "multiboot whose zeros end early",
        kludge(
          File.multibootHeader(
            flags: 1 << 16, header: 0x10_0000, load: 0x10_0000, zeroEnd: 0x10_0010, entry: 0x10_0000)
        ), "zeroed part"
      ),
      (
        "multiboot with an entry elsewhere",
        kludge(File.multibootHeader(flags: 1 << 16, header: 0x10_0000, load: 0x10_0000, entry: 0x20)),
        "entry 0x20"
      ),
      (
        "multiboot without all addresses", Array(File.multibootHeader(flags: 1 << 16).prefix(20)), "addresses"
      ),
      ("gzip", [0x1f, 0x8b, 8] + code, "gzip"),
      ("a ramdisk", Array("070701".utf8) + code, "--initrd"),
    ]
  }()

  @Test("Bad files are refused with what is wrong with them", arguments: bad.indices)
  func badFiles(index: Int) {
    let item = Self.bad[index]
    let message = refusal { _ = try KernelImage(MemoryImage(item.file)) }
    #expect(message?.contains(item.says) == true, "\(item.name): \(message ?? "taken")")
  }

  @Test("Wherever a file is cut, it is refused or taken as what is left")
  func cuts() throws {
    let files = [
      File.elf(
        is64Bit: true, entry: 0x20_0000, [.init(at: 0x20_0000, code)], notes: File.pvhNote(entry: 0x20_0000)),
      File.elf(is64Bit: false, entry: 0x20_0000, [.init(at: 0x20_0000, code)]),
      File.bzImage(code),
    ]
    for file in files {
      for length in stride(from: 1, to: file.count, by: 7) {
        let cut = Array(file.prefix(length))
        guard let image = try? KernelImage(MemoryImage(cut)) else { continue }
        // Too short to be recognised; never a kernel with parts missing, but for the filler of a bzImage's last paragraph.
        if case .linux = image, length > file.count - 16 { continue }
        if case .flat = image { continue }
        Issue.record("\(length) bytes of \(file.count) pass for a kernel")
      }
    }
  }

  @Test("Other bytes are a flat image")
  func flat() throws {
    guard case .flat = try KernelImage(MemoryImage(code)) else {
      Issue.record("recognised as a kernel")
      return
    }
    #expect(refusal { _ = try request(code).plan() }?.contains("neither a bzImage nor ELF") == true)
  }
}
