import Reporting
import Reports

/// What a page tells of a run.
package struct ReportedRun {
  /// What the page calls it: its directory, or of runs that are compared their side and number before it.
  package var name: String
  /// The report of `summary`.
  package var summary: Report
  /// That of `explain`.
  package var explain: Report
  /// That of `paths`.
  package var paths: Report
  /// Exits by reason, direction and device.
  package var devices: [ExitDistribution]
  /// Exits by reason.
  package var reasons: [ExitDistribution]
  /// The report of `exits` by the guest's functions, or by ranges of addresses; nil: the trace does not have where exits come from.
  package var places: Report?
  /// That of `timeline`, for who has no scripts; nil: only the run's analysis is there.
  package var picture: Report?
  /// Its timeline as ``TimelineSection`` writes it; nil: only the run's analysis is there, or none was asked for.
  package var timeline: String?

  /// Moments that the page's tables and findings lead to, ns since the clock's origin, in order.
  package var moments: [Int64] {
    var found: Set<Int64> = []
    func add(_ latency: LatencyReport?) {
      for exemplar in [latency?.p999Exemplar, latency?.maximumExemplar] {
        if let exemplar { found.insert(exemplar.timestamp) }
      }
    }
    for exit in summary.summary?.exits ?? [] {
      add(exit.handling)
      add(exit.inKvmRun)
    }
    add(summary.summary?.allExits?.handling)
    for path in paths.paths?.paths ?? [] { path.stages.forEach { add($0.latency) } }
    for path in paths.paths?.requests ?? [] { path.stages.forEach { add($0.latency) } }
    for finding in explain.explain?.findings ?? [] {
      if let exemplar = finding.exemplar { found.insert(exemplar.timestamp) }
    }
    return found.sorted()
  }

  /// - Parameters:
  ///   - builder: Makes reports of the part that was asked for.
  ///   - places: How places in the guest are told apart.
  package init(name: String, _ builder: ReportBuilder, places: ExitPlaces = ExitPlaces()) {
    self.name = name
    summary = builder.summary()
    explain = builder.explain(places: places)
    paths = builder.paths()
    devices = builder.exitDistributions(by: .device)
    reasons = builder.exitDistributions(by: .reason)
    if builder.hasInstructions {
      self.places = builder.exits(by: places.symbols == nil ? .addressRange : .symbol, places: places)
    }
  }
}
