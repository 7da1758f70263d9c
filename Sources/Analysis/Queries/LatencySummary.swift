/// What a set of durations looks like; all values in ns.
///
/// Count, sum, minimum and maximum are exact. A percentile is the highest value of the part of a histogram's bucket that
/// holds the exact order statistic, so it is never below it and at most 1/1024 (0.1 %) above; below 2048 ns it is exact.
package struct LatencySummary: Sendable, Equatable {
  /// Number of durations.
  package var count: UInt64 = 0
  /// Their sum.
  package var sum: Int64 = 0
  /// The shortest; 0 when there is none.
  package var minimum: Int64 = 0
  /// Half of the durations are at most this long.
  package var p50: Int64 = 0
  /// 90 % of the durations are at most this long.
  package var p90: Int64 = 0
  /// 99 % of the durations are at most this long.
  package var p99: Int64 = 0
  /// 99.9 % of the durations are at most this long.
  package var p999: Int64 = 0
  /// The longest; 0 when there is none.
  package var maximum: Int64 = 0
  /// The earliest event as long as `p999`, within 1/128.
  package var p999Exemplar: Exemplar?
  /// The earliest of the events as long as `maximum`.
  package var maximumExemplar: Exemplar?

  /// No durations.
  package init() {}

  init(_ histogram: LatencyHistogram) {
    let header = histogram.header.pointee
    guard header.count > 0 else { return }
    count = header.count
    sum = header.sum
    minimum = header.minimum
    maximum = header.maximum
    maximumExemplar = Exemplar(timestamp: header.maximumTimestamp, location: header.maximumLocation)
    let ranks = [500, 900, 990, 999].map { LatencySummary.rank(permille: $0, of: header.count) }
    let found = histogram.values(ofRanks: ranks).map { values, exemplar in
      let top = values.upperBound >= LatencyHistogram.highestBucketed ? header.maximum : values.upperBound
      return (min(top, header.maximum), exemplar)
    }
    (p50, p90, p99, p999) = (found[0].0, found[1].0, found[2].0, found[3].0)
    p999Exemplar = p999 == maximum ? maximumExemplar : found[3].1
  }

  /// The rank of a percentile, from 1: the smallest one that at least this share of `count` values reaches.
  static func rank(permille: UInt64, of count: UInt64) -> UInt64 {
    let (whole, rest) = (count / 1000, count % 1000)
    return max(1, whole * permille + (rest * permille + 999) / 1000)
  }
}

/// A bar of a latency histogram.
package struct LatencyBar: Sendable, Equatable {
  /// The shortest duration counted, ns.
  package let from: Int64
  /// The longest duration counted, ns.
  package let through: Int64
  /// Number of durations.
  package let count: UInt64
}

extension LatencyHistogram {
  /// Percentiles as a ``LatencySummary`` has them; none of no durations.
  ///
  /// - Parameter millionths: The shares of the durations that are at most so long, ascending, below 1 000 000.
  func percentiles(_ millionths: [UInt64]) -> [Int64] {
    let header = header.pointee
    guard header.count > 0 else { return [] }
    let (whole, rest) = header.count.quotientAndRemainder(dividingBy: 1_000_000)
    let ranks = millionths.map { max(1, whole * $0 + (rest * $0 + 999_999) / 1_000_000) }
    return values(ofRanks: ranks).map { values, _ in
      values.upperBound >= Self.highestBucketed ? header.maximum : min(values.upperBound, header.maximum)
    }
  }

  /// The histogram with `perOctave` bars (1, 2, 4, … 128) for each power of two; empty bars are left out.
  func bars(perOctave: Int) -> [LatencyBar] {
    var bars: [LatencyBar] = []
    forEachBucket { values, count, _ in
      let exponent = values.lowerBound <= 0 ? 0 : 63 - values.lowerBound.leadingZeroBitCount
      let base = values.lowerBound <= 0 ? 0 : Int64(1) << Int64(exponent)
      let width = max(1, base / Int64(perOctave))
      let from = base == 0 ? 0 : base + (values.lowerBound - base) / width * width
      let through = base == 0 ? 0 : from + width - 1
      if let last = bars.last, last.from == from {
        bars[bars.count - 1] = LatencyBar(from: from, through: through, count: last.count + count)
      } else {
        bars.append(LatencyBar(from: from, through: through, count: count))
      }
    }
    return bars
  }
}
