/// Finds a machine of which every vCPU has halted for good: with interrupts off, or waiting for another to start it. With interrupt
/// controllers in the kernel a HLT does not leave guest mode, so nothing tells of it.
///
/// A running guest pays nothing: vCPUs are asked, each once, only after none of them has had a CPU for two seconds, and not again
/// before one has had one. Only when they have said so twice, a second apart, and from the same places, nobody is left who could wake one.
struct HaltWatch {
  private enum State {
    /// The number of seconds in which no vCPU had a CPU.
    case quiet(seconds: Int)
    /// They were asked.
    case asked(before: [UInt64]?)
    /// They were asked, and one runs or may be woken.
    case settled
  }

  private var state = State.quiet(seconds: 0)
  private var used: UInt64?

  /// To be called each second.
  ///
  /// - Parameters:
  ///   - used: the time that all vCPUs have had a CPU, ns; nil where the host does not tell.
  ///   - waits: where each waits for good, if all have said that they do.
  ///   - ask: asks them.
  /// - Returns: whether the machine has halted.
  mutating func tick(used now: UInt64?, waits: () -> [UInt64]?, ask: () -> Void) -> Bool {
    guard let now else { return false }
    let wasIdle = now == used
    used = now
    switch state {
    case .quiet(let seconds):
      state = .quiet(seconds: wasIdle ? seconds + 1 : 0)
      if wasIdle, seconds + 1 >= HaltWatch.patience {
        ask()
        state = .asked(before: nil)
      }
    // Answering has taken time of its own.
    case .asked(let before):
      guard let positions = waits() else {
        state = .settled
        return false
      }
      if positions == before { return true }
      ask()
      state = .asked(before: positions)
    case .settled:
      if !wasIdle { state = .quiet(seconds: 0) }
    }
    return false
  }

  private static let patience = 2
}
