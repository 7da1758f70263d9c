import CTF
import Glibc

/// A file that is written under another name beside it, and has its own when all of it is there. When the program is ended by
/// a signal, or the file is given up, nothing is left of it.
struct OutputFile: ~Copyable {
  /// Why a file could not be written.
  struct Failure: Error {
    /// The error number.
    let code: CInt
    /// In words.
    var text: String { String(cString: strerror(code)) }
  }

  /// Where it is written until it is complete, or what was given where that is no regular file.
  let place: String
  /// Open for writing.
  let descriptor: CInt
  private let path: String
  private var isClosed = false
  private var isComplete = false

  /// - Parameters:
  ///   - path: A file that is there is replaced; pipes and devices are written to.
  ///   - mode: Who may do what with a new file, as far as the umask lets them.
  init(_ path: String, mode: mode_t = 0o666) throws(Failure) {
    let opened = try Self.open(path, mode)
    self.path = path
    (place, descriptor) = opened
  }

  private static func open(_ path: String, _ mode: mode_t) throws(Failure) -> (
    place: String, descriptor: CInt
  ) {
    var status = stat()
    let isThere = PathText.withBytes(path) { stat($0, &status) } == 0
    let kind = status.st_mode & S_IFMT
    if isThere, kind == S_IFDIR { throw Failure(code: EISDIR) }
    let isOther = isThere && kind != S_IFREG
    let place = isOther ? path : "\(path).\(getpid()).part"
    let flags = (isOther ? O_WRONLY : O_RDWR | O_CREAT | O_EXCL) | O_CLOEXEC
    func open() -> CInt { PathText.withBytes(place) { Glibc.open($0, flags, mode) } }
    let descriptor = isOther ? open() : PartialFile.begin(place, open)
    guard descriptor >= 0 else { throw Failure(code: errno) }
    return (place, descriptor)
  }

  /// Whether it gets its name when it is complete; what does not is written to at once.
  var isRenamed: Bool { place != path }

  /// All is written.
  consuming func complete() throws(Failure) {
    isClosed = true
    if close(descriptor) < 0 { throw Failure(code: errno) }
    if isRenamed, PathText.withBytes(place, { from in PathText.withBytes(path) { rename(from, $0) } }) != 0 {
      throw Failure(code: errno)
    }
    isComplete = true
    PartialFile.end()
  }

  deinit {
    if !isClosed { close(descriptor) }
    guard !isComplete, isRenamed else { return }
    _ = PathText.withBytes(place) { unlink($0) }
    PartialFile.end()
  }
}

/// The file that is not complete, which signals remove.
private enum PartialFile {
  /// Read by a signal handler: set before the handler is, and changed when no signal can come between.
  nonisolated(unsafe) static var path: UnsafeMutablePointer<CChar>?
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  /// Makes a file that signals remove from the first moment on.
  ///
  /// - Parameter open: Makes it, and gives its descriptor; negative, with `errno`, where it could not.
  static func begin(_ place: String, _ open: () -> CInt) -> CInt {
    var set = sigset_t()
    var before = sigset_t()
    sigemptyset(&set)
    for number in signals { sigaddset(&set, number) }
    sigprocmask(SIG_BLOCK, &set, &before)
    let descriptor = open()
    let code = errno
    if descriptor >= 0 { remove(place) }
    sigprocmask(SIG_SETMASK, &before, nil)
    errno = code
    return descriptor
  }

  private static func remove(_ place: String) {
    path = PathText.withBytes(place) { strdup($0) }
    for number in signals {
      // What the caller ignores, as nohup(1) does, stays ignored.
      let before = signal(number) { number in
        if let path = PartialFile.path { unlink(path) }
        signal(number, SIG_DFL)
        raise(number)
      }
      if isIgnored(before) { signal(number, SIG_IGN) }
    }
  }

  private static func isIgnored(_ handler: sighandler_t?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  static func end() {
    for number in signals where isIgnored(signal(number, SIG_DFL)) { signal(number, SIG_IGN) }
    path = nil
  }
}
