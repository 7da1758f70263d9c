import Reports

/// What a report says about its recording's being whole. Of a part of a recording nothing is said: the totals are at the
/// end, and whether they are there, and right, only reading all of it shows.
extension DocumentBuilder {
  /// The end of the first line: that nothing is lost, only where it is proven.
  func wholeness(_ trace: TraceReport) -> [String] {
    var words: [String] = []
    if let missing = unaccountedByPackets(trace) {
      words.append(Text.count(missing) + (trace.discardedEvents > 0 ? " MORE MISSING" : " MISSING"))
    }
    guard let check = trace.check else {
      return trace.isPartial ? words : words + ["losses not looked for (see check)"]
    }
    if check.end == "not_recorded" {
      words.append("whether events are missing is not known")
    } else if check.end != "present" {
      words.append("end missing")
    } else if check.isWhole {
      var word = "none lost"
      if let since = check.since { word += " since @" + moment(since) }
      if let unaccounted = check.unaccounted {
        word += " (known to within \(Text.number(unaccounted, "event")))"
      }
      words.append(word)
    } else if check.emitted == nil {
      words.append(
        trace.discardedEvents > 0 ? "whether more are lost is not known" : "how many are lost is not known")
    } else if check.missing == 0, check.discarded == 0, check.lostPackets == 0 {
      words.append("none missing, but partial")
    }
    return words
  }

  /// The events missing that the packets' counters do not tell of; nil: none, or not known.
  func unaccountedByPackets(_ trace: TraceReport) -> UInt64? {
    guard let missing = trace.check?.missing, missing > trace.discardedEvents else { return nil }
    return missing - trace.discardedEvents
  }

  /// What a reader must know of a recording that does not have its end.
  func endMissing() -> String? {
    guard let check = report.trace.check, isExeunt, check.end != "present" else { return nil }
    return (check.end == "missing" ? "END MISSING: " : "NOT PROVEN WHOLE: ") + (check.reasons.first ?? "")
  }

  mutating func check() {
    guard let check = report.check else { return }
    blank()
    if check.isWhole {
      paragraph("The recording is whole: " + proof(check))
    } else {
      let isLess = check.missing ?? 0 > 0 || check.discarded > 0 || check.lostPackets > 0
      strong(isLess ? "The recording is not whole:" : "The recording is not known to be whole:")
      for reason in check.reasons { paragraph(reason, indent: 2) }
    }
    guard !check.threads.isEmpty else { return }
    var table = DocumentTable([.left, .right, .right, .right])
    table.add(["Events of", "emitted", "recorded", "missing"])
    for thread in check.threads {
      let missing = thread.emitted.map { $0 > thread.recorded ? Text.count($0 - thread.recorded) : "0" }
      table.add([
        "  " + thread.name, thread.emitted.map(Text.count) ?? "–", Text.count(thread.recorded),
        missing ?? "–",
      ])
    }
    show(table)
  }

  private func proof(_ check: CheckReport) -> String {
    let emitted = Text.number(check.emitted ?? 0, "event")
    guard let since = check.since else { return "all \(emitted) that were emitted are here" }
    return "the \(emitted) emitted since @\(moment(since)), when the session had attached, are here"
      + (check.unaccounted.map { ", known to within \(Text.number($0, "event"))" } ?? "")
  }
}
