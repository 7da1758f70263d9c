import Glibc
import Platform

/// Keeps everybody else from recording into a directory for as long as one recording lasts: flock(2) on the directory.
///
/// The lock belongs to the open descriptor, so it goes with this process when that executes itself anew, and it is gone
/// when the process is, however it ended.
final class DirectoryLock: Sendable {
  /// Names the descriptor to the program that this process executes.
  private static let marker = "EXEUNT_TRACE_LOCK"

  private let file: FileDescriptor

  /// Locks a directory, or takes over the lock that this process held before it executed itself anew.
  ///
  /// - Throws: that another run holds it.
  init(_ directory: String) throws(RecorderError) {
    if let inherited = DirectoryLock.inherited(of: directory) {
      file = FileDescriptor(owning: inherited)
    } else {
      do throws(Errno) {
        file = try .open(directory, O_RDONLY | O_DIRECTORY)
      } catch {
        throw .directory(path: directory, reason: "\(error)")
      }
    }
    // A file system that cannot lock, such as some of the network's, is no reason not to record.
    guard flock(file.raw, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    throw .directory(
      path: directory, reason: "another run is recording into it; name a new directory for each run")
  }

  /// Lets the lock survive execve(2).
  func handOver() -> [String: String?] {
    _ = fcntl(file.raw, F_SETFD, 0)
    return [DirectoryLock.marker: "\(file.raw)"]
  }

  /// The descriptor that the marker names, where it is of this directory: a variable that somebody else left behind names
  /// none of ours.
  private static func inherited(of directory: String) -> CInt? {
    guard let value = getenv(marker).flatMap({ CInt(String(cString: $0)) }), value > 2 else { return nil }
    unsetenv(marker)
    var (opened, named) = (stat(), stat())
    guard fstat(value, &opened) == 0, stat(directory, &named) == 0, opened.st_dev == named.st_dev,
      opened.st_ino == named.st_ino, fcntl(value, F_SETFD, FD_CLOEXEC) == 0
    else { return nil }
    return value
  }
}
