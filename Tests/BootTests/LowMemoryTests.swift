import TestSupport
import Testing

@testable import Boot

@Suite("The first MiB: what a BIOS leaves, and where the VMM's own things are") struct LowMemoryTests {
  typealias File = KernelFiles

  private static let kernels: [(bootProtocol: BootPlan.BootProtocol, file: [UInt8])] = [
    (.linux64, File.bzImage(code)), (.linux32, File.bzImage(code)),
    (
      .pvh,
      File.elf(
        is64Bit: true, entry: 0x100_0000, [.init(at: 0x100_0000, code)],
        notes: File.pvhNote(entry: 0x100_0200))
    ), (.multiboot, Self.multiboot(at: 0x10_0000)),
    (
      .multiboot2,
      File.elf(
        is64Bit: false, entry: 0x10_0100,
        [.init(at: 0x10_0000, [0, 0, 0, 0] + File.multiboot2Header() + code)])
    ),
  ]

  private static func multiboot(at address: UInt64, size: UInt64? = nil) -> [UInt8] {
    File.elf(
      is64Bit: false, entry: address + 0x20,
      [.init(at: address, File.multibootHeader(flags: 0) + code, memorySize: size)])
  }

  @Test(
    "By every protocol: data areas, interrupts, and page 0 to 0x8fff left alone", arguments: kernels.indices)
  func areas(index: Int) throws {
    let kernel = Self.kernels[index]
    let plan = try request(kernel.file, commandLine: "a", bootProtocol: kernel.bootProtocol).plan()
    let memory = try ram()
    try plan.load(into: memory)
    #expect(try memory.number(0x400) as UInt16 == 0x3f8)
    #expect(try memory.number(0x413) as UInt16 == 639)
    let extended = UInt64(try memory.number(0x40e) as UInt16) << 4
    #expect(extended == 0x9_fc00)
    #expect(try memory.number(extended) as UInt8 == 1)
    #expect(try memory.number(extended + 16) as UInt32 == 0x5f50_4d5f, "the multiprocessor table's pointer")
    for vector: UInt64 in 0..<256 {
      let segment: UInt16 = try memory.number(4 * vector + 2)
      let offset: UInt16 = try memory.number(4 * vector)
      let code = try memory.read(count: 24, at: .init(UInt64(segment) << 4 + UInt64(offset)))
      #expect(code.contains(0xcf), "vector \(vector) does not return")
      // What interrupts something else must leave its registers alone: nothing is done, or %ax is kept meanwhile.
      if vector < 8 { #expect(code[0] == 0xcf) }
      if 8..<0x10 ~= vector || 0x70..<0x78 ~= vector {
        let end = code.firstIndex(of: 0xcf) ?? 0
        #expect(code[0] == 0x50 && end > 0 && code[end - 1] == 0x58, "vector \(vector)")
      }
    }
    #expect(try memory.number(0xf_fff0) as UInt8 != 0)
    let own = plan.ranges.filter { $0.lowerBound < 0x9_fc00 && $0.lowerBound > 0 }
    #expect(!own.isEmpty)
    #expect(own.allSatisfy { $0.lowerBound >= 0x9000 }, "\(own)")
  }

  @Test("A kernel's own segments come first, be they where a BIOS has its data")
  func kernelBelow() throws {
    let plan = try request(Self.multiboot(at: 0)).plan()
    let memory = try ram()
    try plan.load(into: memory)
    #expect(try memory.number(0) as UInt32 == 0x464c_457f || memory.number(0) as UInt32 == 0x1bad_b002)
    #expect(try memory.read(count: 4096, at: .init(32)) == code)
  }

  @Test("Below 0x9000 only where a kernel leaves no room above; refused where it leaves none at all")
  func noRoomAbove() throws {
    let plan = try request(Self.multiboot(at: 0x9000, size: 0x9_6c00)).plan()
    #expect(plan.entry.rbx < 0x9000 && plan.entry.rbx >= 0x500)
    #expect(
      refusal { _ = try request(Self.multiboot(at: 0x500, size: 0x9_f700)).plan() }?
        .contains("no room in the first 639 KiB of RAM for the descriptor table") == true)
    #expect(
      refusal {
        _ = try request(Self.multiboot(at: 0x10_0000), commandLine: String(repeating: "a", count: 700_000))
          .plan()
      }?.contains("for the command line, 700008 bytes") == true)
  }

  @Test("A multiboot kernel that calls before it has a stack finds one")
  func stack() throws {
    let plan = try request(Self.multiboot(at: 0x10_0000)).plan()
    #expect(plan.entry.rsp % 16 == 0)
    #expect(plan.ranges.contains { $0.upperBound == plan.entry.rsp && $0.count >= 4096 })
  }

  @Test("A multiboot kernel with PVH's note can be entered by that as well")
  func bothProtocols() throws {
    let file = File.elf(
      is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, File.multibootHeader(flags: 0) + code)],
      notes: File.pvhNote(entry: 0x10_0040))
    #expect(try request(file).plan().bootProtocol == .multiboot)
    let plan = try request(file, bootProtocol: .pvh).plan()
    #expect(plan.entry.instruction == 0x10_0040)
  }
}
