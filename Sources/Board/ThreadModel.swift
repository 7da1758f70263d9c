/// Who does the work: which event loop serves a device's queues and its other sources, which thread runs a loop, and
/// which lock an access takes.
package struct ThreadModel: Sendable, Equatable {
  /// Virtual CPUs, each with a thread.
  package let vcpus: Int
  /// How many event loops, from the first on, serve what was given to none.
  package let sharedLoops: Int
  /// The names of all event loops, which are those of their threads where they have threads.
  package let loopNames: [String]
  /// Whether the only vCPU's thread runs the only event loop, too.
  package let isSingle: Bool

  /// Describes the model of a machine with so many of each, at least one.
  ///
  /// - Parameter named: names of further loops; one that a shared loop has is that one.
  package init(
    _ model: BoardOptions.Threads = .iothread, vcpus: Int, loops: Int, named: [String] = []
  ) {
    self.vcpus = vcpus
    isSingle = model == .single
    sharedLoops = loops
    let shared = (0..<loops).map { "io\($0)" }
    loopNames = shared + named.filter { !shared.contains($0) }
  }

  /// Event loops.
  package var loops: Int { loopNames.count }

  /// The name of a vCPU's thread.
  package static func vcpuThread(_ index: Int) -> String { "vcpu\(index)" }

  /// The name of the thread that watches descriptors where the vCPU's thread runs the event loop.
  package static let watchThread = "watch"

  /// Whether a name is that of a thread which is neither a vCPU's nor an event loop's, or may be.
  static func isTaken(_ name: String) -> Bool {
    // The first thread, by its role and by its name; the serial port's reader; who loads a kernel's file; who watches for a single thread.
    if ["main", "exeunt", "input", "loader", watchThread].contains(name) { return true }
    // liblttng-ust's: the name of the thread that starts them with this behind it.
    if name.hasSuffix("-ust") { return true }
    // Disks' workers: disk0-3.
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    func isNumber(_ text: Substring) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard parts.count == 2, parts[0].hasPrefix("disk") else { return false }
    return isNumber(parts[0].dropFirst(4)) && isNumber(parts[1])
  }

  /// The names of all threads that can be pinned.
  package var threadNames: [String] {
    (0..<vcpus).map(ThreadModel.vcpuThread) + (isSingle ? [ThreadModel.watchThread] : loopNames)
  }

  /// The loop of a queue that was given to none: queues take turns, and so do the first queues of devices.
  ///
  /// - Parameter device: how many devices with queues come before this one.
  package func loop(ofQueue queue: UInt16, device: Int) -> Int { (Int(queue) + device) % sharedLoops }
}
