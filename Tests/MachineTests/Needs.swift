import TestSupport
import Testing

@testable import Machine

/// What tests here need; a host without it leaves them out, and says so.
extension Trait where Self == ConditionTrait {
  /// KVM: what the translator does not have, or what is about KVM itself. With which of them it is.
  static func needsKVM(_ why: String) -> Self {
    .enabled(if: HostEngine.hasKVM, "\(HostEngine.needsKVM(why))")
  }
  /// A machine, whatever executes it.
  static var needsEngine: Self { .enabled(if: HostEngine.isThere, "\(HostEngine.needsEngine)") }
}

extension MachineConfiguration {
  /// A machine of the engine that this host has, else as by default.
  static var ofThisHost: MachineConfiguration {
    var configuration = MachineConfiguration()
    if !HostEngine.hasKVM { configuration.engine = .tcg }
    return configuration
  }
}
