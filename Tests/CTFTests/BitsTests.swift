import Testing

@testable import CTF

@Suite struct BitsTests {
  @Test func anyIntegerAtAnyBitIsWhatWasWritten() {
    var random = Random(seed: 7)
    for order in [ByteOrder.little, .big] {
      for size in 1...64 {
        for _ in 0..<40 {
          let offset = random.below(70)
          let value = random.next() & (size == 64 ? UInt64.max : 1 << UInt64(size) - 1)
          var writer = BitWriter()
          // Neighbours of ones show a load that takes too much.
          for _ in 0..<offset { writer.integer(1, size: 1, order) }
          writer.integer(value, size: size, order)
          for _ in 0..<9 { writer.integer(1, size: 1, order) }
          let loaded = writer.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return UInt64(0) }
            let bytes = PacketBytes(base)
            return order == .little ? Bits.little(bytes, offset, size) : Bits.big(bytes, offset, size)
          }
          #expect(loaded == value, "\(order), size \(size), offset \(offset)")
          let isNegative = value >> UInt64(size - 1) == 1
          let extended = isNegative && size < 64 ? value | ~(1 << UInt64(size) - 1) : value
          #expect(Bits.signed(value, size) == extended)
        }
      }
    }
  }

  @Test func fieldsAreLoadedWithTheirSign() {
    let bytes: [UInt8] = [0xff, 0x80, 1, 2, 3, 4, 5, 0x86] + [UInt8](repeating: 0xee, count: 8)
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      func load(_ offset: Int, _ size: Int, _ isSigned: Bool) -> Int64 {
        Int64(
          bitPattern: FieldLoad(offset: offset, size: size, isSigned: isSigned, slot: 0).load(
            PacketBytes(base)))
      }
      #expect(load(0, 8, true) == -1)
      #expect(load(0, 8, false) == 255)
      #expect(load(0, 16, true) == -32513)
      #expect(load(2, 24, false) == 0x030201)
      #expect(load(0, 64, true) == Int64(bitPattern: 0x8605_0403_0201_80ff))
      #expect(load(7, 8, true) == -122)
    }
  }

  @Test func clocksAdvance() {
    #expect(Interpreter.advance(0, 5, 8) == 5)
    #expect(Interpreter.advance(5, 5, 8) == 5)
    #expect(Interpreter.advance(5, 4, 8) == 260)
    #expect(Interpreter.advance(0x1_ffff_fff0, 0x10, 32) == 0x2_0000_0010)
    #expect(Interpreter.advance(100, 7, 64) == 7)
  }

  @Test func headsComeOutInOrder() {
    var random = Random(seed: 9)
    var heap = MergeHeap()
    var expected: [(Int64, Int)] = []
    for stream in 0..<100 {
      let time = Int64(random.below(20))
      expected.append((time, stream))
      heap.insert(.init(timestamp: time, stream: stream))
    }
    for (time, stream) in expected.sorted(by: <) {
      #expect(heap.top?.timestamp == time && heap.top?.stream == stream)
      heap.removeTop()
    }
    #expect(heap.top == nil)
  }
}
