/// Who does the work: which event loop serves a device's queues and its other sources, which thread runs a loop, and
/// which lock an access takes.
package struct ThreadModel: Sendable, Equatable {
  /// Virtual CPUs, each with a thread.
  package let vcpus: Int
  /// Event loops, each with a thread.
  package let loops: Int

  /// Describes the model of a machine with so many of each, at least one.
  package init(vcpus: Int, loops: Int) {
    self.vcpus = vcpus
    self.loops = loops
  }

  /// The name of a vCPU's thread.
  package static func vcpuThread(_ index: Int) -> String { "vcpu\(index)" }

  /// The name of the thread that runs a loop.
  package static func loopThread(_ index: Int) -> String { "io\(index)" }

  /// The names of all threads that can be pinned.
  package var threadNames: [String] {
    (0..<vcpus).map(ThreadModel.vcpuThread) + (0..<loops).map(ThreadModel.loopThread)
  }

  /// The loop of a queue: queues take turns, and so do the first queues of devices.
  ///
  /// - Parameter device: how many devices with queues come before this one.
  package func loop(ofQueue queue: UInt16, device: Int) -> Int { (Int(queue) + device) % loops }
}
