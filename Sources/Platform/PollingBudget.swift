/// How long a loop looks for something ready before it blocks: always as long, or as long as was worth it of late.
///
/// The adaptive one is that of QEMU's iothreads (`poll-max-ns`, `poll-grow`, `poll-shrink`). It goes by how long it took from the begin
/// of the poll until something was ready. If that was within the budget, polling has found it, and nothing changes. If it was
/// within the maximum, a longer poll would have found it: the budget grows. If it was longer, polling was in vain, and would have been: the
/// budget shrinks.
public struct PollingBudget: Sendable, Equatable {
  /// What an adaptive budget begins with, and begins again with when it grows from 0, ns.
  public static let first: UInt32 = 4000
  /// What it grows by where no factor is given.
  public static let growth: UInt32 = 2

  private struct Adaptation: Equatable {
    let maximum: UInt32
    let grow: UInt32
    let shrink: UInt32
  }

  /// How long the next poll lasts at most, ns; 0: there is none.
  public private(set) var current: UInt32
  private let adaptation: Adaptation?

  /// One that stays as it is, ns; 0 for not polling at all.
  public static func fixed(_ nanoseconds: UInt32) -> PollingBudget {
    PollingBudget(current: nanoseconds, adaptation: nil)
  }

  /// One that begins with 0.
  ///
  /// - Parameters:
  ///   - maximum: how long a poll ever lasts, ns; 0 for not polling at all.
  ///   - grow: the factor that it grows by; 0 for ``growth``.
  ///   - shrink: the divisor that it shrinks by; 0 for no polling from then on, until it grows.
  public static func adaptive(maximum: UInt32, grow: UInt32, shrink: UInt32) -> PollingBudget {
    PollingBudget(
      current: 0,
      adaptation: maximum == 0
        ? nil : Adaptation(maximum: maximum, grow: grow == 0 ? growth : grow, shrink: shrink))
  }

  private init(current: UInt32, adaptation: Adaptation?) {
    self.current = current
    self.adaptation = adaptation
  }

  /// Whether it is to be told how long it took until something was ready.
  public var isAdaptive: Bool { adaptation != nil }

  /// Something was ready, so long after the loop began to look for it.
  public mutating func took(_ nanoseconds: UInt64) {
    guard let adaptation, nanoseconds > UInt64(current) else { return }
    if nanoseconds > UInt64(adaptation.maximum) {
      current = adaptation.shrink == 0 ? 0 : current / adaptation.shrink
    } else if current == 0 {
      current = min(PollingBudget.first, adaptation.maximum)
    } else {
      let (product, overflow) = current.multipliedReportingOverflow(by: adaptation.grow)
      current = overflow ? adaptation.maximum : min(product, adaptation.maximum)
    }
  }
}
