import Foundation

/// What the host's processors did, from /proc/stat and /proc/loadavg (proc(5)).
package struct HostLoad: Equatable, Sendable {
  /// Clock ticks since the host started.
  package var busy: UInt64
  package var stolen: UInt64
  package var all: UInt64

  /// Reads them; nil: this host does not tell.
  package static func read() -> HostLoad? {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
    return HostLoad(text)
  }

  /// - Parameter text: Of /proc/stat.
  package init?(_ text: String) {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu ") }) else { return nil }
    // user nice system idle iowait irq softirq steal guest guest_nice; guests are part of user.
    let ticks = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
    guard ticks.count >= 8 else { return nil }
    stolen = ticks[7]
    busy = [0, 1, 2, 5, 6].reduce(0) { $0 &+ ticks[$1] }
    all = ticks[..<8].reduce(0, &+)
  }

  /// Processes that want a processor, on average over the last minute; nil: this host does not tell.
  package static func average() -> Double? {
    guard let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8) else { return nil }
    return text.split(separator: " ").first.flatMap { Double($0) }
  }
}

/// What was going on around a run, as parts of the time of all processors, 0 to 1.
package struct Disturbance: Equatable, Sendable, Codable {
  /// Time that the host's own host kept from it.
  package var stolen: Double
  /// What other programs than the run and its recording took.
  package var others: Double
  /// What LTTng's daemons took, at least; nil: of an early build, which had them among others.
  package var recording: Double?
  /// The load average before it.
  package var loadBefore: Double?

  /// A run is marked from here on.
  package static let mostStolen = 0.02
  package static let mostOthers = 0.1

  /// Whether a run beside it is marked. Written down with it, so that whoever reads that need not know from when on.
  package let isDisturbed: Bool

  /// - Parameters:
  ///   - own: The processor time of the run and its children, seconds.
  ///   - recording: That of LTTng's daemons, seconds.
  ///   - ticks: Of the clock of /proc/stat, for each second.
  package init?(
    from before: HostLoad?, to after: HostLoad?, own: Double, recording: Double = 0, ticks: Double,
    loadBefore: Double?
  ) {
    guard let before, let after, after.all > before.all, ticks > 0 else { return nil }
    let whole = Double(after.all - before.all)
    func grown(_ from: UInt64, _ to: UInt64) -> Double { to > from ? Double(to - from) : 0 }
    stolen = grown(before.stolen, after.stolen) / whole
    others = max(0, grown(before.busy, after.busy) - (own + recording) * ticks) / whole
    self.recording = recording * ticks / whole
    self.loadBefore = loadBefore
    isDisturbed = stolen > Self.mostStolen || others > Self.mostOthers
  }
}
