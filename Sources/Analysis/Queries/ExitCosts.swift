/// What the exits of one kind cost, as far as a trace can tell; times in ns.
///
/// The time in KVM_RUN before an exit is the guest's own and the price of the exit, and nothing tells where one ends and
/// the other begins. So there are two bounds and a figure between them that kinds are ranked by. Exits that belong to
/// the start or the end of the run are in none of them.
package struct ExitCost: Sendable, Equatable {
  /// Handling, and of each KVM_RUN before an exit no more than the floor.
  package var atLeast: Int64 = 0
  /// Handling, and of each KVM_RUN before an exit at most ``ExitFloor/factor`` times the floor: what is longer holds the
  /// guest's own work, its sleep, or another thread's turn on the CPU.
  package var likely: Int64 = 0
  /// Handling, and all of KVM_RUN before the exits.
  package var atMost: Int64 = 0
  /// Exits of the start and of the end of the run, which are not in the above.
  package var edges = ExitPart()
  /// The longest handling that is not at an edge; nil: none.
  package var slowest: SlowestExit?

  /// No exits.
  package init() {}
}

/// An exit that took long to handle.
package struct SlowestExit: Sendable, Equatable {
  /// From the exit to the next enter, ns.
  package let handling: Int64
  /// The exit.
  package let exemplar: Exemplar
}

/// What leaving the guest and entering it again costs at least, by the shortest times in KVM_RUN of a run.
package struct ExitFloor: Sendable, Equatable {
  /// How many times the floor a KVM_RUN may be for all of it to count as the price of an exit.
  package static let factor: Int64 = 4
  /// Time in KVM_RUN that less than 1 % of the exits of any kind stay below, ns.
  package let inKvmRun: Int64
  /// The kind of exits that has the shortest.
  package let exit: ExitResult
  /// Number of exits of that kind.
  package let count: UInt64
}

/// Which exits belong to the start and to the end of the run rather than to what the guest is run for.
struct RunEdges {
  /// All before the guest's first mark.
  let isStartMarked: Bool
  /// All after its last one, of so many.
  let lastMark: UInt64?
  /// The last exits of vCPUs whose run is over, each by the key of its row.
  let last: [(row: Key, exit: InterruptedExit)]

  /// The part of a kind of exits that belongs to the edges.
  func part(_ site: ExitSite, _ key: Key?) -> ExitPart {
    let parts = site.parts
    var part = parts.laterSetup
    part = part + (isStartMarked ? head(site) : parts.setup)
    if let lastMark, parts.epoch == lastMark, parts.epoch > 0 { part = part + (site.all - parts.earlier) }
    for final in last where final.row == key {
      part.handled &+= 1
      part.handling &+= final.exit.handling
    }
    // First KVM_RUNs can be behind the last mark as well.
    let all = site.all
    return ExitPart(
      entered: min(part.entered, all.entered), inKvmRun: min(part.inKvmRun, all.inKvmRun),
      handled: min(part.handled, all.handled), handling: min(part.handling, all.handling))
  }

  private func head(_ site: ExitSite) -> ExitPart {
    site.parts.epoch == 0 ? site.all : site.parts.first
  }

  /// The longest handling of a kind that is not at an edge.
  func slowest(_ site: ExitSite, _ key: Key?) -> LongestHandling? {
    let parts = site.parts
    var longest = parts.middleLongest
    let isTail = lastMark.map { parts.epoch == $0 && parts.epoch > 0 } ?? false
    if parts.epoch == 0 {
      if !isStartMarked { longest.raise(parts.longest) }
    } else {
      if !isStartMarked { longest.raise(parts.firstLongest) }
      if !isTail { longest.raise(parts.longest) }
    }
    guard longest.time >= 0 else { return nil }
    let isLast = last.contains {
      $0.row == key && $0.exit.handling == longest.time
        && $0.exit.reentry &- $0.exit.handling == longest.timestamp
    }
    return isLast ? site.handling.longest(below: longest) : longest
  }
}

extension SliceAnalysis {
  /// What the start and the end of the run are, as far as the trace has them.
  ///
  /// - Parameter key: The key of the row that an exit is in.
  func runEdges(_ key: (InterruptedExit) -> Key = { $0.site }) -> RunEdges {
    let state = state.pointee
    let threads = (0..<AnalysisState.loopBase).compactMap { state.threads[$0] }
    var last: [(row: Key, exit: InterruptedExit)] = []
    if state.hasEnd {
      for thread in threads {
        let exits = thread.pointee.exits
        guard let exit = exits.interrupted, exits.last.isExit, exits.last.seq == exit.seq,
          exits.last.site.reason == ExitReason.intr, exit.isCounted, exit.handling >= 0
        else { continue }
        last.append((key(exit), exit))
      }
    }
    let isFromStart =
      state.markBefore == nil
      && threads.contains { $0.pointee.exits.hasLast && $0.pointee.exits.firstSeq == 0 }
    guard state.markCount > 1, let first = state.marks.first, let latest = state.lastMark,
      isDelimited(first, latest)
    else { return RunEdges(isStartMarked: false, lastMark: nil, last: last) }
    return RunEdges(
      isStartMarked: isFromStart, lastMark: state.hasEnd ? state.markCount : nil, last: last)
  }

  /// Whether what the guest is run for is between its marks: most of the time, or most of the exits.
  private func isDelimited(_ first: GuestMark, _ last: GuestMark) -> Bool {
    let state = state.pointee
    let marked = last.exemplar.timestamp &- first.exemplar.timestamp
    let exits = last.counts.exits &- first.counts.exits
    return marked >= (state.end &- state.begin) / 2 || exits >= state.counts.exits / 2
  }

  /// What an exit costs at least, by the shortest times in KVM_RUN; nil: no exit but interruptions.
  package func exitFloor() -> ExitFloor? {
    var floor: ExitFloor?
    state.pointee.sites.forEach { key, row in
      // What began before the window is none of its exits' price.
      let first = row.parts.setup.entered &+ row.parts.laterSetup.entered
      guard row.inKvmRun.count > first, key.reason != ExitReason.intr else { return }
      let time = row.inKvmRun.value(permille: 10)
      if let known = floor {
        let knownKey = known.exit.key
        guard (time, key.low, key.high) < (known.inKvmRun, knownKey.low, knownKey.high) else { return }
      }
      floor = ExitFloor(inKvmRun: time, exit: ExitResult(key), count: row.inKvmRun.count)
    }
    return floor
  }

  /// The exit outside the edges of the run whose handling took longest; where there is none, the longest of all.
  package func slowestExit() -> (exit: ExitResult, slowest: SlowestExit)? {
    let edges = runEdges()
    var found: (exit: ExitResult, longest: LongestHandling)?
    func offer(_ key: Key, _ longest: LongestHandling?) {
      guard let longest, longest.time >= 0 else { return }
      if let known = found?.longest {
        guard known.time <= longest.time else { return }
        let isLater = (known.timestamp, known.location) <= (longest.timestamp, longest.location)
        if known.time == longest.time, isLater { return }
      }
      found = (ExitResult(key), longest)
    }
    state.pointee.sites.forEach { key, row in offer(key, edges.slowest(row, key)) }
    if found == nil {
      state.pointee.sites.forEach { key, row in offer(key, row.handling.longest) }
    }
    return found.map { ($0.exit, $0.longest.exit) }
  }
}

extension LongestHandling {
  var exit: SlowestExit {
    SlowestExit(handling: time, exemplar: Exemplar(timestamp: timestamp, location: location))
  }
}

extension LatencyHistogram {
  /// The longest of all.
  var longest: LongestHandling? {
    guard count > 0 else { return nil }
    return LongestHandling(
      time: header.pointee.maximum, timestamp: header.pointee.maximumTimestamp,
      location: header.pointee.maximumLocation)
  }

  /// The longest but one, within the precision of a bucket; nil: there is no other.
  func longest(below longest: LongestHandling) -> LongestHandling? {
    var found: LongestHandling?
    forEachBucketLocation { values, count, timestamp, location in
      let isSame = values.contains(min(longest.time, Self.highestBucketed))
      guard values.lowerBound <= longest.time else { return }
      if isSame {
        guard count > 1, timestamp != longest.timestamp else { return }
      }
      found = LongestHandling(time: values.lowerBound, timestamp: timestamp, location: location)
    }
    return found
  }

  /// The lowest value that so many thousandths of the values reach, within 1/1024; 0 without values.
  func value(permille: UInt64) -> Int64 {
    guard count > 0 else { return 0 }
    let found = values(ofRanks: [LatencySummary.rank(permille: permille, of: count)])
    return found.first.map { max($0.values.lowerBound, header.pointee.minimum) } ?? 0
  }

  /// The sum of all values, of each no more than `cap`; within the precision of buckets, and never more than the sum.
  func sum(cappedAt cap: Int64) -> Int64 {
    guard count > 0, header.pointee.maximum > cap else { return sum }
    var capped = 0.0
    forEachBucket { values, count, _ in
      let middle = Double(values.lowerBound) + Double(values.upperBound - values.lowerBound) / 2
      capped += Double(count) * min(middle, Double(cap))
    }
    return min(sum, Int64(min(capped, 9e18)))
  }
}
