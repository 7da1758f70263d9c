import GuestRAM
import TestSupport
import Testing

@testable import Boot

@Suite("Room in guest RAM") struct AllocatorTests {
  @Test("What is given is RAM, aligned, within its window, and given once") func properties() throws {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<200 {
      let layout = RAMLayout(bytes: UInt64.random(in: 1...64, using: &random) << 20)
      var allocator = AddressAllocator(layout: layout)
      var given: [Range<UInt64>] = []
      for _ in 0..<60 {
        let size = UInt64.random(in: 1...0x2_0000, using: &random)
        let alignment: UInt64 = 1 << UInt64.random(in: 0...14, using: &random)
        let low = UInt64.random(in: 0..<allocator.lowRAMEnd, using: &random)
        let window = low..<UInt64.random(in: low...allocator.lowRAMEnd, using: &random)
        let kind = Int.random(in: 0..<3, using: &random)
        var range: Range<UInt64>?
        do {
          switch kind {
          case 0:
            let start = try allocator.lowest(size, alignment: alignment, in: window, what: "a")
            range = start..<start + size
          case 1:
            let start = try allocator.highest(size, alignment: alignment, in: window, what: "a")
            range = start..<start + size
          default:
            try allocator.take(low..<low + size, what: "a")
            range = low..<low + size
          }
        } catch {
          // A fixed range is refused only where it must be.
          if kind == 2 {
            #expect(low + size > allocator.lowRAMEnd || given.contains { $0.overlaps(low..<low + size) })
          }
        }
        guard let range else { continue }
        #expect(range.upperBound <= allocator.lowRAMEnd)
        #expect(!given.contains { $0.overlaps(range) })
        if kind != 2 {
          #expect(range.lowerBound % alignment == 0)
          #expect(range.lowerBound >= window.lowerBound && range.upperBound <= window.upperBound)
        }
        given.append(range)
      }
    }
  }

  @Test("The lowest and the highest room that there is") func extremes() throws {
    var allocator = AddressAllocator(layout: RAMLayout(bytes: 16 << 20))
    try allocator.take(0x1000..<0x3000, what: "a")
    #expect(try allocator.lowest(0x1000, alignment: 0x1000, in: 0x500..<0x9_0000, what: "b") == 0x3000)
    #expect(try allocator.lowest(0x100, alignment: 16, in: 0x500..<0x9_0000, what: "c") == 0x500)
    #expect(try allocator.highest(0x1800, alignment: 0x1000, in: 0..<0x10_0000, what: "d") == 0xf_e000)
    #expect(try allocator.highest(0x1000, alignment: 0x1000, in: 0..<0x10_0000, what: "e") == 0xf_d000)
    #expect(
      refusal { try allocator.take(0x2fff..<0x3001, what: "f") }?.contains("0x1000–0x2fff is taken") == true)
  }
}
