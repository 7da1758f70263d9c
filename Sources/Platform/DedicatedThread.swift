import CLinux
import Glibc

/// A thread of the operating system with one job: a virtual CPU or an event loop.
///
/// Swift's concurrency is not used on these threads: they block in the kernel, and they are pinned and named.
public final class DedicatedThread: @unchecked Sendable {
  // Written once by `init` before anybody else sees the object, read by `interrupt` and `join`.
  private var thread = pthread_t()

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// What others ask this process to do: that is for the main thread, which may take it over (`SignalDescriptor`) after this one was started.
  /// A thread that lets it through would then end the process out of order.
  private static let requests = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT]

  /// Starts a thread. Signals that ask the process to end or to stop do not come to it.
  ///
  /// - Parameters:
  ///   - name: shown by ps, top and gdb; the kernel keeps 15 bytes.
  ///   - body: what it does; the thread ends when it returns.
  public init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    // Inherited by the thread, so that there is no moment in which it lets them through.
    var (blocked, before) = (sigset_t(), sigset_t())
    sigemptyset(&blocked)
    for signal in Self.requests { sigaddset(&blocked, signal) }
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let result = pthread_create(
      &thread, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        clinux_name_this_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    guard result == 0 else {
      start.release()
      throw Errno(rawValue: result)
    }
  }

  /// Sends the thread the signal that interrupts a blocking system call and does nothing else.
  /// The thread must not have been joined.
  public func interrupt() {
    pthread_kill(thread, clinux_first_realtime_signal())
  }

  /// Waits for the thread's end. To be called once.
  public func join() {
    pthread_join(thread, nil)
  }

  /// Makes the interrupting signal harmless for the whole process, and lets it through in this thread and in those
  /// that it starts: whoever started this process may have left it blocked. To be called before any thread is started.
  public static func prepareInterrupts() throws(Errno) {
    let result = clinux_make_interrupting(clinux_first_realtime_signal())
    guard result == 0 else { throw Errno(rawValue: -result) }
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, clinux_first_realtime_signal())
    let unblocked = pthread_sigmask(SIG_UNBLOCK, &set, nil)
    guard unblocked == 0 else { throw Errno(rawValue: unblocked) }
  }

  /// Restricts the calling thread to one CPU: sched_setaffinity(2).
  public static func pinCurrent(toCPU cpu: Int) throws(Errno) {
    let result = clinux_pin_this_thread(CInt(clamping: cpu))
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  /// The calling thread's number as the kernel knows it: gettid(2).
  public static var currentID: UInt32 { UInt32(clinux_gettid()) }
}

/// The processors that this process may use.
public enum ProcessorSet {
  /// How many there are, at least one.
  public static var count: Int { Int(clinux_usable_cpus()) }
  /// Whether a processor is one of them.
  public static func contains(_ cpu: Int) -> Bool { clinux_cpu_is_usable(CInt(clamping: cpu)) != 0 }
}
