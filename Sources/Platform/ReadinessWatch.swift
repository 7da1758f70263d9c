import CLinux

/// A thread that watches descriptors for another one, which is busy elsewhere and looks at them itself when it is told: by a
/// call from here each time that one of them becomes ready.
///
/// It is told of changes (epoll(7), edge-triggered), not of states: what stays ready is told once. Whoever is told looks
/// until nothing is ready any more.
public final class ReadinessWatch: @unchecked Sendable {
  private static let capacity = 64

  private let set: FileDescriptor
  private let stopping: EventFD
  private let again: EventFD
  private let events: UnsafeMutableBufferPointer<epoll_event>
  // Set once, before the thread starts.
  private var thread: DedicatedThread?

  /// Makes a watch of nothing.
  public init() throws(Errno) {
    let raw = epoll_create1(CInt(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw Errno.current }
    set = FileDescriptor(owning: raw)
    stopping = try EventFD()
    again = try EventFD()
    events = .allocate(capacity: ReadinessWatch.capacity)
    events.initialize(repeating: epoll_event())
    try control(EPOLL_CTL_ADD, stopping.descriptor.raw, .input, isStop: true)
    try control(EPOLL_CTL_ADD, again.descriptor.raw, .input)
  }

  deinit { events.deallocate() }

  /// Watches a descriptor, or watches it for something else, or with an empty interest no more. It is told at once of one that
  /// is ready. From any thread.
  public func change(_ descriptor: CInt, from old: Readiness, to interest: Readiness) throws(Errno) {
    switch (old.isEmpty, interest.isEmpty) {
    case (true, true): break
    case (true, false): try control(EPOLL_CTL_ADD, descriptor, interest)
    case (false, true): try control(EPOLL_CTL_DEL, descriptor, interest)
    case (false, false): try control(EPOLL_CTL_MOD, descriptor, interest)
    }
  }

  private func control(
    _ operation: CInt, _ descriptor: CInt, _ interest: Readiness, isStop: Bool = false
  ) throws(Errno) {
    var event = epoll_event()
    event.events = EPOLLET.rawValue
    if interest.contains(.input) { event.events |= EPOLLIN.rawValue }
    if interest.contains(.output) { event.events |= EPOLLOUT.rawValue }
    event.data.u32 = isStop ? 1 : 0
    guard epoll_ctl(set.raw, operation, descriptor, &event) == 0 else { throw Errno.current }
  }

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - name: the thread's.
  ///   - first: called first on the thread.
  ///   - last: called last on it.
  ///   - onReady: called on the thread each time that something has become ready; once for what did so at the same time.
  public func start(
    name: String, first: @escaping @Sendable () -> Void = {}, last: @escaping @Sendable () -> Void = {},
    onReady: @escaping @Sendable () -> Void
  ) throws(Errno) {
    thread = try DedicatedThread(name: name) { [self] in
      first()
      while waitUntilReady() { onReady() }
      last()
    }
  }

  /// - Returns: false: it is to stop.
  private func waitUntilReady() -> Bool {
    while true {
      let count = epoll_wait(set.raw, events.baseAddress, CInt(events.count), -1)
      // Fails only when a signal came: the set and the buffer are this object's own.
      guard count > 0 else { continue }
      return !(0..<Int(count)).contains { events[$0].data.u32 == 1 }
    }
  }

  /// Has it tell once more, soon, as if something had become ready. From any thread.
  public func tellAgain() { again.signal() }

  /// Ends the thread and waits for its end: nothing is told afterwards. To be called once, after `start`.
  public func stop() {
    stopping.signal()
    thread?.join()
  }
}
