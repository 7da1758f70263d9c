import Glibc

/// Files that are read whole: those that this program and `exeunt` wrote.
enum WholeFile {
  enum Failure: Error {
    /// The error number of read(2).
    case unreadable(CInt)
    case tooLarge
  }

  /// Reads what a descriptor has left, at most so many bytes.
  static func read(_ descriptor: CInt, atMost limit: Int) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .unreadable(errno) }
      if count == 0 { return bytes }
      bytes += piece[..<count]
      guard bytes.count <= limit else { throw .tooLarge }
    }
  }
}
