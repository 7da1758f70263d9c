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

  /// - Parameters:
  ///   - builder: Makes reports of the part that was asked for.
  ///   - places: How places in the guest are told apart.
  package init(name: String, _ builder: ReportBuilder, places: ExitPlaces = ExitPlaces()) {
    self.name = name
    summary = builder.summary()
    explain = builder.explain()
    paths = builder.paths()
    devices = builder.exitDistributions(by: .device)
    reasons = builder.exitDistributions(by: .reason)
    if builder.hasInstructions {
      self.places = builder.exits(by: places.symbols == nil ? .addressRange : .symbol, places: places)
    }
  }
}
