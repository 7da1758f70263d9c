import CTF

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
    var rows = MergedRows(trace, selection: EventTag.selection(tags))
    while let run = rows.nextRun() {
      var row = run.base
      for _ in 0..<run.count {
        defer { row += run.stride }
        guard Row.tag(row) != Row.gapTag else { continue }
        let field = row + Row.firstField
        switch target {
        case .event: return Row.timestamp(row)
        case .mark(let value): if field[2] == value { return Row.timestamp(row) }
        case .exit(let vcpu, let seq): if field[0] == vcpu && field[1] == seq { return Row.timestamp(row) }
        }
      }
    }
    return nil
  }
}
