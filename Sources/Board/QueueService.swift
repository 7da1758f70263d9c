/// What of a virtio device is served, and by whom: the queues of a disk, the pairs of queues of a network interface, the ports
/// of a console with two queues each.
package struct QueueService: Sendable, Equatable {
  /// The most of a device's.
  package static let maximumQueues = 16

  /// Queues, or pairs of them, or ports.
  package var queues: Int
  /// Names of the threads that serve them: number q is served by the one at q modulo their number. Empty: the shared ones.
  package var ioThreads: [String]
  /// Whether kicks exit to this process even where the kernel could consume them.
  package var kicksExit: Bool
  /// Whether interrupts are raised through an ioctl even where eventfds could.
  package var interruptsByIoctl: Bool

  /// Describes how queues are served.
  package init(
    queues: Int = 1, ioThreads: [String] = [], kicksExit: Bool = false, interruptsByIoctl: Bool = false
  ) {
    self.queues = queues
    self.ioThreads = ioThreads
    self.kicksExit = kicksExit
    self.interruptsByIoctl = interruptsByIoctl
  }

  /// What is counted, for messages.
  struct Noun {
    let one: String
    let many: String

    func counted(_ count: Int) -> String { "\(count) \(count == 1 ? one : many)" }
  }

  /// Checks that there is such a service.
  ///
  /// - Parameters:
  ///   - device: its name, for messages.
  ///   - noun: what is counted.
  func validate(
    _ device: String, _ threads: ThreadModel, _ noun: Noun = Noun(one: "queue", many: "queues"),
    maximum: Int = QueueService.maximumQueues
  ) throws(BoardError) {
    guard queues >= 1, queues <= maximum else {
      throw BoardError("\(device): \(noun.counted(queues)); give 1 to \(maximum)")
    }
    guard ioThreads.count <= queues else {
      throw BoardError(
        "\(device): \(ioThreads.count) I/O threads for \(noun.counted(queues)); give it more \(noun.many), or fewer threads"
      )
    }
    for name in ioThreads where !threads.loopNames.contains(name) {
      throw BoardError(
        "\(device): there is no I/O thread '\(name)'; there \(threads.loopNames.count == 1 ? "is" : "are") "
          + "\(threads.loopNames.joined(separator: ", ")) (--object iothread,id=NAME)"
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
