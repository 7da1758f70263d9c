/// Who does the work: which event loop serves a device's queues and its other sources, which thread runs a loop, and
/// which lock an access takes.
package struct ThreadModel: Sendable, Equatable {
  /// Virtual CPUs, each with a thread.
  package let vcpus: Int
  /// How many event loops, from the first on, serve what was given to none.
  package let sharedLoops: Int
  /// The names of all event loops' threads.
  package let loopNames: [String]

  /// Describes the model of a machine with so many of each, at least one.
  ///
  /// - Parameter named: names of further loops; one that a shared loop has is that one.
  package init(vcpus: Int, loops: Int, named: [String] = []) {
    self.vcpus = vcpus
    sharedLoops = loops
    let shared = (0..<loops).map { "io\($0)" }
    loopNames = shared + named.filter { !shared.contains($0) }
  }

  /// Event loops, each with a thread.
  package var loops: Int { loopNames.count }

  /// The name of a vCPU's thread.
  package static func vcpuThread(_ index: Int) -> String { "vcpu\(index)" }

  /// The names of all threads that can be pinned.
  package var threadNames: [String] {
    (0..<vcpus).map(ThreadModel.vcpuThread) + loopNames
  }

  /// The loop of a queue that was given to none: queues take turns, and so do the first queues of devices.
  ///
  /// - Parameter device: how many devices with queues come before this one.
  package func loop(ofQueue queue: UInt16, device: Int) -> Int { (Int(queue) + device) % sharedLoops }
}
