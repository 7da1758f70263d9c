import CLinux
import Glibc

/// Pseudo-terminals whose other side anybody may open, such as `screen /dev/pts/3`: pty(7). They are in raw mode.
package enum PseudoTerminal {
  /// Makes one.
  ///
  /// - Returns: for the caller to own: this side, which does not block, and of which reading fails with EIO while nobody has the
  ///   other open; what can be read when somebody has opened that, maybe to leave again (inotify(7)). And the other side's path.
  package static func make() throws(Errno) -> (descriptor: CInt, opens: CInt, path: String) {
    var name = [CChar](repeating: 0, count: 128)
    let raw = clinux_open_pseudo_terminal(&name, UInt(name.count))
    guard raw >= 0 else { throw Errno(rawValue: -raw) }
    let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let opens = clinux_watch_opens(path)
    guard opens >= 0 else {
      close(raw)
      throw Errno(rawValue: -opens)
    }
    return (raw, opens, path)
  }

  /// Whether somebody has the other side of a terminal open.
  package static func isOpen(_ descriptor: CInt) -> Bool {
    var state = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&state, 1, 0) >= 0 && state.revents & Int16(POLLHUP) == 0
  }

  /// Takes what a watch has told.
  package static func takeOpens(_ watch: CInt) {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      while read(watch, buffer.baseAddress, buffer.count) > 0 {}
    }
  }
}
