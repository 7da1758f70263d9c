import Engine

extension MachineConfiguration {
  /// Checks that an engine has what a machine needs.
  func check(on engine: some ExecutionEngine) throws(MachineError) {
    do {
      try engine.check(requirements)
    } catch {
      throw MachineError("\(error)")
    }
    if ioeventfd, !engine.features.contains(.ioEventFd) {
      throw MachineError("--ioeventfd on: this host's \(engine.name) has no ioeventfd; use --ioeventfd off")
    }
    if irqfd, interruptController != .none, !engine.features.contains(.irqFd) {
      throw MachineError("--irqfd on: this host's \(engine.name) has no irqfd; use --irqfd off")
    }
    if coalescedIO, !engine.features.contains(.coalescedWrites) {
      let reason = self.engine == .tcg ? "" : " (KVM_CAP_COALESCED_PIO is of Linux 4.20)"
      throw MachineError(
        "--coalesced-io on: this host's \(engine.name) does not coalesce writes to ports and memory\(reason); use --coalesced-io off"
      )
    }
  }
}
