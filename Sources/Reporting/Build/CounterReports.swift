import Analysis
import Reports

/// One of KVM's counters.
struct CounterGrowth {
  let name: String
  let kind: CounterInfo.Kind?
  let unit: String?
  let value: UInt64
}

extension ReportBuilder {
  /// KVM's other counters of a scope that are one number each: by how much they grew, or for a level what it was last.
  func otherCounters(_ scope: KvmScope) -> [CounterGrowth] {
    guard let readings = result.counters[scope] else { return [] }
    return readings.counters.compactMap { counter -> CounterGrowth? in
      let info = result.dump.counters[CounterName(isVcpu: scope.isVcpu, counter: counter)]
      guard info?.isHistogram != true, let values = readings[counter, 0] else { return nil }
      let isLevel = info?.kind == .instant || info?.kind == .peak
      guard isLevel || values.last >= values.first else { return nil }
      let scale: (unit: String?, factor: UInt64) = info.map(Self.scale) ?? (unit: nil, factor: 1)
      return CounterGrowth(
        name: info?.name ?? "counter \(counter)", kind: info?.kind, unit: scale.unit,
        value: (isLevel ? values.last : values.last - values.first).scaled(by: scale.factor))
    }
  }

  /// KVM's histograms of a scope that grew.
  func histograms(_ scope: KvmScope) -> [KvmHistogramReport] {
    guard let readings = result.counters[scope] else { return [] }
    return readings.counters.compactMap { counter -> KvmHistogramReport? in
      guard let info = result.dump.counters[CounterName(isVcpu: scope.isVcpu, counter: counter)],
        info.isHistogram
      else { return nil }
      let (unit, factor) = Self.scale(info)
      let buckets = (0..<max(0, info.size)).compactMap { element -> KvmBucketReport? in
        guard let values = readings[counter, element], values.last > values.first else { return nil }
        let isLast = element == info.size - 1
        let (from, end) = Self.bounds(info, element)
        return KvmBucketReport(
          from: from.scaled(by: factor), through: isLast ? nil : end.scaled(by: factor) - 1,
          count: values.last - values.first)
      }
      return buckets.isEmpty ? nil : KvmHistogramReport(name: info.name, unit: unit, buckets: buckets)
    }
  }

  /// The first value of a bucket and that of the next one, in KVM's unit (Documentation/virt/kvm/api.rst, 4.131).
  private static func bounds(_ info: CounterInfo, _ element: Int) -> (from: UInt64, end: UInt64) {
    if info.kind == .linearHistogram {
      let width = max(1, UInt64(info.bucketSize))
      return (width * UInt64(element), width * UInt64(element + 1))
    }
    func power(_ exponent: Int) -> UInt64 { exponent < 63 ? 1 << UInt64(exponent) : .max }
    return element == 0 ? (0, 1) : (power(element - 1), power(element))
  }

  /// The unit of a counter's values as reports give them, and what KVM's are multiplied by.
  private static func scale(_ info: CounterInfo) -> (unit: String?, factor: UInt64) {
    let unit =
      ValueName.counterUnit.indices.contains(info.unit)
      ? ValueName.counterUnit[info.unit] : "unit \(info.unit)"
    if unit == "seconds", info.base == 10, (-9...0).contains(info.exponent) {
      return ("ns", (0..<(9 + info.exponent)).reduce(1) { factor, _ in factor * 10 })
    }
    if info.exponent != 0 { return ("\(info.base)^\(info.exponent) \(unit)", 1) }
    return (unit == "none" || unit == "boolean" ? nil : unit, 1)
  }
}

extension UInt64 {
  /// Times a factor; the largest number where that is too much.
  fileprivate func scaled(by factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
