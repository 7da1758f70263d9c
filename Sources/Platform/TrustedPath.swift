import CLinux
import Glibc

/// Why a path was not opened.
public enum PathError: Error, CustomStringConvertible {
  /// A system call failed.
  case system(Errno)
  /// The path leads through a symbolic link that somebody else made.
  case foreignLink(String, owner: uid_t)
  /// The file has other names, and stands in a directory in which somebody else may have given it this one.
  case foreignName

  /// What is wrong and what to do, for a message that names the path.
  public var description: String {
    switch self {
    case .system(.noSuchAddressOrDevice):
      "nothing reads this FIFO; start its reader first, such as `cat` in the background"
    case .system(let error): "\(error)"
    case .foreignLink(let name, let owner):
      "'\(name)' in it is a symbolic link that another user made (uid \(owner)); name the place that it leads to"
    case .foreignName:
      "it is a hard link to a file elsewhere, in a directory that others can write to; name a new file"
    }
  }
}

/// Opening what is to be written, in directories that may belong to others, without being led elsewhere.
///
/// A path is followed step by step, each from the open directory before it: open(2) with `O_NOFOLLOW`. Of symbolic links
/// only those are followed that root, this process's user or, under sudo(8), the user who runs it made; and those of
/// proc(5), which lead to what is open already.
public enum TrustedPath {
  /// Opens a file for writing. `O_CREAT` makes it; `O_TRUNC` empties it, once it is known to be the right one.
  ///
  /// - Parameters:
  ///   - path: where the file is.
  ///   - flags: as of open(2); `O_CLOEXEC` always.
  ///   - mode: permissions of a file that is made.
  public static func open(
    _ path: String, _ flags: CInt, mode: mode_t = 0o644
  ) throws(PathError) -> FileDescriptor {
    var made: PendingFile.Name?
    return try open(path, flags, mode: mode, made: &made)
  }

  /// The same.
  ///
  /// - Parameter made: the file's name where it was not there before; else as it was.
  static func open(
    _ path: String, _ flags: CInt, mode: mode_t = 0o644, made: inout PendingFile.Name?
  ) throws(PathError) -> FileDescriptor {
    var walk = try Walk(path)
    while true {
      let name = try walk.advance(toTheEnd: false)
      guard let name, !path.hasSuffix("/") else { throw .system(.isDirectory) }
      let isThere = try walk.step(name, isLast: true)
      if isThere == .link { continue }
      let exclusive = isThere == .missing && flags & O_CREAT != 0 ? O_CREAT | O_EXCL : 0
      let usual = flags & ~(O_CREAT | O_EXCL | O_TRUNC)
      let raw =
        isThere == .followed
        ? openat(walk.directory.raw, name, usual | O_CLOEXEC)
        : openat(walk.directory.raw, name, usual | exclusive | O_NOFOLLOW | O_CLOEXEC, mode)
      guard raw >= 0 else {
        let error = Errno.current
        // It was made, removed or replaced by a link this very moment.
        if error == .fileExists || error == .tooManySymbolicLinkLevels
          || (error == .noSuchFileOrDirectory && isThere != .missing && flags & O_CREAT != 0)
        {
          try walk.retry(name)
          continue
        }
        throw .system(error)
      }
      let file = FileDescriptor(owning: raw)
      if isThere != .followed { try walk.check(file) }
      if flags & O_TRUNC != 0 {
        var information = stat()
        if fstat(raw, &information) == 0, information.st_mode & S_IFMT == S_IFREG, ftruncate(raw, 0) != 0 {
          throw .system(.current)
        }
      }
      if exclusive != 0 { made = .init(directory: walk.directory, name: name) }
      return file
    }
  }

  /// Opens a directory and makes it, and those that lead to it, where they are missing.
  ///
  /// - Parameter mode: permissions of what is made.
  public static func makeDirectory(_ path: String, mode: mode_t) throws(PathError) -> FileDescriptor {
    try openDirectory(path, making: mode)
  }

  /// Opens a directory.
  ///
  /// - Parameter making: permissions with which it, and those that lead to it, are made where they are missing; nil: that
  ///   is an error.
  public static func openDirectory(_ path: String, making: mode_t? = nil) throws(PathError) -> FileDescriptor
  {
    var walk = try Walk(path)
    while let name = try walk.advance(toTheEnd: true) {
      switch try walk.step(name, isLast: false) {
      case .missing:
        guard let making else { throw .system(.noSuchFileOrDirectory) }
        guard mkdirat(walk.directory.raw, name, making) == 0 || errno == EEXIST else {
          throw .system(.current)
        }
        try walk.retry(name)
      case .link, .followed, .there: break
      }
    }
    let raw = openat(walk.directory.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw .system(.current) }
    return FileDescriptor(owning: raw)
  }

  /// Whether nobody else can put anything in the place of what this process makes in a directory: all directories that
  /// lead there are root's or this user's, and others can write to them only where they cannot rename what is not
  /// theirs (the sticky bit).
  public static func isSafe(_ directory: String) -> Bool {
    guard let resolved = realpath(directory, nil) else { return false }
    defer { free(resolved) }
    var places = ["/"]
    for name in String(cString: resolved).split(separator: "/") {
      places.append(places[places.count - 1] + (places.count > 1 ? "/" : "") + name)
    }
    for path in places {
      var information = stat()
      guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR,
        information.st_uid == 0 || information.st_uid == geteuid(),
        information.st_mode & 0o022 == 0 || information.st_mode & S_ISVTX != 0
      else { return false }
    }
    return true
  }

  fileprivate static func isTrusted(_ user: uid_t) -> Bool {
    if user == 0 || user == geteuid() { return true }
    // Who may run this program as root chooses all of its paths.
    guard geteuid() == 0, let invoker = getenv("SUDO_UID") else { return false }
    return uid_t(String(cString: invoker)) == user
  }
}

/// A path on its way.
private struct Walk: ~Copyable {
  /// What the last step led to.
  enum Place {
    case missing
    /// Something that is no link.
    case there
    /// A link, whose target is now the next part of the path.
    case link
    /// A link of proc(5), to be followed by the kernel.
    case followed
  }

  /// Where the rest of the path begins.
  private(set) var directory: FileDescriptor
  // Bytes: links lead to names that are not UTF-8, too.
  private var rest: [Name]
  private var links = 0
  private var tries = 0

  init(_ path: String) throws(PathError) {
    guard !path.isEmpty else { throw .system(.noSuchFileOrDirectory) }
    directory = try Self.open(path.hasPrefix("/") ? "/" : ".")
    rest = Self.names(path.utf8)
  }

  /// One step of a path as the system has it, ended by NUL.
  typealias Name = [CChar]

  private static func names(_ path: some Sequence<UInt8>) -> [Name] {
    path.split(separator: UInt8(ascii: "/")).map { $0.map { CChar(bitPattern: $0) } + [0] }
  }

  private static func open(_ path: String) throws(PathError) -> FileDescriptor {
    do {
      return try FileDescriptor.open(path, clinux_path_flag() | O_DIRECTORY)
    } catch {
      throw .system(error)
    }
  }

  /// Goes on as far as there are directories, or to the last name but one.
  ///
  /// - Parameter toTheEnd: to the last name, and stop before one that is missing.
  /// - Returns: the next name; nil where the path ends with a directory.
  mutating func advance(toTheEnd: Bool) throws(PathError) -> Name? {
    while let next = rest.first {
      rest.removeFirst()
      if next == [CChar(bitPattern: UInt8(ascii: ".")), 0] { continue }
      if rest.isEmpty, !toTheEnd { return next }
      switch try step(next, isLast: false) {
      case .missing:
        guard toTheEnd else { throw .system(.noSuchFileOrDirectory) }
        return next
      case .there, .link, .followed: break
      }
    }
    return nil
  }

  /// Looks at a name in the directory and goes there: into a directory, or to where a link leads.
  ///
  /// - Parameter isLast: stay in the directory unless it is a link.
  mutating func step(_ name: Name, isLast: Bool) throws(PathError) -> Place {
    let raw = openat(directory.raw, name, clinux_path_flag() | O_NOFOLLOW | O_CLOEXEC)
    guard raw >= 0 else {
      let error = Errno.current
      if error == .noSuchFileOrDirectory { return .missing }
      throw .system(error)
    }
    let place = FileDescriptor(owning: raw)
    var information = stat()
    guard fstat(raw, &information) == 0 else { throw .system(.current) }
    if information.st_mode & S_IFMT == S_IFLNK { return try follow(place, name, information.st_uid, isLast) }
    if isLast { return .there }
    guard information.st_mode & S_IFMT == S_IFDIR else { throw .system(.notDirectory) }
    directory = place
    return .there
  }

  private mutating func follow(
    _ link: borrowing FileDescriptor, _ name: Name, _ owner: uid_t, _ isLast: Bool
  ) throws(PathError) -> Place {
    guard TrustedPath.isTrusted(owner) else { throw .foreignLink(name.shown, owner: owner) }
    links += 1
    guard links <= 40 else { throw .system(.tooManySymbolicLinkLevels) }
    var system = statfs()
    if fstatfs(link.raw, &system) == 0, UInt32(truncatingIfNeeded: system.f_type) == UInt32(CLINUX_PROC_MAGIC)
    {
      if isLast { return .followed }
      let raw = openat(directory.raw, name, clinux_path_flag() | O_DIRECTORY | O_CLOEXEC)
      guard raw >= 0 else { throw .system(.current) }
      directory = FileDescriptor(owning: raw)
      return .there
    }
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = target.withUnsafeMutableBytes {
      readlinkat(link.raw, "", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard length >= 0 else { throw .system(.current) }
    if target.first == UInt8(ascii: "/") { directory = try Self.open("/") }
    rest = Self.names(target.prefix(length)) + rest
    return .link
  }

  /// Looks at the same name again, which was not what it had been a moment before.
  mutating func retry(_ name: Name) throws(PathError) {
    tries += 1
    guard tries <= 100 else { throw .system(.tooManySymbolicLinkLevels) }
    rest.insert(name, at: 0)
  }

  /// A file with several names, in the directory of somebody who may have given it this one.
  borrowing func check(_ file: borrowing FileDescriptor) throws(PathError) {
    var information = stat()
    var place = stat()
    guard fstat(file.raw, &information) == 0, fstat(directory.raw, &place) == 0 else {
      throw .system(.current)
    }
    guard information.st_mode & S_IFMT == S_IFREG, information.st_nlink > 1 else { return }
    guard !TrustedPath.isTrusted(place.st_uid) || place.st_mode & S_IWOTH != 0 else { return }
    throw .foreignName
  }
}

extension [CChar] {
  /// As people read it.
  fileprivate var shown: String { UTF8Text.shown(dropLast().map { UInt8(bitPattern: $0) }) }
}
