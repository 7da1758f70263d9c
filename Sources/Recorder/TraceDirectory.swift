import Glibc
import Platform

/// The directory that a trace is written into.
enum TraceDirectory {
  /// Makes the directory where it is missing, and makes sure that a trace can be put there.
  ///
  /// - Returns: its absolute path.
  static func prepare(_ path: String) throws(RecorderError) -> String {
    guard !path.isEmpty else { throw .directory(path: "", reason: "the name is empty; name a directory") }
    try make(path)
    guard let resolved = realpath(path, nil) else {
      throw .directory(path: path, reason: "\(Errno.current)")
    }
    defer { free(resolved) }
    let absolute = String(cString: resolved)
    guard let names = Directory.names(in: absolute) else {
      throw .directory(path: path, reason: "\(Errno.current); name a directory that can be read and written")
    }
    guard names.isEmpty else {
      throw .directory(path: path, reason: "it is not empty; name a new directory, or remove what is in it")
    }
    guard access(absolute, W_OK | X_OK) == 0 else {
      throw .directory(path: path, reason: "\(Errno.current); name a directory that you may write to")
    }
    if isFull(absolute) {
      throw .directory(path: path, reason: "no space is left on that file system; free some, or name another")
    }
    return absolute
  }

  private static func make(_ path: String) throws(RecorderError) {
    if mkdir(path, 0o777) == 0 { return }
    let error = Errno.current
    if error == .fileExists {
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw .directory(path: path, reason: "it exists and is not a directory; name another")
      }
      return
    }
    if error == .noSuchFileOrDirectory, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try make(String(path[..<slash]))
      if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    }
    throw .directory(path: path, reason: "making the directory failed: \(error)")
  }

  /// Whether the file system that holds a directory has no room left.
  static func isFull(_ path: String) -> Bool {
    var status = statvfs()
    return statvfs(path, &status) == 0 && status.f_blocks > 0 && status.f_bavail == 0
  }

  /// The size of all files in a directory and the directories in it.
  static func size(_ path: String, depth: Int = 0) -> UInt64 {
    var total: UInt64 = 0
    for name in depth < 16 ? Directory.names(in: path) ?? [] : [] {
      var status = stat()
      guard lstat("\(path)/\(name)", &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        total += size("\(path)/\(name)", depth: depth + 1)
      } else {
        total += UInt64(max(status.st_size, 0))
      }
    }
    return total
  }
}
