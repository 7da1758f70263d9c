import Glibc

/// What files may have that get what a guest sends, and that it could fill the host's disk with otherwise.
public struct OutputLimit: Sendable {
  /// Bytes for each file; nil: a share of what is free on its file system. 0: there is no limit.
  private let bytes: UInt64?
  /// Files that share a file system, at the most.
  private let files: UInt64

  /// Describes it.
  public init(bytes: UInt64?, files: Int) {
    self.bytes = bytes
    self.files = UInt64(max(1, files))
  }

  /// No limit.
  public static let none = OutputLimit(bytes: 0, files: 1)

  /// What a file may have where nobody says: a quarter of what is free, for all of them together, so that no guest fills a disk, not
  /// even beside a trace, which may have half of it; no more than people look through, 1 GiB, and no less than 1 MiB: where so much is
  /// not free, that a disk is full is the better message.
  ///
  /// - Parameter free: bytes.
  static func share(of free: UInt64, among files: UInt64) -> UInt64 {
    min(1 << 30, max(1 << 20, free / 4 / files))
  }

  /// What whoever writes to a descriptor may write. Only files grow: what leads to somebody who reads has no limit.
  public func allowance(for descriptor: CInt) -> OutputAllowance {
    var information = stat()
    guard bytes != 0, fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      return OutputAllowance(rest: .max)
    }
    if let bytes { return OutputAllowance(rest: bytes) }
    var system = statvfs()
    let free =
      fstatvfs(descriptor, &system) == 0 ? UInt64(system.f_bavail) &* UInt64(system.f_frsize) : .max
    return OutputAllowance(rest: OutputLimit.share(of: free, among: files))
  }
}

/// What one file may still get, and what it did not get.
public struct OutputAllowance: Sendable {
  /// Bytes that may still be written.
  public private(set) var rest: UInt64
  /// Bytes that were not written, as there was no more that may be.
  public private(set) var leftOut: UInt64 = 0
  /// When the first of them were left out, nanoseconds on CLOCK_MONOTONIC; 0: none were.
  public private(set) var since: UInt64 = 0

  /// Allows so many bytes.
  public init(rest: UInt64) { self.rest = rest }

  /// How many of some bytes may be written now.
  public func admitted(of count: Int) -> Int { rest >= UInt64(count) ? count : Int(rest) }

  /// So many were.
  public mutating func wrote(_ count: Int) { rest -= min(rest, UInt64(count)) }

  /// So many are not, and never will be.
  public mutating func leaveOut(_ count: Int) {
    if since == 0 { since = Clock.monotonic }
    leftOut &+= UInt64(count)
  }
}
