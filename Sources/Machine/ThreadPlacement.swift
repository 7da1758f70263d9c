import Board
import Platform

extension MachineConfiguration {
  /// Takes this process into its control group, where it is to have one.
  func joinControlGroup() throws(MachineError) {
    guard let path = controlGroup else { return }
    do {
      try ControlGroup(path: path).takeProcess()
    } catch {
      throw MachineError("--cgroup \(path)", error)
    }
  }
}

extension Machine {
  /// Has the host treat the threads as the configuration says: control groups and scheduling classes. When all threads are there,
  /// and before the guest runs. (CPUs are each thread's own doing, and were checked.)
  func placeThreads() throws(MachineError) {
    try configuration.joinControlGroup()
    let numbers = threadNumbers
    for (name, path) in configuration.threadControlGroups.sorted(by: { $0.key < $1.key }) {
      guard let number = numbers[name] else { continue }
      do {
        try ControlGroup(path: path).take(thread: number)
      } catch {
        throw MachineError("--cgroup \(name)=\(path)", error)
      }
    }
    // Last: who is in a group that may not have real time cannot be given any.
    for (name, scheduling) in configuration.scheduling.sorted(by: { $0.key < $1.key }) {
      guard let number = numbers[name] else { continue }
      do {
        try scheduling.apply(to: number)
      } catch {
        let what = "--sched \(name)=\(scheduling.policy.rawValue):\(scheduling.number)"
        throw MachineError(
          error == .notPermitted || error == .permissionDenied
            ? "\(what): \(error); this takes CAP_SYS_NICE, or a limit that allows it (ulimit -r, ulimit -e)"
            : "\(what): \(error)")
      }
    }
  }

  /// The kernel's numbers of the threads that can be named.
  private var threadNumbers: [String: UInt32] {
    var numbers: [String: UInt32] = [:]
    for runner in vcpus { numbers[runner.name] = runner.thread.number }
    for loop in loops {
      if let number = loop.watchNumber { numbers[ThreadModel.watchThread] = number }
      if loop.watch == nil { numbers[loop.name] = loop.thread.number }
    }
    return numbers
  }
}
