/// How the queues of a virtio device are served.
package struct QueueService: Sendable, Equatable {
  /// The most queues of a device.
  package static let maximumQueues = 16

  /// Queues.
  package var queues: Int
  /// Names of the threads that serve them: queue q is served by the one at q modulo their number. Empty: the shared ones.
  package var ioThreads: [String]
  /// Whether kicks exit to this process even where the kernel could consume them.
  package var kicksExit: Bool

  /// Describes how queues are served.
  package init(queues: Int = 1, ioThreads: [String] = [], kicksExit: Bool = false) {
    self.queues = queues
    self.ioThreads = ioThreads
    self.kicksExit = kicksExit
  }

  /// Checks that there is such a service.
  ///
  /// - Parameter device: its name, for messages.
  func validate(_ device: String, _ threads: ThreadModel) throws(BoardError) {
    guard queues >= 1, queues <= QueueService.maximumQueues else {
      throw BoardError("\(device): \(queues) queues; give 1 to \(QueueService.maximumQueues)")
    }
    guard ioThreads.count <= queues else {
      throw BoardError(
        "\(device): \(ioThreads.count) I/O threads for \(queues) queues; give it more queues (num-queues)")
    }
    for name in ioThreads where !threads.loopNames.contains(name) {
      throw BoardError(
        "\(device): there is no I/O thread '\(name)'; there are \(threads.loopNames.joined(separator: ", ")) (--object iothread,id=NAME)"
      )
    }
  }

  /// The loop of a queue.
  ///
  /// - Parameter device: how many devices with queues come before this one.
  func loop(ofQueue queue: UInt16, device: Int, _ threads: ThreadModel) -> Int {
    guard !ioThreads.isEmpty else { return threads.loop(ofQueue: queue, device: device) }
    // A name that is not there was refused before.
    return threads.loopNames.firstIndex(of: ioThreads[Int(queue) % ioThreads.count]) ?? 0
  }
}
