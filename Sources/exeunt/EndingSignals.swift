import Glibc
import Platform

/// The signals that end a run: only the machine takes them, while it runs. A second Control-C must not cut short what comes
/// after it, closing the trace and telling what is in it.
enum EndingSignals {
  private static let all = [SIGINT, SIGTERM, SIGHUP]

  /// Says so when one of them ends this process before the guest runs, which is all that it says then.
  static func announce() {
    for number in all where !SignalDescriptor.isIgnored(number) {
      signal(number) { number in
        // Only what signal-safety(7) allows.
        let words: StaticString = "exeunt: ended by a signal before the guest ran; nothing is recorded\n"
        _ = Glibc.write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  /// Keeps them from ending this process: the guest runs now.
  static func block() {
    SignalDescriptor.block(all)
    for number in all where !SignalDescriptor.isIgnored(number) { signal(number, SIG_DFL) }
  }

  /// Lets them end this process again where an output takes nothing now: its reader may be slow, or never read any more.
  static func letThrough(unlessWritable descriptor: CInt) {
    var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    if poll(&output, 1, 0) == 0 { SignalDescriptor.unblock(all) }
  }
}
