import Foundation
import GuestPrograms
import Testing

/// What a trace holds, counted from babeltrace2's text: the oracle for everything that the analyzer says.
struct OracleTally {
  var events = 0
  var counts: [String: Int] = [:]
  var exits: [GuestAccess: UInt64] = [:]
  var otherExits: [String: UInt64] = [:]
  /// Writes that were kept.
  var coalesced: [GuestAccess: UInt64] = [:]
  var kicks: [GuestQueue: UInt64] = [:]
  var requests: [GuestQueue: UInt64] = [:]
  var stamps: [GuestQueue: UInt64] = [:]
  /// By their numbers in the trace.
  private var doorbells: [UInt64: Int] = [:]
  var interrupts: [String: UInt64] = [:]
  var marks: [UInt32] = []
  /// The last KVM counters of each vCPU.
  var statistics: [UInt16: [String: UInt64]] = [:]

  /// Reads a trace.
  init(_ trace: String) throws {
    let output = try run(try #require(Tools.find("babeltrace2")), [trace])
    try #require(output.status == 0, "babeltrace2: \(output.standardError)")
    for line in output.lines { count(OracleEvent(line)) }
  }

  private mutating func count(_ event: OracleEvent) {
    events += 1
    counts[String(event.name), default: 0] += 1
    switch event.name {
    case "vcpu_run_exit", "vcpu_run_exit_rip": countExit(event)
    case "coalesced_begin":
      let access = GuestAccess(
        event.label("space") == "pio" ? .port : .memory, .out, event.number("address"),
        size: UInt8(event.number("size")))
      coalesced[access, default: 0] += 1
    case "device_info":
      let name = event.label("name")
      guard name.hasPrefix("doorbell"), let number = Int(name.dropFirst(8)) else { return }
      doorbells[event.number("device")] = number
    case "ioeventfd_signal": kicks[queue(event), default: 0] += event.number("counter")
    case "request_end": requests[queue(event), default: 0] += 1
    case "guest_kick_stamp": stamps[queue(event), default: 0] += 1
    case "interrupt": interrupts[event.label("mechanism"), default: 0] += 1
    case "guest_mark": marks.append(UInt32(event.number("value")))
    case "kvm_stats" where event.label("scope") == "vcpu":
      statistics[UInt16(event.number("id"))] = [
        "io_exits": event.number("io_exits"), "mmio_exits": event.number("mmio_exits"),
        "exits": event.number("exits"),
      ]
    default: break
    }
  }

  private func queue(_ event: OracleEvent) -> GuestQueue {
    GuestQueue(doorbell: doorbells[event.number("device")] ?? .max, UInt16(event.number("queue")))
  }

  private mutating func countExit(_ event: OracleEvent) {
    let reason = event.label("reason")
    guard reason == "io" || reason == "mmio" else {
      otherExits[reason, default: 0] += 1
      return
    }
    let access = GuestAccess(
      reason == "io" ? .port : .memory, event.label("direction") == "in" ? .in : .out,
      event.number("address"),
      size: UInt8(event.number("size")))
    exits[access, default: 0] += 1
  }
}

/// One line of babeltrace2's text, read as far as the tests need it.
struct OracleEvent {
  let name: Substring
  private let line: Substring

  init(_ line: Substring) {
    self.line = line
    let start = line.range(of: "exeunt:")?.upperBound ?? line.startIndex
    name = line[start...].prefix { $0 != ":" }
  }

  private func text(_ field: String) -> Substring? {
    // After the comma or brace, so that `exits` is not found in `io_exits`.
    for lead in ["{ ", ", "] {
      guard let range = line.range(of: "\(lead)\(field) = ") else { continue }
      return line[range.upperBound...]
    }
    return nil
  }

  func number(_ field: String) -> UInt64 {
    guard let digits = text(field)?.prefix(while: { $0 != "," && $0 != " " }) else { return .max }
    return digits.hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) ?? .max : UInt64(digits) ?? .max
  }

  func label(_ field: String) -> String {
    guard let text = text(field), let start = text.firstIndex(of: "\"") else { return "" }
    return String(text[text.index(after: start)...].prefix { $0 != "\"" })
  }
}
