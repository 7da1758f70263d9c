import Engine
import Glibc
import KVM
import Platform

/// Which engine executes guests: the one place that names one.
enum EngineSelection {
  /// Opens the engine, or says what keeps it from working on this host.
  static func open() throws(MachineError) -> KVMEngine {
    do throws(KVMError) {
      return KVMEngine(try KVMSystem())
    } catch {
      let advice =
        switch error.errno {
        case .noSuchFileOrDirectory, Errno(rawValue: ENODEV), Errno(rawValue: ENXIO):
          "load the module of this processor (kvm_intel, kvm_amd), and enable virtualization in the firmware or, in a "
            + "virtual machine, nested virtualization"
        case .permissionDenied, .notPermitted: DeviceAccess("/dev/kvm")?.advice ?? "run as root"
        default: "see `exeunt doctor`"
        }
      throw MachineError("opening /dev/kvm failed: \(error.errno); \(advice)")
    }
  }
}
