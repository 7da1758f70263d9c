import CLinux
import Glibc

/// A range of this process's memory that mmap(2) made; it is unmapped when its owner goes away.
public struct MemoryMapping: ~Copyable, @unchecked Sendable {
  /// The first byte.
  public let base: UnsafeMutableRawPointer
  /// The size in bytes, greater than zero.
  public let length: Int

  /// Maps `length` bytes of a file, or anonymous memory where `descriptor` is -1.
  ///
  /// - Parameters:
  ///   - descriptor: the file, or -1.
  ///   - offset: where in the file, a multiple of the page size.
  ///   - length: bytes, greater than zero.
  ///   - protection: `PROT_READ`, `PROT_WRITE`.
  ///   - flags: `MAP_SHARED` or `MAP_PRIVATE`, with `MAP_POPULATE`, `MAP_NORESERVE` and so on.
  public init(
    descriptor: CInt, offset: Int = 0, length: Int, protection: CInt = PROT_READ | PROT_WRITE,
    flags: CInt = MAP_SHARED
  ) throws(Errno) {
    guard length > 0 else { throw Errno.invalidArgument }
    let address = mmap(nil, length, protection, flags, descriptor, offset)
    guard let address, address != MAP_FAILED else { throw Errno.current }
    base = address
    self.length = length
  }

  /// Ends this process, with a message on standard error, as soon as memory of the mapping is touched that the file
  /// behind it no longer has (SIGBUS): there is nothing to go on with. One mapping of a process can be watched.
  ///
  /// - Parameters:
  ///   - message: with its newline, at most 511 bytes.
  ///   - status: the exit status.
  public func endProcessWhenLost(message: String, status: CInt) throws(Errno) {
    let result = clinux_end_when_lost(base, length, message, status)
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  deinit {
    munmap(base, length)
  }

  /// The mapped bytes.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: length)
  }
}
