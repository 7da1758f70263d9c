import Glibc
import Reporting

/// Times on a scale that shows as much as there is: linear where they are alike, logarithmic where they are not.
struct FrontierAxis {
  struct Tick {
    let value: Double
    let label: String
  }

  private let isLogarithmic: Bool
  private let low: Double
  private let high: Double
  private let from: Double
  private let to: Double

  /// From this quotient of the longest and the shortest on, differences between the short ones could not be seen.
  private static let mostLinear = 4.0

  /// - Parameters:
  ///   - values: What has to be on it, ns, above 0; at least one.
  ///   - from: The coordinate of the least.
  ///   - to: The coordinate of the largest.
  init(_ values: [Double], from: Double, to: Double) {
    let known = values.filter { $0.isFinite && $0 > 0 }
    let (least, most) = (known.min() ?? 1, known.max() ?? 1)
    isLogarithmic = most / least > Self.mostLinear
    let (first, last) = isLogarithmic ? (log10(least), log10(most)) : (least, most)
    let margin = max((last - first) * 0.06, isLogarithmic ? 0.02 : least * 0.01)
    // Nothing takes less than no time.
    (low, high) = (isLogarithmic ? first - margin : max(0, first - margin), last + margin)
    (self.from, self.to) = (from, to)
  }

  func position(_ value: Double) -> Double {
    let place = isLogarithmic ? log10(max(value, .leastNormalMagnitude)) : value
    return from + (to - from) * min(1, max(0, (place - low) / (high - low)))
  }

  /// Round values, as many as have room.
  var ticks: [Tick] {
    isLogarithmic ? logarithmic : linear
  }

  private var linear: [Tick] {
    let rough = (high - low) / 5
    let decade = pow(10, floor(log10(rough)))
    let step = ([1.0, 2, 5].first { $0 * decade >= rough * (1 - 1e-9) } ?? 10) * decade
    let unit = Self.unit(high)
    let digits = max(0, min(6, Int(ceil(-log10(step / unit.size) - 1e-9))))
    let first = (low / step).rounded(.up)
    return (0..<8).map { (first + Double($0)) * step }.filter { $0 <= high }.map {
      Tick(value: $0, label: Text.fixed($0 / unit.size, digits) + Text.space + unit.name)
    }
  }

  private var logarithmic: [Tick] {
    let decades = Int(floor(low))...max(Int(floor(low)), Int(floor(high)))
    return decades.flatMap { decade in
      [1.0, 2, 5].compactMap { step in
        let value = step * pow(10, Double(decade))
        guard (low...high).contains(log10(value)) else { return nil }
        let unit = Self.unit(value * (1 + 1e-9))
        return Tick(value: value, label: Text.significant(value / unit.size) + Text.space + unit.name)
      }
    }
  }

  private static func unit(_ value: Double) -> (name: String, size: Double) {
    [("s", 1e9), ("ms", 1e6), ("µs", 1e3)].first { value >= $0.1 } ?? ("ns", 1)
  }
}
