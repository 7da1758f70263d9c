import CLinux
import Glibc
import Platform

/// The directory that a trace is written into, kept open: whatever becomes of its name, this is what is meant.
///
/// It is this process's user's, and nobody else can write to it. So neither can anybody plant anything in it, nor does it
/// matter who can rename it: the session daemon is told of the open directory, in ``SessionDaemon``, and what has to be
/// removed is removed from it.
final class TraceDirectory: Sendable {
  let descriptor: FileDescriptor
  private let given: String

  /// Makes the directory where it is missing, and makes sure that a trace can be put there.
  init(making path: String) throws(RecorderError) {
    given = path
    guard !path.isEmpty else { throw .directory(path: "", reason: "the name is empty; name a directory") }
    do {
      descriptor = try TrustedPath.makeDirectory(path, mode: 0o755)
    } catch .system(.notDirectory) where access(path, F_OK) == 0 {
      throw .directory(path: path, reason: "it exists and is not a directory; name another")
    } catch {
      throw .directory(path: path, reason: "making the directory failed: \(error)")
    }
    try takePossession(path)
    // It belongs to the open directory, so it is gone when this process and its keeper are, however they ended. A file system
    // that cannot lock is no reason not to record.
    if flock(descriptor.raw, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      throw .directory(
        path: path, reason: "another run is recording into it; name a new directory for each run")
    }
    guard let names = Directory.names(in: descriptor) else {
      throw .directory(path: path, reason: "\(Errno.current); name a directory that can be read and written")
    }
    guard names.isEmpty else {
      throw .directory(path: path, reason: "it is not empty; name a new directory, or remove what is in it")
    }
    guard faccessat(descriptor.raw, ".", W_OK | X_OK, AT_EACCESS) == 0 else {
      throw .directory(path: path, reason: "\(Errno.current); name a directory that you may write to")
    }
    if isFull {
      throw .directory(path: path, reason: "no space is left on that file system; free some, or name another")
    }
  }

  /// Sees to it that the directory is this user's and that others cannot write to it, nor to what is made in it.
  private func takePossession(_ path: String) throws(RecorderError) {
    var status = stat()
    guard fstat(descriptor.raw, &status) == 0 else {
      throw .directory(path: path, reason: "\(Errno.current)")
    }
    guard status.st_uid == geteuid() else {
      throw .directory(
        path: path,
        reason:
          "it belongs to another user (uid \(status.st_uid)), who could lead what is written there elsewhere; "
          + "name a new directory")
    }
    // What is made in it would inherit these two, and LTTng lets the group write.
    _ = clinux_remove_default_acl(descriptor.raw)
    if status.st_gid != getegid() { fchown(descriptor.raw, uid_t.max, getegid()) }
    if status.st_mode & 0o7022 != 0 { fchmod(descriptor.raw, status.st_mode & 0o755) }
    guard fstat(descriptor.raw, &status) == 0, status.st_mode & 0o022 == 0 else {
      throw .directory(
        path: path, reason: "others can write to it, and that cannot be changed there; name another directory"
      )
    }
  }

  /// Whether it has no name any more.
  var isRemoved: Bool {
    var status = stat()
    return fstat(descriptor.raw, &status) == 0 && status.st_nlink == 0
  }

  /// Its absolute path as it is now; where it was removed, what that was, with a note; where that is not UTF-8, the path that was given.
  var path: String {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = target.withUnsafeMutableBytes {
      readlink(
        "/proc/self/fd/\(descriptor.raw)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return String(validating: target.prefix(max(length, 0)), as: UTF8.self) ?? given
  }

  /// Whether the file system that holds it has no room left.
  var isFull: Bool {
    var status = statvfs()
    return fstatvfs(descriptor.raw, &status) == 0 && status.f_blocks > 0 && status.f_bavail == 0
  }

  /// Bytes that are free on its file system.
  var free: UInt64 {
    var status = statvfs()
    guard fstatvfs(descriptor.raw, &status) == 0 else { return .max }
    return UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
  }

  /// The bytes of all files in it.
  var size: UInt64 { Directory.size(of: descriptor) }

  /// Whether nothing is in it.
  var isEmpty: Bool { Directory.names(in: descriptor)?.isEmpty ?? true }

  /// Removes all that is in it: it was empty before.
  func empty() { Directory.removeContents(of: descriptor) }
}
