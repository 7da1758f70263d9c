import CTF
import Glibc

/// What the kernel tells of who writes a recording: nothing is concluded from files that do not grow.
struct RecordingWriter {
  enum Finding: Equatable {
    /// Somebody has one of the files open for writing, or nobody can tell.
    case maybe
    /// Nobody has any of the files open for writing.
    case nobody
    /// This directory is there no more, or another one has its name.
    case removed(String)
  }

  private struct Place {
    let path: String
    let device: dev_t
    let inode: ino_t
  }

  private let places: [Place]

  /// - Parameter directories: Those of the recording.
  /// - Returns: nil where one is none; `problem` is it.
  init?(_ directories: [String], problem: inout String) {
    var places: [Place] = []
    for path in directories {
      guard let status = Self.status(of: path), status.st_mode & S_IFMT == S_IFDIR else {
        problem = path
        return nil
      }
      places.append(Place(path: path, device: status.st_dev, inode: status.st_ino))
    }
    self.places = places
    // Who opens a file for writing in the microseconds in which it has our lease makes the kernel tell us so.
    signal(SIGIO, SIG_IGN)
  }

  /// Looks who writes.
  ///
  /// - Parameter files: The recording's files, as far as known.
  func look(at files: [String]) -> Finding {
    for place in places {
      guard let status = Self.status(of: place.path), status.st_dev == place.device,
        status.st_ino == place.inode
      else { return .removed(place.path) }
    }
    var isAnyThere = false
    // The newest of a rotated session come last.
    for file in files.reversed() {
      switch Self.isWritten(file) {
      case true?: return .maybe
      case false?: isAnyThere = true
      case nil where errno == ENOENT: continue
      case nil: return .maybe
      }
    }
    return isAnyThere ? .nobody : .maybe
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    return PathText.withBytes(path) { stat($0, &status) } == 0 ? status : nil
  }

  /// F_SETLEASE of <bits/fcntl-linux.h>, which Swift does not see.
  private static let setLease: CInt = 1024

  /// Whether anybody has a file open for writing: fcntl(2) gives a read lease only where nobody has.
  ///
  /// - Returns: nil, with `errno`, where it cannot be known, such as with files of others or of a network.
  private static func isWritten(_ path: String) -> Bool? {
    let descriptor = PathText.withBytes(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return nil }
    let outcome = fcntl(descriptor, setLease, CInt(F_RDLCK))
    let code = errno
    if outcome == 0 { _ = fcntl(descriptor, setLease, CInt(F_UNLCK)) }
    close(descriptor)
    errno = code
    return outcome == 0 ? false : code == EAGAIN ? true : nil
  }
}
