import Glibc

/// What directories hold: readdir(3).
public enum Directory {
  /// The names in a directory, `.` and `..` left out, in no order; nil with `errno` set when it cannot be read.
  public static func names(in path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Whether a path is a directory, symbolic links not followed.
  public static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Removes a directory and all it holds, as far as it may; symbolic links are removed, not followed.
  public static func remove(_ path: String, depth: Int = 0) {
    if depth < 32, isDirectory(path) {
      for name in names(in: path) ?? [] { remove("\(path)/\(name)", depth: depth + 1) }
    }
    _ = Glibc.remove(path)
  }
}
