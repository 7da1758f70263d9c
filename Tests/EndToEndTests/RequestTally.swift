import Foundation
import Testing

/// What a trace has of requests to a device, from babeltrace2's text.
struct RequestTally {
  /// In the order of the trace.
  struct Queue {
    /// The numbers of requests that have ended.
    var ended: [UInt64] = []
    /// The numbers of requests that left stamps, and these.
    var stamped: [UInt64] = []
    var stamps: [UInt64] = []
    /// The numbers of requests that were handed to the host, and that it had done.
    var submitted: [UInt64] = []
    var completed: [UInt64] = []
    /// Completed requests that the driver was let see, and how often it wanted an interrupt for that or did not.
    var published: UInt64 = 0
    var notified: UInt64 = 0
    var suppressed: UInt64 = 0

    fileprivate mutating func publish(_ event: OracleEvent) {
      published += event.number("requests")
      if event.label("notification") == "interrupt" { notified += 1 } else { suppressed += 1 }
    }
  }

  /// By their kinds.
  var begun: [String: UInt64] = [:]
  var failed = 0
  var queues: [UInt64: Queue] = [:]
  /// Kicks that ioeventfds took.
  var kicks: UInt64 = 0
  /// Kicks that came as accesses.
  var exitKicks: UInt64 = 0

  init(_ trace: String, of name: String) throws {
    let output = try run(try #require(Tools.find("babeltrace2")), [trace])
    var device: UInt64?
    for event in output.lines.map(OracleEvent.init) {
      switch event.name {
      case "device_info" where event.label("name") == name: device = event.number("device")
      case "request_begin" where event.number("device") == device:
        begun[event.label("kind"), default: 0] += 1
      case "request_end" where event.number("device") == device:
        queues[event.number("queue"), default: Queue()].ended.append(event.number("id"))
        if event.number("status") != 0 { failed += 1 }
      case "guest_kick_stamp" where event.number("device") == device:
        queues[event.number("queue"), default: Queue()].stamped.append(event.number("id"))
        queues[event.number("queue"), default: Queue()].stamps.append(event.number("tsc"))
      case "backend_submit" where event.number("device") == device:
        queues[event.number("queue"), default: Queue()].submitted.append(event.number("id"))
      case "backend_complete" where event.number("device") == device:
        queues[event.number("queue"), default: Queue()].completed.append(event.number("id"))
        if event.number("status") != 0 { failed += 1 }
      // Control messages of a console are no requests to those who follow it.
      case "queue_published" where event.number("device") == device:
        if queues[event.number("queue")] != nil { queues[event.number("queue")]?.publish(event) }
      case "queue_kicked" where event.number("device") == device: exitKicks += 1
      case "ioeventfd_signal" where event.number("device") == device: kicks += event.number("counter")
      default: break
      }
    }
  }
}
