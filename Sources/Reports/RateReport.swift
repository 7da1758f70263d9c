/// How often something happens. Where events are missing, the number that was recorded by all of the time would be too
/// small.
package struct RateReport: Codable, Equatable, Sendable {
  /// Times per second.
  package var perSecond: Double
  /// What was counted over what: `recorded`, those recorded by the time analysed, of which all is known;
  /// `with_missing`, those recorded and those missing by their numbers by the time analysed; `covered`, those recorded
  /// by the part of the time analysed that is not unknown; `numbered`, those recorded and those missing by their numbers
  /// by the time from each thread's first event to its last, behind which no number tells.
  package var basis: String

  package init(perSecond: Double, basis: String) {
    self.perSecond = perSecond
    self.basis = basis
  }

  /// Whether a rate of this basis is one of the time that is known only.
  package static func isEstimate(_ basis: String) -> Bool { basis == "covered" || basis == "numbered" }
}
