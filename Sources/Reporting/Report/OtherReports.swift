/// The contents of `exits`.
public struct ExitsReport: Codable, Equatable, Sendable {
  /// What exits are put together by: `reason`, `device`, `address` or `vcpu`.
  public var by: String
  /// What was asked for, in words; nil: everything.
  public var filter: String?
  /// What costs are measured with; nil in a report of an early build.
  public var costs: ExitCostsReport?
  /// Groups, in the order that `costs` names.
  public var groups: [ExitHistogramReport]
}

/// A group of exits with its histograms.
public struct ExitHistogramReport: Codable, Equatable, Sendable {
  /// What they have in common, in words.
  public var label: String
  /// Counts and latencies.
  public var exits: ExitReport
  /// Time in KVM_RUN before the exit; four bars for each power of two.
  public var inKvmRun: [BarReport]
  /// Time from the exit to the next enter; four bars for each power of two.
  public var handling: [BarReport]
}

/// The contents of `paths`.
public struct PathsReport: Codable, Equatable, Sendable {
  /// What was asked for, in words; nil: everything.
  public var filter: String?
  /// By device, queue and path.
  public var paths: [PathReport]
  /// How guest stamps were placed on the trace's clock; nil: they were not.
  public var calibration: CalibrationReport?
}

/// How guest stamps were placed on the trace's clock.
public struct CalibrationReport: Codable, Equatable, Sendable {
  /// Clock readings used: 2 first and last one, 1 one and `tsc_khz`.
  public var points: Int
  /// ns for each tick of the time stamp counter.
  public var nanosecondsPerTick: Double
  /// The readings are exact to within this many ns.
  public var uncertainty: UInt32
  /// Guest TSC minus host TSC.
  public var guestOffset: Int64
}

/// A way to a device's queue.
public struct PathReport: Codable, Equatable, Sendable {
  /// `ioeventfd`, `exit` (a kick handled on the vCPU's thread), `access` (an exit that took no request) or
  /// `loop` (another source of an event loop).
  public var kind: String
  /// Device, or kind of source.
  public var device: String
  /// Queue.
  public var queue: Int?
  /// Handlers that ran.
  public var handlers: UInt64
  /// Kicks: for `ioeventfd` the sum of the eventfd's counter, for `exit` the handlers.
  public var kicks: UInt64
  /// Part of all kicks of this queue that took this path, in thousandths; nil: no kicks.
  public var sharePermille: UInt64?
  /// The most kicks that one read of the eventfd returned.
  public var mostKicks: UInt64
  /// Requests taken.
  public var requests: UInt64
  /// Handlers that raised an interrupt.
  public var interrupts: UInt64
  /// Guest stamps seen, and of these not placed on the trace's clock.
  public var stamps: UInt64
  /// Stamps without a time.
  public var unmappedStamps: UInt64
  /// Handlers whose earliest stamp is later than the wakeup: the loop was awake already.
  public var alreadyAwake: UInt64
  /// Latencies of the stages that occur.
  public var stages: [StageReport]
  /// The slowest handler, step by step.
  public var slowest: [StepReport]?

  /// A stage by name.
  public func stage(_ name: String) -> LatencyReport? { stages.first { $0.name == name }?.latency }
}

/// A stage of a path.
public struct StageReport: Codable, Equatable, Sendable {
  /// See docs/report.md.
  public var name: String
  /// How long it took.
  public var latency: LatencyReport
}

/// A step of one handler.
public struct StepReport: Codable, Equatable, Sendable {
  /// Time of the event.
  public var timestamp: Int64
  /// Event, in words.
  public var event: String
}

/// The contents of `timeline`.
public struct TimelineReport: Codable, Equatable, Sendable {
  /// First instant shown.
  public var begin: Int64
  /// First instant not shown.
  public var end: Int64
  /// Lanes: vCPUs, then loops.
  public var lanes: [LaneReport]
  /// Marks of the guest in the window.
  public var marks: [MarkReport]
  /// The moment that it is around; nil: none was asked for.
  public var focus: FocusReport?
  /// The events next to that moment.
  public var events: TimelineEventsReport?
}

/// A thread's states over time.
public struct LaneReport: Codable, Equatable, Sendable {
  /// Thread name.
  public var name: String
  /// `vcpu` or `loop`.
  public var kind: String
  /// Equal pieces of the window, in order.
  public var cells: [CellReport]
}

/// A piece of a lane.
public struct CellReport: Codable, Equatable, Sendable {
  /// State that took the largest part; nil: outside the thread's first and last event.
  public var state: String?
  /// Device, or kind of source, that took most of the time in handlers, if any.
  public var device: String?
  /// The part that `state` has of the time known, in thousandths.
  public var permille: Int
  /// The part that is neither in KVM_RUN nor asleep nor unknown, in thousandths.
  public var busyPermille: Int
  /// Exits or wakeups in it.
  public var events: UInt64
}

/// A mark of the guest.
public struct MarkReport: Codable, Equatable, Sendable {
  /// When.
  public var timestamp: Int64
  /// vCPU.
  public var vcpu: Int
  /// Value.
  public var value: UInt32
}
