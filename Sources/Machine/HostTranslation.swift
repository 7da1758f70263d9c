import Platform
import TCG

/// Whether guests can run here without KVM, for `exeunt doctor`.
package enum HostTranslation {
  /// The topic of its findings.
  package static let topic = "translator"

  /// Looks for the library.
  package static func findings() -> [HostFinding] {
    do {
      _ = try TCGEngine()
      return [
        HostFinding(
          topic, "libunicorn", .ok,
          "version \(TCGEngine.libraryVersion): guests run without KVM (--engine tcg)")
      ]
    } catch {
      return [
        HostFinding(
          topic, "libunicorn", .warning, "\(error.problem)",
          advice: "guests run under KVM only; to run them without, install it (Debian: libunicorn2)")
      ]
    }
  }
}
