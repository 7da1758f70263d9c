/// What a descriptor can be ready for.
public struct Readiness: OptionSet, Sendable {
  /// One bit for each.
  public let rawValue: UInt8

  /// Makes a set of bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading returns something, if only the end or an error.
  @inlinable public static var input: Readiness { Readiness(rawValue: 1) }
  /// Writing takes something, or fails at once.
  @inlinable public static var output: Readiness { Readiness(rawValue: 2) }
  /// The other side is gone, in both directions, or the descriptor has failed; whether or not all was read. With `Select` it is
  /// input alone, or what has failed is input and output.
  @inlinable public static var hangUp: Readiness { Readiness(rawValue: 4) }
}

/// A set of descriptors that one thread waits for. It tells what is ready as long as it is (level-triggered).
public protocol Poller: AnyObject {
  /// Begins to wait for a descriptor.
  ///
  /// - Parameter token: what tells it apart from others.
  /// - Throws: EBADF for what is no descriptor.
  func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno)
  /// Waits for something else of a descriptor that was added; for nothing at all with an empty interest.
  func change(_ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32) throws(Errno)
  /// Waits until a descriptor is ready.
  ///
  /// - Parameter timeout: milliseconds; 0 does not block, -1 waits without end.
  /// - Returns: how many are ready, as far as is told at once; 0 after the timeout or when a signal came.
  func wait(timeout: CInt) throws(Errno) -> Int
  /// One of those, by its place from 0. One that has failed is ready for everything. It was ready when the poller found it:
  /// there may be less to do where somebody else has done it since.
  func ready(at place: Int) -> (token: UInt32, readiness: Readiness)
}
