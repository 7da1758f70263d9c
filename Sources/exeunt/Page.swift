import Glibc

/// The page that results for people are laid out for.
enum Page {
  /// Columns of the terminal on standard output, 100 where there is none.
  static let width: Int = {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else {
      return 100
    }
    return max(40, Int(size.ws_col))
  }()

  /// Lines of a text that begins with `head`; all after the first are indented as much as `head` is long, and words that
  /// are longer than a line stand on one of their own.
  static func lines(_ head: String, _ text: String, width: Int = Page.width) -> [String] {
    var lines: [String] = []
    var current = head
    var isEmpty = true
    for word in text.split(separator: " ") {
      if !isEmpty, current.count + 1 + word.count > width {
        lines.append(current)
        current = String(repeating: " ", count: head.count)
        isEmpty = true
      }
      current += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    return lines + [current]
  }
}
