import Testing

@testable import Analysis
@testable import CTF

/// What the stages of requests should come to: a model that remembers everything.
private struct StageOracle {
  private struct Request {
    var begin: Int64
    var isDoubtful = false
    var kick: Int64?
    var submitted: Int64?
    var completed: Int64?
  }
  private struct Thread {
    var arrival: (time: Int64, seq: UInt64)?
    var taken = 0
    var stamp: (key: [UInt64], kick: Int64)?
    var pushed: [(time: Int64, device: UInt64, queue: UInt64, kick: Int64?)] = []
  }

  /// By queue and stage.
  var durations: [UInt64: [RequestStage: [Int64]]] = [:]
  private var gapEnd = Int64.min
  private var threads: [[UInt64]: Thread] = [:]
  private var open: [[UInt64]: Request] = [:]
  private var stamps: [[UInt64]: (at: Int64, kick: Int64)] = [:]

  init(_ rows: [SyntheticRow]) { for row in rows { take(row) } }

  private mutating func record(_ queue: UInt64, _ stage: RequestStage, _ from: Int64, _ to: Int64) {
    durations[queue, default: [:]][stage, default: []].append(max(0, to - from))
  }

  private mutating func take(_ row: SyntheticRow) {
    guard let tag = EventTag(tag: row.tag) else {
      gapEnd = max(gapEnd, Int64(bitPattern: row.fields[1]))
      return
    }
    let now = row.timestamp
    switch tag {
    case .vcpuRunExit, .vcpuRunExitRip: arrive([0, row.fields[0]], row)
    case .loopWakeup: arrive([1, row.fields[0]], row)
    case .guestKickStamp: stamp(row)
    case .requestBegin: begin(row)
    case .backendSubmit:
      let key = Array(row.fields[3...5])
      guard let request = known(key), request.submitted == nil else { return }
      open[key]?.submitted = now
    case .backendComplete:
      let key = Array(row.fields[3...5])
      guard let request = known(key), request.submitted != nil, request.completed == nil else { return }
      open[key]?.completed = now
    case .requestEnd: end(row)
    case .interrupt:
      let thread = Array(row.fields[0...1])
      for request in threads[thread]?.pushed.suffix(RequestArrival.most) ?? []
      where request.device == row.fields[3] && gapEnd <= request.time {
        record(request.queue, .pushedToInterrupt, request.time, now)
        if let kick = request.kick { record(request.queue, .kickToInterrupt, kick, now) }
      }
      threads[thread]?.pushed = []
    case .dispatchEnd: threads[Array(row.fields[0...1])]?.pushed = []
    case .handlerEnd: threads[[1, row.fields[0]]]?.pushed = []
    default: break
    }
  }

  /// A request that is open, and of which nothing can be missing.
  private func known(_ key: [UInt64]) -> Request? {
    open[key].flatMap { $0.isDoubtful || gapEnd > $0.begin ? nil : $0 }
  }

  private mutating func arrive(_ thread: [UInt64], _ row: SyntheticRow) {
    threads[thread, default: Thread()].arrival = (row.timestamp, row.fields[1])
    threads[thread]?.taken = 0
    threads[thread]?.stamp = nil
  }

  private mutating func stamp(_ row: SyntheticRow) {
    let (thread, key) = (Array(row.fields[0...1]), Array(row.fields[3...5]))
    let kick = Int64(bitPattern: row.fields[6])
    threads[thread, default: Thread()].stamp = (key, kick)
    if open[key] == nil, stamps[key] == nil { stamps[key] = (row.timestamp, kick) }
  }

  private mutating func begin(_ row: SyntheticRow) {
    let (name, key, now) = (Array(row.fields[0...1]), Array(row.fields[3...5]), row.timestamp)
    var thread = threads[name] ?? Thread()
    let kick = thread.stamp.flatMap { $0.key == key ? $0.kick : nil }
    thread.stamp = nil
    thread.taken += 1
    if let arrival = thread.arrival, arrival.seq == row.fields[2], gapEnd <= arrival.time,
      thread.taken <= RequestArrival.most
    {
      let isLoop = name[0] == 1
      if let kick, kick > arrival.time {
        record(key[1], .kickToPopped, kick, now)
      } else {
        if let kick { record(key[1], isLoop ? .kickToWakeup : .kickToExit, kick, arrival.time) }
        record(key[1], isLoop ? .wakeupToPopped : .exitToPopped, arrival.time, now)
      }
    }
    threads[name] = thread
    let isReused = open[key].map { gapEnd <= $0.begin } ?? false
    let stamp = open[key] == nil ? stamps[key].flatMap { gapEnd <= $0.at ? $0.kick : nil } : nil
    stamps[key] = nil
    open[key] = Request(begin: now, isDoubtful: isReused, kick: stamp)
  }

  private mutating func end(_ row: SyntheticRow) {
    let (key, now, request) = (Array(row.fields[3...5]), row.timestamp, known(Array(row.fields[3...5])))
    open[key] = nil
    stamps[key] = nil
    guard row.fields[6] != 255 else { return }
    threads[Array(row.fields[0...1]), default: Thread()].pushed.append(
      (now, key[0], key[1], request?.kick))
    guard let request else { return }
    if let kick = request.kick { record(key[1], .kickToPushed, kick, now) }
    guard let submitted = request.submitted else {
      return record(key[1], .poppedToPushed, request.begin, now)
    }
    record(key[1], .poppedToSubmitted, request.begin, submitted)
    guard let completed = request.completed else { return }
    record(key[1], .submittedToCompleted, submitted, completed)
    record(key[1], .completedToPushed, completed, now)
  }

  /// Whether an analysis found the same.
  func holds(_ slice: SliceAnalysis) -> Bool {
    let found = slice.result().requestStages
    for stage in RequestStage.allCases {
      for queue in 0..<3 as Range<Int> {
        let expected = durations[UInt64(queue)]?[stage] ?? []
        let latency = found.first { $0.queue == queue }?[stage] ?? LatencySummary()
        guard latency.count == UInt64(expected.count), latency.sum == expected.reduce(0, +),
          latency.maximum == expected.max() ?? 0
        else { return false }
      }
    }
    return true
  }
}

@Suite("Stages of requests")
struct RequestStageTests {
  /// Events of requests on three threads, in an order that a machine might have, but for accidents.
  static func rows(_ seed: UInt64, events: Int, accidents: Int, gaps: Int) -> [SyntheticRow] {
    var random = Random(seed)
    var rows: [SyntheticRow] = []
    var seqs: [UInt64] = [7, 0, 900]
    // What is next of each request: 0 submit, 1 complete, 2 end.
    var requests: [(key: [UInt64], next: Int)] = []
    var ids: UInt64 = 0
    var now: Int64 = 100
    for _ in 0..<events {
      now += Int64(random.below(4))
      let place = random.below(3)
      let name: [UInt64] = place == 0 ? [0, 0] : [1, UInt64(place - 1)]
      let context = name + [random.chance(accidents) ? seqs[place] + 1 : seqs[place]]
      func add(_ tag: EventTag, _ fields: [UInt64]) { rows.append(SyntheticRow(now, tag, fields)) }
      func add(_ event: EventTag, of key: [UInt64]) {
        switch event {
        case .backendSubmit: add(event, context + key + [1, 512])
        case .backendComplete: add(event, context + key + [random.chance(20) ? 5 : 0])
        default: add(event, context + key + [random.chance(10) ? 255 : random.chance(10) ? 1 : 0])
        }
      }
      switch random.below(100) {
      case ..<15:
        seqs[place] += 1
        if place == 0 {
          add(.vcpuRunExit, [0, seqs[0], 6, 0, 4, 2, 1])
        } else {
          add(.loopWakeup, [name[1], seqs[place], 1])
        }
      case ..<40:
        let id = random.chance(accidents) ? UInt64(random.below(4)) : ids % 12
        ids += 1
        let key = [3, UInt64(random.below(2)), id]
        guard random.chance(accidents) || !requests.contains(where: { $0.key == key }) else { continue }
        if random.chance(70) {
          add(.guestKickStamp, context + key + [UInt64(now - Int64(random.below(9)))])
          if random.chance(50) { now += 1 }
        }
        add(.requestBegin, context + key + [1, 512])
        requests.append((key, random.chance(80) ? 0 : 2))
      case ..<80:
        guard !requests.isEmpty else { continue }
        let which = random.below(requests.count)
        let (key, next) = requests[which]
        let event: EventTag = [.backendSubmit, .backendComplete, .requestEnd][next]
        add(random.chance(accidents) ? .backendComplete : event, of: key)
        if next == 2 { requests.remove(at: which) } else { requests[which].next = next + 1 }
      case ..<88:
        let queue = UInt64(random.below(2))
        let inFlight = UInt64(requests.count { $0.key[1] == queue })
        add(
          .queuePublished, context + [3, queue, UInt64(random.below(4)), inFlight, UInt64(random.below(2))])
      case ..<94: add(.interrupt, context + [random.chance(10) ? 4 : 3, 5, 0])
      case ..<99:
        if place == 0 {
          add(.dispatchEnd, context + [3])
        } else {
          add(.handlerEnd, [name[1], seqs[place], 0, 3, 1])
        }
      default:
        guard random.chance(gaps) else { continue }
        rows.append(SyntheticRow(gapFrom: now, to: now + Int64(random.below(40)), stream: 1))
      }
    }
    return rows
  }

  @Test("are what a model without bounds finds, whoever takes, completes and pushes a request")
  func oracle() {
    var found: Set<RequestStage> = []
    for seed in 1..<200 as Range<UInt64> {
      let rows = Self.rows(seed, events: 400, accidents: seed % 3 == 0 ? 10 : 0, gaps: seed % 2 == 0 ? 80 : 0)
      let oracle = StageOracle(rows)
      #expect(oracle.holds(analyse(rows)), "seed \(seed)")
      for stages in oracle.durations.values { found.formUnion(stages.keys) }
    }
    #expect(found == Set(RequestStage.allCases))
  }

  @Test("merged slices equal the whole, for every cut, whatever is lost, repeated or out of order")
  func everyCut() {
    for seed in 1..<24 as Range<UInt64> {
      let rows = Self.rows(seed, events: 140, accidents: Int(seed % 3) * 12, gaps: seed % 2 == 0 ? 90 : 0)
      let whole = Findings(analyse(rows))
      for cut in Set(rows.map(\.timestamp)) {
        #expect(Findings(analyse(rows, cuts: [cut])) == whole, "seed \(seed), cut \(cut)")
      }
      var random = Random(seed)
      for _ in 0..<12 {
        let cuts = (0..<(2 + random.below(40))).compactMap { _ in
          rows.randomElement(using: &random)?.timestamp
        }
        #expect(Findings(analyse(rows, cuts: cuts)) == whole, "seed \(seed), cuts \(cuts)")
      }
    }
  }

  @Test("more requests than one wakeup or one interrupt is remembered for: no others, wherever it is cut")
  func bounded() {
    var rows = [SyntheticRow(1, .loopWakeup, [0, 4, 1])]
    for id in 0..<600 as Range<UInt64> {
      rows.append(SyntheticRow(Int64(2 + id), .requestBegin, [1, 0, 4, 3, 0, id, 1, 8]))
    }
    for id in 0..<600 as Range<UInt64> {
      rows.append(SyntheticRow(Int64(1000 + id), .requestEnd, [1, 0, 4, 3, 0, id, 0]))
    }
    rows.append(SyntheticRow(2000, .interrupt, [1, 0, 4, 3, 5, 0]))
    let whole = analyse(rows)
    let stages = whole.result().requestStages[0]
    #expect(stages[.wakeupToPopped].count == 256)
    #expect(stages[.wakeupToPopped].maximum == 256)
    #expect(stages[.poppedToPushed].count == 600)
    #expect(stages[.pushedToInterrupt].count == 256)
    // The latest.
    #expect(stages[.pushedToInterrupt].maximum == 2000 - (1000 + 600 - 256))
    for cuts in [[2], [100], [300], [100, 200, 400], [1010], [1400], [1100, 1200, 1500], [1700], [2000]] {
      #expect(Findings(analyse(rows, cuts: cuts.map(Int64.init))) == Findings(whole), "cuts \(cuts)")
    }
  }

  @Test("a request that was given up is no answer: no stage of it ends, and it did not fail")
  func givenUp() {
    let rows = [
      SyntheticRow(10, .requestBegin, [1, 0, 0, 3, 0, 7, 1, 8]),
      SyntheticRow(12, .backendSubmit, [1, 0, 0, 3, 0, 7, 0, 8]),
      SyntheticRow(20, .backendComplete, [2, 0, 0, 3, 0, 7, 0]),
      SyntheticRow(21, .requestEnd, [2, 0, 0, 3, 0, 7, 255]),
    ]
    let result = analyse(rows).result()
    #expect(result.requests[0].givenUp == 1)
    #expect(result.requests[0].failed == 0)
    #expect(result.requests[0].open == 0)
    #expect(result.requests[0].duration.count == 0)
    #expect(
      result.requestStages.allSatisfy { path in RequestStage.allCases.allSatisfy { path[$0].count == 0 } })
    #expect(result.queues[0].statuses == [255: 1])
  }
}

@Suite("Queues")
struct QueueTrackerTests {
  private static func begin(_ time: Int64, _ id: UInt64, seq: UInt64 = 0) -> SyntheticRow {
    SyntheticRow(time, .requestBegin, [1, 0, seq, 3, 0, id, 1, 8])
  }
  private static func end(_ time: Int64, _ id: UInt64, status: UInt64 = 0) -> SyntheticRow {
    SyntheticRow(time, .requestEnd, [1, 0, 0, 3, 0, id, status])
  }
  private static func publish(_ time: Int64, _ requests: UInt64, inFlight: UInt64) -> SyntheticRow {
    SyntheticRow(time, .queuePublished, [1, 0, 0, 3, 0, requests, inFlight, 1])
  }

  @Test("how many are in flight is known from the first time that a device says so, and not across gaps")
  func depth() throws {
    // Begins and ends before anybody said how many there were, then 2 for 10, 3 for 20, 2 for 30, 0 for 40.
    var rows = [
      Self.begin(10, 0), Self.end(20, 0), Self.publish(30, 1, inFlight: 2), Self.begin(40, 3),
      Self.end(60, 1), Self.end(90, 2), Self.end(90, 3), Self.publish(90, 3, inFlight: 0),
      SyntheticRow(130, .loopWait, [0, 1, 0]),
    ]
    let depth = try #require(analyse(rows).result().queues[0].depth)
    #expect(depth.known == 100)
    #expect(depth.mean == Double(2 * 10 + 3 * 20 + 2 * 30) / 100)
    #expect(depth.most == 3)
    #expect(depth.p99 == 3)
    // A gap: what was before it counts up to the last event, and after it nothing until the device says so again.
    rows.insert(SyntheticRow(gapFrom: 45, to: 50, stream: 1), at: 4)
    let lossy = try #require(analyse(rows).result().queues[0].depth)
    #expect(lossy.known == 10 + 40)
    #expect(lossy.most == 3)
    // An end of one that was not in flight: what was counted is wrong.
    let wrong = [Self.publish(10, 1, inFlight: 0), Self.end(20, 5), SyntheticRow(90, .loopWait, [0, 1, 0])]
    #expect(try #require(analyse(wrong).result().queues[0].depth).known == 10)
  }

  /// The queues of the window `[begin, end)`, of which the slice before tells what was in flight at its beginning.
  private func window(_ rows: [SyntheticRow], _ begin: Int64, _ end: Int64) -> [QueueResult] {
    analysis(of: rows, begin, end).queues
  }

  private func analysis(of rows: [SyntheticRow], _ begin: Int64, _ end: Int64) -> AnalysisResult {
    let window = analyse(rows.filter { $0.timestamp < begin }).opened(at: begin)
    let inside = SliceAnalysis(testConfiguration, isLeading: false)
    RowBuffer.feed(rows.filter { begin <= $0.timestamp && $0.timestamp < end }[...], to: inside)
    window.merge(inside)
    window.closeQueues(at: min(end, rows.last?.timestamp ?? end))
    return window.result()
  }

  @Test("requests that began before a window are told of apart where they end in it, with the longest")
  func fromBefore() throws {
    let rows = [
      Self.begin(10, 1), Self.begin(20, 2), Self.begin(30, 3), Self.end(120, 1), Self.begin(130, 4),
      Self.end(140, 4), Self.end(160, 2), Self.end(900, 3), SyntheticRow(950, .loopWait, [0, 1, 0]),
    ]
    let requests = try #require(analysis(of: rows, 100, 500).requests.first)
    #expect((requests.begun, requests.duration.count, requests.duration.maximum) == (1, 1, 10))
    #expect((requests.fromBefore, requests.longestFromBefore, requests.open) == (2, 140, 0))
    let whole = try #require(analyse(rows).result().requests.first)
    #expect((whole.fromBefore, whole.duration.count) == (0, 4))
  }

  @Test("windows that follow each other add up to the whole, also where nothing happens in one but waiting")
  func windows() throws {
    var waiting = 0
    for seed in 1..<24 as Range<UInt64> {
      let rows = RequestStageTests.rows(seed, events: 200, accidents: seed % 3 == 0 ? 10 : 0, gaps: 0)
      let whole = analyse(rows).result().queues
      var random = Random(seed)
      var edges = (0..<12).compactMap { _ in rows.randomElement(using: &random)?.timestamp } + [0, 100_000]
      edges = Set(edges + edges.map { $0 + 1 }).sorted()
      var known: [Int: Int64] = [:]
      var area: [Int: Double] = [:]
      for (begin, end) in zip(edges, edges.dropFirst()) {
        for queue in window(rows, begin, end) {
          guard let depth = queue.depth else { continue }
          known[queue.queue, default: 0] += depth.known
          area[queue.queue, default: 0] += depth.mean * Double(depth.known)
          if queue.begun == 0, depth.known > 0 { waiting += 1 }
        }
      }
      for queue in whole {
        let depth = queue.depth
        let expected = depth.map { $0.mean * Double($0.known) } ?? 0
        #expect(abs(area[queue.queue, default: 0] - expected) < 0.01, "seed \(seed)")
        // Where nobody waits a window has no row.
        #expect(known[queue.queue, default: 0] <= depth?.known ?? 0, "seed \(seed)")
      }
    }
    #expect(waiting > 0)
    // A request that nobody answers: all of the window, without an event in it.
    let stalled = [
      Self.publish(10, 1, inFlight: 0), Self.begin(20, 3), SyntheticRow(900, .loopWait, [0, 1, 0]),
    ]
    let depth = try #require(window(stalled, 100, 500).first?.depth)
    #expect((depth.known, depth.mean, depth.p99, depth.most) == (400, 1, 1, 1))
    // Not across a gap, and no longer than the recording.
    #expect(try #require(window(stalled, 100, 5000).first?.depth).known == 800)
    var lossy = stalled
    lossy.insert(SyntheticRow(gapFrom: 30, to: 40, stream: 1), at: 2)
    #expect(window(lossy, 100, 500).isEmpty)
  }

  @Test("99 % of the time is told from the most")
  func percentile() throws {
    let rows = [
      Self.publish(0, 1, inFlight: 4), Self.begin(985, 1), Self.publish(995, 1, inFlight: 90),
      SyntheticRow(1000, .loopWait, [0, 1, 0]),
    ]
    let depth = try #require(analyse(rows).result().queues[0].depth)
    #expect((depth.p99, depth.most) == (5, 90))
  }

  @Test("the most that is told apart, and many events without a word from the device", arguments: [1, 977])
  func bounded(_ step: Int) throws {
    var rows = [Self.publish(0, 1, inFlight: 0)]
    for id in 0..<6000 as Range<UInt64> { rows.append(Self.begin(Int64(1 + id), id)) }
    let whole = analyse(rows)
    let depth = try #require(whole.result().queues[0].depth)
    #expect(depth.known == 4096)
    #expect(depth.most == 4095)
    #expect(depth.p99 == 1023)
    for cut in stride(from: 1, to: 6000, by: step == 1 ? 1999 : step) {
      #expect(Findings(analyse(rows, cuts: [Int64(cut)])) == Findings(whole), "cut \(cut)")
    }
  }

  @Test("requests taken in one wakeup count as one, also where a cut is in the middle")
  func batches() {
    let rows = [
      Self.publish(0, 1, inFlight: 0), Self.begin(1, 0, seq: 4), Self.begin(2, 1, seq: 4),
      Self.begin(3, 2, seq: 5), Self.begin(4, 3, seq: 5), Self.begin(5, 4, seq: 5),
    ]
    for cut in 0..<7 as Range<Int64> {
      let queue = analyse(rows, cuts: [cut]).result().queues[0]
      #expect((queue.begun, queue.batches) == (5, 2), "cut \(cut)")
    }
  }

  @Test("interrupts, errors and what the host said are counted, and a doorbell's requests are not")
  func counts() {
    let rows = [
      SyntheticRow(1, .queuePublished, [0, 0, 0, 3, 1, 4, 0, 0]),
      SyntheticRow(2, .queuePublished, [0, 0, 0, 3, 1, 1, 0, 1]),
      SyntheticRow(3, .backendComplete, [0, 0, 0, 3, 1, 7, 28]),
      SyntheticRow(4, .backendComplete, [0, 0, 0, 3, 1, 8, 4000]),
      SyntheticRow(5, .requestEnd, [0, 0, 0, 3, 1, 7, 1]),
      SyntheticRow(6, .requestEnd, [0, 0, 0, 2, 0, 7, 1]),
    ]
    let queues = analyse(rows).result().queues
    #expect(queues.count == 1)
    #expect((queues[0].device, queues[0].queue) == (3, 1))
    #expect((queues[0].published, queues[0].interrupts, queues[0].suppressed) == (5, 1, 1))
    #expect(queues[0].hostErrors == [28: 1, 255: 1])
    #expect(queues[0].statuses == [1: 1])
    #expect(queues[0].depth == nil || queues[0].depth?.most == 0)
  }
}
