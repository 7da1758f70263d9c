import Testing

@testable import Analysis
@testable import CTF

/// What requests should come to: a model that remembers everything.
struct RequestOracle: Equatable {
  private struct Open {
    var begin: Int64
    var thread: Int
    var queue: UInt64
    var isDoubtful = false
  }

  var begun: [UInt64: UInt64] = [:]
  var durations: [UInt64: [Int64]] = [:]
  var open: [UInt64: UInt64] = [:]
  var unmatched: [Int: UInt64] = [:]

  init(_ rows: [SyntheticRow]) {
    var gapEnd = Int64.min
    var known: [[UInt64]: Open] = [:]
    for row in rows {
      if row.tag == Row.gapTag { gapEnd = max(gapEnd, Int64(bitPattern: row.fields[1])) }
      guard row.tag == EventTag.requestBegin.rawValue || row.tag == EventTag.requestEnd.rawValue else {
        continue
      }
      let thread = row.fields[0] == 0 ? Int(row.fields[1]) : AnalysisState.loopBase + Int(row.fields[1])
      let key = Array(row.fields[3...5])
      let last = known[key]
      let isLost = last.map { gapEnd > $0.begin } ?? false
      if row.tag == EventTag.requestBegin.rawValue {
        begun[key[1], default: 0] += 1
        let isReused = last != nil && !isLost
        if let last, !last.isDoubtful { unmatched[last.thread, default: 0] += 1 }
        if isReused { unmatched[thread, default: 0] += 1 }
        known[key] = Open(begin: row.timestamp, thread: thread, queue: key[1], isDoubtful: isReused)
      } else {
        known[key] = nil
        if let last, !last.isDoubtful, !isLost {
          durations[key[1], default: []].append(row.timestamp - last.begin)
        } else {
          unmatched[thread, default: 0] += 1
          if let last, !last.isDoubtful { unmatched[last.thread, default: 0] += 1 }
        }
      }
    }
    for request in known.values where !request.isDoubtful {
      if gapEnd > request.begin {
        unmatched[request.thread, default: 0] += 1
      } else {
        open[request.queue, default: 0] += 1
      }
    }
    for queue in durations.keys { durations[queue]?.sort() }
  }

  /// Whether an analysis found the same.
  func holds(_ slice: SliceAnalysis) -> Bool {
    let result = slice.result()
    guard slice.state.pointee.requests.unmatched(gapEnd: slice.gapEnd) == unmatched,
      Set(result.requests.map { UInt64($0.queue) }) == Set(begun.keys)
    else { return false }
    return result.requests.allSatisfy { request in
      let queue = UInt64(request.queue)
      let expected = durations[queue] ?? []
      return request.begun == begun[queue] && request.open == open[queue] ?? 0
        && request.duration.count == UInt64(expected.count)
        && request.duration.sum == expected.reduce(0, +)
        && request.duration.maximum == expected.last ?? 0
        && request.duration.minimum == expected.first ?? 0
    }
  }
}

@Suite("Requests")
struct RequestTests {
  /// Requests that overlap on several threads.
  ///
  /// - Parameter ids: So many different ones in each of two queues; an id that is open is taken again only by accident.
  static func rows(_ seed: UInt64, events: Int, ids: Int, accidents: Int, gaps: Int) -> [SyntheticRow] {
    var random = Random(seed)
    var rows: [SyntheticRow] = []
    var open: [[UInt64]] = []
    var now: Int64 = 100
    for _ in 0..<events {
      now += Int64(random.below(4))
      let thread = [UInt64(random.below(2)), UInt64(random.below(3))]
      let isAccident = random.chance(accidents)
      if random.chance(gaps) {
        rows.append(SyntheticRow(gapFrom: now, to: now + Int64(random.below(40)), stream: 1))
      } else if open.isEmpty || random.chance(50) {
        let key = [3, UInt64(random.below(2)), UInt64(random.below(ids))]
        guard isAccident || !open.contains(key) else { continue }
        rows.append(SyntheticRow(now, .requestBegin, thread + [0] + key + [0, 8]))
        if !isAccident { open.append(key) }
      } else {
        let key =
          isAccident
          ? [3, UInt64(random.below(2)), UInt64(random.below(ids))]
          : open.remove(at: random.below(open.count))
        rows.append(SyntheticRow(now, .requestEnd, thread + [0] + key + [0]))
      }
    }
    return rows
  }

  @Test("overlap, end on other threads and out of order, and are paired as a model without bounds pairs them")
  func oracle() {
    for seed in 1..<200 as Range<UInt64> {
      let rows = Self.rows(
        seed, events: 300, ids: 12, accidents: seed % 3 == 0 ? 12 : 0, gaps: seed % 2 == 0 ? 3 : 0)
      #expect(RequestOracle(rows).holds(analyse(rows)), "seed \(seed)")
    }
  }

  @Test("merged slices equal the whole, for every cut, whatever is lost, repeated or used again")
  func everyCut() {
    for seed in 1..<16 as Range<UInt64> {
      let rows = Self.rows(
        seed, events: 120, ids: 6, accidents: seed % 3 == 0 ? 0 : 30, gaps: seed % 2 == 0 ? 4 : 0)
      let whole = Findings(analyse(rows))
      for cut in Set(rows.map(\.timestamp)) {
        #expect(Findings(analyse(rows, cuts: [cut])) == whole, "seed \(seed), cut \(cut)")
      }
      var random = Random(seed)
      for _ in 0..<8 {
        let cuts = (0..<(2 + random.below(20))).compactMap { _ in
          rows.randomElement(using: &random)?.timestamp
        }
        #expect(Findings(analyse(rows, cuts: cuts)) == whole, "seed \(seed), cuts \(cuts)")
      }
    }
  }

  @Test("an id that is used again before its request ended is counted, and nothing is paired with it")
  func reused() {
    func rows(_ gap: SyntheticRow? = nil) -> [SyntheticRow] {
      [
        SyntheticRow(10, .requestBegin, [1, 0, 0, 3, 0, 7, 0, 8]), gap,
        SyntheticRow(20, .requestBegin, [1, 1, 0, 3, 0, 7, 0, 8]),
        SyntheticRow(30, .requestEnd, [1, 2, 0, 3, 0, 7, 0]),
        SyntheticRow(40, .requestEnd, [1, 2, 0, 3, 0, 7, 0]),
        SyntheticRow(50, .requestBegin, [1, 0, 0, 3, 0, 7, 0, 8]),
        SyntheticRow(55, .requestEnd, [1, 2, 0, 3, 0, 7, 0]),
      ].compactMap { $0 }
    }
    let found = analyse(rows())
    #expect(found.result().requests[0].duration.count == 1)
    #expect(found.result().requests[0].duration.maximum == 5)
    #expect(
      found.state.pointee.requests.unmatched(gapEnd: .min)
        == [AnalysisState.loopBase: 1, AnalysisState.loopBase + 1: 1, AnalysisState.loopBase + 2: 2])
    // The first end is lost.
    let lossy = analyse(rows(SyntheticRow(gapFrom: 12, to: 14, stream: 1)))
    #expect(lossy.result().requests[0].duration.count == 2)
    #expect(lossy.result().requests[0].duration.maximum == 10)
  }

  @Test("a request that has not ended is open; with events lost since it began nobody knows")
  func open() {
    var rows = [SyntheticRow(10, .requestBegin, [1, 0, 0, 3, 0, 7, 0, 8])]
    #expect(analyse(rows).result().requests[0].open == 1)
    rows.append(SyntheticRow(gapFrom: 12, to: 14, stream: 1))
    let lossy = analyse(rows)
    #expect(lossy.result().requests[0].open == 0)
    #expect(lossy.state.pointee.requests.unmatched(gapEnd: lossy.gapEnd) == [AnalysisState.loopBase: 1])
  }

  @Test("more requests than are followed: each is paired or counted, however the trace is cut")
  func bounded() {
    for seed in 1..<4 as Range<UInt64> {
      // Ids all over, many without an end, and more than the number that fits.
      var random = Random(seed)
      var rows: [SyntheticRow] = []
      var open: [UInt64] = []
      for step in 0..<Int64(3 * Limits.openRequests) {
        if random.chance(seed == 1 ? 90 : 55) || open.isEmpty {
          let id = seed == 2 ? UInt64(step) : random.next() >> 44
          open.append(id)
          rows.append(SyntheticRow(step, .requestBegin, [1, 0, 0, 3, 0, id, 0, 8]))
        } else {
          let id = open.remove(at: random.chance(50) ? open.count - 1 : random.below(open.count))
          rows.append(SyntheticRow(step, .requestEnd, [1, 1, 0, 3, 0, id, 0]))
        }
      }
      let slice = analyse(rows)
      let whole = Findings(slice)
      let begun = rows.filter { $0.tag == EventTag.requestBegin.rawValue }.count
      let request = whole.result.requests[0]
      #expect(request.duration.count > 0)
      #expect(request.open <= UInt64(Limits.openRequests))
      // Each begin and each end is in one pair, unmatched, or open.
      #expect(
        2 * request.duration.count + request.open + whole.unmatched.values.reduce(0, +) == UInt64(rows.count))
      #expect(request.begun == UInt64(begun))
      for _ in 0..<2 {
        let cuts = (0..<(1 + random.below(5))).map { _ in Int64(random.below(rows.count)) }
        #expect(Findings(analyse(rows, cuts: cuts)) == whole, "seed \(seed), cuts \(cuts)")
      }
    }
  }

  @Test(
    "as many as a deep device has are all paired; fewer whatever the distance between their ids",
    arguments: [1, 2, 5, 16, 64, 256, 2048, 4096, 65536, 1 << 20, 1_000_003] as [UInt64])
  func deep(distance: UInt64) {
    // Queues of 256 descriptors, all open at once.
    let requests = distance == 1 ? 4096 : 1024 as UInt64
    var rows: [SyntheticRow] = []
    func fields(_ number: UInt64) -> [UInt64] { [3, number / 256, number % 256 * distance] }
    for number in 0..<requests as Range<UInt64> {
      rows.append(SyntheticRow(Int64(number), .requestBegin, [1, 0, 0] + fields(number) + [0, 8]))
    }
    for number in (0..<requests as Range<UInt64>).reversed() {
      rows.append(SyntheticRow(10_000 - Int64(number), .requestEnd, [1, 1, 0] + fields(number) + [0]))
    }
    let result = analyse(rows).result()
    #expect(result.requests.reduce(0) { $0 + $1.duration.count } == requests)
  }

  @Test(
    "a device or queue beyond the catalogue's types counts as none, not as another one, and is not paired")
  func beyondTypes() {
    let rows = [
      SyntheticRow(10, .requestBegin, [1, 0, 0, 2, 0x10000, 7, 0, 8]),
      SyntheticRow(20, .requestBegin, [1, 0, 0, 1 << 63, 0, 7, 0, 8]),
      SyntheticRow(30, .requestBegin, [1, 0, 0, 3, 0, 7, 0, 8]),
    ]
    let found = analyse(rows)
    #expect(
      found.result().requests.map { [$0.device, $0.queue, Int($0.begun)] }
        == [[2, 0xffff, 1], [3, 0, 1], [0xffff, 0, 1]])
    #expect(found.state.pointee.requests.unmatched(gapEnd: .min) == [AnalysisState.loopBase: 2])
    #expect(
      PathStatistics.key(kind: .loopKick, device: 2, queue: 0x10000)
        != PathStatistics.key(kind: .loopKick, device: 3, queue: 0))
    #expect(
      PathStatistics.key(kind: .loopKick, device: .max, queue: .max)
        == PathStatistics.key(kind: .loopKick, device: 0xffff, queue: 0xffff))
  }

  // MARK: Recorded by several threads (traces/overlapping)

  /// All rows of a trace.
  static func recorded(_ trace: Trace) -> [SyntheticRow] {
    var rows: [SyntheticRow] = []
    var merged = MergedRows(trace, selection: EventTag.selection())
    while let run = merged.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(tag: Row.tag(row)) else { continue }
        let fields = (0..<tag.schema.fields.count).map { row[Row.firstField + $0] }
        rows.append(SyntheticRow(Row.timestamp(row), tag, stream: run.stream, fields))
      }
    }
    return rows
  }

  @Test("of a recorded trace are paired right: whole, cut anywhere, merged")
  func overlapping() throws {
    let trace = try RecordedTraceTests.trace("overlapping")
    let rows = Self.recorded(trace)
    let oracle = RequestOracle(rows)
    #expect(oracle.begun.values.reduce(0, +) == 300)
    #expect(oracle.durations.values.reduce(0) { $0 + $1.count } == 300)
    #expect(oracle.unmatched.isEmpty)
    let whole = TraceAnalysis.read(trace, workers: 1).models
    #expect(oracle.holds(whole))
    // They do overlap, and no thread completes what it took.
    let taken = rows.filter { $0.tag == EventTag.requestBegin.rawValue }.map { Array($0.fields[0...1]) }
    let ended = rows.filter { $0.tag == EventTag.requestEnd.rawValue }.map { Array($0.fields[0...1]) }
    #expect(Set(taken).count == 2)
    #expect(Set(taken).isDisjoint(with: Set(ended)))
    // Handlers that only complete say how long that took.
    let completing = whole.result().paths.filter { $0[.beginToCompletion].count > 0 }
    #expect(completing.reduce(0) { $0 + $1[.beginToCompletion].count } > 50)
    #expect(completing.allSatisfy { $0.requests == 0 && $0[.completionToInterrupt].count > 0 })

    let requests = rows.filter {
      $0.tag == EventTag.requestBegin.rawValue || $0.tag == EventTag.requestEnd.rawValue
    }
    for cut in Set(requests.map(\.timestamp)) {
      #expect(oracle.holds(analyse(requests, cuts: [cut])), "cut \(cut)")
    }
    let findings = Findings(TraceAnalysis.read(trace, configuration: Configuration(), workers: 1).models)
    var random = Random(3)
    for _ in 0..<12 {
      let cuts = Set(
        (0..<(1 + random.below(12))).compactMap { _ in requests.randomElement(using: &random) }
          .map(\.timestamp)
      ).sorted()
      let bounds = [Int64.min] + cuts + [Int64.max]
      let slices = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
      let merged = TraceAnalysis.read(trace, configuration: Configuration(), slices: slices, workers: 2)
      #expect(Findings(merged.models) == findings, "cuts \(cuts)")
    }
  }

  @Test("of a recorded trace that lost events are counted, and none is paired across the gap")
  func overlappingWithLoss() throws {
    let rows = Self.recorded(try RecordedTraceTests.trace("overlapping"))
    let (begin, end) = (try #require(rows.first).timestamp, try #require(rows.last).timestamp)
    for seed in 1..<30 as Range<UInt64> {
      var random = Random(seed)
      var lossy = rows
      for _ in 0..<(1 + random.below(3)) {
        let from = begin + Int64(random.below(Int(end - begin)))
        let to = min(end, from + Int64(random.below(Int(end - begin) / 10)))
        let stream = random.below(2)
        lossy.removeAll {
          $0.stream == stream && $0.timestamp > from && $0.timestamp < to && $0.tag != Row.gapTag
        }
        let place = lossy.firstIndex { $0.timestamp > from } ?? lossy.count
        lossy.insert(SyntheticRow(gapFrom: from, to: to, stream: stream), at: place)
      }
      let oracle = RequestOracle(lossy)
      #expect(oracle.holds(analyse(lossy)), "seed \(seed)")
      let cuts = (0..<4).map { _ in begin + Int64(random.below(Int(end - begin))) }
      #expect(oracle.holds(analyse(lossy, cuts: cuts)), "seed \(seed), cuts \(cuts)")
    }
  }
}
