import CLinux
import Glibc
import Synchronization

/// The terminal on standard input, in raw mode: every key goes to the guest.
///
/// Whatever ends or stops this process, the user gets the terminal back as it was: at the end by ``restore()``, by any
/// fatal signal in a handler, by job control in ``suspend()``. Only SIGKILL and SIGSTOP leave no time for that.
public enum Terminal {
  private struct Attributes {
    let users: termios
    /// Given back to the user because this process was stopped; raw again when it goes on in the foreground.
    var isSuspended = false
  }

  private static let attributes: Mutex<Attributes?> = Mutex(nil)

  /// Whether standard input is a terminal.
  public static var isStandardInput: Bool { isatty(STDIN_FILENO) != 0 }

  /// Switches the terminal to raw mode: tcsetattr(3). Does nothing where there is no terminal.
  public static func makeRaw() {
    attributes.withLock { attributes in
      var users = termios()
      guard attributes == nil, isStandardInput, tcgetattr(STDIN_FILENO, &users) == 0 else { return }
      attributes = Attributes(users: users)
      clinux_guard_terminal(&users)
      setRaw(users)
    }
    atexit { Terminal.restore() }
  }

  private static func setRaw(_ users: termios) {
    var raw = users
    cfmakeraw(&raw)
    // Output keeps its newlines: the VMM's own messages go to the same terminal.
    raw.c_oflag |= tcflag_t(OPOST | ONLCR)
    tcsetattr(STDIN_FILENO, TCSANOW, &raw)
  }

  /// Switches it back. Called by itself when the process exits.
  public static func restore() {
    attributes.withLock { attributes in
      guard let state = attributes else { return }
      if !state.isSuspended { clinux_put_back_terminal() }
      clinux_guard_terminal(nil)
      attributes = nil
    }
  }

  /// Gives the terminal back to the user and stops this process, as SIGTSTP does by default; that signal has to be blocked.
  /// Returns when the process is to go on.
  public static func suspend() {
    attributes.withLock { attributes in
      guard attributes?.isSuspended == false else { return }
      attributes?.isSuspended = true
      clinux_put_back_terminal()
      clinux_guard_terminal(nil)
    }
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTSTP)
    raise(SIGTSTP)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    resume()
  }

  /// Makes the terminal raw again after the process was stopped, once that is in the foreground; else does nothing.
  ///
  /// - Parameter wasStopped: it was stopped without ``suspend()``, by SIGSTOP: whoever had the terminal meanwhile may have
  ///   changed it.
  public static func resume(wasStopped: Bool = false) {
    attributes.withLock { attributes in
      guard let state = attributes, wasStopped || state.isSuspended else { return }
      guard clinux_terminal_is_ours() != 0 else {
        attributes?.isSuspended = true
        return
      }
      attributes?.isSuspended = false
      var users = state.users
      clinux_guard_terminal(&users)
      setRaw(users)
    }
  }
}
