import Testing

@testable import TCG

/// What the data sheet of Intel's 8259A (231468) says, and what a PC's two are wired to.
@Suite("The 8259s of the translator's machine")
struct InterruptController8259Tests {
  /// Both, as a kernel initialises them: vectors 0x20 and 0x28, all lines open.
  private static func pair(mode: UInt8 = 0x01) -> InterruptController8259Pair {
    var pair = InterruptController8259Pair()
    for (port, words) in [(0x20, [0x11, 0x20, 0x04, mode]), (0xa0, [0x11, 0x28, 0x02, mode])]
      as [(UInt16, [UInt8])]
    {
      for (index, word) in words.enumerated() { pair.write(index == 0 ? port : port + 1, word) }
    }
    return pair
  }

  private static func pulse(_ pair: inout InterruptController8259Pair, _ lines: UInt8...) {
    for line in lines {
      pair.setLine(line, high: true)
      pair.setLine(line, high: false)
    }
  }

  private static func inService(_ pair: inout InterruptController8259Pair, _ port: UInt16 = 0x20) -> UInt8 {
    pair.write(port, 0x0b)
    return pair.read(port)
  }

  private static func requested(_ pair: inout InterruptController8259Pair, _ port: UInt16 = 0x20) -> UInt8 {
    pair.write(port, 0x0a)
    return pair.read(port)
  }

  @Test("the lowest line is taken first, holds back those below it, and lets those above it through")
  func priorities() {
    var pair = Self.pair()
    Self.pulse(&pair, 5, 3)
    #expect(pair.hasRequest && pair.acknowledge() == 0x23)
    #expect(Self.inService(&pair) == 0x08 && Self.requested(&pair) == 0x20 && !pair.hasRequest)
    Self.pulse(&pair, 1)
    #expect(pair.acknowledge() == 0x21)
    // Non-specific ends are of the highest in service.
    pair.write(0x20, 0x20)
    #expect(Self.inService(&pair) == 0x08 && !pair.hasRequest)
    pair.write(0x20, 0x20)
    #expect(pair.acknowledge() == 0x25)
    pair.write(0x20, 0x65)
    #expect(Self.inService(&pair) == 0)
  }

  @Test("the second controller's lines come through line 2, each with its own vector")
  func cascade() {
    var pair = Self.pair()
    Self.pulse(&pair, 14, 3)
    #expect(
      pair.acknowledge() == 0x2e && Self.inService(&pair) == 0x04 && Self.inService(&pair, 0xa0) == 0x40)
    // One above it waits for the first controller's end, unless that is fully nested in the special way.
    Self.pulse(&pair, 8)
    #expect(!pair.hasRequest)
    pair.write(0x20, 0x20)
    #expect(pair.acknowledge() == 0x28)
    pair.write(0xa0, 0x20)
    pair.write(0xa0, 0x20)
    pair.write(0x20, 0x20)
    #expect(pair.acknowledge() == 0x23)

    var nested = Self.pair(mode: 0x11)
    Self.pulse(&nested, 14)
    #expect(nested.acknowledge() == 0x2e)
    Self.pulse(&nested, 15)
    #expect(!nested.hasRequest)
    Self.pulse(&nested, 8)
    #expect(nested.hasRequest && nested.acknowledge() == 0x28)
  }

  @Test("a masked line keeps its edge, and interrupts when it is opened")
  func masks() {
    var pair = Self.pair()
    pair.write(0x21, 0xef)
    #expect(pair.read(0x21) == 0xef)
    Self.pulse(&pair, 3)
    #expect(!pair.hasRequest && Self.requested(&pair) == 0x08)
    pair.write(0x21, 0xe7)
    #expect(pair.acknowledge() == 0x23)
  }

  @Test("an edge is one interrupt however long it lasts; a level is one as long as it lasts")
  func triggers() {
    var pair = Self.pair()
    pair.setLine(5, high: true)
    #expect(pair.acknowledge() == 0x25)
    pair.write(0x20, 0x20)
    #expect(!pair.hasRequest)
    pair.setLine(5, high: true)
    #expect(!pair.hasRequest, "no edge")

    var level = Self.pair()
    level.write(0x4d0, 0xff)
    level.write(0x4d1, 0xff)
    #expect(level.read(0x4d0) == 0xf8 && level.read(0x4d1) == 0xde, "not the board's own")
    level.setLine(5, high: true)
    #expect(level.acknowledge() == 0x25)
    level.write(0x20, 0x20)
    #expect(level.acknowledge() == 0x25)
    level.write(0x20, 0x20)
    level.setLine(5, high: false)
    #expect(!level.hasRequest)
  }

  @Test("what is gone when it is acknowledged is line 7, and nothing is in service")
  func spurious() {
    var pair = Self.pair()
    #expect(pair.acknowledge() == 0x27 && Self.inService(&pair) == 0)
    // Of the second one's, the first one has its line in service all the same.
    var level = Self.pair()
    level.write(0x4d1, 0x40)
    level.setLine(14, high: true)
    #expect(level.hasRequest)
    level.setLine(14, high: false)
    #expect(!level.hasRequest)
  }

  @Test("with automatic ends nothing stays in service; rotating, whoever was served is the last")
  func automaticEnds() {
    var pair = Self.pair(mode: 0x03)
    Self.pulse(&pair, 4)
    #expect(pair.acknowledge() == 0x24 && Self.inService(&pair) == 0)
    pair.write(0x20, 0x80)
    Self.pulse(&pair, 1, 0)
    #expect(pair.acknowledge() == 0x20)
    Self.pulse(&pair, 0)
    #expect(pair.acknowledge() == 0x21 && pair.acknowledge() == 0x20)
    pair.write(0x20, 0x00)
  }

  @Test("priorities rotate by ends, and are set")
  func rotation() {
    var pair = Self.pair()
    Self.pulse(&pair, 3, 4)
    #expect(pair.acknowledge() == 0x23)
    // Now 3 is last, and 4 first.
    pair.write(0x20, 0xa0)
    Self.pulse(&pair, 3, 0)
    #expect(pair.acknowledge() == 0x24)
    pair.write(0x20, 0xe4)
    #expect(pair.acknowledge() == 0x20)
    pair.write(0x20, 0x20)
    // 5 last: 6 is first.
    pair.write(0x20, 0xc5)
    Self.pulse(&pair, 6)
    #expect(pair.acknowledge() == 0x26)
    #expect(!pair.hasRequest, "3 waits")
    pair.write(0x20, 0x66)
    #expect(pair.acknowledge() == 0x23)
  }

  @Test("with the special mask, what is in service and masked holds nothing back")
  func specialMask() {
    var pair = Self.pair()
    Self.pulse(&pair, 2 + 1)
    #expect(pair.acknowledge() == 0x23)
    pair.write(0x21, 0x08)
    pair.write(0x20, 0x68)
    Self.pulse(&pair, 5)
    #expect(pair.acknowledge() == 0x25)
    // A non-specific end leaves what is masked.
    pair.write(0x20, 0x20)
    pair.write(0x20, 0x20)
    #expect(Self.inService(&pair) == 0x08)
    pair.write(0x20, 0x48)
    Self.pulse(&pair, 5)
    #expect(!pair.hasRequest)
  }

  @Test("a poll takes the interrupt as the processor would")
  func poll() {
    var pair = Self.pair()
    pair.write(0x20, 0x0c)
    #expect(pair.read(0x20) & 0x80 == 0)
    Self.pulse(&pair, 6)
    pair.write(0x20, 0x0c)
    #expect(pair.read(0x20) == 0x86 && Self.inService(&pair) == 0x40 && !pair.hasRequest)
  }

  @Test("an initialisation forgets edges, masks and what is in service; a line has to fall first")
  func initialisation() {
    var pair = Self.pair()
    pair.setLine(1, high: true)
    pair.setLine(4, high: true)
    #expect(pair.acknowledge() == 0x21)
    pair.write(0x21, 0xff)
    for (port, word) in [(0x20, 0x11), (0x21, 0x40), (0x21, 0x04), (0x21, 0x01)] as [(UInt16, UInt8)] {
      pair.write(port, word)
    }
    #expect(pair.read(0x21) == 0 && Self.inService(&pair) == 0 && Self.requested(&pair) == 0)
    pair.setLine(4, high: true)
    #expect(!pair.hasRequest)
    Self.pulse(&pair, 4)
    pair.setLine(4, high: true)
    #expect(pair.acknowledge() == 0x44)
    // One word less where there is no fourth, two where there is one controller.
    for (port, word) in [(0x20, 0x12), (0x21, 0x60), (0x21, 0xfe)] as [(UInt16, UInt8)] {
      pair.write(port, word)
    }
    #expect(pair.read(0x21) == 0xfe)
    Self.pulse(&pair, 0)
    #expect(pair.acknowledge() == 0x60)
  }

  @Test("any access at any time leaves it alive", arguments: 0..<4 as Range<UInt64>)
  func anything(seed: UInt64) {
    var pair = InterruptController8259Pair()
    var random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    let ports: [UInt16] = [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1]
    for _ in 0..<100_000 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = UInt8(truncatingIfNeeded: random >> 40)
      switch random >> 33 & 3 {
      case 0: pair.write(ports[Int(random >> 50) % 6], value)
      case 1: _ = pair.read(ports[Int(random >> 50) % 6])
      case 2: pair.setLine(value & 15, high: value & 16 != 0)
      default: if pair.hasRequest { _ = pair.acknowledge() }
      }
    }
    // And an initialisation brings it back.
    for (port, words) in [(0x20, [0x11, 0x20, 0x04, 0x01]), (0xa0, [0x11, 0x28, 0x02, 0x01])]
      as [(UInt16, [UInt8])]
    {
      for (index, word) in words.enumerated() { pair.write(index == 0 ? port : port + 1, word) }
    }
    pair.write(0x4d0, 0)
    pair.write(0x4d1, 0)
    for line in 0..<16 as Range<UInt8> where line != 2 { pair.setLine(line, high: false) }
    Self.pulse(&pair, 0)
    #expect(pair.acknowledge() == 0x20)
  }
}
