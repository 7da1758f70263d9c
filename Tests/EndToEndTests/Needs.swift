import TestSupport
import Testing

/// What tests here need; a host without it leaves them out, and says so.
extension Trait where Self == ConditionTrait {
  /// KVM: what the translator does not have, or what is about KVM itself. With which of them it is.
  static func needsKVM(_ why: String) -> Self {
    .enabled(if: HostEngine.hasKVM, "\(HostEngine.needsKVM(why))")
  }
  /// A machine, whatever executes it.
  static var needsEngine: Self { .enabled(if: HostEngine.isThere, "\(HostEngine.needsEngine)") }
  /// The translator, also where KVM is.
  static var needsTranslator: Self {
    .enabled(if: HostEngine.hasTranslator, "needs the translator's library (Debian: libunicorn2)")
  }
  /// What reads and writes recordings.
  static var needsTracing: Self {
    .enabled(
      if: Tools.hasLTTng && Tools.hasBabeltrace, "needs lttng, lttng-sessiond and babeltrace2")
  }
}
