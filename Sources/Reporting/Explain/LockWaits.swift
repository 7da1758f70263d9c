import Analysis
import Reports

/// Which exits waited for locks. The trace proves each wait, and whose it was, but counts are kept by lock and by thread; what is known of
/// a device's exits bounds its part from three sides.
extension ExplainedRun {
  /// Gives each device's accesses the waits for its lock.
  ///
  /// Of the handling of a device's exits, all that was not spent in its code was waiting for its lock, or a little of the way there and back: no
  /// more than what all vCPUs waited, nor than all waits for that lock. Among what a guest does with a device the waits are parted as the
  /// handling is.
  mutating func setLockWaits() {
    let waited = vcpus.reduce(0) { $0 &+ $1.lockWait }
    guard waited > 0 else { return }
    let uses = [\ExplainedRun.registers, \.kicks, \.acknowledgements]
    var handling: [String: Int64] = [:]
    for accesses in uses.flatMap({ self[keyPath: $0] }) {
      handling[accesses.device ?? "", default: 0] &+= accesses.exits.handling.total
    }
    for use in uses {
      for index in self[keyPath: use].indices {
        let accesses = self[keyPath: use][index]
        guard let device = accesses.device, let all = handling[device], all > 0 else { continue }
        let wait = Double(min(waited, lockWait(of: device, handling: all)))
        self[keyPath: use][index].lockWait = Int64(wait * Double(accesses.exits.handling.total) / Double(all))
      }
    }
  }

  /// - Parameter handling: Of all exits to the device, ns.
  private func lockWait(of device: String, handling: Int64) -> Int64 {
    let locked = locks.filter { $0.device == device || $0.device == StateDump.allDevices }
      .reduce(0) { $0 &+ $1.wait.total }
    let inside = vcpus.reduce(0) { sum, vcpu in
      vcpu.devices.reduce(sum) { $1.name == device ? $0 &+ $1.time : $0 }
    }
    return max(0, min(locked, handling &- inside))
  }
}
