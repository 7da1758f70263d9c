/// Requests of one kind.
package struct RequestReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Device.
  package var device: String
  /// Queue.
  package var queue: Int
  /// Kind.
  package var kind: String
  /// Requests begun.
  package var count: UInt64
  /// Bytes asked for.
  package var bytes: UInt64
  /// Requests that failed.
  package var failed: UInt64
  /// Requests of which the driver is told nothing, as the queue was reset, taken back or broken; nil: none.
  package var givenUp: UInt64?
  /// Requests without an end, although nothing is lost since they began; nil: none.
  package var open: UInt64?
  /// Requests that began before the window and ended in it, which `duration` leaves out; nil: none.
  package var fromBefore: UInt64?
  /// How long the longest of these took, ns.
  package var longestFromBefore: Int64?
  /// Begin to end.
  package var duration: LatencyReport

  package init(
    machine: String? = nil, device: String, queue: Int, kind: String, count: UInt64, bytes: UInt64,
    failed: UInt64, givenUp: UInt64? = nil, open: UInt64? = nil, fromBefore: UInt64? = nil,
    longestFromBefore: Int64? = nil, duration: LatencyReport
  ) {
    self.machine = machine
    self.device = device
    self.queue = queue
    self.kind = kind
    self.count = count
    self.bytes = bytes
    self.failed = failed
    self.givenUp = givenUp
    self.open = open
    self.fromBefore = fromBefore
    self.longestFromBefore = longestFromBefore
    self.duration = duration
  }
}

/// Interrupts that a device raised.
package struct InterruptReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its name.
  package var device: String
  /// By mechanism.
  package var mechanisms: [NamedCount]

  package init(machine: String? = nil, device: String, mechanisms: [NamedCount]) {
    self.machine = machine
    self.device = device
    self.mechanisms = mechanisms
  }
}

/// A queue that the guest broke.
package struct BrokenQueueReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// The device's name.
  package var device: String
  /// The queue's number.
  package var queue: Int
  /// What the guest did, `queue_fault` of the event catalogue.
  package var fault: String
  /// How often.
  package var count: UInt64
  /// When first, ns since the clock's origin.
  package var first: Int64

  package init(
    machine: String? = nil, device: String, queue: Int, fault: String, count: UInt64, first: Int64
  ) {
    self.machine = machine
    self.device = device
    self.queue = queue
    self.fault = fault
    self.count = count
    self.first = first
  }
}
