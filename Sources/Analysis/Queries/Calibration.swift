import CTF

/// Finds out how guest time stamps map to trace time, from the first and the last `clock_sync` of a trace.
///
/// Reads only a little at both ends of the trace, where the VMM puts them, and the whole trace when there are
/// none: the mapping has to be known before the stamps are read.
struct CalibrationReader {
  private struct Sync {
    var timestamp: Int64
    var tsc: UInt64
    var monotonic: UInt64
    var window: UInt32
  }

  private let trace: Trace
  private var syncs: [Sync] = []
  private var offsets: Set<Int64> = []
  private var tscKHz: UInt64 = 0

  /// - Parameter window: How much of either end to look at first, ns.
  static func read(_ trace: Trace, window: Int64 = 20_000_000) -> ClockCalibration? {
    var reader = CalibrationReader(trace: trace)
    guard let begin = trace.beginTimestamp, let end = trace.endTimestamp, begin <= end else { return nil }
    let head = reader.ends(begin, end, window, fromEnd: false)
    reader.syncs = Array(reader.syncs.prefix(1))
    let tail = reader.ends(begin, end, window, fromEnd: true)
    if !head || !tail || !reader.isDescribed {
      reader.syncs = []
      reader.scan(nil, stopsAtFirst: false)
    }
    return reader.calibration()
  }

  private init(trace: Trace) { self.trace = trace }

  /// Whether the vCPUs' offsets and the counter's rate are known.
  private var isDescribed: Bool { !offsets.isEmpty && tscKHz > 0 }

  /// Looks at one end of the trace, in growing windows up to an eighth of it. On a busy host the machine is described long after the
  /// first reading of the clocks.
  private mutating func ends(_ begin: Int64, _ end: Int64, _ window: Int64, fromEnd: Bool) -> Bool {
    let known = syncs.count
    var length = window
    while true {
      if !fromEnd { syncs = [] }
      let last = length >= (end - begin) / 8
      if fromEnd {
        scan(max(begin, end - length)..<Int64.max, stopsAtFirst: false)
      } else {
        scan(Int64.min..<min(end, begin + length) + 1, stopsAtFirst: true)
      }
      if syncs.count > known, fromEnd || isDescribed { return true }
      if last { return syncs.count > known }
      length *= 8
    }
  }

  /// - Parameter stopsAtFirst: The rest of the window does not matter once the machine is described and a
  ///   `clock_sync` was seen. All events are selected then: a block of rows is filled by a few of them, where looking for
  ///   the wanted ones alone would decode whole packets.
  private mutating func scan(_ window: Range<Int64>?, stopsAtFirst: Bool) {
    let selection =
      stopsAtFirst ? EventTag.selection() : EventTag.selection([.clockSync, .vcpuInfo, .vmInfo])
    var rows = MergedRows(trace, selection: selection, window: window)
    while let run = rows.nextRun() {
      if stopsAtFirst, !syncs.isEmpty, isDescribed { return }
      var row = run.base
      for _ in 0..<run.count {
        switch EventTag(rawValue: Row.tag(row)) {
        case .clockSync:
          let event = ClockSync(row: row)
          let sync = Sync(
            timestamp: Row.timestamp(row), tsc: event.tsc, monotonic: event.monotonic, window: event.window)
          // Only the outermost ones count.
          if syncs.count > 1 { syncs.removeLast() }
          syncs.append(sync)
          syncs.sort { $0.timestamp < $1.timestamp }
        case .vcpuInfo:
          let event = VcpuInfoEvent(row: row)
          if event.tscOffsetKnown != 0, offsets.count < 8 { offsets.insert(event.tscOffset) }
        case .vmInfo: tscKHz = UInt64(VmInfoEvent(row: row).tscKhz)
        default: break
        }
        row += run.stride
      }
    }
  }

  private func calibration() -> ClockCalibration? {
    // Guests with several offsets leave stamps that do not say whose they are.
    guard let first = syncs.first, let last = syncs.last, offsets.count == 1, let offset = offsets.first
    else {
      return nil
    }
    let points = last.tsc > first.tsc && last.monotonic > first.monotonic ? 2 : 1
    guard points == 2 || tscKHz > 0 else { return nil }
    let rate =
      points == 2
      ? Double(last.monotonic - first.monotonic) / Double(last.tsc - first.tsc) : 1e6 / Double(tscKHz)
    guard let timestamp = traceTime(first) else { return nil }
    return ClockCalibration(
      tsc: first.tsc, timestamp: timestamp, nanosecondsPerTick: rate, guestOffset: offset,
      uncertainty: max(first.window, last.window), points: points)
  }

  /// The trace's time at the instant of a `clock_sync`. LTTng's clock is CLOCK_MONOTONIC plus an offset that
  /// the metadata gives; when that does not fit, the event's own time serves, which is a little late.
  private func traceTime(_ sync: Sync) -> Int64? {
    guard sync.monotonic <= UInt64(Int64.max) else { return nil }
    let monotonic = Int64(sync.monotonic)
    for clock in trace.members.flatMap(\.clocks) where clock.frequency == 1_000_000_000 {
      let (seconds, overflow) = clock.offsetSeconds.multipliedReportingOverflow(by: 1_000_000_000)
      guard !overflow else { continue }
      let (offset, offsetOverflow) = seconds.addingReportingOverflow(clock.offsetCycles)
      let (time, timeOverflow) = offset.addingReportingOverflow(monotonic)
      guard !offsetOverflow, !timeOverflow else { continue }
      let (late, lateOverflow) = sync.timestamp.subtractingReportingOverflow(time)
      if !lateOverflow, (0...10_000_000).contains(late) { return time }
    }
    return sync.timestamp
  }
}
