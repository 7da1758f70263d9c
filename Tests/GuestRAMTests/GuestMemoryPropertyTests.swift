import GuestRAM
import TestSupport
import Testing

/// Guest RAM as a dictionary of bytes: slow, and too simple to be wrong.
private struct ReferenceMemory {
  let size: UInt64
  var bytes: [UInt64: UInt8] = [:]

  private func isRAM(_ address: UInt128) -> Bool {
    let low = min(UInt128(size), 3 << 30)
    if address < low { return true }
    return address >= 4 << 30 && address < (4 << 30) + UInt128(size) - low
  }

  func contains(_ address: UInt64, _ count: Int) -> Bool {
    (0..<count).allSatisfy { isRAM(UInt128(address) + UInt128($0)) }
  }

  mutating func write(_ value: UInt64, _ count: Int, at address: UInt64, _ order: ByteOrder) {
    for index in 0..<count {
      let place = order == .little ? index : count - 1 - index
      bytes[address + UInt64(index)] = UInt8(truncatingIfNeeded: value >> UInt64(8 * place))
    }
  }

  func read(_ count: Int, at address: UInt64, _ order: ByteOrder) -> UInt64 {
    (0..<count).reduce(0) { value, index in
      let place = order == .little ? index : count - 1 - index
      return value | UInt64(bytes[address + UInt64(index)] ?? 0) << UInt64(8 * place)
    }
  }
}

@Suite("Guest memory against a dictionary of bytes")
struct GuestMemoryPropertyTests {
  static let sizes: [UInt64] = [1 << 20, 3 << 30, 3 << 30 + 4096, 5 << 30]

  private func error(_ body: () throws -> Void) -> GuestMemoryError? {
    do {
      try body()
      return nil
    } catch {
      return error as? GuestMemoryError
    }
  }

  @Test("Reads, writes and refusals agree around every boundary", arguments: sizes)
  func agreesWithReference(size: UInt64) throws {
    let memory = try GuestMemory.allocate(bytes: size, backend: .anonymous, preallocate: false)
    var reference = ReferenceMemory(size: size)
    var random = SeededGenerator(seed: size)
    let high = size > 3 << 30 ? 4 << 30 + (size - 3 << 30) : 4 << 30
    let boundaries: [UInt64] = [
      0, 4096, min(size, 3 << 30), 3 << 30, 4 << 30, high, 1 << 52, 1 << 63, .max,
    ]
    for _ in 0..<20_000 {
      let near = boundaries.randomElement(using: &random)!
      let address = near &+ UInt64.random(in: 0..<48, using: &random) &- 24
      let value = random.next()
      let order: ByteOrder = Bool.random(using: &random) ? .little : .big
      switch Int.random(in: 0..<4, using: &random) {
      case 0: check(UInt8.self)
      case 1: check(UInt16.self)
      case 2: check(UInt32.self)
      default: check(UInt64.self)
      }

      func check<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ type: Value.Type) {
        let count = MemoryLayout<Value>.size
        let access = "\(count) bytes at \(GuestAddress(address)) of \(size)"
        guard reference.contains(address, count) else {
          let refusal = GuestMemoryError.outside(GuestAddress(address), count: count)
          let written = error {
            try memory.write(Value(truncatingIfNeeded: value), at: GuestAddress(address), order)
          }
          let read = error { _ = try memory.read(Value.self, at: GuestAddress(address), order) }
          #expect(written == refusal, "\(access)")
          #expect(read == refusal, "\(access)")
          #expect(!memory.contains(GuestAddress(address), count: count), "\(access)")
          return
        }
        #expect(memory.contains(GuestAddress(address), count: count), "\(access)")
        let before = (try? memory.read(Value.self, at: GuestAddress(address), order)).map { UInt64($0) }
        #expect(before == reference.read(count, at: address, order), "\(access)")
        try? memory.write(Value(truncatingIfNeeded: value), at: GuestAddress(address), order)
        reference.write(value, count, at: address, order)
      }
    }
  }

  @Test("Runs of bytes are copied whole or not at all", arguments: sizes)
  func copiesAgree(size: UInt64) throws {
    let memory = try GuestMemory.allocate(bytes: size, backend: .anonymous, preallocate: false)
    var reference = ReferenceMemory(size: size)
    var random = SeededGenerator(seed: ~size)
    let high = size > 3 << 30 ? 4 << 30 + (size - 3 << 30) : 4 << 30
    for _ in 0..<500 {
      let near = [0, min(size, 3 << 30), 4 << 30, high, UInt64.max].randomElement(using: &random)!
      let address = near &+ UInt64.random(in: 0..<256, using: &random) &- 128
      let bytes = (0..<Int.random(in: 1..<200, using: &random)).map { _ in
        UInt8(truncatingIfNeeded: random.next())
      }
      guard reference.contains(address, bytes.count) else {
        #expect(throws: GuestMemoryError.self) { try memory.write(bytes, at: GuestAddress(address)) }
        #expect(throws: GuestMemoryError.self) {
          _ = try memory.read(count: bytes.count, at: GuestAddress(address))
        }
        #expect(throws: GuestMemoryError.self) {
          try memory.clear(count: bytes.count, at: GuestAddress(address))
        }
        continue
      }
      let expected = (0..<bytes.count).map { reference.bytes[address + UInt64($0)] ?? 0 }
      #expect(try memory.read(count: bytes.count, at: GuestAddress(address)) == expected)
      if Bool.random(using: &random) {
        try memory.write(bytes, at: GuestAddress(address))
        for (index, byte) in bytes.enumerated() { reference.bytes[address + UInt64(index)] = byte }
      } else {
        try memory.clear(count: bytes.count, at: GuestAddress(address))
        for index in bytes.indices { reference.bytes[address + UInt64(index)] = 0 }
      }
    }
  }

  @Test("A count that no memory has is refused, not computed with")
  func absurdCounts() throws {
    let memory = try GuestMemory.allocate(bytes: 5 << 30, backend: .anonymous, preallocate: false)
    for address: UInt64 in [0, 1, 3 << 30, 4 << 30, .max] {
      for count in [-1, Int.min, Int.max, 5 << 30 + 1] {
        #expect(!memory.contains(GuestAddress(address), count: count))
        #expect(throws: GuestMemoryError.outside(GuestAddress(address), count: count)) {
          _ = try memory.read(count: count, at: GuestAddress(address))
        }
        #expect(throws: GuestMemoryError.outside(GuestAddress(address), count: count)) {
          try memory.clear(count: count, at: GuestAddress(address))
        }
      }
    }
    // RAM is there on both sides of the hole, but no access spans it, though it would have been enough in bytes.
    #expect(!memory.contains(GuestAddress(3 << 30 - 1), count: 2))
    #expect(!memory.contains(GuestAddress(0), count: 4 << 30))
    #expect(memory.contains(GuestAddress(0), count: 3 << 30))
    #expect(memory.contains(GuestAddress(4 << 30), count: 2 << 30))
    #expect(try memory.read(count: 0, at: GuestAddress(0)).isEmpty)
  }

  @Test("Published numbers keep their order and refuse what is not aligned or not RAM")
  func publishedNumbers() throws {
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let end: UInt64 = 1 << 20
    for order in [ByteOrder.little, .big] {
      try memory.storeReleasing(0x0102_0304, at: GuestAddress(end - 4), order)
      #expect(try memory.loadAcquiring(at: GuestAddress(end - 4), order) == 0x0102_0304)
      let first = try memory.read(UInt8.self, at: GuestAddress(end - 4), .little)
      #expect(first == (order == .little ? 4 : 1))
      for offset: UInt64 in 1...3 {
        #expect(throws: GuestMemoryError.misaligned(GuestAddress(offset), size: 4)) {
          _ = try memory.loadAcquiring(at: GuestAddress(offset), order)
        }
        #expect(throws: GuestMemoryError.misaligned(GuestAddress(offset), size: 4)) {
          try memory.storeReleasing(1, at: GuestAddress(offset), order)
        }
        #expect(throws: GuestMemoryError.outside(GuestAddress(end - offset), count: 4)) {
          _ = try memory.loadAcquiring(at: GuestAddress(end - offset), order)
        }
      }
      #expect(throws: GuestMemoryError.outside(GuestAddress(.max - 3), count: 4)) {
        _ = try memory.loadAcquiring(at: GuestAddress(.max - 3), order)
      }
    }
  }

  @Test("Published 16-bit numbers keep their order and refuse what is not aligned or not RAM")
  func publishedIndexes() throws {
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let end: UInt64 = 1 << 20
    for order in [ByteOrder.little, .big] {
      try memory.write([9, 9, 9, 9], at: GuestAddress(end - 4))
      try memory.storeReleasing16(0x0102, at: GuestAddress(end - 2), order)
      #expect(try memory.loadAcquiring16(at: GuestAddress(end - 2), order) == 0x0102)
      #expect(
        try memory.read(count: 4, at: GuestAddress(end - 4)) == [9, 9]
          + (order == .little ? [2, 1] : [1, 2]))
      #expect(throws: GuestMemoryError.misaligned(GuestAddress(3), size: 2)) {
        _ = try memory.loadAcquiring16(at: GuestAddress(3), order)
      }
      #expect(throws: GuestMemoryError.misaligned(GuestAddress(3), size: 2)) {
        try memory.storeReleasing16(1, at: GuestAddress(3), order)
      }
      for outside in [end - 1, end, .max] {
        #expect(throws: GuestMemoryError.outside(GuestAddress(outside), count: 2)) {
          try memory.storeReleasing16(1, at: GuestAddress(outside), order)
        }
      }
    }
  }

  @Test(
    "RAM is laid out as on a PC",
    arguments: [
      (1 << 20, [(0, 1 << 20, 0)]), (3 << 30, [(0, 3 << 30, 0)]),
      (3 << 30 + 4096, [(0, 3 << 30, 0), (4 << 30, 4096, 3 << 30)]),
      (64 << 30, [(0, 3 << 30, 0), (4 << 30, 61 << 30, 3 << 30)]),
    ] as [(UInt64, [(UInt64, UInt64, UInt64)])])
  func layout(bytes: UInt64, expected: [(UInt64, UInt64, UInt64)]) {
    let regions = RAMLayout(bytes: bytes).regions
    #expect(regions.map(\.start.value) == expected.map(\.0))
    #expect(regions.map(\.length) == expected.map(\.1))
    #expect(regions.map(\.backingOffset) == expected.map(\.2))
  }

  @Test("The memory given to KVM is what the accessors see, in both regions")
  func hostMemory() throws {
    let memory = try GuestMemory.allocate(bytes: 4 << 30, backend: .anonymous, preallocate: false)
    #expect(memory.size == 4 << 30)
    for region in memory.layout.regions {
      let host = memory.hostMemory(of: region)
      #expect(UInt64(host.count) == region.length)
      for offset in [0, host.count - 1] {
        host[offset] = 0xa5
        #expect(try memory.read(UInt8.self, at: region.start.advanced(by: UInt64(offset)), .little) == 0xa5)
      }
    }
  }
}
