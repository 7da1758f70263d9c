import ArgumentParser
import CTF
import Glibc
import InertText
import Reporting

/// What is written where.
enum Terminal {
  /// Writes all of a text; an output that nobody reads any more is left alone.
  ///
  /// - Returns: The error number of a write that failed, such as on a full disk.
  @discardableResult
  static func write(_ text: String, to descriptor: CInt) -> CInt? {
    var text = text
    return text.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  /// Writes all of some bytes.
  static func write(_ bytes: [UInt8], to descriptor: CInt) -> CInt? {
    bytes.withUnsafeBytes { write($0, to: descriptor) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> CInt? {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { return written == 0 || errno == EPIPE ? nil : errno }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
    }
    return nil
  }

  /// A message under the program's name on standard error.
  static func report(_ message: String) { write(shown("exeunt-analyze: \(message)\n"), to: STDERR_FILENO) }

  /// A message in characters that the locale has, none of which commands the terminal.
  static func shown(_ text: String) -> String {
    let text = InertText.escaped(PathText.shown(text))
    return isASCII ? ASCIIText.text(text) : text
  }

  /// Whether the locale has ASCII only.
  static let isASCII = ASCIIText.isWanted { name in getenv(name).map { String(cString: $0) } }

  /// Reports that the arguments do not fit the trace, and gives the status to end with.
  static func mistake(_ message: String) -> ExitCode {
    report(message)
    return ExitCode(2)
  }

  /// Colour only where a person looks (https://no-color.org).
  static var usesColor: Bool {
    isatty(STDOUT_FILENO) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
  }

  /// Columns of the terminal on standard output; nil when it is none.
  static var columns: Int? {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else {
      return nil
    }
    return Int(size.ws_col)
  }
}

/// Progress of a long read on standard error, when that is a terminal.
final class Progress: Sendable {
  private let begin = Progress.now

  private static var isWanted: Bool { isatty(STDERR_FILENO) == 1 }

  /// Shows progress where somebody looks; nil: nobody does.
  static var reporter: (@Sendable (Double) -> Void)? {
    guard isWanted else { return nil }
    let progress = Progress()
    return { progress.show($0) }
  }

  private static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  /// Shows how much is done, not before half a second has passed.
  func show(_ part: Double) {
    guard Progress.now - begin > 500 else { return }
    let end = part >= 1 ? "\r\u{1b}[K" : ""
    Terminal.write(end.isEmpty ? "\rreading \(Int(part * 100)) %" : end, to: STDERR_FILENO)
  }
}
