import CTF

/// Counts events by name, for traces of which nothing else is known.
package enum EventCensus {
  /// Reads a trace once.
  ///
  /// - Returns: Names with counts, most frequent first, then by name; names without events are left out.
  ///   Names beyond 65 534 are not counted.
  package static func read(_ trace: Trace) -> (
    counts: [(name: String, count: UInt64)], diagnostics: [Diagnostic]
  ) {
    count(trace, names(in: trace) { _ in true }, nil)
  }

  /// Events of `exeunt` that this build does not know, as a newer one recorded them: nothing is read where there are none.
  ///
  /// - Parameter part: Only those in this part, ns since the clock's origin.
  static func newer(_ trace: Trace, in part: Range<Int64>) -> [TraceFacts.Census] {
    let known = Set(EventTag.allCases.map(\.qualifiedName))
    let newer = names(in: trace) { $0.hasPrefix("exeunt:") && !known.contains($0) }
    guard !newer.isEmpty else { return [] }
    return count(trace, newer, part).counts.map { TraceFacts.Census(name: $0.name, count: $0.count) }
  }

  private static func names(in trace: Trace, _ isWanted: (String) -> Bool) -> [String] {
    var names: [String] = []
    var seen: Set<String> = []
    for stream in trace.streams.indices {
      for event in trace.streamClass(of: stream).events
      where names.count < Int(Row.gapTag) - 1 && isWanted(event.name) && seen.insert(event.name).inserted {
        names.append(event.name)
      }
    }
    return names
  }

  private static func count(
    _ trace: Trace, _ names: [String], _ part: Range<Int64>?
  ) -> (counts: [(name: String, count: UInt64)], diagnostics: [Diagnostic]) {
    var selection = FieldSelection()
    for (tag, name) in names.enumerated() { selection.select(event: name, tag: UInt16(tag), fields: []) }
    var counts = [UInt64](repeating: 0, count: names.count)
    var rows = MergedRows(trace, selection: selection, window: part)
    while let run = rows.nextRun() {
      for row in 0..<run.count {
        let tag = Int(Row.tag(run.base + row * run.stride))
        if tag < counts.count { counts[tag] += 1 }
      }
    }
    let found = zip(names, counts).filter { $0.1 > 0 }.map { (name: $0.0, count: $0.1) }
    return (found.sorted { ($1.count, $0.name) < ($0.count, $1.name) }, rows.diagnostics)
  }
}
