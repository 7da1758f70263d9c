import Engine
import Glibc
import KVM
import Platform
import Processors
import TCG

extension MachineConfiguration {
  /// What executes the guest.
  package enum EngineKind: String, Codable, Sendable, CaseIterable {
    /// The processor, by the kernel's KVM.
    case kvm
    /// QEMU's translator, by libunicorn.
    case tcg
  }
}

/// Which engine executes guests: the one place that names them.
package enum EngineSelection {
  /// What is to be used where nobody has said: KVM where this process may use it.
  ///
  /// - Returns: the engine, and what keeps KVM from being it.
  package static func automatic() -> (MachineConfiguration.EngineKind, reason: String?) {
    do {
      _ = try openKVM()
      return (.kvm, nil)
    } catch {
      return ((try? TCGEngine()) == nil ? .kvm : .tcg, "\(error)")
    }
  }

  /// Opens the engine that a configuration asks for, or says what keeps it from working on this host.
  static func open(_ configuration: MachineConfiguration) throws(MachineError) -> any ExecutionEngine {
    let architecture = configuration.architecture
    switch configuration.engine {
    case .kvm:
      guard architecture == .x86 else {
        throw MachineError(
          "--engine kvm with --arch \(architecture.rawValue): KVM runs guests of the host's own processor, which is x86; leave --engine out, or give tcg"
        )
      }
      return try openKVM()
    case .tcg:
      do {
        return architecture == .x86 ? try TCGEngine() : try ForeignEngine(architecture)
      } catch {
        throw MachineError("--engine tcg", error)
      }
    }
  }

  private static func openKVM() throws(MachineError) -> KVMEngine {
    do throws(KVMError) {
      return KVMEngine(try KVMSystem())
    } catch {
      let advice =
        switch error.errno {
        case .noSuchFileOrDirectory, Errno(rawValue: ENODEV), Errno(rawValue: ENXIO):
          "load the module of this processor (kvm_intel, kvm_amd), and enable virtualization in the firmware or, in a "
            + "virtual machine, nested virtualization"
        case .permissionDenied, .notPermitted: DeviceAccess("/dev/kvm")?.advice ?? "run as root"
        case Errno(rawValue: ENOTTY): "something else than KVM's device is in its place"
        default: "see `exeunt doctor`"
        }
      throw MachineError("opening /dev/kvm failed: \(error.errno); \(advice)")
    }
  }
}
