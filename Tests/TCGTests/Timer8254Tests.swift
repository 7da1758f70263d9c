import Testing

@testable import TCG

/// What the data sheet of Intel's 8254 (231164) says, in ticks of its clock.
@Suite("The 8254 of the translator's machine")
struct Timer8254Tests {
  /// A counter with a control word and a count, written at tick 0.
  private static func counter(_ word: UInt8, _ bytes: UInt8..., gate: Bool = true) -> Counter8254 {
    var counter = Counter8254(gate: gate)
    counter.control(word, now: 0)
    for byte in bytes { counter.write(byte, now: 0) }
    return counter
  }

  private static func count(_ counter: inout Counter8254, _ now: Int64) -> UInt16 {
    counter.latchCount(now)
    return UInt16(counter.read(now: now)) | UInt16(counter.read(now: now)) << 8
  }

  /// The output over ticks, as `L` and `H`.
  private static func outputs(_ counter: inout Counter8254, _ ticks: Range<Int64>) -> String {
    ticks.map { counter.output($0) ? "H" : "L" }.joined()
  }

  private static func rises(_ counter: inout Counter8254, _ count: Int) -> [Int64] {
    var (rises, tick) = ([Int64](), Int64(0))
    while rises.count < count, let next = counter.nextRise(after: tick) {
      rises.append(next)
      tick = next
    }
    return rises
  }

  @Test("mode 0: low until the count is through, once; its first byte stops it")
  func interruptOnTerminalCount() {
    var counter = Self.counter(0x30, 4, 0)
    #expect(Self.outputs(&counter, 0..<8) == "LLLLLHHH")
    #expect(Self.rises(&counter, 3) == [5])
    #expect(Self.count(&counter, 3) == 2)
    #expect(Self.count(&counter, 7) == 0xfffe, "goes on below zero")
    counter.write(10, now: 8)
    #expect(!counter.output(9) && counter.nextRise(after: 9) == nil)
    counter.write(0, now: 20)
    #expect(counter.nextRise(after: 20) == 31)
  }

  @Test("mode 1: a trigger makes it low for the count, also again")
  func oneShot() {
    var counter = Self.counter(0x32, 3, 0, gate: false)
    #expect(Self.outputs(&counter, 0..<4) == "HHHH" && counter.nextRise(after: 0) == nil)
    counter.setGate(true, now: 4)
    #expect(Self.outputs(&counter, 4..<10) == "HLLLHH" && counter.nextRise(after: 4) == 8)
    counter.setGate(false, now: 10)
    counter.setGate(true, now: 11)
    counter.setGate(false, now: 12)
    counter.setGate(true, now: 13)
    #expect(Self.outputs(&counter, 13..<18) == "LLLLH")
  }

  @Test("mode 2: low for the last tick of each period")
  func rateGenerator() {
    var counter = Self.counter(0x34, 3, 0)
    #expect(Self.outputs(&counter, 0..<10) == "HHHLHHLHHL")
    #expect(Self.rises(&counter, 3) == [4, 7, 10])
    #expect((1..<7).map { Self.count(&counter, $0) } == [3, 2, 1, 3, 2, 1])
  }

  @Test("mode 3: high for half of each period, one tick more where it is odd; the count goes by two")
  func squareWave() {
    var even = Self.counter(0x36, 4, 0)
    #expect(Self.outputs(&even, 1..<9) == "HHLLHHLL")
    #expect((1..<6).map { Self.count(&even, $0) } == [4, 2, 4, 2, 4])
    var odd = Self.counter(0x36, 5, 0)
    #expect(Self.outputs(&odd, 1..<11) == "HHHLLHHHLL")
    #expect((1..<7).map { Self.count(&odd, $0) } == [4, 2, 0, 4, 2, 4])
    #expect(Self.rises(&odd, 2) == [6, 11])
  }

  @Test("modes 4 and 5: low for one tick behind the count, by software and by a trigger")
  func strobes() {
    var software = Self.counter(0x38, 3, 0)
    #expect(Self.outputs(&software, 0..<8) == "HHHHLHHH")
    #expect(Self.rises(&software, 2) == [5])
    var hardware = Self.counter(0x3a, 3, 0, gate: false)
    #expect(Self.outputs(&hardware, 0..<6) == "HHHHHH")
    hardware.setGate(true, now: 6)
    #expect(Self.outputs(&hardware, 6..<13) == "HHHHLHH")
  }

  @Test("a new count waits for the period's end, in mode 3 for the half's")
  func successors() {
    var rate = Self.counter(0x34, 10, 0)
    rate.write(4, now: 3)
    rate.write(0, now: 3)
    #expect(rate.nextRise(after: 3) == 11 && rate.nextRise(after: 11) == 15)
    // In the first half of 1 to 10, its second one is of the new count.
    var square = Self.counter(0x36, 10, 0)
    square.write(4, now: 3)
    square.write(0, now: 3)
    #expect(Self.outputs(&square, 3..<14) == "HHHLLHHLLHH")
    var late = Self.counter(0x36, 10, 0)
    late.write(4, now: 8)
    late.write(0, now: 8)
    #expect(Self.outputs(&late, 8..<17) == "LLLHHLLHH")
    #expect(late.nextRise(after: 16) == 19)
  }

  @Test("the gate stops counting in modes 0 and 4, and begins anew in 2 and 3")
  func gates() {
    var counter = Self.counter(0x30, 10, 0)
    counter.setGate(false, now: 4)
    #expect(Self.count(&counter, 100) == 7 && !counter.output(100) && counter.nextRise(after: 100) == nil)
    counter.setGate(true, now: 100)
    #expect(counter.nextRise(after: 100) == 107)
    for word: UInt8 in [0x34, 0x36] {
      var periodic = Self.counter(word, 10, 0)
      periodic.setGate(false, now: 9)
      #expect(periodic.output(9) && periodic.output(50) && Self.count(&periodic, 50) == 10)
      periodic.setGate(true, now: 50)
      #expect(periodic.nextRise(after: 50) == 61)
    }
    var closed = Self.counter(0x30, 10, 0, gate: false)
    #expect(Self.count(&closed, 50) == 10)
    closed.setGate(true, now: 50)
    #expect(closed.nextRise(after: 50) == 60)
  }

  @Test("counts of one byte, of zero, and decimal ones")
  func forms() {
    var low = Self.counter(0x10, 200)
    #expect(low.nextRise(after: 0) == 201)
    var high = Self.counter(0x20, 2)
    #expect(high.nextRise(after: 0) == 513)
    #expect(high.read(now: 1) == 2, "the high byte")
    var zero = Self.counter(0x34, 0, 0)
    #expect(zero.nextRise(after: 0) == 0x1_0001)
    var decimal = Self.counter(0x31, 0x50, 0x12)
    #expect(decimal.nextRise(after: 0) == 1251 && Self.count(&decimal, 2) == 0x1249)
    #expect(Self.count(&decimal, 1253) == 0x9998)
    var decimalZero = Self.counter(0x35, 0, 0)
    #expect(decimalZero.nextRise(after: 0) == 10_001)
    // Nothing rises where nothing falls, and a period of one tick has no end.
    for word: UInt8 in [0x34, 0x36] {
      var one = Self.counter(word, 1, 0)
      #expect(one.nextRise(after: 5) == nil)
    }
  }

  @Test("latches hold until they are read; the status comes first")
  func latches() {
    var counter = Self.counter(0x34, 0x00, 0x10)
    counter.latchCount(17)
    counter.latchCount(900)
    #expect(counter.read(now: 1000) == 0xf0 && counter.read(now: 1001) == 0x0f)
    #expect(counter.read(now: 1) == 0x00 && counter.read(now: 1) == 0x10, "the count itself")
    counter.latchStatus(1)
    counter.latchCount(1)
    #expect(counter.read(now: 5) == 0xb4 && counter.read(now: 5) == 0x00 && counter.read(now: 5) == 0x10)
    // As it was written: mode 6 is mode 2.
    var six = Self.counter(0x3c, 9, 0)
    six.latchStatus(0)
    #expect(six.read(now: 0) == 0xfc, "with no count in force yet")
    #expect(six.nextRise(after: 0) == 10)
    var waiting = Self.counter(0x30)
    waiting.latchStatus(5)
    #expect(waiting.read(now: 5) == 0x70)
  }

  /// A tick of 1 193 182 Hz is about 838 ns.
  @Test("through its ports: the first one interrupts, the third one's gate and output are at 0x61")
  func ports() throws {
    var timer = Timer8254()
    #expect(timer.nextInterrupt(after: 0) == nil)
    let begin: UInt64 = 1_000_000_000_000
    for (port, value) in [(0x43, 0x34), (0x40, 0xa9), (0x40, 0x04)] as [(UInt16, UInt8)] {
      timer.write(port, value, now: begin)
    }
    let next = timer.nextInterrupt(after: begin)
    let first = try #require(next)
    #expect(abs(Int64(first - begin) - 1_000_000) < 2000, "1193 ticks are a millisecond")
    #expect(abs(Int64((timer.nextInterrupt(after: first) ?? 0) - first) - 999_847) < 1700)
    timer.setFirmwareState(now: begin)
    #expect(abs(Int64((timer.nextInterrupt(after: begin) ?? 0) - begin) - 54_925_401) < 2000)

    #expect(timer.read(0x61, now: begin) & 0x2f == 0x20, "high before it is told anything")
    for (port, value) in [(0x43, 0xb0), (0x42, 100), (0x42, 0), (0x61, 0x03)] as [(UInt16, UInt8)] {
      timer.write(port, value, now: begin)
    }
    #expect(timer.read(0x61, now: begin) & 0x2f == 0x03)
    #expect(timer.read(0x61, now: begin + 90_000) & 0x2f == 0x23)
    // Status of the first and the third, count of the third.
    timer.write(0x43, 0xea, now: begin + 90_000)
    timer.write(0x43, 0xd8, now: begin + 90_000)
    #expect(timer.read(0x40, now: begin + 90_000) == 0xb4)
    #expect(timer.read(0x42, now: begin + 90_000) == 0xb0)
    #expect(timer.read(0x43, now: begin) == 0)
  }

  @Test("times are ticks and back, at any time")
  func times() {
    for tick in [1, 2, 1_193_182, 1 << 40, 1 << 52] as [Int64] {
      let begin = Timer8254.nanoseconds(tick)
      #expect(Timer8254.ticks(begin) == tick && Timer8254.ticks(begin - 1) == tick - 1)
    }
    #expect(Timer8254.ticks(.max) > 0 && Timer8254.nanoseconds(.max) == .max)
  }

  @Test("any access at any time leaves it alive", arguments: 0..<4 as Range<UInt64>)
  func anything(seed: UInt64) {
    var timer = Timer8254()
    var random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    var now: UInt64 = 0
    for _ in 0..<100_000 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let port = [0x40, 0x41, 0x42, 0x43, 0x61][Int(random >> 50) % 5] as UInt16
      if random >> 33 & 1 == 0 {
        timer.write(port, UInt8(truncatingIfNeeded: random >> 40), now: now)
      } else {
        _ = timer.read(port, now: now)
      }
      if let next = timer.nextInterrupt(after: now) { #expect(next > now) }
      now &+= random >> 34 & 0xff_ffff
    }
  }
}
