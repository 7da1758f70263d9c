import Foundation
import GuestPrograms
import Testing

/// What the compilers made of the guests: an image that runs at another address than the one it has in this executable, and
/// without anything beside it, may refer to nothing outside and to nothing by address.
@Suite("Images of guests need nothing but themselves")
struct GuestImageTests {
  static let directory: URL = {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent()
  }()

  static func objects(of target: String) -> [URL] {
    let found = try? FileManager.default.contentsOfDirectory(
      at: directory.appendingPathComponent("\(target).build"), includingPropertiesForKeys: nil)
    return (found ?? []).filter { $0.pathExtension == "o" }.sorted { $0.path < $1.path }
  }

  static let assembly = objects(of: "CGuestPrograms")
  static let c = objects(of: "CVirtioGuests")

  @Test("There is an object for each guest")
  func complete() {
    #expect(Self.assembly.count + Self.c.count == GuestProgram.all.count)
  }

  @Test("Nothing in an image is left to the linker", arguments: assembly + c)
  func relocations(_ object: URL) throws {
    let file = try ELFObject(object)
    for section in file.sections where file.isRelocation(section) {
      let target = file.sections[Int(section.information)]
      #expect(!file.isAllocated(target), "\(file.name(target)) has relocations")
    }
  }

  @Test("A guest in C has code and nothing else", arguments: c)
  func sections(_ object: URL) throws {
    let file = try ELFObject(object)
    let allocated = file.sections.filter { file.isAllocated($0) && $0.size > 0 }
    #expect(allocated.map(file.name) == ["guest_code"])
  }

  /// KVM's emulator has no fences and no IRET, and nobody prepares floating point or segments for a guest.
  @Test(
    "A guest in C has no instruction that it must not have",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/objdump"), "needs objdump"),
    arguments: c)
  func instructions(_ object: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/objdump")
    process.arguments = ["-d", "-j", "guest_code", "--no-show-raw-insn", object.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let instructions = text.split(separator: "\n").compactMap { line -> Substring? in
      let parts = line.split(separator: "\t", maxSplits: 1)
      return parts.count == 2 ? parts[1] : nil
    }
    try #require(instructions.count > 100)
    let forbidden = /%[xyz]?mm|%st|%[fg]s:|^[lms]fence|^iret|^syscall|^ud2|^popcnt|\(bad\)/
    #expect(instructions.filter { $0.contains(forbidden) } == [])
  }
}

/// The section headers of a relocatable ELF file of 64 bits.
private struct ELFObject {
  struct Section {
    let name, type: UInt32
    let flags, size: UInt64
    let information: UInt32
  }

  private let bytes: [UInt8]
  let sections: [Section]
  private let names: Int

  init(_ url: URL) throws {
    let bytes = [UInt8](try Data(contentsOf: url))
    try #require(bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]))
    func number<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
      bytes[offset..<offset + MemoryLayout<T>.size].reversed().reduce(0) { $0 << 8 | T($1) }
    }
    let table = Int(number(0x28, UInt64.self))
    let offsets = (0..<Int(number(0x3c, UInt16.self))).map { table + 64 * $0 }
    sections = offsets.map {
      Section(
        name: number($0, UInt32.self), type: number($0 + 4, UInt32.self), flags: number($0 + 8, UInt64.self),
        size: number($0 + 32, UInt64.self), information: number($0 + 44, UInt32.self))
    }
    names = Int(number(offsets[Int(number(0x3e, UInt16.self))] + 24, UInt64.self))
    self.bytes = bytes
  }

  func name(_ section: Section) -> String {
    String(decoding: bytes[(names + Int(section.name))...].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// SHT_RELA or SHT_REL with something in it.
  func isRelocation(_ section: Section) -> Bool {
    (section.type == 4 || section.type == 9) && section.size > 0
  }

  /// SHF_ALLOC.
  func isAllocated(_ section: Section) -> Bool { section.flags & 2 != 0 }
}
