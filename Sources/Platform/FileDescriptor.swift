import CLinux
import Glibc

@_exported import struct SystemPackage.Errno

/// An open file descriptor that is closed when its owner goes away.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The descriptor's number, valid as long as this value lives.
  public let raw: CInt

  /// Takes over a descriptor that nobody else closes.
  public init(owning raw: CInt) {
    precondition(raw >= 0, "not an open descriptor")
    self.raw = raw
  }

  deinit {
    _ = Glibc.close(raw)
  }

  /// Closes it: close(2). What it throws is why something that was written is not kept, which file systems with quotas and
  /// those across a network may find out only now; closed it is all the same.
  public consuming func close() throws(Errno) {
    let raw = raw
    discard self
    guard Glibc.close(raw) != 0 else { return }
    let error = Errno.current
    if error != .interrupted { throw error }
  }

  /// Opens a file: open(2), with `O_CLOEXEC` always.
  ///
  /// - Parameters:
  ///   - path: where the file is.
  ///   - flags: `O_RDONLY`, `O_RDWR`, `O_CREAT` and so on.
  ///   - mode: permissions of a file that is made.
  public static func open(
    _ path: String, _ flags: CInt, mode: mode_t = 0o644
  ) throws(Errno) -> FileDescriptor {
    let raw = Glibc.open(path, flags | O_CLOEXEC, mode)
    guard raw >= 0 else { throw Errno.current }
    return FileDescriptor(owning: raw)
  }

  /// Makes a file without a name, for reading and writing, that is gone when it is closed: open(2) with `O_TMPFILE`.
  ///
  /// - Parameter directory: on the file system that it takes room of.
  public static func temporary(in directory: String) throws(Errno) -> FileDescriptor {
    try open(directory, O_RDWR | clinux_temporary_file_flag(), mode: 0o600)
  }

  /// Reads at most `buffer.count` bytes: read(2), repeated while a signal interrupts it.
  ///
  /// - Returns: the bytes read; 0 at the end of the file.
  public borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    while true {
      let count = Glibc.read(raw, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      let error = Errno.current
      if error != .interrupted { throw error }
    }
  }

  /// Reads at most `buffer.count` bytes from a position, leaving the file's own position alone: pread(2).
  public borrowing func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno) -> Int
  {
    while true {
      let count = Glibc.pread(raw, buffer.baseAddress, buffer.count, offset)
      if count >= 0 { return count }
      let error = Errno.current
      if error != .interrupted { throw error }
    }
  }

  /// Writes all of the bytes: write(2), repeated until nothing is left.
  public borrowing func writeAll(_ buffer: UnsafeRawBufferPointer) throws(Errno) {
    var rest = buffer
    while !rest.isEmpty {
      let count = Glibc.write(raw, rest.baseAddress, rest.count)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        continue
      }
      let error = Errno.current
      if error != .interrupted { throw error }
    }
  }
}

extension Errno {
  /// The calling thread's `errno`, to be read right after the call that failed.
  public static var current: Errno { Errno(rawValue: errno) }
}
