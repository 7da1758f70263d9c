import Glibc
import Platform

/// The signals that end a run: only the machine takes them, while it runs. A second Control-C must not cut short what comes
/// after it, closing the trace and telling what is in it.
enum EndingSignals {
  private static let all = [SIGINT, SIGTERM, SIGHUP]

  /// Keeps them from ending this process.
  static func block() { SignalDescriptor.block(all) }

  /// Lets them end this process again where an output takes nothing now: its reader may be slow, or never read any more.
  static func letThrough(unlessWritable descriptor: CInt) {
    var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    if poll(&output, 1, 0) == 0 { SignalDescriptor.unblock(all) }
  }
}
