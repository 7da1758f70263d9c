/// The contents of `paths`.
package struct PathsReport: Codable, Equatable, Sendable {
  /// What was asked for, in words; nil: everything.
  package var filter: String?
  /// By device, queue and path.
  package var paths: [PathReport]
  /// Stages of requests by device and queue; nil: devices do not tell of them.
  package var requests: [RequestPathReport]?
  /// How guest stamps were placed on the trace's clock; nil: they were not.
  package var calibration: CalibrationReport?

  package init(
    filter: String? = nil, paths: [PathReport], requests: [RequestPathReport]? = nil,
    calibration: CalibrationReport? = nil
  ) {
    self.requests = requests
    self.filter = filter
    self.paths = paths
    self.calibration = calibration
  }
}

/// A way to a device's queue.
package struct PathReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// `ioeventfd`, `exit` (a kick handled on the vCPU's thread), `access` (an exit that took no request),
  /// `loop` (another source of an event loop) or `coalesced` (a write that KVM kept, carried out at another exit).
  package var kind: String
  /// Device, or kind of source.
  package var device: String
  /// For `loop`, the kind of source of the device; nil: `device` is it.
  package var source: String?
  /// Queue.
  package var queue: Int?
  /// Handlers that ran.
  package var handlers: UInt64
  /// Kicks: for `ioeventfd` the sum of the eventfd's counter, for `exit` the handlers.
  package var kicks: UInt64
  /// Part of all kicks of this queue that took this path, in thousandths; nil: no kicks.
  package var sharePermille: UInt64?
  /// The most kicks that one read of the eventfd returned.
  package var mostKicks: UInt64
  /// Requests taken.
  package var requests: UInt64
  /// Handlers that raised an interrupt.
  package var interrupts: UInt64
  /// Guest stamps seen, and of these not placed on the trace's clock.
  package var stamps: UInt64
  /// Stamps without a time.
  package var unmappedStamps: UInt64
  /// Handlers whose earliest stamp is later than the wakeup: the loop was awake already.
  package var alreadyAwake: UInt64
  /// Latencies of the stages that occur.
  package var stages: [StageReport]
  /// The slowest handler, step by step.
  package var slowest: [StepReport]?

  package init(
    machine: String? = nil, kind: String, device: String, source: String? = nil, queue: Int? = nil,
    handlers: UInt64, kicks: UInt64,
    sharePermille: UInt64? = nil, mostKicks: UInt64, requests: UInt64, interrupts: UInt64, stamps: UInt64,
    unmappedStamps: UInt64, alreadyAwake: UInt64, stages: [StageReport], slowest: [StepReport]? = nil
  ) {
    self.machine = machine
    self.kind = kind
    self.device = device
    self.source = source
    self.queue = queue
    self.handlers = handlers
    self.kicks = kicks
    self.sharePermille = sharePermille
    self.mostKicks = mostKicks
    self.requests = requests
    self.interrupts = interrupts
    self.stamps = stamps
    self.unmappedStamps = unmappedStamps
    self.alreadyAwake = alreadyAwake
    self.stages = stages
    self.slowest = slowest
  }

  /// A stage by name.
  package func stage(_ name: String) -> LatencyReport? { stages.first { $0.name == name }?.latency }
}

/// A stage of a path.
package struct StageReport: Codable, Equatable, Sendable {
  /// See docs/report.md.
  package var name: String
  /// How long it took.
  package var latency: LatencyReport

  package init(name: String, latency: LatencyReport) {
    self.name = name
    self.latency = latency
  }
}

/// A step of one handler.
package struct StepReport: Codable, Equatable, Sendable {
  /// Time of the event.
  package var timestamp: Int64
  /// Event, in words.
  package var event: String

  package init(timestamp: Int64, event: String) {
    self.timestamp = timestamp
    self.event = event
  }
}

/// How guest stamps were placed on the trace's clock.
package struct CalibrationReport: Codable, Equatable, Sendable {
  /// Clock readings used: 2 first and last one, 1 one and `tsc_khz`.
  package var points: Int
  /// ns for each tick of the time stamp counter.
  package var nanosecondsPerTick: Double
  /// The readings are exact to within this many ns.
  package var uncertainty: UInt32
  /// Guest TSC minus host TSC.
  package var guestOffset: Int64

  package init(points: Int, nanosecondsPerTick: Double, uncertainty: UInt32, guestOffset: Int64) {
    self.points = points
    self.nanosecondsPerTick = nanosecondsPerTick
    self.uncertainty = uncertainty
    self.guestOffset = guestOffset
  }
}
