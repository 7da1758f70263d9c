/// One counter of an 8254 (Intel data sheet 231164). A value; time is given to it, in ticks of its clock.
struct Counter8254 {
  /// Which bytes of the count come and go.
  private enum Access: UInt8 { case low = 1, high, both }

  /// How far the counting element is.
  private enum Progress {
    /// It has no count, or waits for a trigger.
    case waiting
    /// It was loaded at this tick.
    case running(since: Int64)
    /// The gate stopped it so many ticks after that.
    case stopped(after: Int64)
  }

  /// A count that was written and is not in force yet.
  private struct Successor {
    let count: Int64
    /// From when it is; nil: with the next trigger.
    let from: Int64?
    /// When it would have been loaded, to be as far as it is then.
    let since: Int64
  }

  private var mode: UInt8?
  /// What the status says of the control word: its lower six bits, as written.
  private var programmed: UInt8 = 0
  private var access = Access.both
  private var isDecimal = false
  private var gate: Bool
  /// The count in force, 1 to 65536, or to 10000 where it is decimal; 0: none.
  private var count: Int64 = 0
  private var successor: Successor?
  private var progress = Progress.waiting
  /// What is at the output until the count is loaded.
  private var outputBefore = true
  private var writtenLow: UInt8?
  private var latchedCount: UInt16?
  private var latchedStatus: UInt8?
  private var readsHigh = false

  /// - Parameter gate: what is at its gate.
  init(gate: Bool) { self.gate = gate }

  private var modulus: Int64 { isDecimal ? 10_000 : 0x1_0000 }
  /// Ticks of a period during which the output of mode 3 is high: one more than half where there is an odd one.
  private static func highPart(_ count: Int64) -> Int64 { (count + 1) / 2 }

  // MARK: Programming

  /// Takes a control word for this counter.
  mutating func control(_ word: UInt8, now: Int64) {
    guard let access = Access(rawValue: word >> 4 & 3) else {
      latchCount(now)
      return
    }
    self.access = access
    programmed = word & 0x3f
    let number = word >> 1 & 7
    // The highest bit says nothing in modes 2 and 3.
    mode = number >= 6 ? number & 3 : number
    isDecimal = word & 1 != 0
    (count, successor, progress, outputBefore) = (0, nil, .waiting, mode != 0)
    (writtenLow, latchedCount, latchedStatus, readsHigh) = (nil, nil, nil, false)
  }

  /// Takes a byte of the count.
  mutating func write(_ value: UInt8, now: Int64) {
    advance(now)
    switch access {
    case .low: take(UInt16(value), now)
    case .high: take(UInt16(value) << 8, now)
    case .both:
      guard let low = writtenLow else {
        writtenLow = value
        // The first byte stops this mode, whose output is low at once.
        if mode == 0 { (count, progress, outputBefore) = (0, .waiting, false) }
        return
      }
      writtenLow = nil
      take(UInt16(value) << 8 | UInt16(low), now)
    }
  }

  private mutating func take(_ value: UInt16, _ now: Int64) {
    guard let mode else { return }
    var number = Int64(value)
    if isDecimal { number = (0..<4).reduce(0) { $0 * 10 + Int64(value >> (12 - 4 * UInt16($1)) & 0xf) } }
    // Digits above nine are the guest's own fault.
    number = number == 0 ? modulus : min(number, modulus)
    switch (mode, progress) {
    case (1, _), (5, _): successor = Successor(count: number, from: nil, since: 0)
    case (2, .running(let since)), (3, .running(let since)):
      successor = successor(number, since: since, now)
    case (2, .stopped), (3, .stopped): count = number
    default: load(number, now)
    }
  }

  /// In the modes that repeat, a new count waits for the period's end, in mode 3 for the half's.
  private func successor(_ number: Int64, since: Int64, _ now: Int64) -> Successor {
    let begin = since + max(0, now - since) / count * count
    let middle = begin + Self.highPart(count)
    if mode == 3, now < middle {
      return Successor(count: number, from: middle, since: middle - Self.highPart(number))
    }
    return Successor(count: number, from: begin + count, since: begin + count)
  }

  /// Loads the counting element with the next tick.
  private mutating func load(_ number: Int64, _ now: Int64) {
    outputBefore = mode != 0 && output(now)
    (count, successor) = (number, nil)
    progress = gate || mode == 1 || mode == 5 ? .running(since: now + 1) : .stopped(after: 0)
  }

  /// Sets what is at the gate.
  mutating func setGate(_ high: Bool, now: Int64) {
    advance(now)
    guard high != gate else { return }
    gate = high
    switch (mode, progress) {
    case (1, _), (5, _):
      let number = successor?.count ?? count
      if high, number > 0 { load(number, now) }
    case (2, _), (3, _):
      if high, count > 0 {
        load(successor?.count ?? count, now)
      } else if case .running = progress {
        progress = .stopped(after: 0)
      }
    case (_, .running(let since)) where !high: progress = .stopped(after: max(0, now - since))
    case (_, .stopped(let elapsed)) where high: progress = .running(since: now - elapsed)
    default: break
    }
  }

  // MARK: Time

  /// Puts a count into force whose turn has come.
  private mutating func advance(_ now: Int64) {
    guard let successor, let from = successor.from, now >= from else { return }
    (count, progress, self.successor) = (successor.count, .running(since: successor.since), nil)
  }

  /// Ticks since it was loaded; nil where it was not, or will be with the next one.
  private func elapsed(_ now: Int64) -> Int64? {
    switch progress {
    case .waiting: nil
    case .running(let since): now < since ? nil : now - since
    case .stopped(let elapsed): elapsed
    }
  }

  /// What is at its output.
  mutating func output(_ now: Int64) -> Bool {
    advance(now)
    guard let elapsed = elapsed(now) else { return outputBefore }
    switch mode {
    case 0, 1: return elapsed >= count
    case 2: return !isRunning || elapsed % count != count - 1
    case 3: return !isRunning || elapsed % count < Self.highPart(count)
    default: return elapsed != count
    }
  }

  private var isRunning: Bool { if case .running = progress { true } else { false } }

  /// What the counting element shows.
  private mutating func value(_ now: Int64) -> UInt16 {
    advance(now)
    let elapsed = elapsed(now) ?? 0
    var value: Int64
    switch mode {
    case 2: value = count == 0 ? 0 : count - elapsed % count
    case 3:
      // By two, twice.
      let phase = count == 0 ? 0 : elapsed % count
      let part = Self.highPart(count)
      value = (count & ~1) - 2 * (phase < part ? phase : phase - part)
    default: value = (count - elapsed) % modulus
    }
    if value < 0 { value += modulus }
    value %= modulus
    guard isDecimal else { return UInt16(truncatingIfNeeded: value) }
    return [1000, 100, 10, 1].reduce(0) { $0 << 4 | UInt16(value / $1 % 10) }
  }

  /// The first tick after another at which the output rises; nil where it does not.
  mutating func nextRise(after tick: Int64) -> Int64? {
    advance(tick)
    guard case .running(let since) = progress else { return nil }
    switch mode {
    case 0, 1: return since + count > tick ? since + count : nil
    case 4, 5: return since + count + 1 > tick ? since + count + 1 : nil
    default:
      // That it is loaded is no edge.
      let rise = Self.nextPeriod(count, since: since, after: max(tick, since))
      guard let successor, let from = successor.from, rise.map({ $0 >= from }) ?? true else { return rise }
      return Self.nextPeriod(successor.count, since: successor.since, after: max(tick, from - 1))
    }
  }

  /// The first end of a period after a tick. One of a single tick has none: the output stays where it is.
  private static func nextPeriod(_ count: Int64, since: Int64, after tick: Int64) -> Int64? {
    guard count > 1 else { return nil }
    if tick < since { return since }
    return since + ((tick - since) / count + 1) * count
  }

  // MARK: Reading

  /// Latches the count, unless one is latched.
  mutating func latchCount(_ now: Int64) {
    if latchedCount == nil { latchedCount = value(now) }
  }

  /// Latches the status, unless one is latched.
  mutating func latchStatus(_ now: Int64) {
    guard latchedStatus == nil else { return }
    let isHigh = output(now)
    let lacksCount = successor != nil || elapsed(now) == nil
    latchedStatus = (isHigh ? 0x80 : 0) | (lacksCount ? 0x40 : 0) | programmed
  }

  /// Reads a byte: of the status if that is latched, else of the count.
  mutating func read(now: Int64) -> UInt8 {
    if let status = latchedStatus {
      latchedStatus = nil
      return status
    }
    let count = latchedCount ?? value(now)
    let isHigh = access == .high || access == .both && readsHigh
    if access == .both { readsHigh.toggle() }
    if access != .both || isHigh { latchedCount = nil }
    return UInt8(truncatingIfNeeded: isHigh ? count >> 8 : count)
  }
}
