/// What the times of all traces that are opened together count from, and how far they go.
///
/// Times are 64-bit numbers of ns. They are exact up to 2^63 ns from the origin of the clock, for most the Unix epoch, that
/// is until the year 2262. Where a trace begins later than that, times count from its begin instead, so that differences
/// stay what they are.
struct TimeFrame: Sendable {
  /// What is 0: ns since the clocks' origin.
  var origin: Int128 = 0
  /// The least time: no time is 2^63 ns or more from it, so that the difference of any two is a number of 64 bits.
  var floor: Int64 = 0

  /// The frame for traces with these clocks.
  init(_ clocks: [ClockInfo] = []) {
    let offsets = clocks.map(\.offset)
    guard let least = offsets.min(), let greatest = offsets.max() else { return }
    if greatest >= Self.limit || least < -Self.limit {
      origin = least
      floor = Self.room
    } else {
      floor = Int64(min(0, least))
    }
  }

  /// How far times may go back behind an origin of their own.
  static let room: Int64 = -1 << 60
  /// 2^63 - 1.
  static let limit = Int128(Int64.max)

  /// The last time.
  var last: Int64 { Int64(Int128(floor) + Self.limit - 1) }
}

extension ClockInfo {
  /// When the clock is 0, ns since its origin.
  var offset: Int128 {
    let (seconds, cycles) = offsetCycles.quotientFloor(Int64(clamping: frequency))
    return (Int128(offsetSeconds) + Int128(seconds)) * 1_000_000_000
      + Int128(cycles) * 1_000_000_000 / Int128(frequency)
  }
}

extension Int64 {
  /// Quotient and remainder, which is not negative.
  fileprivate func quotientFloor(_ divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}

/// From cycles to ns in a ``TimeFrame``, rounded down.
struct ClockConversion: Sendable {
  /// ns from what is 0 to where the clock is 0, less the cycles in `extra`, modulo 2^64.
  private let offset: UInt64
  private let frequency: UInt64
  /// Cycles that the clock is ahead of `offset`, less than a second.
  private let extra: UInt64
  /// The least number of cycles that has a time, and how many more there are.
  private let least: UInt64
  private let width: UInt64
  private let times: TimeFrame
  /// When the clock is 0, less `extra`, ns since its origin.
  private let start: Int128

  init(_ clock: ClockInfo?, _ times: TimeFrame = TimeFrame()) {
    let frequency = clock?.frequency ?? 1_000_000_000
    self.frequency = frequency
    self.times = times
    let (seconds, cycles) = (clock?.offsetCycles ?? 0).quotientFloor(Int64(clamping: frequency))
    let isNanoseconds = frequency == 1_000_000_000
    extra = isNanoseconds ? 0 : UInt64(cycles)
    let start =
      (Int128(clock?.offsetSeconds ?? 0) + Int128(seconds)) * 1_000_000_000
      + (isNanoseconds ? Int128(cycles) : 0)
    self.start = start
    let whole = start - times.origin
    offset = UInt64(truncatingIfNeeded: whole)
    let extra = self.extra
    least = Self.cycles(Int128(times.floor) - whole, frequency, extra)
    width = whole > Int128(times.last) ? 0 : Self.cycles(Int128(times.last) - whole, frequency, extra) - least
  }

  /// The number of cycles in so many ns, at least 0 and at most what 64 bits hold.
  private static func cycles(_ nanoseconds: Int128, _ frequency: UInt64, _ extra: UInt64) -> UInt64 {
    // The product stays in range.
    guard nanoseconds < 1 << 63 || frequency < 1 << 32 else { return UInt64.max }
    let bounded = min(max(0, nanoseconds), 1 << 94)
    return UInt64(clamping: bounded * Int128(frequency) / 1_000_000_000 - Int128(extra))
  }

  var isNanoseconds: Bool { frequency == 1_000_000_000 }

  /// Whether that many cycles are further away than a time can tell.
  func isBeyond(_ cycles: UInt64) -> Bool { cycles &- least > width }

  /// Whether a time stands for all that are further away.
  func isEdge(_ time: Int64) -> Bool { time == times.last }

  /// The time in ns since the clocks' origin, however far away.
  func exact(_ cycles: UInt64) -> Int128 {
    start + Int128((UInt128(cycles) + UInt128(extra)) * 1_000_000_000 / UInt128(frequency))
  }

  /// The time; the first or the last one for what is further away.
  @inline(__always)
  func callAsFunction(_ cycles: UInt64) -> Int64 {
    guard cycles &- least <= width else { return cycles < least ? times.floor : times.last }
    return Int64(bitPattern: offset &+ (isNanoseconds ? cycles : nanoseconds(cycles)))
  }

  /// Modulo 2^64.
  private func nanoseconds(_ cycles: UInt64) -> UInt64 {
    let (sum, isOver) = cycles.addingReportingOverflow(extra)
    if isOver {
      return UInt64(
        truncatingIfNeeded: (UInt128(cycles) + UInt128(extra)) * 1_000_000_000 / UInt128(frequency))
    }
    let (seconds, rest) = sum.quotientAndRemainder(dividingBy: frequency)
    if frequency < 1 << 34 { return seconds &* 1_000_000_000 &+ rest &* 1_000_000_000 / frequency }
    let product = rest.multipliedFullWidth(by: 1_000_000_000)
    return seconds &* 1_000_000_000 &+ frequency.dividingFullWidth((product.high, product.low)).quotient
  }
}
