import CLinux
import Glibc
import Synchronization

/// The terminal on standard input, in raw mode: every key goes to the guest.
public enum Terminal {
  private static let saved: Mutex<termios?> = Mutex(nil)

  /// Whether standard input is a terminal.
  public static var isStandardInput: Bool { isatty(STDIN_FILENO) != 0 }

  /// Switches the terminal to raw mode: tcsetattr(3). Does nothing where there is no terminal.
  public static func makeRaw() {
    saved.withLock { saved in
      guard saved == nil, isStandardInput else { return }
      var attributes = termios()
      guard tcgetattr(STDIN_FILENO, &attributes) == 0 else { return }
      saved = attributes
      clinux_restore_when_lost(&attributes)
      cfmakeraw(&attributes)
      // Output keeps its newlines: the VMM's own messages go to the same terminal.
      attributes.c_oflag |= tcflag_t(OPOST | ONLCR)
      tcsetattr(STDIN_FILENO, TCSANOW, &attributes)
    }
    atexit { Terminal.restore() }
  }

  /// Switches it back. Called by itself when the process exits.
  public static func restore() {
    saved.withLock { saved in
      guard var attributes = saved else { return }
      tcsetattr(STDIN_FILENO, TCSANOW, &attributes)
      clinux_restore_when_lost(nil)
      saved = nil
    }
  }
}
