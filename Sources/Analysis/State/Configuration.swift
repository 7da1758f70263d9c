/// How guest time stamp counters map to the trace's clock.
package struct ClockCalibration: Sendable, Equatable {
  /// A TSC value of the host and the trace's time in ns at that instant.
  package var tsc: UInt64
  /// Trace time at `tsc`, ns since the clock's origin.
  package var timestamp: Int64
  /// ns per tick.
  package var nanosecondsPerTick: Double
  /// What the VMM adds to the host's TSC to give the guest's.
  package var guestOffset: Int64
  /// The mapping is known to within this many ns at the points it was taken from.
  package var uncertainty: UInt32
  /// Number of points: 1 leaves the rate to the VMM's word (`tsc_khz`).
  package var points: Int

  /// Makes a mapping from its parts.
  package init(
    tsc: UInt64, timestamp: Int64, nanosecondsPerTick: Double, guestOffset: Int64, uncertainty: UInt32,
    points: Int
  ) {
    self.tsc = tsc
    self.timestamp = timestamp
    self.nanosecondsPerTick = nanosecondsPerTick
    self.guestOffset = guestOffset
    self.uncertainty = uncertainty
    self.points = points
  }

  /// The trace's time in ns when a guest read `guestTSC`; nil when that is not within 292 years.
  @inline(__always)
  package func timestamp(guestTSC: UInt64) -> Int64? {
    let ticks = Int64(bitPattern: guestTSC &- UInt64(bitPattern: guestOffset) &- tsc)
    let nanoseconds = (Double(ticks) * nanosecondsPerTick).rounded()
    guard abs(nanoseconds) < 9e18 else { return nil }
    let (sum, overflow) = timestamp.addingReportingOverflow(Int64(nanoseconds))
    return overflow ? nil : sum
  }
}

/// What an analysis looks at. Slices merge only with slices of the same configuration.
package struct Configuration: Sendable, Equatable {
  /// Only exits of these vCPUs enter the exit tables; none: of all.
  package var vcpus: Set<UInt64> = []
  /// Only exits with these reasons enter the exit tables; none: with all.
  package var reasons: Set<UInt64> = []
  /// Only exits at these ports or guest physical addresses enter the exit tables; none: at all.
  package var addresses: Set<UInt64> = []
  /// Exit tables tell vCPUs apart.
  package var separatesVcpus = false
  /// Places guest stamps on the trace's clock; nil: they are counted only.
  package var calibration: ClockCalibration?
  /// From here on events may be missing although nothing in the trace says so, ns since the clock's origin; nil:
  /// nowhere. Nothing is concluded there that numbers do not prove.
  var doubtFrom: Int64?
  /// The trace, of several that are read together, that each stream belongs to; empty: all belong to the first.
  var runs: [Int] = []

  /// Everything, vCPUs together, no calibration.
  package init() {}
}

extension Configuration {
  /// Whether an exit enters the exit tables.
  @inline(__always)
  func allows(_ event: VcpuRunExit) -> Bool {
    func allows(_ wanted: Set<UInt64>, _ value: UInt64) -> Bool { wanted.isEmpty || wanted.contains(value) }
    return allows(vcpus, event.vcpu) && allows(reasons, event.reason) && allows(addresses, event.address)
  }
}

// MARK: Kept in a file

extension ClockCalibration: StateCoded {
  static var blank: ClockCalibration {
    ClockCalibration(
      tsc: 0, timestamp: 0, nanosecondsPerTick: 0, guestOffset: 0, uncertainty: 0, points: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&tsc)
    try coder.code(moment: &timestamp)
    try coder.code(&nanosecondsPerTick)
    try coder.code(&guestOffset)
    try coder.code(&uncertainty)
    try coder.code(&points, below: 3, "points of a clock")
  }
}

extension Configuration: StateCoded {
  static var blank: Configuration { Configuration() }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(set: &vcpus)
    try coder.code(set: &reasons)
    try coder.code(set: &addresses)
    try coder.code(&separatesVcpus)
    try coder.code(&calibration)
    var doubt = doubtFrom ?? 0
    var isDoubtful = doubtFrom != nil
    try coder.code(&isDoubtful)
    if isDoubtful { try coder.code(moment: &doubt) }
    doubtFrom = isDoubtful ? doubt : nil
    // Whose streams are is in the facts about the trace.
  }
}

extension StateCoder {
  fileprivate mutating func code(set values: inout Set<UInt64>) throws(StateError) {
    var sorted = values.sorted()
    try code(&sorted, limit: 1 << 16, "a list")
    values = Set(sorted)
  }
}
