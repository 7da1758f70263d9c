import CKVM
import Glibc

/// What can execute guests on this host. Most tests need a machine, whatever executes it; few are about KVM.
package enum HostEngine {
  /// Whether this process may use KVM. Where it is hidden something else may be in its place, so that it is asked.
  package static let hasKVM: Bool = {
    let descriptor = open("/dev/kvm", O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return ckvm_ioctl(descriptor, CKVM_GET_API_VERSION, 0) == 12
  }()
  /// Whether KVM has a processor that helps it. One without emulates the guest, instruction by instruction, and Linux takes it a minute and a
  /// half of a processor to boot: there, few tests boot it under KVM, and all others under the translator alone.
  package static let hasQuickKVM: Bool = {
    guard hasKVM, let file = fopen("/proc/cpuinfo", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1 << 14)
    while fgets(&line, Int32(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(separator: " ")
      if words.first?.hasPrefix("flags") == true { return words.contains("vmx") || words.contains("svm") }
    }
    return false
  }()
  /// Whether the translator's library is there.
  package static let hasTranslator = dlopen("libunicorn.so.2", RTLD_LAZY) != nil
  /// Values of `--engine` that are to be had.
  package static let all = (hasKVM ? ["kvm"] : []) + (hasTranslator ? ["tcg"] : [])
  /// Whether `--engine auto` finds one.
  package static let isThere = hasKVM || hasTranslator

  /// Why a test is left out that only KVM can pass.
  ///
  /// - Parameter why: what the translator has not.
  package static func needsKVM(_ why: String) -> String { "needs KVM (/dev/kvm): \(why)" }
  /// Why one is left out that needs a machine.
  package static let needsEngine =
    "needs an engine: /dev/kvm, or the translator's library (Debian: libunicorn2)"
}
