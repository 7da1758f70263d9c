import GuestRAM
import TestSupport
import Testing

@testable import Boot

@Suite("Flat images: a boot protocol like the others") struct FlatTests {
  private func image(
    _ mode: FlatImage.Mode, at address: UInt64 = 0x1_0000, count: Int = 4096, parameters: [UInt8]? = nil
  ) -> FlatImage {
    FlatImage(
      bytes: [UInt8](repeating: 0xf4, count: count), mode: mode, loadAddress: address, entry: address,
      parameterBlock: parameters)
  }

  @Test("In RAM is the image, what the mode needs, and nothing else", arguments: FlatImage.Mode.allCases)
  func contents(mode: FlatImage.Mode) throws {
    let memory = try ram()
    let plan = try image(mode).plan(memory.layout)
    try plan.load(into: memory)
    #expect(plan.bootProtocol == nil)
    #expect(plan.report == nil)
    #expect(!plan.expectsFirmwareInterrupts)
    let low = try memory.read(count: 0x1_2000, at: GuestAddress(0))
    let table: [UInt64] =
      mode == .real
      ? [] : [0, mode == .long ? 0x00af_9b00_0000_ffff : 0x00cf_9b00_0000_ffff, 0x00cf_9300_0000_ffff]
    for (index, descriptor) in table.enumerated() {
      #expect(try memory.number(0x500 + 8 * UInt64(index)) == descriptor)
    }
    for (address, byte) in low.enumerated() where byte != 0 {
      let isImage = 0x1_0000..<0x1_1000 ~= address
      let isTable = mode != .real && 0x500..<0x518 ~= address || mode == .long && 0x1000..<0x7000 ~= address
      #expect(isImage && byte == 0xf4 || isTable, "\(address): \(byte)")
    }
    guard let root = plan.entry.mode.pageTables else { return }
    // As the processor walks them: PML4, directory pointers, directories with pages of 2 MiB.
    for address: UInt64 in [0, 0x20_0000, 0x3fff_ffff, 0xd000_0000, 0xffe0_0000] {
      var table = root
      for shift: UInt64 in [39, 30] {
        let entry: UInt64 = try memory.number(table + 8 * (address >> shift & 511))
        #expect(entry & 0x81 == 1)
        table = entry & ~0xfff
      }
      let entry: UInt64 = try memory.number(table + 8 * (address >> 21 & 511))
      #expect(entry == address & ~0x1f_ffff | 0x83)
    }
  }

  @Test("A built-in guest finds its parameters, and no old report")
  func blocks() throws {
    let memory = try ram()
    try memory.write([UInt8](repeating: 0xee, count: 0x1000), at: GuestAddress(0x7000))
    let plan = try image(.protected, parameters: Array(1...32)).plan(memory.layout)
    for _ in 0..<2 {
      try plan.load(into: memory)
      #expect(try memory.read(count: 33, at: GuestAddress(0x7000)) == Array(1...32) + [0xee])
      #expect(
        try memory.read(count: 98, at: GuestAddress(0x77ff)) == [0xee] + [UInt8](repeating: 0, count: 96) + [
          0xee
        ])
      try memory.write([UInt8](repeating: 0xdd, count: 96), at: GuestAddress(0x7800))
    }
    #expect(plan.report == 0x7800..<0x7860)
    #expect(plan.entry.rbx == 0x7000)
    #expect(plan.entry.rsp == 0x8000)
  }

  @Test("Wherever it is loaded: refused, or within RAM with nothing upon the image")
  func property() throws {
    var random = SeededGenerator(seed: 9)
    let edges: [UInt64] = [
      0, 0x4ff, 0x500, 0x517, 0x518, 0xfff, 0x1000, 0x6fff, 0x7000, 1 << 20, 64 << 20, 3 << 30, 4 << 30, .max,
    ]
    var planned = 0
    for _ in 0..<4000 {
      let layout = RAMLayout(bytes: [1 << 20, 64 << 20, 3 << 30, 5 << 30].randomElement(using: &random)!)
      let edge = edges.randomElement(using: &random)!
      let address =
        Bool.random(using: &random) ? edge : edge &- UInt64.random(in: 0...0x1_0000, using: &random)
      let flat = image(
        FlatImage.Mode.allCases.randomElement(using: &random)!, at: address,
        count: Int.random(in: 1...0x8000, using: &random),
        parameters: Bool.random(using: &random) ? [1, 2, 3] : nil)
      guard let plan = try? flat.plan(layout) else { continue }
      planned += 1
      for piece in plan.pieces {
        #expect(
          layout.regions.contains { region in
            piece.length <= region.length && piece.address >= region.start.value
              && piece.address - region.start.value <= region.length - piece.length
          })
        guard piece.what.hasSuffix("table") || piece.what.hasSuffix("tables") else { continue }
        #expect(!piece.range.overlaps(address..<address + UInt64(flat.bytes.count)))
      }
    }
    #expect(planned > 500)
  }
}
