import Analysis
import Reports

/// Places in the guest that exits come from, for findings.
enum Caller {
  /// Those of several kinds of exits together, the most frequent first.
  static func sum(_ callers: [[FindingCallerReport]]) -> [FindingCallerReport] {
    var sums: [UInt64: FindingCallerReport] = [:]
    for caller in callers.joined() {
      sums[
        caller.address, default: FindingCallerReport(symbol: caller.symbol, address: caller.address, count: 0)
      ].count &+=
        caller.count
    }
    return sums.values.sorted { ($1.count, $0.address) < ($0.count, $1.address) }
  }
}

extension ReportBuilder {
  /// Where exits come from, the most frequent first; none where the trace has no instruction pointers.
  ///
  /// - Parameters:
  ///   - places: The guest's functions, where they are known.
  ///   - isMeant: Whether an exit is one of them, by what it is and the device that it goes to.
  func callers(_ places: ExitPlaces, _ isMeant: (ExitResult, String?) -> Bool) -> [FindingCallerReport] {
    Caller.sum([
      models.instructions().compactMap { instruction, count in
        let exit = instruction.exit
        guard isMeant(exit, deviceName(exit)) else { return nil }
        let function = places.symbols?.function(
          rip: instruction.rip, reason: exit.reason, direction: exit.direction)
        return FindingCallerReport(
          symbol: function?.name, address: function?.start ?? instruction.rip, count: count)
      }
    ])
  }
}
