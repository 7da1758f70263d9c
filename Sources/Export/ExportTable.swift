/// The tables that exports have. `docs/export.md` says what their columns mean; a test holds the two against each other.
///
/// Columns that end in `at` are moments, ns since the run's first event (`runs.begin`); those that end in `_ns` are durations.
package enum ExportTable: String, CaseIterable, Sendable {
  /// Recordings.
  case runs
  /// Exits to userspace.
  case exits
  /// What vCPUs and loops did.
  case intervals
  /// Loops' returns from their waits.
  case wakeups
  /// Requests to devices.
  case requests
  /// Interrupts that devices raised.
  case interrupts
  /// What guests wrote to the marker port.
  case marks
  /// Where events are missing.
  case gaps

  /// A column and what its values are.
  package struct Column: Sendable, Equatable {
    package let name: String
    package let isText: Bool
  }

  /// The columns in the order in which rows have them; the first one of all tables is the run's number.
  package var columns: [Column] {
    switch self {
    case .runs:
      [
        "run", text("path"), "begin", "duration_ns", text("version"), text("guest"), text("kvm"),
        text("kernel"), text("configuration"), "ram_bytes", "vcpus", "loops", "events", "discarded_events",
        "lost_packets", "is_partial", "part_at",
      ]
    case .exits:
      [
        "run", "vcpu", "seq", "at", text("reason"), text("direction"), text("device"), "address", "size",
        "count", "kicks", "in_kvm_run_ns", "handling_ns", "rip",
      ]
    case .intervals:
      [
        "run", text("thread"), text("kind"), "seq", "at", "duration_ns", text("state"), text("handler"),
        "lock",
      ]
    case .wakeups:
      [
        "run", text("thread"), "seq", "at", text("after"), "slept_ns", "ready", "handlers", "kicks",
        "busy_ns",
      ]
    case .requests:
      [
        "run", text("device"), "queue", "id", text("kind"), "bytes", text("thread"), "kicked_at",
        "arrived_at", "begun_at", "submitted_at", "completed_at", "ended_at", "interrupted_at", "status",
        "duration_ns",
      ]
    case .interrupts: ["run", text("device"), "line", text("mechanism"), text("thread"), "seq", "at"]
    case .marks: ["run", "vcpu", "seq", "at", "value", "guest_tsc"]
    case .gaps: ["run", "stream", "at", "duration_ns"]
    }
  }

  /// Its place among all tables.
  var order: Int {
    switch self {
    case .runs: 0
    case .exits: 1
    case .intervals: 2
    case .wakeups: 3
    case .requests: 4
    case .interrupts: 5
    case .marks: 6
    case .gaps: 7
    }
  }

  private func text(_ name: String) -> Column { Column(name: name, isText: true) }
}

extension ExportTable.Column: ExpressibleByStringLiteral {
  /// A column of integers.
  package init(stringLiteral name: String) { self.init(name: name, isText: false) }
}
