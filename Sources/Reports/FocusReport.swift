/// The moment that a timeline is around.
package struct FocusReport: Codable, Equatable, Sendable {
  /// When; of an exit, when KVM_RUN returned.
  package var timestamp: Int64
  /// What the user asked for.
  package var name: String
  /// The exit that it is; nil: it is none.
  package var exit: FocusedExitReport?

  package init(timestamp: Int64, name: String, exit: FocusedExitReport? = nil) {
    self.timestamp = timestamp
    self.name = name
    self.exit = exit
  }
}

/// An exit that was asked for.
package struct FocusedExitReport: Codable, Equatable, Sendable {
  /// The vCPU's name.
  package var vcpu: String
  /// The exit's number.
  package var seq: UInt64
  /// KVM_EXIT_* in lower case.
  package var reason: String
  /// `in` or `out`.
  package var direction: String?
  /// Port or guest physical address.
  package var address: UInt64?
  /// The device at that address.
  package var device: String?
  /// How long KVM_RUN took before it, ns; nil: that is not in the trace.
  package var inKvmRun: Int64?
  /// How long it was handled, ns; nil: that is not in the trace.
  package var handling: Int64?

  package init(
    vcpu: String, seq: UInt64, reason: String, direction: String? = nil, address: UInt64? = nil,
    device: String? = nil, inKvmRun: Int64? = nil, handling: Int64? = nil
  ) {
    self.vcpu = vcpu
    self.seq = seq
    self.reason = reason
    self.direction = direction
    self.address = address
    self.device = device
    self.inKvmRun = inKvmRun
    self.handling = handling
  }
}

/// The events next to a moment.
package struct TimelineEventsReport: Codable, Equatable, Sendable {
  /// In time order.
  package var events: [TimelineEventReport]
  /// How many more there are in the window.
  package var more: UInt64

  package init(events: [TimelineEventReport], more: UInt64) {
    self.events = events
    self.more = more
  }
}

/// An event in words.
package struct TimelineEventReport: Codable, Equatable, Sendable {
  /// When.
  package var timestamp: Int64
  /// The thread's name.
  package var thread: String
  /// Event, in words.
  package var event: String

  package init(timestamp: Int64, thread: String, event: String) {
    self.timestamp = timestamp
    self.thread = thread
    self.event = event
  }
}
