import Testing

@testable import Analysis
@testable import CTF

/// What the models give one by one adds up to what they add up themselves.
@Suite("Things one by one are what the analysis adds up")
struct ModelStreamTests {
  /// All things of some rows, and the analysis of them.
  private static func items(_ rows: [SyntheticRow]) -> (items: [ModelItem], analysis: SliceAnalysis) {
    let analysis = analyse(rows)
    let begin = analysis.result().begin ?? 0
    let stream = ModelStream(
      begin: begin, gapEnd: .min, doubtFrom: nil, calibration: testConfiguration.calibration)
    var items: [ModelItem] = []
    RowBuffer.feed(rows[...], runLength: 5) {
      stream.consume($0)
      items += stream.items
      stream.clear()
    }
    stream.finish()
    return (items + stream.items, analysis)
  }

  @Test("of whole, lossy and damaged recordings", arguments: MergeTests.Damage.allCases)
  func synthetic(_ damage: MergeTests.Damage) {
    for seed in 1..<60 as Range<UInt64> {
      let (items, analysis) = Self.items(MergeTests.run(seed, damage).rows)
      Sums(items).check(against: analysis, "seed \(seed), \(damage)")
    }
  }

  @Test("of recorded traces, also where nobody knows what is missing", arguments: RecordedTraceTests.names)
  func recorded(_ name: String) throws {
    let trace = try RecordedTraceTests.trace(name)
    let (begin, end) = (try #require(TraceSpan.begin(of: trace)), try #require(TraceSpan.end(of: trace)))
    for doubtFrom in [nil, .min, begin + (end - begin) / 2] {
      var configuration = Configuration()
      configuration.doubtFrom = doubtFrom
      let slices = TraceAnalysis.split([.min ..< .max], at: doubtFrom ?? .min)
      let analysis = TraceAnalysis.read(trace, configuration: configuration, slices: slices, workers: 1)
      var items: [ModelItem] = []
      var reader = ModelReader(trace, analysis)
      while reader.next({ items += $0 }) {}
      Sums(items).check(against: analysis.models, "\(name), doubt from \(doubtFrom ?? .max)")
    }
  }

  @Test("a request has its kick, its arrival, what the host did for it and the interrupt")
  func request() throws {
    let rows = [
      SyntheticRow(100, .loopWait, [0, 1, 0]), SyntheticRow(200, .loopWakeup, [0, 1, 1]),
      SyntheticRow(210, .handlerBegin, [0, 1, 0, 3, 2]),
      SyntheticRow(220, .ioeventfdSignal, [0, 1, 3, 2, 4]),
      SyntheticRow(230, .guestKickStamp, [1, 0, 1, 3, 2, 7, 150]),
      SyntheticRow(240, .requestBegin, [1, 0, 1, 3, 2, 7, 1, 4096]),
      SyntheticRow(250, .backendSubmit, [1, 0, 1, 3, 2, 7, 0, 4096]),
      SyntheticRow(260, .handlerEnd, [0, 1, 0, 3, 2]), SyntheticRow(270, .loopWait, [0, 2, 0]),
      SyntheticRow(300, .loopWakeup, [0, 2, 1]), SyntheticRow(310, .handlerBegin, [0, 2, 6, 3, 0xffff]),
      SyntheticRow(320, .backendComplete, [1, 0, 2, 3, 2, 7, 0]),
      SyntheticRow(330, .requestEnd, [1, 0, 2, 3, 2, 7, 0]),
      SyntheticRow(340, .interrupt, [1, 0, 2, 3, 5, 0]),
      SyntheticRow(350, .handlerEnd, [0, 2, 6, 3, 0xffff]),
      // Another handler's, which tells of nothing that this one pushed.
      SyntheticRow(355, .requestBegin, [1, 0, 2, 3, 2, 8, 1, 512]),
      SyntheticRow(360, .requestEnd, [1, 0, 2, 3, 2, 8, 0]),
      SyntheticRow(365, .handlerEnd, [0, 2, 6, 3, 0xffff]),
      SyntheticRow(370, .interrupt, [1, 0, 2, 3, 5, 0]),
    ]
    let items = Self.items(rows).items
    #expect(
      items.contains {
        guard case .request(let request) = $0 else { return false }
        return request.id == 8 && request.end == 360 && request.interrupted == nil
      })
    let thread = ThreadName(.loop, 0)
    #expect(
      items.contains(
        .request(
          ModelRequest(
            device: 3, queue: 2, id: 7, kind: 1, bytes: 4096, thread: thread, kicked: 150, arrived: 200,
            begin: 240, submitted: 250, completed: 320, end: 330, interrupted: 340, status: 0))))
    #expect(
      items.contains(
        .wakeup(
          ModelWakeup(
            loop: 0, seq: 1, timestamp: 200, isPoll: false, slept: 100, ready: 1, handlers: 1, kicks: 4,
            busy: 70))))
    #expect(
      items.contains(
        .interval(
          StateInterval(
            thread: thread, seq: 1, begin: 210, end: 260, category: TimeCategory.devices + 3, lock: nil))))
  }
}

/// What things add up to.
private struct Sums {
  struct Latency: Equatable {
    var count: UInt64 = 0
    var sum: Int64 = 0

    init() {}

    init(_ summary: LatencySummary) { (count, sum) = (summary.count, summary.sum) }

    mutating func add(_ value: Int64?) {
      guard let value else { return }
      count += 1
      sum += max(0, value)
    }
  }

  var times: [ThreadName: [Int64]] = [:]
  var isDisjoint = true
  private var ends: [ThreadName: Int64] = [:]
  var exits: UInt64 = 0
  var inKvmRun = Latency()
  var handling = Latency()
  var wakeups: [Int: UInt64] = [:]
  var polls: [Int: UInt64] = [:]
  var slept: [Int: Latency] = [:]
  var begun: [[Int]: UInt64] = [:]
  var bytes: UInt64 = 0
  var ended: [[Int]: Latency] = [:]
  var givenUp: UInt64 = 0
  var kickToPushed = Latency()
  var kickToInterrupt = Latency()
  var host = Latency()
  var toInterrupt = Latency()
  var arrived: UInt64 = 0
  var interrupts: UInt64 = 0
  var marks: UInt64 = 0
  var gaps: UInt64 = 0

  init(_ items: [ModelItem]) {
    for item in items {
      switch item {
      case .interval(let interval): add(interval)
      case .exit(let exit):
        exits += 1
        inKvmRun.add(exit.inKvmRun)
        handling.add(exit.handling)
      case .wakeup(let wakeup):
        if wakeup.isPoll {
          polls[wakeup.loop, default: 0] += 1
        } else {
          wakeups[wakeup.loop, default: 0] += 1
          slept[wakeup.loop, default: Latency()].add(wakeup.slept)
        }
      case .request(let request): add(request)
      case .interrupt: interrupts += 1
      case .mark: marks += 1
      case .gap: gaps += 1
      }
    }
  }

  private mutating func add(_ interval: StateInterval) {
    let thread = interval.thread
    if interval.begin < ends[thread] ?? .min || interval.end <= interval.begin { isDisjoint = false }
    ends[thread] = interval.end
    times[thread, default: Array(repeating: 0, count: TimeCategory.count)][interval.category] +=
      interval.end - interval.begin
  }

  private mutating func add(_ request: ModelRequest) {
    let key = [request.device, request.queue, request.kind]
    begun[key, default: 0] += 1
    bytes &+= request.bytes
    if request.arrived != nil { arrived += 1 }
    if request.status == RequestResult.givenUpStatus { givenUp += 1 }
    guard let end = request.end, let duration = request.duration else { return }
    ended[key, default: Latency()].add(duration)
    if let kicked = request.kicked { kickToPushed.add(end &- kicked) }
    if let kicked = request.kicked, let interrupted = request.interrupted {
      kickToInterrupt.add(interrupted &- kicked)
    }
    if let submitted = request.submitted, let completed = request.completed {
      host.add(completed &- submitted)
    }
    if let interrupted = request.interrupted { toInterrupt.add(interrupted &- end) }
  }

  func check(against analysis: SliceAnalysis, _ what: String) {
    let result = analysis.result()
    #expect(isDisjoint, "\(what)")
    for thread in result.vcpus.map({ ($0.times, ThreadName.Kind.vcpu) })
      + result.loops.map({ ($0.times, ThreadName.Kind.loop) }) where thread.0.hasEvents
    {
      let expected = Self.times(thread.0, thread.1, result)
      let found = times[ThreadName(thread.1, thread.0.id)] ?? Array(repeating: 0, count: TimeCategory.count)
      #expect(found == expected, "\(what): \(thread.1) \(thread.0.id)")
    }
    let all = analysis.allExits()
    #expect(exits == result.counts.exits, "\(what)")
    #expect(inKvmRun == Latency(all.inKvmRun) && handling == Latency(all.handling), "\(what)")
    for loop in result.loops where loop.times.hasEvents {
      let id = loop.times.id
      #expect((wakeups[id] ?? 0) == loop.wakeups && (polls[id] ?? 0) == loop.pollsReady, "\(what)")
      #expect((slept[id] ?? Latency()) == Latency(loop.sleeps), "\(what)")
    }
    for request in result.requests {
      let key = [request.device, request.queue, request.kind]
      #expect((begun[key] ?? 0) == request.begun, "\(what): \(key)")
      #expect((ended[key] ?? Latency()) == Latency(request.duration), "\(what): \(key)")
    }
    #expect(begun.values.reduce(0, +) == result.requests.reduce(0) { $0 + $1.begun }, "\(what)")
    #expect(bytes == result.requests.reduce(0) { $0 &+ $1.bytes }, "\(what)")
    #expect(givenUp == result.requests.reduce(0) { $0 + $1.givenUp }, "\(what)")
    func stage(_ stages: RequestStage...) -> Latency {
      var sum = Latency()
      for queue in result.requestStages {
        for stage in stages {
          sum.count += queue[stage].count
          sum.sum += queue[stage].sum
        }
      }
      return sum
    }
    #expect(kickToPushed == stage(.kickToPushed), "\(what)")
    #expect(kickToInterrupt == stage(.kickToInterrupt), "\(what)")
    #expect(host == stage(.submittedToCompleted), "\(what)")
    #expect(arrived == stage(.exitToPopped, .wakeupToPopped, .kickToPopped).count, "\(what)")
    let told = stage(.pushedToInterrupt)
    // The analysis also tells of requests whose begins are not known.
    #expect(toInterrupt.count <= told.count && toInterrupt.sum <= told.sum, "\(what)")
    #expect(interrupts == result.interrupts.reduce(0) { $0 + $1.byMechanism.reduce(0, +) }, "\(what)")
    #expect(marks == result.markCount && gaps == result.gaps, "\(what)")
  }

  /// What a report says of a thread's time: with what it goes on with to the end, and what may have been before its first event.
  private static func times(
    _ thread: ThreadTimes, _ kind: ThreadName.Kind, _ result: AnalysisResult
  ) -> [Int64] {
    var times = thread.times
    guard let begin = result.begin, let end = result.end else { return times }
    if thread.missingBefore > begin {
      times[TimeCategory.unknown] += min(thread.first, thread.missingBefore) - begin
    }
    let waiting = kind == .vcpu ? TimeCategory.inKvmRun : TimeCategory.asleep
    if !thread.isFinalCategoryProven {
      times[TimeCategory.unknown] += end - thread.last
    } else if thread.finalCategory == waiting {
      times[waiting] += end - thread.last
    }
    return times
  }
}
