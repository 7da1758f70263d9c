import Glibc

/// A directory that is being listed.
@safe
struct Directory: ~Copyable {
  private let stream: OpaquePointer

  /// nil with `errno` where it cannot be opened.
  init?(path: String) {
    guard let stream = unsafe PathText.withBytes(path, { unsafe opendir($0) }) else { return nil }
    unsafe self.stream = stream
  }

  // The stream is this value's alone, and open as long.
  deinit { unsafe closedir(stream) }

  /// What tells it apart from others; nil where that cannot be found out.
  var identity: TraceFinder.Identity? {
    var status = stat()
    return unsafe fstat(dirfd(stream), &status) == 0 ? TraceFinder.Identity(status) : nil
  }

  /// The name of the next entry; nil at the end, and where there is an error, which is `errno` then, otherwise 0.
  mutating func next() -> String? {
    errno = 0
    guard let entry = unsafe readdir(stream) else { return nil }
    // The name ends with a NUL, inside of the entry.
    return unsafe withUnsafeBytes(of: &entry.pointee.d_name) { name in
      unsafe PathText.text(name.prefix { $0 != 0 })
    }
  }
}

extension PathText {
  /// What a name is of; nil with `errno` where that cannot be found out.
  ///
  /// - Parameter followsLink: Whether what a link leads to is meant.
  static func status(_ text: String, followsLink: Bool = true) -> stat? {
    var status = stat()
    let code = unsafe withBytes(text) { unsafe followsLink ? stat($0, &status) : lstat($0, &status) }
    return code == 0 ? status : nil
  }

  /// The bytes of the name that links lead to in the end; nil where they lead nowhere.
  static func resolved(_ text: String) -> [UInt8]? {
    // A string with a NUL at its end, which is the caller's to free.
    guard let name = unsafe withBytes(text, { unsafe realpath($0, nil) }) else { return nil }
    defer { unsafe free(name) }
    return unsafe UnsafeBufferPointer(start: name, count: strlen(name)).map { UInt8(bitPattern: $0) }
  }
}
