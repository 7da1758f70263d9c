import Glibc

extension HostDescription {
  /// What this host is. Asked for first while the machine is built, so that later nothing has to be looked up.
  static let current: HostDescription = {
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return HostDescription(kvm: kvmFlavour(), kernel: release, processID: UInt32(getpid()))
  }()

  /// Which implementation of KVM runs. A module that is built in shows under /sys/module as well.
  private static func kvmFlavour() -> String {
    for (module, name) in [("kvm_pvm", "pvm"), ("kvm_intel", "vmx"), ("kvm_amd", "svm")]
    where access("/sys/module/\(module)", F_OK) == 0 {
      return name
    }
    return "unknown"
  }
}
