import Glibc

/// What directories hold: readdir(3).
public enum Directory {
  /// The names in a directory, `.` and `..` left out, in no order; nil with `errno` set when it cannot be read.
  public static func names(in path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    return names(directory)?.map(text)
  }

  /// The names in an open directory, `.` and `..` left out, in no order; nil with `errno` set when it cannot be read.
  public static func names(in directory: borrowing FileDescriptor) -> [String]? {
    names(in: directory.raw)?.map(text)
  }

  private static func text(_ name: [CChar]) -> String {
    String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// As bytes, which need not be UTF-8, with a zero at the end.
  private static func names(in raw: CInt) -> [[CChar]]? {
    // A description of its own: reading moves the position in it.
    let copy = openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { return nil }
    guard let directory = fdopendir(copy) else {
      close(copy)
      return nil
    }
    return names(directory)
  }

  private static func names(_ directory: OpaquePointer) -> [[CChar]]? {
    defer { closedir(directory) }
    var names: [[CChar]] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) {
          Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
        }
      }
      let dot = CChar(UInt8(ascii: "."))
      if name != [dot, 0] && name != [dot, dot, 0] { names.append(name) }
    }
    return names
  }

  /// Whether a path is a directory, symbolic links not followed.
  public static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Removes a directory and all it holds, as far as it may: openat(2) and unlinkat(2). Symbolic links are removed, not
  /// followed, even where one takes a directory's place meanwhile.
  public static func remove(_ path: String) {
    var parts = path.split(separator: "/")
    guard let name = parts.popLast(), name != ".", name != ".." else { return }
    let parent = (path.hasPrefix("/") ? "/" : "./") + parts.joined(separator: "/")
    guard let place = try? FileDescriptor.open(parent, O_RDONLY | O_DIRECTORY) else { return }
    remove(Array(String(name).utf8CString), in: place.raw, depth: 0)
  }

  /// Removes all that an open directory holds, in the same way.
  public static func removeContents(of directory: borrowing FileDescriptor) {
    removeContents(of: directory.raw, depth: 0)
  }

  private static func removeContents(of raw: CInt, depth: Int) {
    for name in names(in: raw) ?? [] { remove(name, in: raw, depth: depth + 1) }
  }

  private static func remove(_ name: [CChar], in place: CInt, depth: Int) {
    let raw = openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if raw >= 0 {
      if depth < 32 { removeContents(of: raw, depth: depth) }
      close(raw)
    }
    if unlinkat(place, name, 0) != 0 { unlinkat(place, name, AT_REMOVEDIR) }
  }

  /// The bytes of all files in an open directory and the directories in it.
  public static func size(of directory: borrowing FileDescriptor) -> UInt64 {
    size(of: directory.raw, depth: 0)
  }

  private static func size(of raw: CInt, depth: Int) -> UInt64 {
    var total: UInt64 = 0
    for name in depth < 16 ? names(in: raw) ?? [] : [] {
      var status = stat()
      guard fstatat(raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        let inner = openat(raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard inner >= 0 else { continue }
        total += size(of: inner, depth: depth + 1)
        close(inner)
      } else {
        total += UInt64(max(status.st_size, 0))
      }
    }
    return total
  }
}
