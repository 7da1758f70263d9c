import CURing
import Platform
import URing

/// A way to hand requests to the kernel and to learn that they are completed: io_uring(7). All calls come one at a time.
protocol RequestRing: AnyObject {
  /// What a loop waits for to take completions.
  var arrival: CInt { get }
  /// Prepares a request; false where there is no room, or none any more.
  func prepare(tag: UInt64, _ body: (OpaquePointer, UInt64) -> Bool) -> Bool
  /// Hands over what was prepared. How many requests, in their order; or -errno.
  func submit() -> Int
  /// The same, and waits for a completion, or for a moment.
  func submitAndWait() -> Int
  /// Takes completions.
  func take(into completions: UnsafeMutableBufferPointer<curing_completion>) -> Int
}

/// A ring that nobody else uses, whose descriptor can be read while there are completions.
final class OwnRing: RequestRing {
  private let ring: OpaquePointer

  /// - Parameter requests: how many there is room for.
  init(requests: Int) throws(Errno) {
    var error: CInt = 0
    guard let ring = curing_make(UInt32(requests), &error) else { throw Errno(rawValue: -error) }
    self.ring = ring
  }

  deinit { curing_free(ring) }

  var arrival: CInt { curing_descriptor(ring) }
  func prepare(tag: UInt64, _ body: (OpaquePointer, UInt64) -> Bool) -> Bool { body(ring, tag) }
  func submit() -> Int { Int(curing_submit(ring, 0)) }
  func submitAndWait() -> Int { Int(curing_submit(ring, 1)) }
  func take(into completions: UnsafeMutableBufferPointer<curing_completion>) -> Int {
    Int(curing_take(ring, completions.baseAddress, UInt32(completions.count)))
  }
}

extension RingChannel: RequestRing {
  /// What its loop knows it by.
  var arrival: CInt { source }
}
