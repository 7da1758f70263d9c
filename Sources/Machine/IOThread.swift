import Board
import Devices
import Platform
import URing

/// A thread with an event loop, which the main thread pauses for a reset and ends with the run; or a loop without a thread,
/// which a vCPU's thread visits when something is ready (`--threads single`).
final class IOThread: @unchecked Sendable {
  typealias Loop = EventLoop<LoopPoller, LoopTracing>

  /// Something to wait for until it can be read.
  struct Source {
    let kind: SourceKind
    let device: DeviceID
    let queue: UInt16
    let descriptor: CInt
    let handler: Loop.Handler
  }

  let index: Int
  /// The thread's name.
  let name: String
  private let method: MachineConfiguration.WaitMethod
  private let polling: PollingBudget
  private let poller: LoopPoller
  private let loop: Loop
  // What is watched for the loop's visitor: the running thread's own, as the loop's sources are.
  private var watched: [(id: Loop.SourceID, descriptor: CInt, interest: Readiness)] = []
  private let wake: EventFD
  /// Who tells the vCPU's thread to visit the loop; nil where the loop has a thread.
  let watch: ReadinessWatch?
  /// The watch's thread, as the kernel knows it. Set by itself, before the guest runs.
  var watchNumber: UInt32?
  /// What is counted of it.
  let thread: TracedThread

  private enum Order {
    case run
    case pause
    case end
  }
  private struct State {
    var order = Order.run
    var paused = false
  }
  private let monitor = Monitor(State())

  /// - Parameter isVisited: whether a vCPU's thread runs it.
  init(
    index: Int, name: String, wait method: MachineConfiguration.WaitMethod = .epoll,
    polling: PollingBudget = .fixed(0), isVisited: Bool = false
  ) throws(Errno) {
    self.index = index
    self.name = name
    self.method = method
    self.polling = polling
    thread = TracedThread(.loop, UInt16(index))
    poller = try LoopPoller(method)
    loop = Loop(poller, observer: LoopTracing(index: index))
    wake = try EventFD()
    watch = isVisited ? try ReadinessWatch() : nil
    try add(
      Source(kind: .control, device: .none, queue: 0, descriptor: wake.descriptor.raw) {
        [unowned self] _, _ in
        obey()
      })
  }

  /// The ring that it waits in, which disks that it serves share; nil where it waits otherwise.
  var ring: Ring? { poller.ring }

  /// Adds a source. Before the thread starts.
  @discardableResult
  func add(_ source: Source) throws(Errno) -> Loop.SourceID {
    let label = LoopTracing.Label(kind: source.kind, device: source.device, queue: source.queue)
    let id = try loop.add(source.descriptor, label: label, source.handler)
    if let watch {
      try watch.change(source.descriptor, from: [], to: .input)
      watched.append((id, source.descriptor, .input))
    }
    return id
  }

  /// Waits for something else of a source. On the loop's thread, or before it starts.
  func setInterest(of source: Loop.SourceID, to interest: Readiness) throws(Errno) {
    try loop.setInterest(of: source, to: interest)
    guard let watch, let place = watched.firstIndex(where: { $0.id == source }) else { return }
    try watch.change(watched[place].descriptor, from: watched[place].interest, to: interest)
    watched[place].interest = interest
  }

  /// Runs the loop until `end`.
  func run() {
    loop.run(polling: polling)
    lookOnceMore()
  }

  /// select(2) looks at one descriptor after the other: it may have found the order to end, and not what was signalled before
  /// that, after it had been looked at.
  private func lookOnceMore() {
    if method == .select { loop.runOnce(timeout: 0) }
  }

  // MARK: Visits of a vCPU's thread

  /// To be called on the vCPU's thread, before the first visit.
  func beginVisits() { loop.beginVisits() }

  /// Runs handlers until nothing is ready any more.
  func visit() {
    // A peer that always has something must not keep the guest from running: the watch's next word takes a while, in which
    // the guest runs.
    if !loop.visit(rounds: 64) { watch?.tellAgain() }
  }

  /// Runs the loop until `end`: the guest runs no more.
  func stay() {
    loop.stay()
    lookOnceMore()
  }

  // MARK: Control from the main thread

  private func obey() {
    _ = wake.consume()
    while true {
      // Whether the loop is paused changes only here, and always together with the order being seen: a pause that is not seen
      // has its wake-up still to come, and one that comes before this thread woke up from the last finds it paused all along.
      let order = monitor.update { state in
        state.paused = state.order == .pause
        return state.order
      }
      if order == .end { loop.end() }
      if order != .pause { return }
      monitor.wait { $0.order == .pause ? nil : () }
    }
  }

  /// Returns when the loop is between two handlers and stays there until `resume`.
  func pause() {
    // Its visitor waits for the reset, at a checkpoint between two visits.
    if watch != nil { return }
    monitor.update { $0.order = .pause }
    wake.signal()
    // No handler blocks, so this is soon.
    monitor.wait { $0.paused ? () : nil }
  }

  /// Lets a paused loop go on.
  func resume() { monitor.update { $0.order = .run } }

  /// Makes the loop return after what is ready now has been handled: what was signalled before this call was ready
  /// when the loop found this order among its sources.
  func end() {
    monitor.update { $0.order = .end }
    wake.signal()
  }
}
