import Devices
import Platform

/// Requests that the host did not carry out, such as writes to a full file system, for whoever runs the machine. The guest has
/// an error for each.
struct DiskFailures: Sendable {
  private var count: UInt64 = 0
  private var first: (error: Errno, kind: DeviceRequest.Kind)?

  mutating func add(_ error: Errno, _ kind: DeviceRequest.Kind) {
    count += 1
    if first == nil { first = (error, kind) }
  }

  /// One line where there were any.
  var texts: [String] {
    guard let first else { return [] }
    let what =
      switch first.kind {
      case .read: "a read"
      case .write: "a write"
      case .flush: "a flush"
      case .doorbell, .transmit, .receive, .other, .entropy: "another"
      }
    return [
      "\(count) request\(count == 1 ? "" : "s") of the guest failed, the first, \(what), because of: \(first.error)"
    ]
  }
}
