import Glibc

/// An open file that is read at offsets.
///
/// Files are read with pread(2), not mapped: a file that is cut short while it is being read gives a short read
/// rather than SIGBUS, and memory stays at the size of the buffers. Copying costs about a tenth of decoding.
final class DataFile: @unchecked Sendable {
  let path: String
  /// Size in bytes when it was opened.
  let size: Int
  private let descriptor: CInt

  init(path: String) throws(TraceError) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    let descriptor = PathText.withBytes(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw DataFile.failure(path, "cannot open the file", errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw DataFile.failure(path, "cannot examine the file", code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw TraceError(file: path, message: "not a regular file")
    }
    self.path = path
    self.size = Int(status.st_size)
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Reads until the buffer is full or the file ends; returns the number of bytes read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(TraceError) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, base + done, buffer.count - done, offset + done)
      if count > 0 {
        done += count
      } else if count == 0 {
        break
      } else if errno != EINTR {
        throw DataFile.failure(path, "cannot read at byte \(offset + done)", errno)
      }
    }
    return done
  }

  static func failure(_ path: String, _ action: String, _ code: CInt) -> TraceError {
    TraceError(file: path, message: "\(action): \(String(cString: strerror(code)))")
  }
}
