/// Exits that a report puts together in one line.
package struct ExitGroup<Label: Hashable & Sendable>: Sendable {
  /// What they have in common; nil: kinds of exits beyond the number that is told apart.
  package let label: Label?
  /// Number of exits.
  package let count: UInt64
  /// Time in KVM_RUN before the exit.
  package let inKvmRun: LatencySummary
  /// Time from the exit to the next enter.
  package let handling: LatencySummary
  /// What they cost.
  package let cost: ExitCost
  /// Bars of `inKvmRun`.
  package let inKvmRunBars: [LatencyBar]
  /// Bars of `handling`.
  package let handlingBars: [LatencyBar]
  /// The percentiles of `inKvmRun` that were asked for; none where there is nothing.
  package let inKvmRunPercentiles: [Int64]
  /// Those of `handling`.
  package let handlingPercentiles: [Int64]
  /// Reasons, directions and addresses in it, in ascending order.
  package let members: [ExitResult]

  /// The same exits under another label.
  package func labelled<Other>(_ label: Other?) -> ExitGroup<Other> {
    ExitGroup<Other>(
      label: label, count: count, inKvmRun: inKvmRun, handling: handling, cost: cost,
      inKvmRunBars: inKvmRunBars, handlingBars: handlingBars, inKvmRunPercentiles: inKvmRunPercentiles,
      handlingPercentiles: handlingPercentiles, members: members)
  }
}

extension SliceAnalysis {
  /// About how many kinds of exits (reason, direction, address) share the group without label.
  package var otherExitKinds: UInt64 { state.pointee.sites.table.othersEstimate }

  /// Adds up exits by label, the groups with the longest total handling first.
  ///
  /// - Parameters:
  ///   - barsPerOctave: Bars (1, 2, 4 … 128) for each power of two in the histograms; 0: no bars.
  ///   - percentiles: Further percentiles, in millionths, ascending.
  ///   - label: What kinds of exits are put together under; nil leaves a kind out.
  package func exitGroups<Label: Hashable & Sendable>(
    barsPerOctave: Int = 0, percentiles: [UInt64] = [], label: (ExitResult) -> Label?
  ) -> [ExitGroup<Label>] {
    groups(
      state.pointee.sites, CostSum(runEdges(), exitFloor()), barsPerOctave, percentiles,
      kind: ExitResult.init, exit: { $0 }, label)
  }

  /// About how many places in the guest, with the kinds of exits from each, share the group without label.
  package var otherInstructions: UInt64 { state.pointee.instructions.table.othersEstimate }

  /// Adds up exits whose instruction pointer is recorded by label, as ``exitGroups(barsPerOctave:label:)`` does.
  ///
  /// - Parameter label: What exits of one kind from one place in the guest are put together under; nil leaves them out.
  package func instructionGroups<Label: Hashable & Sendable>(
    barsPerOctave: Int = 0, label: (InstructionResult) -> Label?
  ) -> [ExitGroup<Label>] {
    groups(
      state.pointee.instructions, CostSum(runEdges { $0.instruction }, exitFloor()), barsPerOctave, [],
      kind: InstructionResult.init, exit: \.exit, label)
  }

  /// How many exits of each kind come from each place in the guest, the lowest address first.
  package func instructions() -> [(instruction: InstructionResult, count: UInt64)] {
    var found: [(instruction: InstructionResult, count: UInt64)] = []
    state.pointee.instructions.forEach { key, row in
      if row.count > 0 { found.append((InstructionResult(key), row.count)) }
    }
    return found.sorted {
      $0.instruction.rip != $1.instruction.rip
        ? $0.instruction.rip < $1.instruction.rip
        : Self.precedes($0.instruction.exit, $1.instruction.exit)
    }
  }

  private func groups<Kind, Label: Hashable & Sendable>(
    _ table: StatisticsTable<ExitSite>, _ none: CostSum, _ barsPerOctave: Int, _ percentiles: [UInt64],
    kind: (Key) -> Kind, exit: (Kind) -> ExitResult, _ label: (Kind) -> Label?
  ) -> [ExitGroup<Label>] {
    var sites: [Label: ExitSite] = [:]
    var members: [Label: [ExitResult]] = [:]
    var costs: [Label: CostSum] = [:]
    defer { sites.values.forEach { $0.free() } }
    table.forEach { key, row in
      guard row.count > 0 else { return }
      let kind = kind(key)
      guard let name = label(kind) else { return }
      var site = sites[name] ?? ExitSite()
      site.add(row)
      sites[name] = site
      members[name, default: []].append(exit(kind))
      costs[name, default: none].add(row, key)
    }
    var groups = sites.map { name, site in
      group(
        name, site, barsPerOctave, percentiles, (members[name] ?? []).sorted(by: Self.precedes),
        (costs[name] ?? none).cost)
    }
    let others = table.others.pointee
    if others.count > 0 {
      var sum = none
      sum.add(others, nil)
      groups.append(group(nil, others, barsPerOctave, percentiles, [], sum.cost))
    }
    return groups.sorted {
      if $0.handling.sum != $1.handling.sum { return $0.handling.sum > $1.handling.sum }
      if $0.count != $1.count { return $0.count > $1.count }
      guard let left = $0.members.first, let right = $1.members.first else { return !$0.members.isEmpty }
      return Self.precedes(left, right)
    }
  }

  /// All exits in one group, those without a row of their own as well.
  package func allExits() -> ExitGroup<Int> {
    var all = ExitSite()
    var sum = CostSum(runEdges(), exitFloor())
    defer { all.free() }
    state.pointee.sites.forEach { key, row in
      all.add(row)
      sum.add(row, key)
    }
    let others = state.pointee.sites.others.pointee
    all.add(others)
    sum.add(others, nil)
    return group(0, all, 0, [], [], sum.cost)
  }

  /// All exits of several recordings together.
  package static func allExits(
    of slices: [SliceAnalysis]
  ) -> (inKvmRun: LatencySummary, handling: LatencySummary) {
    let all = ExitSite()
    defer { all.free() }
    for slice in slices {
      slice.state.pointee.sites.forEach { _, row in
        all.inKvmRun.add(row.inKvmRun)
        all.handling.add(row.handling)
      }
      let others = slice.state.pointee.sites.others.pointee
      all.inKvmRun.add(others.inKvmRun)
      all.handling.add(others.handling)
    }
    return (LatencySummary(all.inKvmRun), LatencySummary(all.handling))
  }

  private static func precedes(_ left: ExitResult, _ right: ExitResult) -> Bool {
    let leftKey = (left.reason, left.address, left.direction, left.vcpu ?? -1)
    let rightKey = (right.reason, right.address, right.direction, right.vcpu ?? -1)
    return leftKey < rightKey
  }

  private func group<Label>(
    _ label: Label?, _ site: ExitSite, _ barsPerOctave: Int, _ percentiles: [UInt64],
    _ members: [ExitResult], _ cost: ExitCost
  ) -> ExitGroup<Label> {
    ExitGroup(
      label: label, count: site.count, inKvmRun: LatencySummary(site.inKvmRun),
      handling: LatencySummary(site.handling), cost: cost,
      inKvmRunBars: barsPerOctave > 0 ? site.inKvmRun.bars(perOctave: barsPerOctave) : [],
      handlingBars: barsPerOctave > 0 ? site.handling.bars(perOctave: barsPerOctave) : [],
      inKvmRunPercentiles: site.inKvmRun.percentiles(percentiles),
      handlingPercentiles: site.handling.percentiles(percentiles), members: members)
  }
}

/// What several kinds of exits cost: kind by kind, so that it is the same however they are put together.
private struct CostSum {
  private let edges: RunEdges
  private let floor: Int64
  private var sum = ExitCost()
  private var slowest: LongestHandling?

  init(_ edges: RunEdges, _ floor: ExitFloor?) {
    self.edges = edges
    self.floor = floor?.inKvmRun ?? 0
  }

  var cost: ExitCost {
    var cost = sum
    cost.slowest = slowest?.exit
    return cost
  }

  mutating func add(_ site: ExitSite, _ key: Key?) {
    let (all, part) = (site.all, edges.part(site, key))
    let handling = all.handling &- part.handling
    func capped(_ cap: Int64) -> Int64 {
      let (most, overflow) = cap.multipliedReportingOverflow(by: Int64(clamping: part.entered))
      let edge = overflow ? part.inKvmRun : min(part.inKvmRun, most)
      return max(0, site.inKvmRun.sum(cappedAt: cap) &- edge)
    }
    let atMost = handling &+ all.inKvmRun &- part.inKvmRun
    let likely = min(atMost, handling &+ capped(floor &* ExitFloor.factor))
    sum.atMost &+= atMost
    sum.likely &+= likely
    sum.atLeast &+= min(likely, handling &+ capped(floor))
    sum.edges = sum.edges + part
    guard let longest = edges.slowest(site, key) else { return }
    var known = slowest ?? longest
    known.raise(longest)
    slowest = known
  }
}

extension ExitResult {
  /// The kind of exits that an ``ExitSite`` is about.
  init(_ key: Key) {
    let vcpu = Int(key.high >> 16)
    self.init(
      vcpu: vcpu == 0xffff ? nil : vcpu, reason: UInt8(key.high >> 8 & 0xff),
      direction: UInt8(key.high & 0xff), address: key.low)
  }

  var key: Key {
    ExitSite.key(
      vcpu: vcpu.map(UInt64.init) ?? 0xffff, reason: UInt64(reason), direction: UInt64(direction),
      address: address)
  }
}
