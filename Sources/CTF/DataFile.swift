import Glibc

/// A file that is read at offsets.
///
/// Files are read with pread(2), not mapped: a file that is cut short while it is being read gives a short read
/// rather than SIGBUS, and memory stays at the size of the buffers. Copying costs about a tenth of decoding.
final class DataFile: @unchecked Sendable {
  let path: String
  /// Size in bytes when it was opened.
  let size: Int
  private let identity: TraceFinder.Identity
  private let pool: DescriptorPool
  private let slot = DescriptorPool.Slot()

  init(path: String, pool: DescriptorPool = .shared) throws(TraceError) {
    self.path = path
    self.pool = pool
    var status = stat()
    let outcome = pool.use(slot, open: { Self.open(path) }) { unsafe fstat($0, &status) == 0 ? 0 : errno }
    guard let outcome else { throw DataFile.failure(path, "cannot open the file", errno) }
    size = Int(status.st_size)
    identity = TraceFinder.Identity(status)
    // Thrown from here on, deinit closes it.
    guard outcome == 0 else { throw DataFile.failure(path, "cannot examine the file", outcome) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TraceError(file: path, message: "not a regular file")
    }
  }

  deinit { pool.forget(slot) }

  private static func open(_ path: String) -> CInt {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    unsafe PathText.withBytes(path) { unsafe Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
  }

  /// Opens the file again, if it is still the same one.
  private func openAgain() -> CInt {
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { return descriptor }
    var status = stat()
    if unsafe fstat(descriptor, &status) == 0, TraceFinder.Identity(status) == identity { return descriptor }
    close(descriptor)
    errno = ESTALE
    return -1
  }

  /// Reads until the buffer is full or the file ends; returns the number of bytes read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(TraceError) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var done = 0
    let code = pool.use(slot, open: openAgain) { descriptor -> CInt in
      // From `done` on there is room up to the buffer's end.
      while done < buffer.count {
        let count = unsafe pread(descriptor, base + done, buffer.count - done, offset + done)
        if count > 0 {
          done += count
        } else if count == 0 {
          break
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
    guard let code else { throw DataFile.failure(path, "cannot open the file again", errno) }
    guard code == 0 else { throw DataFile.failure(path, "cannot read at byte \(offset + done)", code) }
    return done
  }

  static func failure(_ path: String, _ action: String, _ code: CInt) -> TraceError {
    TraceError(file: path, message: "\(action): \(unsafe String(cString: strerror(code)))")
  }
}
