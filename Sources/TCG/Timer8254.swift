/// An 8254 as PCs have it: the first counter interrupts, the second one did refresh memory, the third one's gate and output are at
/// port 0x61. A value, under its owner's lock; time is given to it, as nanoseconds.
struct Timer8254 {
  /// Its clock, Hz.
  static let frequency: UInt64 = 1_193_182

  private var counters = [Counter8254(gate: true), Counter8254(gate: true), Counter8254(gate: false)]
  private var isGateOpen = false
  private var hasSpeaker = false

  /// Whole ticks of its clock.
  static func ticks(_ nanoseconds: UInt64) -> Int64 {
    let product = nanoseconds.multipliedFullWidth(by: frequency)
    // The quotient fits: the clock's frequency is below a gigahertz.
    return Int64(truncatingIfNeeded: UInt64(1_000_000_000).dividingFullWidth(product).quotient)
  }

  /// When a tick begins.
  static func nanoseconds(_ ticks: Int64) -> UInt64 {
    guard ticks > 0 else { return 0 }
    let product = UInt64(ticks).multipliedFullWidth(by: 1_000_000_000)
    guard product.high < frequency else { return .max }
    let (quotient, remainder) = frequency.dividingFullWidth(product)
    return remainder == 0 ? quotient : quotient + 1
  }

  /// Ports 0x40 to 0x43 and 0x61.
  static func has(port: UInt16) -> Bool { (0x40...0x43).contains(port) || port == 0x61 }

  /// Reads a port.
  mutating func read(_ port: UInt16, now: UInt64) -> UInt8 {
    let tick = Self.ticks(now)
    switch port {
    case 0x40...0x42: return counters[Int(port - 0x40)].read(now: tick)
    case 0x61:
      // The fifth bit changes with each refresh of memory, about every 15 µs.
      return (isGateOpen ? 0x01 : 0) | (hasSpeaker ? 0x02 : 0) | (now >> 14 & 1 != 0 ? 0x10 : 0)
        | (counters[2].output(tick) ? 0x20 : 0)
    // The control word cannot be read.
    default: return 0
    }
  }

  /// Writes a port.
  mutating func write(_ port: UInt16, _ value: UInt8, now: UInt64) {
    let tick = Self.ticks(now)
    switch port {
    case 0x40...0x42: counters[Int(port - 0x40)].write(value, now: tick)
    case 0x43 where value >> 6 == 3: readBack(value, tick)
    case 0x43: counters[Int(value >> 6)].control(value, now: tick)
    case 0x61:
      isGateOpen = value & 0x01 != 0
      hasSpeaker = value & 0x02 != 0
      counters[2].setGate(isGateOpen, now: tick)
    default: break
    }
  }

  private mutating func readBack(_ word: UInt8, _ tick: Int64) {
    for index in counters.indices where word >> UInt8(index + 1) & 1 != 0 {
      if word & 0x20 == 0 { counters[index].latchCount(tick) }
      if word & 0x10 == 0 { counters[index].latchStatus(tick) }
    }
  }

  /// When the first counter's output rises next after a time.
  mutating func nextInterrupt(after now: UInt64) -> UInt64? {
    counters[0].nextRise(after: Self.ticks(now)).map(Self.nanoseconds)
  }

  /// 18.2 times a second.
  mutating func setFirmwareState(now: UInt64) {
    for (port, value) in [(0x43, 0x34), (0x40, 0), (0x40, 0)] as [(UInt16, UInt8)] {
      write(port, value, now: now)
    }
  }
}
