import Reports

extension RateReport {
  /// A guest's start and its end are not like the rest: of less time nothing is said of all of it.
  private static let leastCoverage = 0.5

  /// nil when less than half of the time is known.
  ///
  /// - Parameters:
  ///   - count: What was recorded.
  ///   - missing: What is missing by its numbers; nil: it has none, or not up to the end.
  ///   - time: The time analysed, ns.
  ///   - coverage: The part of it that is known, 0 to 1.
  init?(_ count: UInt64, missing: UInt64? = nil, time: Int64, coverage: Double) {
    guard time > 0 else { return nil }
    if let missing {
      self.init(
        perSecond: Double(count &+ missing) * 1e9 / Double(time),
        basis: missing > 0 ? "with_missing" : "recorded")
    } else {
      guard coverage >= Self.leastCoverage else { return nil }
      self.init(
        perSecond: Double(count) * 1e9 / (Double(time) * coverage),
        basis: coverage < 1 ? "covered" : "recorded")
    }
  }

  /// nil when there is no such time, or for a thread less than half of that analysed.
  ///
  /// - Parameters:
  ///   - threads: Of each, what there was by its numbers, and the time from its first event to its last, ns.
  ///   - duration: The time analysed, ns.
  init?(numbered threads: [(count: UInt64, time: Int64)], of duration: Int64) {
    let least = max(1, Double(duration) * Self.leastCoverage)
    guard !threads.isEmpty, threads.allSatisfy({ Double($0.time) >= least }) else { return nil }
    self.init(
      perSecond: threads.reduce(0) { $0 + Double($1.count) * 1e9 / Double($1.time) }, basis: "numbered")
  }

  /// In text.
  var text: String { Text.rate(perSecond, isEstimate: Self.isEstimate(basis)) }
}

/// How much of the time of some threads is known.
struct Coverage {
  private var span = 0.0
  private var unknown = 0.0
  /// The part, 0 to 1.
  var part: Double { span > 0 ? (span - unknown) / span : 1 }

  init(_ vcpus: [VcpuReport]) { for vcpu in vcpus { add(vcpu.span, vcpu.unknown) } }

  init(_ loops: [LoopReport]) { for loop in loops { add(loop.span, loop.unknown) } }

  private mutating func add(_ span: Int64, _ unknown: Int64) {
    self.span += Double(span)
    self.unknown += Double(unknown)
  }
}
