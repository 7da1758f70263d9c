/// The dividers that make a clock's second, and its faster periods, from a crystal of 32 768 Hz.
///
/// Times are nanoseconds of the host's clock since 1970. Whatever they are, nothing traps: sums wrap.
struct DividerChain {
  /// Oscillations in a second.
  static let frequency: Int64 = 32_768
  private static let second: Int64 = 1_000_000_000

  /// What the chain is ahead of the host's clock, nanoseconds within a second.
  private var phase: Int64 = 0

  /// Starts anew: the first second ends after half a second (MC146818A, "DV2, DV1, DV0").
  mutating func restart(at host: Int64) {
    phase = DividerChain.split(DividerChain.second / 2 &- DividerChain.split(host).rest).rest
  }

  /// The number of the second that the chain is in, and what has passed of it, nanoseconds.
  func position(at host: Int64) -> (second: Int64, rest: Int64) { DividerChain.split(host &+ phase) }

  /// Oscillations so far.
  func oscillations(at host: Int64) -> Int64 {
    let (second, rest) = position(at: host)
    return second &* DividerChain.frequency &+ rest * DividerChain.frequency / DividerChain.second
  }

  /// The moment from which on there have been so many oscillations.
  func moment(ofOscillation count: Int64) -> Int64 {
    let (second, rest) = (count >> 15, count & (DividerChain.frequency - 1))
    let nanoseconds = (rest * DividerChain.second + DividerChain.frequency - 1) / DividerChain.frequency
    return second &* DividerChain.second &+ nanoseconds &- phase
  }

  private static func split(_ nanoseconds: Int64) -> (second: Int64, rest: Int64) {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: second)
    return remainder < 0 ? (quotient - 1, remainder + second) : (quotient, remainder)
  }
}
