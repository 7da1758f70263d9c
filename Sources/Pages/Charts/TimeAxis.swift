import Glibc
import Reporting

/// Durations on a logarithmic scale.
struct TimeAxis {
  struct Tick {
    let duration: Int64
    /// Empty: it is not labelled.
    let label: String
  }

  private let lowest: Double
  private let highest: Double
  /// Where the shortest duration is.
  let from: Double
  /// Where the longest is.
  let to: Double

  /// - Parameters:
  ///   - durations: What has to be on it, ns; below 1 is shown as 1.
  ///   - from: The coordinate of the shortest.
  ///   - to: The coordinate of the longest.
  init(_ durations: ClosedRange<Int64>, from: Double, to: Double) {
    lowest = Self.round(Double(max(1, durations.lowerBound)), up: false)
    highest = max(Self.round(Double(max(1, durations.upperBound)), up: true), lowest + log10(2))
    self.from = from
    self.to = to
  }

  /// The next of 1, 2, 5, 10 … as its logarithm.
  private static func round(_ value: Double, up: Bool) -> Double {
    let decade = pow(10, floor(log10(value)))
    // Powers are not exact.
    let steps = [1.0, 2, 5, 10].map { $0 * decade }
    let step =
      up ? steps.first { $0 >= value * (1 - 1e-9) } : steps.last { $0 <= value * (1 + 1e-9) }
    return log10(step ?? value)
  }

  /// The coordinate of a duration.
  func position(_ duration: Int64) -> Double {
    let part = (log10(Double(max(1, duration))) - lowest) / (highest - lowest)
    return from + (to - from) * min(1, max(0, part))
  }

  /// Decades with their label; of few decades also what is between.
  var ticks: [Tick] {
    let isShort = highest - lowest < 2.4
    var ticks: [Tick] = []
    var decade = pow(10, floor(lowest))
    while log10(decade) <= highest + 1e-9 {
      for step in [1.0, 2, 5] {
        let value = log10(decade * step)
        guard value >= lowest - 1e-9, value <= highest + 1e-9 else { continue }
        // The end of the scale of the longest duration there is would be beyond it.
        guard let duration = Int64(exactly: (decade * step).rounded()) else { continue }
        ticks.append(Tick(duration: duration, label: step == 1 || isShort ? Self.label(duration) : ""))
      }
      decade *= 10
    }
    return ticks
  }

  /// Of a power of ten, or of twice or five times one: `20 µs`.
  private static func label(_ duration: Int64) -> String {
    let units: [(String, Int64)] = [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000), ("ns", 1)]
    let unit = units.first { duration >= $0.1 } ?? ("ns", 1)
    return "\(duration / unit.1)\(Text.space)\(unit.0)"
  }
}
