/// One thing that was looked at on this host, for `exeunt doctor`.
public struct HostFinding: Sendable {
  /// How it is.
  public enum Status: String, Sendable {
    /// As it should be.
    case ok
    /// Something works less well, or a flag will not work.
    case warning = "warn"
    /// It is not there.
    case missing
  }

  /// What kind of thing: `KVM`, `memory`, `tracing` and so on.
  public var topic: String
  /// What was looked at.
  public var name: String
  /// How it is.
  public var status: Status
  /// What was found, in a few words.
  public var found: String
  /// What to do about it, or what it costs; nil where nothing needs doing.
  public var advice: String?
  /// Without it no guest runs.
  public var isEssential: Bool

  /// Makes a finding.
  public init(
    _ topic: String, _ name: String, _ status: Status, _ found: String, advice: String? = nil,
    isEssential: Bool = false
  ) {
    self.topic = topic
    self.name = name
    self.status = status
    self.found = found
    self.advice = advice
    self.isEssential = isEssential
  }
}
