/// The contents of `timeline`.
package struct TimelineReport: Codable, Equatable, Sendable {
  /// First instant shown.
  package var begin: Int64
  /// First instant not shown.
  package var end: Int64
  /// Lanes: vCPUs, then loops.
  package var lanes: [LaneReport]
  /// Marks of the guest in the window.
  package var marks: [MarkReport]
  /// The moment that it is around; nil: none was asked for.
  package var focus: FocusReport?
  /// The events next to that moment.
  package var events: TimelineEventsReport?

  package init(
    begin: Int64, end: Int64, lanes: [LaneReport], marks: [MarkReport], focus: FocusReport? = nil,
    events: TimelineEventsReport? = nil
  ) {
    self.begin = begin
    self.end = end
    self.lanes = lanes
    self.marks = marks
    self.focus = focus
    self.events = events
  }
}

/// A thread's states over time.
package struct LaneReport: Codable, Equatable, Sendable {
  /// Thread name.
  package var name: String
  /// `vcpu` or `loop`.
  package var kind: String
  /// Equal pieces of the window, in order.
  package var cells: [CellReport]

  package init(name: String, kind: String, cells: [CellReport]) {
    self.name = name
    self.kind = kind
    self.cells = cells
  }
}

/// A piece of a lane.
package struct CellReport: Codable, Equatable, Sendable {
  /// State that took the largest part; nil: outside the thread's first and last event.
  package var state: String?
  /// Device, or kind of source, that took most of the time in handlers, if any.
  package var device: String?
  /// The part that `state` has of the time known, in thousandths.
  package var permille: Int
  /// The part that is neither in KVM_RUN nor asleep nor unknown, in thousandths.
  package var busyPermille: Int
  /// Exits or wakeups in it.
  package var events: UInt64

  package init(
    state: String? = nil, device: String? = nil, permille: Int, busyPermille: Int, events: UInt64
  ) {
    self.state = state
    self.device = device
    self.permille = permille
    self.busyPermille = busyPermille
    self.events = events
  }
}

/// A mark of the guest.
package struct MarkReport: Codable, Equatable, Sendable {
  /// When.
  package var timestamp: Int64
  /// vCPU.
  package var vcpu: Int
  /// Value.
  package var value: UInt32

  package init(timestamp: Int64, vcpu: Int, value: UInt32) {
    self.timestamp = timestamp
    self.vcpu = vcpu
    self.value = value
  }
}
