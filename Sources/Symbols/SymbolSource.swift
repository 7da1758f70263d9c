import Glibc

/// What symbols are read from.
protocol SymbolSource {
  /// Bytes.
  var size: UInt64 { get }
  /// Reads bytes that are all there, or throws.
  func bytes(at offset: UInt64, count: Int) throws(SymbolError) -> [UInt8]
}

/// Bytes in memory.
struct BytesSource: SymbolSource {
  let contents: [UInt8]
  var size: UInt64 { UInt64(contents.count) }

  func bytes(at offset: UInt64, count: Int) throws(SymbolError) -> [UInt8] {
    guard offset <= size, UInt64(count) <= size - offset else { throw SymbolError.cut }
    return Array(contents[Int(offset)..<Int(offset) + count])
  }
}

/// A file, read where it is needed: a kernel with its debugging information has hundreds of megabytes.
final class FileSource: SymbolSource {
  private let descriptor: CInt
  let size: UInt64

  /// - Parameter descriptor: Of any file; it is closed, also where the file is none to read from.
  init(owning descriptor: CInt) throws(SymbolError) {
    self.descriptor = descriptor
    var status = stat()
    let failure = fstat(descriptor, &status) == 0 ? 0 : errno
    size = UInt64(max(0, status.st_size))
    // All is set: whatever is thrown from here on has the descriptor closed.
    guard failure == 0 else { throw SymbolError(String(cString: strerror(failure))) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    // What comes through it is waited for: `<(nm vmlinux)`.
    case S_IFIFO: _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    case S_IFDIR: throw SymbolError("it is a directory")
    default: throw SymbolError("it is neither a regular file nor a pipe")
    }
  }

  deinit { close(descriptor) }

  func bytes(at offset: UInt64, count: Int) throws(SymbolError) -> [UInt8] {
    guard offset <= size, UInt64(count) <= size - offset else { throw SymbolError.cut }
    var failure: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset) + filled)
        if read < 0, errno == EINTR { continue }
        guard read > 0 else {
          failure = read < 0 ? errno : EIO
          return
        }
        filled += read
      }
    }
    guard failure == 0 else { throw SymbolError(String(cString: strerror(failure))) }
    return bytes
  }

  /// All of it, of which the kernel does not tell the size beforehand (`/proc/kallsyms`, pipes).
  func everything(limit: Int) throws(SymbolError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SymbolError(String(cString: strerror(errno))) }
      guard count > 0 else { return bytes }
      guard bytes.count + count <= limit else {
        throw SymbolError("it has more than \(limit >> 20) MiB")
      }
      bytes += piece[..<count]
    }
  }
}

extension SymbolError {
  static let cut = SymbolError("it is cut: what it says to have is not all there")
}
