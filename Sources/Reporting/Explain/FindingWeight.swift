import Reports

/// From which cost on something is a finding, how severe it is, and which findings come first.
///
/// A cost weighs what it is of the time of all the threads that it can be taken from. That would hide one vCPU's trouble
/// among many that have none, so a part of one thread's time weighs a fifth of it whatever the others do.
struct FindingWeight {
  /// What is declared in docs/explain.md, and in each report.
  static let thresholds = FindingThresholdsReport(low: 0.02, medium: 0.05, high: 0.2, single: 5)

  /// 0 to 1.
  let value: Double

  /// - Parameters:
  ///   - time: What it costs, ns.
  ///   - whole: The time of all threads that it can be taken from, ns.
  ///   - elapsed: The time analysed, ns: that of one thread.
  init(_ time: Int64, of whole: Int64, elapsed: Int64) {
    func part(_ whole: Int64) -> Double { whole > 0 ? Double(max(0, time)) / Double(whole) : 0 }
    value = min(1, max(part(whole), part(elapsed) / Self.thresholds.single))
  }

  /// nil: it is no finding.
  var severity: String? {
    if value >= Self.thresholds.high { return "high" }
    if value >= Self.thresholds.medium { return "medium" }
    return value >= Self.thresholds.low ? "low" : nil
  }
}
