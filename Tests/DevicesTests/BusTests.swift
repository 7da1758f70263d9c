import Devices
import TestSupport
import Testing

@Suite("The bus: which device an access is for")
struct BusTests {
  private func range(_ start: UInt64, _ length: UInt64, _ id: UInt16 = 1) -> Bus.Range {
    Bus.Range(start: start, length: length, device: ScratchRegister(id: DeviceID(id)))
  }

  private func refusal(_ limit: UInt64, _ ranges: Bus.Range...) -> String {
    let error = #expect(throws: BusError.self) { _ = try Bus(name: "port", limit: limit, ranges) }
    return error?.description ?? ""
  }

  @Test("Ranges that clash are refused by their devices' numbers")
  func clash() {
    let message = refusal(1 << 16, range(0x10, 8, 71), range(0x17, 1, 72))
    for part in ["port", "71", "72", "0x10–0x17", "0x17–0x17"] {
      #expect(message.contains(part), "\(message)")
    }
    #expect(throws: Never.self) {
      _ = try Bus(name: "port", limit: 1 << 16, [range(0x10, 8), range(0x18, 1)])
    }
    _ = refusal(1 << 16, range(0x10, 8), range(0x10, 8))
    _ = refusal(1 << 16, range(0x10, 8), range(0x0, 0x100))
  }

  @Test("Ranges that are none, or leave the bus, are refused")
  func impossible() {
    for (start, length): (UInt64, UInt64) in [
      (0, 0), (1 << 16, 1), (1 << 16 - 1, 2), (0, 1 << 16 + 1), (.max, 1), (.max, .max), (1, .max), (0, .max),
    ] {
      #expect(refusal(1 << 16, range(start, length)).contains("no range of the port bus"))
    }
    #expect(refusal(.max, range(0, 1 << 32 + 1)).contains("no range"))
    #expect(throws: Never.self) { _ = try Bus(name: "port", limit: 1 << 16, [range(0, 1 << 16)]) }
    #expect(throws: Never.self) { _ = try Bus(name: "port", limit: .max, [range(.max - 8, 8)]) }
  }

  @Test("An empty bus claims nothing")
  func empty() throws {
    let bus = try Bus(name: "port", limit: 1 << 16, [])
    for address in [0, 1, 0xffff, UInt64.max] { #expect(bus.find(address, size: 1) == nil) }
  }

  @Test("Finding agrees with looking at every range, at random", arguments: 0..<40)
  func agreesWithLinearSearch(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    // Every other set lies at the very end of the address space.
    let base: UInt64 = seed % 2 == 0 ? 0 : .max - 4096
    var ranges: [Bus.Range] = []
    var next = base
    for _ in 0..<Int.random(in: 1..<40, using: &random) {
      next += UInt64.random(in: 0..<20, using: &random)
      let length = UInt64.random(in: 1..<30, using: &random)
      ranges.append(range(next, length))
      next += length
    }
    let bus = try Bus(name: "memory", limit: .max, ranges.shuffled(using: &random))
    #expect(bus.ranges.map(\.start) == ranges.map(\.start))
    for _ in 0..<4000 {
      let near = Bool.random(using: &random) ? base : next
      let address = near &+ UInt64.random(in: 0..<2000, using: &random) &- 100
      let size = [1, 2, 3, 4, 8].randomElement(using: &random)!
      let linear = ranges.firstIndex { range in
        (0..<size).allSatisfy { byte in
          let place = UInt128(address) + UInt128(byte)
          return place >= range.start && place < UInt128(range.start) + UInt128(range.length)
        }
      }
      #expect(bus.find(address, size: size) == linear, "\(size) bytes at \(address)")
    }
  }
}
