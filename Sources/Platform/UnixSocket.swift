import CLinux
import Glibc

/// Stream sockets that have a name in the file system: unix(7). None of them blocks.
package enum UnixSocket {
  /// Bytes of a name; the address has room for one more, its end.
  package static let longestPath = 107

  /// Connects to whoever listens.
  ///
  /// - Throws: EAGAIN where as many wait to be accepted as the listener admits, ECONNREFUSED where nobody listens any more,
  ///   ENAMETOOLONG for a path longer than ``longestPath``.
  package static func connect(_ path: String) throws(Errno) -> FileDescriptor {
    let socket = try make()
    while true {
      let result = try withAddress(path) { Glibc.connect(socket.raw, $0, $1) }
      if result == 0 { return socket }
      let error = Errno.current
      if error != .interrupted { throw error }
    }
  }

  /// Listens under a name. One that a process left behind, which nobody listens to any more, is taken over.
  ///
  /// - Throws: EADDRINUSE where somebody listens there, or the name is a file's.
  package static func listen(_ path: String) throws(Errno) -> FileDescriptor {
    let socket = try make()
    if try bind(socket, path) != 0 {
      let error = Errno.current
      guard error == .addressInUse, isLeftBehind(path), unlink(path) == 0 else { throw error }
      guard try bind(socket, path) == 0 else { throw .current }
    }
    guard Glibc.listen(socket.raw, 1) == 0 else { throw .current }
    return socket
  }

  /// Two sockets that are connected to each other, for the caller to own.
  package static func pair() throws(Errno) -> (CInt, CInt) {
    var ends: [CInt] = [-1, -1]
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .current }
    return (ends[0], ends[1])
  }

  /// Takes the next of those who wait for a listener; nil where none does, or it went away again.
  ///
  /// - Throws: EMFILE and its kin: who waits goes on waiting.
  package static func accept(_ listener: borrowing FileDescriptor) throws(Errno) -> FileDescriptor? {
    let raw = clinux_accept(listener.raw)
    if raw >= 0 { return FileDescriptor(owning: raw) }
    switch Errno.current {
    case .wouldBlock, .interrupted, .connectionAbort: return nil
    case let error: throw error
    }
  }

  private static let kind = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  private static func make() throws(Errno) -> FileDescriptor {
    let raw = socket(AF_UNIX, kind, 0)
    guard raw >= 0 else { throw .current }
    return FileDescriptor(owning: raw)
  }

  private static func bind(_ socket: borrowing FileDescriptor, _ path: String) throws(Errno) -> CInt {
    let raw = socket.raw
    return try withAddress(path) { Glibc.bind(raw, $0, $1) }
  }

  private static func isLeftBehind(_ path: String) -> Bool {
    var information = stat()
    guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFSOCK else { return false }
    do {
      _ = try connect(path)
      return false
    } catch {
      return error == .connectionRefused
    }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws(Errno) -> CInt {
    let bytes = Array(path.utf8)
    guard bytes.count <= longestPath else { throw .fileNameTooLong }
    // A name of no bytes, or that begins with 0, is one outside of the file system.
    guard !bytes.isEmpty, !bytes.contains(0) else { throw .noSuchFileOrDirectory }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
