import CTF

/// An exit, with its vCPU's events before and after it.
public struct ExitMoment: Sendable, Equatable {
  /// The vCPU.
  public var vcpu: UInt64
  /// The exit's number.
  public var seq: UInt64
  /// When the vCPU entered KVM_RUN before, ns since the clock's origin; nil: that is not in the trace.
  public var enter: Int64?
  /// When KVM_RUN returned.
  public var exit: Int64
  /// When the vCPU entered KVM_RUN again; nil: that is not in the trace.
  public var reentry: Int64?
  /// KVM_EXIT_*.
  public var reason: UInt8
  /// 0 none, 1 in, 2 out.
  public var direction: UInt8
  /// Port or guest physical address.
  public var address: UInt64
}

/// Finds moments that users name by what happened.
public enum MomentFinder {
  /// What to look for.
  public enum Target: Sendable, Equatable {
    /// The first event of this name (without provider).
    case event(String)
    /// The first mark of this value.
    case mark(UInt64)
    /// An exit by its number.
    case exit(vcpu: UInt64, seq: UInt64)
  }

  /// The time of the first event that matches; nil: there is none.
  public static func find(_ target: Target, in trace: Trace) -> Int64? {
    var tags = EventTag.allCases
    switch target {
    case .event(let name): tags = tags.filter { $0.schema.name == name }
    case .mark: tags = [.guestMark]
    case .exit: tags = [.vcpuRunExit]
    }
    guard !tags.isEmpty else { return nil }
    return first(tags, in: trace, window: nil) { row, _ in
      let field = row + Row.firstField
      switch target {
      case .event: return true
      case .mark(let value): return field[2] == value
      case .exit(let vcpu, let seq): return field[0] == vcpu && field[1] == seq
      }
    }
  }

  /// The exit that `find` found, or that an exemplar of an exit's latencies names; nil: there is none.
  ///
  /// - Parameters:
  ///   - timestamp: Of the `vcpu_run_exit`, ns since the clock's origin.
  ///   - isWanted: Whether a vCPU's exit of this number is meant.
  public static func exit(
    at timestamp: Int64, in trace: Trace, where isWanted: (_ vcpu: UInt64, _ seq: UInt64) -> Bool
  ) -> ExitMoment? {
    var exit: ExitMoment?
    let instant = timestamp..<(timestamp == .max ? .max : timestamp + 1)
    _ = first([.vcpuRunExit], in: trace, window: instant) { row, _ in
      let field = row + Row.firstField
      guard isWanted(field[0], field[1]) else { return false }
      exit = ExitMoment(
        vcpu: field[0], seq: field[1], exit: timestamp, reason: UInt8(truncatingIfNeeded: field[2]),
        direction: UInt8(truncatingIfNeeded: field[5]), address: field[3])
      return true
    }
    guard var exit else { return nil }
    // Farther and farther away from it, until both ends of the trace.
    let begin = trace.beginTimestamp ?? .min
    let end = trace.endTimestamp ?? .max
    var reach: Int64 = 1_000_000
    while exit.enter == nil || exit.reentry == nil {
      let from = timestamp.subtractingReportingOverflow(reach)
      let to = timestamp.addingReportingOverflow(reach)
      let window = (from.overflow ? .min : from.partialValue)..<(to.overflow ? .max : to.partialValue)
      _ = first([.vcpuRunEnter], in: trace, window: window) { row, _ in
        let field = row + Row.firstField
        guard field[0] == exit.vcpu else { return false }
        if field[1] == exit.seq { exit.enter = Row.timestamp(row) }
        if field[1] == (exit.seq &+ 1) & 0xffff_ffff { exit.reentry = Row.timestamp(row) }
        return exit.reentry != nil
      }
      if window.lowerBound <= begin && window.upperBound > end { break }
      reach = reach > .max / 16 ? .max : reach * 16
    }
    return exit
  }

  /// The time of the first row for which `isMeant` says so.
  private static func first(
    _ tags: [EventTag], in trace: Trace, window: Range<Int64>?,
    _ isMeant: (UnsafePointer<UInt64>, EventRun) -> Bool
  ) -> Int64? {
    var rows = MergedRows(trace, selection: EventTag.selection(tags), window: window)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) != Row.gapTag, isMeant(row, run) { return Row.timestamp(row) }
      }
    }
    return nil
  }
}
