import CTF

/// An exit, with its vCPU's events before and after it.
package struct ExitMoment: Sendable, Equatable {
  /// The vCPU.
  package var vcpu: UInt64
  /// The exit's number.
  package var seq: UInt64
  /// When the vCPU entered KVM_RUN before, ns since the clock's origin; nil: that is not in the trace.
  package var enter: Int64?
  /// When KVM_RUN returned.
  package var exit: Int64
  /// When the vCPU entered KVM_RUN again; nil: that is not in the trace.
  package var reentry: Int64?
  /// KVM_EXIT_*.
  package var reason: UInt8
  /// 0 none, 1 in, 2 out.
  package var direction: UInt8
  /// Port or guest physical address.
  package var address: UInt64
}

/// Finds moments that users name by what happened.
package enum MomentFinder {
  /// What to look for.
  package enum Target: Sendable, Equatable {
    /// The first event of this name (without provider).
    case event(String)
    /// The first mark of this value.
    case mark(UInt64)
    /// An exit by its number.
    case exit(vcpu: UInt64, seq: UInt64)
  }

  /// The time of the first event that matches; nil: there is none.
  package static func find(_ target: Target, in trace: Trace) -> Int64? {
    var tags = EventTag.allCases
    switch target {
    case .event(let name): tags = tags.filter { $0.schema.name == name }
    case .mark: tags = [.guestMark]
    case .exit: tags = EventTag.exits
    }
    guard !tags.isEmpty else { return nil }
    return first(tags, in: trace, window: nil) { row, _ in
      switch target {
      case .event: return true
      case .mark(let value): return GuestMarkEvent(row: row).value == value
      case .exit(let vcpu, let seq):
        let event = VcpuRunExit(row: row)
        return event.vcpu == vcpu && event.seq == seq
      }
    }
  }

  /// The exit that `find` found, or that an exemplar of an exit's latencies names; nil: there is none.
  ///
  /// - Parameters:
  ///   - timestamp: Of the `vcpu_run_exit`, ns since the clock's origin.
  ///   - isWanted: Whether a vCPU's exit of this number is meant.
  package static func exit(
    at timestamp: Int64, in trace: Trace, where isWanted: (_ vcpu: UInt64, _ seq: UInt64) -> Bool
  ) -> ExitMoment? {
    var exit: ExitMoment?
    let instant = timestamp..<(timestamp == .max ? .max : timestamp + 1)
    _ = first(EventTag.exits, in: trace, window: instant) { row, _ in
      let event = VcpuRunExit(row: row)
      guard isWanted(event.vcpu, UInt64(event.seq)) else { return false }
      exit = ExitMoment(
        vcpu: event.vcpu, seq: UInt64(event.seq), exit: timestamp,
        reason: UInt8(truncatingIfNeeded: event.reason),
        direction: UInt8(truncatingIfNeeded: event.direction), address: event.address)
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
        let event = VcpuRunEnter(row: row)
        guard event.vcpu == exit.vcpu else { return false }
        if event.seq == exit.seq { exit.enter = Row.timestamp(row) }
        if event.seq == (exit.seq &+ 1) & 0xffff_ffff { exit.reentry = Row.timestamp(row) }
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
