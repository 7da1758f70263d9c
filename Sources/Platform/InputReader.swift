import Glibc

/// A thread that reads a descriptor on behalf of an event loop, whatever the descriptor is: a regular file, which epoll(7)
/// does not take, or a pipe or terminal that others read as well, where reading blocks although poll(2) said it would not.
public final class InputReader: @unchecked Sendable {
  private let descriptor: CInt
  /// Readable when something has arrived; ``take()`` makes it unreadable.
  public let arrival: EventFD
  private let halt: EventFD
  private struct State {
    var wanted = 0
    var arrived: [UInt8] = []
    var isStopped = false
    var hasEnded = true
  }
  private let monitor = Monitor(State())
  private var thread: DedicatedThread?

  /// - Parameter descriptor: what is read; it stays open as long as this object lives.
  public init(_ descriptor: CInt) throws(Errno) {
    self.descriptor = descriptor
    arrival = try EventFD()
    halt = try EventFD()
  }

  /// Starts the thread. To be called once.
  public func start() throws(Errno) {
    monitor.update { $0.hasEnded = false }
    do {
      thread = try DedicatedThread(name: "input") { [self] in
        run()
        monitor.update { $0.hasEnded = true }
      }
    } catch {
      monitor.update { $0.hasEnded = true }
      throw error
    }
  }

  /// Asks for at most so many bytes, above zero, in all: asking again before they have arrived changes nothing.
  public func want(_ count: Int) {
    monitor.update { if $0.wanted == 0, $0.arrived.isEmpty { $0.wanted = count } }
  }

  /// Takes what has arrived. Nothing more arrives until it is asked for.
  public func take() -> [UInt8] {
    _ = arrival.consume()
    return monitor.update { state in
      defer { state.arrived = [] }
      return state.arrived
    }
  }

  /// Stops reading and waits for the thread's end. A read that no signal interrupts, such as from a file server that has
  /// gone, is given up after a second.
  public func stop() {
    monitor.update { $0.isStopped = true }
    halt.signal()
    guard let thread else { return }
    // The signal may come just before the thread blocks in read(2): more than one, then.
    for _ in 0..<1000 {
      if monitor.read({ $0.hasEnded }) {
        thread.join()
        self.thread = nil
        return
      }
      thread.interrupt()
      usleep(1000)
    }
  }

  private func run() {
    while true {
      let count = monitor.wait { $0.isStopped ? 0 : $0.wanted > 0 ? $0.wanted : nil }
      guard count > 0 else { return }
      var waiting = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: halt.descriptor.raw, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&waiting, 2, -1) > 0, waiting[1].revents == 0 else { continue }
      var error: CInt = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        let result = read(descriptor, buffer.baseAddress, count)
        if result < 0 { error = errno }
        initialized = max(result, 0)
      }
      if error == EINTR || error == EAGAIN { continue }
      // The end, or a descriptor that cannot be read: there is just nothing more to come.
      guard !bytes.isEmpty else { return }
      monitor.update { state in
        state.arrived = bytes
        state.wanted = 0
      }
      arrival.signal()
    }
  }
}
