/// The contents of `exits`.
package struct ExitsReport: Codable, Equatable, Sendable {
  /// What exits are put together by: `reason`, `device`, `address` or `vcpu`.
  package var by: String
  /// What was asked for, in words; nil: everything.
  package var filter: String?
  /// What costs are measured with; nil in a report of an early build.
  package var costs: ExitCostsReport?
  /// Groups, in the order that `costs` names.
  package var groups: [ExitHistogramReport]
}

/// A group of exits with its histograms.
package struct ExitHistogramReport: Codable, Equatable, Sendable {
  /// What they have in common, in words.
  package var label: String
  /// Counts and latencies.
  package var exits: ExitReport
  /// Time in KVM_RUN before the exit; four bars for each power of two.
  package var inKvmRun: [BarReport]
  /// Time from the exit to the next enter; four bars for each power of two.
  package var handling: [BarReport]
}

/// The contents of `paths`.
package struct PathsReport: Codable, Equatable, Sendable {
  /// What was asked for, in words; nil: everything.
  package var filter: String?
  /// By device, queue and path.
  package var paths: [PathReport]
  /// How guest stamps were placed on the trace's clock; nil: they were not.
  package var calibration: CalibrationReport?
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
}

/// A way to a device's queue.
package struct PathReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// `ioeventfd`, `exit` (a kick handled on the vCPU's thread), `access` (an exit that took no request) or
  /// `loop` (another source of an event loop).
  package var kind: String
  /// Device, or kind of source.
  package var device: String
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

  /// A stage by name.
  package func stage(_ name: String) -> LatencyReport? { stages.first { $0.name == name }?.latency }
}

/// A stage of a path.
package struct StageReport: Codable, Equatable, Sendable {
  /// See docs/report.md.
  package var name: String
  /// How long it took.
  package var latency: LatencyReport
}

/// A step of one handler.
package struct StepReport: Codable, Equatable, Sendable {
  /// Time of the event.
  package var timestamp: Int64
  /// Event, in words.
  package var event: String
}

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
}

/// A thread's states over time.
package struct LaneReport: Codable, Equatable, Sendable {
  /// Thread name.
  package var name: String
  /// `vcpu` or `loop`.
  package var kind: String
  /// Equal pieces of the window, in order.
  package var cells: [CellReport]
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
}

/// A mark of the guest.
package struct MarkReport: Codable, Equatable, Sendable {
  /// When.
  package var timestamp: Int64
  /// vCPU.
  package var vcpu: Int
  /// Value.
  package var value: UInt32
}
