import CLinux
import Glibc

/// A file that will be written from its start, opened before it is known whether anything will be.
///
/// What is in it stays there until ``begin()``. Where that never comes, as what was asked for is refused, the file is as it was: one that was
/// made for this goes away with its owner.
public final class PendingFile: @unchecked Sendable {
  /// A name in a directory, by which a file can be removed that was made there.
  struct Name: ~Copyable {
    let directory: FileDescriptor
    let name: [CChar]
  }

  /// The descriptor's number, valid until ``close()`` and as long as this lives.
  public let raw: CInt
  // Of whoever opened it, and of one thread at a time.
  private var file: FileDescriptor?
  private var made: Name?

  /// Opens a file for writing, by a ``TrustedPath``, and makes it where it is missing; a FIFO without waiting for ever for somebody who
  /// reads it.
  ///
  /// - Parameter patience: how long to wait for a FIFO's reader, milliseconds.
  /// - Throws: ENXIO where nobody reads the FIFO.
  public init(_ path: String, patience: UInt64 = 2000) throws(PathError) {
    let deadline = Clock.monotonic + patience * 1_000_000
    while true {
      do {
        var made: Name?
        let file = try TrustedPath.open(path, O_WRONLY | O_CREAT | O_NONBLOCK, made: &made)
        // Whoever reads slowly holds the writer back from here on.
        _ = fcntl(file.raw, F_SETFL, fcntl(file.raw, F_GETFL) & ~O_NONBLOCK)
        raw = file.raw
        self.file = consume file
        self.made = made.take()
        return
      } catch {
        var information = stat()
        guard case .system(.noSuchAddressOrDevice) = error, stat(path, &information) == 0,
          information.st_mode & S_IFMT == S_IFIFO, Clock.monotonic < deadline
        else { throw error }
        usleep(20_000)
      }
    }
  }

  deinit { withdraw() }

  /// Empties it: from now on it is written.
  public func begin() throws(Errno) {
    made = nil
    var information = stat()
    if fstat(raw, &information) == 0, information.st_mode & S_IFMT == S_IFREG, information.st_size > 0,
      ftruncate(raw, 0) != 0
    {
      throw .current
    }
  }

  /// Takes it away again where it was made for this, unless ``begin()`` came before.
  public func withdraw() {
    guard let made = made.take() else { return }
    var (ours, there) = (stat(), stat())
    // Somebody may have put another in its place.
    guard fstat(raw, &ours) == 0, fstatat(made.directory.raw, made.name, &there, AT_SYMLINK_NOFOLLOW) == 0,
      ours.st_dev == there.st_dev, ours.st_ino == there.st_ino
    else { return }
    unlinkat(made.directory.raw, made.name, 0)
  }

  /// Writes all of the bytes: write(2), repeated until nothing is left.
  public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) { try file?.writeAll(bytes) }

  /// Closes it; what it throws is why something that was written is not kept. Once.
  public func close() throws(Errno) {
    guard let file = file.take() else { return }
    try file.close()
  }
}
