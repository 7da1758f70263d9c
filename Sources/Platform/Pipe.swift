import CLinux
import Glibc

/// A pipe whose ends close on exec: pipe2(2).
public struct Pipe: ~Copyable, Sendable {
  /// The descriptor to read from, -1 once closed.
  public private(set) var readEnd: CInt
  /// The descriptor to write to, -1 once closed.
  public private(set) var writeEnd: CInt

  /// Makes a pipe.
  public init() throws(Errno) {
    var ends: (CInt, CInt) = (-1, -1)
    let result = withUnsafeMutableBytes(of: &ends) {
      clinux_pipe($0.baseAddress!.assumingMemoryBound(to: CInt.self))
    }
    guard result == 0 else { throw Errno.current }
    (readEnd, writeEnd) = ends
  }

  deinit {
    if readEnd >= 0 { close(readEnd) }
    if writeEnd >= 0 { close(writeEnd) }
  }

  /// Closes the end to read from, so that writers see EPIPE once the other readers are gone as well.
  public mutating func closeReadEnd() {
    if readEnd >= 0 { close(readEnd) }
    readEnd = -1
  }

  /// Closes the end to write to, so that readers see the end once the other writers are gone as well.
  public mutating func closeWriteEnd() {
    if writeEnd >= 0 { close(writeEnd) }
    writeEnd = -1
  }

  /// Gives up the end to write to: the caller closes it.
  public mutating func takeWriteEnd() -> CInt {
    defer { writeEnd = -1 }
    return writeEnd
  }

  /// Waits for bytes and reads them.
  ///
  /// - Returns: nothing at the end of the data, or when reading failed.
  public borrowing func read(atMost limit: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
      var count = -1
      repeat { count = Glibc.read(readEnd, buffer.baseAddress, limit) } while count < 0 && errno == EINTR
      initialized = max(count, 0)
    }
  }

  /// Reads text until it ends in a certain way, the writers are gone, 64 KiB are there or time is up.
  ///
  /// - Parameter timeout: milliseconds.
  public borrowing func readText(until ending: String, timeout: Int) -> String {
    let deadline = Clock.monotonic + UInt64(timeout) * 1_000_000
    var bytes: [UInt8] = []
    let ending = Array(ending.utf8)
    while bytes.count < 1 << 16, bytes.suffix(ending.count) != ending[...] {
      let now = Clock.monotonic
      if now >= deadline { break }
      var waiting = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, CInt(clamping: (deadline - now) / 1_000_000 + 1)) > 0 else { continue }
      let chunk = read(atMost: 4096)
      if chunk.isEmpty { break }
      bytes += chunk
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
