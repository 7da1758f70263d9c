/// Things of one kind of a thread, a queue or a device over time, and what groups of them add up to.
///
/// Level 0 has the things one by one, in the order in which they were added. An entry of a level above stands for 16 neighbours of the
/// level below, the last one for what is left: its times are their sums, exactly. So there is a level for every zoom, however things are spread over time.
final class TimelineTrack {
  /// What is on it.
  enum Kind: String {
    case states
    case exits
    case wakeups
    case requests
    case interrupts
    case marks
    case gaps

    /// Columns of a thing beside its begin, its duration and its key.
    var extras: Int {
      switch self {
      case .states, .gaps: 1
      case .exits: 9
      case .wakeups: 5
      case .requests: 11
      case .interrupts, .marks: 3
      }
    }
  }

  /// What a group of things adds up to.
  struct Group {
    /// From the first begin to the last end, ns.
    var begin = Int64.max
    var end = Int64.min
    var count: UInt64 = 0
    /// The longest duration, ns.
    var longest: Int64 = 0
    /// ns by key; of what has no duration how many.
    var shares: [(key: Int, value: Int64)] = []

    @inline(__always)
    mutating func add(_ key: Int, _ value: Int64) {
      guard value > 0 else { return }
      for index in shares.indices where shares[index].key == key {
        shares[index].value &+= value
        return
      }
      shares.append((key, value))
    }

    mutating func add(_ other: Group) {
      begin = min(begin, other.begin)
      end = max(end, other.end)
      count &+= other.count
      longest = max(longest, other.longest)
      for share in other.shares { add(share.key, share.value) }
    }

    mutating func clear() {
      (begin, end, count, longest) = (.max, .min, 0, 0)
      shares.removeAll(keepingCapacity: true)
    }
  }

  /// Entries of a level, in chunks.
  private struct Level {
    /// Begin, duration, key and more of things; of groups see ``groupColumns``.
    var columns: [TimelineColumn]
    /// Entries of all chunks, and of the open one.
    var count = 0
    var open = 0
    var places: [TimelineData.Place] = []
    /// The latest begin of the open chunk, which the next one is told from.
    var latest: Int64 = 0
    /// When the open chunk's entries begin and end.
    var begin = Int64.max
    var end = Int64.min
    /// A chunk below this one is kept, which is found through it.
    var isNeeded = false
    /// Of the next entry of the level above.
    var group = Group()
  }

  /// Entries that one of the level above stands for.
  static let branching = 16
  /// Entries of a chunk.
  static let chunk = 1024
  /// Begin, length, count, longest duration and number of shares; keys of shares, and their values.
  private static let groupColumns = 7

  let kind: Kind
  /// What it is called.
  let name: String
  /// The number of its thread's name; nil: it is no thread's.
  let thread: Int?
  /// Requests that overlap are on different lanes.
  var lanes = TimelineLanes()
  /// The latest sequence number, which the next one is told from.
  private var latestSeq: UInt32 = 0
  private var levels: [Level]
  private let budget: TimelineBudget
  private var bytes: [UInt8] = []

  init(_ kind: Kind, _ name: String, thread: Int?, _ budget: TimelineBudget) {
    (self.kind, self.name, self.thread, self.budget) = (kind, name, thread, budget)
    levels = [Level(columns: [TimelineColumn](repeating: TimelineColumn(), count: 3 + kind.extras))]
  }

  /// How many things there are.
  var count: Int { levels[0].count }
  /// Where the chunks of each level are.
  var places: [[TimelineData.Place]] { levels.map(\.places) }

  // MARK: Things

  /// Begins a thing; its other columns follow in order by ``extra(_:_:)``, then ``close()``.
  ///
  /// - Parameters:
  ///   - begin: ns since the run's first event.
  ///   - duration: ns; nil: it has none, or that is not known.
  ///   - key: What it is: a number of the header's.
  @inline(__always)
  func open(_ begin: Int64, _ duration: Int64?, _ key: Int) {
    let end = begin &+ (duration ?? 0)
    levels[0].columns[0].add(signed: begin &- levels[0].latest)
    levels[0].columns[1].add(known: duration.map { UInt64($0) })
    levels[0].columns[2].add(key)
    levels[0].latest = begin
    levels[0].begin = min(levels[0].begin, begin)
    levels[0].end = max(levels[0].end, end)
    levels[0].group.begin = min(levels[0].group.begin, begin)
    levels[0].group.end = max(levels[0].group.end, end)
    levels[0].group.count &+= 1
    levels[0].group.longest = max(levels[0].group.longest, duration ?? 0)
  }

  /// Time of the open thing, ns, or one of what has none.
  @inline(__always)
  func share(_ key: Int, _ value: Int64) { levels[0].group.add(key, value) }

  @inline(__always)
  func extra(_ column: Int, _ body: (inout TimelineColumn) -> Void) { body(&levels[0].columns[3 + column]) }

  /// The number of the exit or wakeup.
  @inline(__always)
  func seq(_ column: Int, _ seq: UInt32) {
    levels[0].columns[3 + column].add(signed: Int64(Int32(truncatingIfNeeded: seq &- latestSeq)))
    latestSeq = seq
  }

  @inline(__always)
  func close(_ data: inout TimelineData) {
    levels[0].count += 1
    levels[0].open += 1
    if levels[0].count % Self.branching == 0 { closeGroup(0, &data) }
    if levels[0].open == Self.chunk { closeChunk(0, &data) }
  }

  /// There are no more things.
  func finish(_ data: inout TimelineData) {
    var level = 0
    while level < levels.count {
      if levels[level].group.count > 0 { closeGroup(level, &data) }
      // Readers begin with so few, and nothing above them is needed.
      let isTop = level > 0 && levels[level].count <= Self.branching
      if isTop { levels[level].isNeeded = true }
      if levels[level].open > 0 { closeChunk(level, &data) }
      if isTop { break }
      level += 1
    }
    levels.removeSubrange(min(level + 1, levels.count)...)
  }

  // MARK: Levels

  /// The entries of a level since the last time become one of the level above.
  private func closeGroup(_ below: Int, _ data: inout TimelineData) {
    let level = below + 1
    if levels.count == level {
      levels.append(
        Level(columns: [TimelineColumn](repeating: TimelineColumn(), count: Self.groupColumns)))
    }
    let group = levels[below].group
    levels[below].group.clear()
    levels[level].columns[0].add(signed: group.begin &- levels[level].latest)
    levels[level].columns[1].add(Int(group.end - group.begin))
    levels[level].columns[2].add(group.count)
    levels[level].columns[3].add(Int(group.longest))
    levels[level].columns[4].add(group.shares.count)
    for share in group.shares {
      levels[level].columns[5].add(share.key)
      levels[level].columns[6].add(Int(share.value))
    }
    levels[level].latest = group.begin
    levels[level].begin = min(levels[level].begin, group.begin)
    levels[level].end = max(levels[level].end, group.end)
    levels[level].group.add(group)
    levels[level].count += 1
    levels[level].open += 1
    if levels[level].count % Self.branching == 0 { closeGroup(level, &data) }
    if levels[level].open == Self.chunk { closeChunk(level, &data) }
  }

  private func closeChunk(_ level: Int, _ data: inout TimelineData) {
    bytes.removeAll(keepingCapacity: true)
    for column in levels[level].columns.indices { levels[level].columns[column].flush(to: &bytes) }
    let (count, begin, end) = (levels[level].open, levels[level].begin, levels[level].end)
    let isKept = levels[level].isNeeded || budget.keeps(level, count, from: begin, to: end)
    levels[level].places.append(isKept ? data.add(bytes) : .absent)
    if isKept {
      // Its place is found through the levels above.
      if levels.count > level + 1 { levels[level + 1].isNeeded = true }
    } else if level == 0 {
      budget.leaveOut(count, from: begin)
    }
    levels[level].open = 0
    levels[level].latest = 0
    levels[level].begin = .max
    levels[level].end = .min
    levels[level].isNeeded = false
    if level == 0 { latestSeq = 0 }
  }
}

/// Lanes on which things do not overlap: each is on the first that is free.
struct TimelineLanes {
  /// With more lanes than this at a time things are drawn over each other.
  static let most = 256
  private var ends: [Int64] = []

  /// How many are used.
  var count: Int { ends.count }

  /// A lane for what lasts from one moment to another.
  mutating func place(_ begin: Int64, _ end: Int64) -> Int {
    let lane = ends.firstIndex { $0 <= begin } ?? min(ends.count, Self.most - 1)
    if lane == ends.count { ends.append(end) } else { ends[lane] = max(ends[lane], end) }
    return lane
  }
}
