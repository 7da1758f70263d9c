import Histogram
import Testing

@testable import Analysis

@Suite("Latency histogram")
struct HistogramTests {
  static func values(_ seed: UInt64, _ count: Int) -> [Int64] {
    var random = Random(seed)
    return (0..<count).map { _ in Int64(random.next() >> UInt64(22 + random.below(42))) }
  }

  static func histogram(_ values: [Int64]) -> LatencyHistogram {
    let histogram = LatencyHistogram()
    for (place, value) in values.enumerated() {
      histogram.record(value, timestamp: Int64(place), location: UInt64(place))
    }
    return histogram
  }

  @Test("percentiles are the exact order statistics, never below and at most 1/1024 above", arguments: 1...40)
  func percentiles(_ seed: UInt64) {
    let count = [1, 2, 3, 10, 99, 1_000, 1_001, 20_000][Int(seed) % 8]
    let values = Self.values(seed, count)
    let histogram = Self.histogram(values)
    defer { histogram.free() }
    let summary = LatencySummary(histogram)
    let sorted = values.sorted()
    #expect(summary.count == UInt64(count))
    #expect(summary.sum == values.reduce(0, +))
    #expect(summary.minimum == sorted.first)
    #expect(summary.maximum == sorted.last)
    for (permille, found) in [
      (500, summary.p50), (900, summary.p90), (990, summary.p99), (999, summary.p999),
    ] {
      let rank = (count * permille + 999) / 1_000
      let exact = sorted[max(rank, 1) - 1]
      #expect(found >= exact)
      #expect(found - exact <= exact / 1024)
      #expect(LatencySummary.rank(permille: UInt64(permille), of: UInt64(count)) == UInt64(max(rank, 1)))
    }
    let exemplar = Int(summary.p999Exemplar?.timestamp ?? -1)
    #expect(LatencyHistogram.bucket(of: values[exemplar]) == LatencyHistogram.bucket(of: summary.p999))
    #expect(values[Int(summary.maximumExemplar?.timestamp ?? -1)] == sorted.last)
    #expect(summary.maximumExemplar?.timestamp == values.firstIndex(of: sorted.last ?? 0).map { Int64($0) })
  }

  @Test("agrees with HdrHistogram at three significant digits", arguments: 1...10)
  func hdrHistogram(_ seed: UInt64) {
    let values = Self.values(seed, 5_000)
    let histogram = Self.histogram(values)
    defer { histogram.free() }
    var reference = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    for value in values { reference.record(UInt64(value)) }
    let summary = LatencySummary(histogram)
    for (percentile, found) in [
      (50.0, summary.p50), (90, summary.p90), (99, summary.p99), (99.9, summary.p999),
    ] {
      let expected = Double(reference.valueAtPercentile(percentile))
      #expect(abs(Double(found) - expected) <= expected / 512 + 1)
    }
  }

  @Test(
    "adding histograms gives the histogram of all values, exemplars included, in any order", arguments: 1...20
  )
  func adding(_ seed: UInt64) {
    let values = Self.values(seed, 3_000)
    let whole = Self.histogram(values)
    let parts = (0..<3).map { part in
      let histogram = LatencyHistogram()
      for (place, value) in values.enumerated() where place % 3 == part {
        histogram.record(value, timestamp: Int64(place), location: UInt64(place))
      }
      return histogram
    }
    let sum = LatencyHistogram()
    defer { ([whole, sum] + parts).forEach { $0.free() } }
    for part in parts.reversed() { sum.add(part) }
    #expect(LatencySummary(sum) == LatencySummary(whole))
    #expect(sum.bars(perOctave: 128) == whole.bars(perOctave: 128))
  }

  @Test("bars cover the values and lose none", arguments: [1, 2, 4, 128])
  func bars(_ perOctave: Int) {
    let values = Self.values(3, 4_000)
    let histogram = Self.histogram(values)
    defer { histogram.free() }
    let bars = histogram.bars(perOctave: perOctave)
    for bar in bars {
      #expect(bar.count == UInt64(values.count { $0 >= bar.from && $0 <= bar.through }))
    }
    #expect(bars.map(\.count).reduce(0, +) == 4_000)
  }

  @Test("a bucket holds exactly the values that are counted in it")
  func buckets() {
    for value in Self.values(9, 2_000) + [0, 1, 127, 128, 129, 255, 256, LatencyHistogram.highestBucketed] {
      let (octave, index) = LatencyHistogram.bucket(of: value)
      let values = LatencyHistogram.values(octave: octave, index: index)
      #expect(values.contains(value))
      let part = LatencyHistogram.part(of: value).part
      #expect(LatencyHistogram.part(of: value).octave == octave && part / LatencyHistogram.parts == index)
      let width = max(1, values.count / LatencyHistogram.parts)
      #expect(part % LatencyHistogram.parts == Int(value - values.lowerBound) / width)
    }
    #expect(LatencyHistogram.bucket(of: .max).octave == LatencyHistogram.octaves - 1)
  }

  @Test("negative and enormous durations are counted, not trapped on")
  func extremes() {
    let histogram = Self.histogram([-5, .max, .max])
    defer { histogram.free() }
    let summary = LatencySummary(histogram)
    #expect(summary.minimum == 0)
    #expect(summary.maximum == .max)
    #expect(summary.p999 == .max)
  }
}
