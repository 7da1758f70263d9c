import CLinux
import Glibc

/// Signals that are read instead of being delivered: signalfd(2).
///
/// They stay blocked in the calling thread, and in threads that it starts, as long as this value lives.
public struct SignalDescriptor: ~Copyable, Sendable {
  /// The descriptor, readable when a signal has come.
  public let descriptor: FileDescriptor
  private let previous: sigset_t

  /// Takes over signals.
  public init(_ signals: [CInt]) throws(Errno) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    var before = sigset_t()
    let result = pthread_sigmask(SIG_BLOCK, &set, &before)
    guard result == 0 else { throw Errno(rawValue: result) }
    let raw = signalfd(-1, &set, CInt(SFD_CLOEXEC | SFD_NONBLOCK))
    guard raw >= 0 else {
      let error = Errno.current
      pthread_sigmask(SIG_SETMASK, &before, nil)
      throw error
    }
    descriptor = FileDescriptor(owning: raw)
    previous = before
  }

  /// Blocks signals in the calling thread, and in threads that it starts, until the process ends.
  public static func block(_ signals: [CInt]) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Lets signals through again in the calling thread, those that came meanwhile too.
  public static func unblock(_ signals: [CInt]) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Whether this process was told to ignore a signal, as nohup(1) does.
  public static func isIgnored(_ signal: CInt) -> Bool { clinux_signal_is_ignored(signal) != 0 }

  deinit {
    // What came and was never read must not end the process now.
    while next() != nil {}
    var mask = previous
    pthread_sigmask(SIG_SETMASK, &mask, nil)
  }

  /// Takes the next signal that has come; nil where there is none.
  public borrowing func next() -> CInt? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    while true {
      let count = read(descriptor.raw, &information, size)
      if count == size { return CInt(information.ssi_signo) }
      if count < 0, errno == EINTR { continue }
      return nil
    }
  }
}
