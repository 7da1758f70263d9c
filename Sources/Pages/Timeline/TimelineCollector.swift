import Analysis

/// Puts what the models know of a run on tracks, in one pass.
struct TimelineCollector {
  /// Where a track is among the others: threads, then devices, then what is of the whole run.
  struct Rank: Hashable, Comparable {
    var group: Int
    var id: Int
    var kind: Int
    var queue = 0

    static func < (left: Rank, right: Rank) -> Bool {
      (left.group, left.id, left.kind, left.queue) < (right.group, right.id, right.kind, right.queue)
    }
  }

  private(set) var tracks: [Rank: TimelineTrack] = [:]
  private(set) var keys: TimelineKeys
  private(set) var threads: [String] = []
  private(set) var data = TimelineData()
  private var threadNumbers: [ThreadName: Int] = [:]
  private let begin: Int64
  private let span: Int64
  private let window: Range<Int64>
  let budget: TimelineBudget
  /// Requests that wait to be put in the order in which they began.
  private var requests: [ModelRequest] = []
  private var deviceTracks = 0
  /// Queues and devices with a track of their own, which is more than machines have.
  private static let mostDeviceTracks = 512
  /// The group of devices and queues.
  private static let devices = 3
  /// Until when events are missing that were counted.
  private var missing = Int64.min

  /// - Parameters:
  ///   - begin: The run's first event, ns since the clock's origin.
  ///   - span: How long the run is, ns.
  ///   - window: What is wanted of it, ns since its first event.
  init(_ machine: StateDump, begin: Int64, span: Int64, window: Range<Int64>, _ budget: TimelineBudget) {
    keys = TimelineKeys(machine)
    (self.begin, self.span, self.window, self.budget) = (begin, span, window, budget)
  }

  /// A moment of the run.
  @inline(__always)
  private func moment(_ timestamp: Int64) -> Int64 {
    let (distance, isFar) = timestamp.subtractingReportingOverflow(begin)
    return isFar ? (timestamp < begin ? 0 : span) : min(max(distance, 0), span)
  }

  @inline(__always)
  private func isWanted(_ begin: Int64, _ end: Int64) -> Bool {
    begin < window.upperBound && end >= window.lowerBound
  }

  private mutating func track(
    _ rank: Rank, _ kind: TimelineTrack.Kind, _ thread: ThreadName? = nil, _ name: (Self) -> String
  ) -> TimelineTrack {
    if let known = tracks[rank] { return known }
    if rank.group == Self.devices, rank.id != .max {
      guard deviceTracks < Self.mostDeviceTracks else {
        let isQueue = kind == .requests
        return track(Rank(group: rank.group, id: .max, kind: rank.kind), kind) { _ in
          isQueue ? "other queues" : "interrupts of other devices"
        }
      }
      deviceTracks += 1
    }
    let made = TimelineTrack(kind, name(self), thread: thread.map { number(of: $0) }, budget)
    tracks[rank] = made
    return made
  }

  /// The number of a thread's name.
  private mutating func number(of thread: ThreadName) -> Int {
    if let known = threadNumbers[thread] { return known }
    threadNumbers[thread] = threads.count
    threads.append(keys.thread(thread))
    return threads.count - 1
  }

  mutating func add(_ items: [ModelItem]) {
    for item in items {
      switch item {
      case .interval(let interval): add(interval)
      case .exit(let exit): add(exit)
      case .wakeup(let wakeup): add(wakeup)
      case .request(let request):
        requests.append(request)
        if requests.count == 2 * Self.sorted { place(Self.sorted) }
      case .interrupt(let interrupt): add(interrupt)
      case .mark(let mark): add(mark)
      case .gap(let gap): add(gap)
      }
    }
  }

  /// There are no more items.
  mutating func finish() {
    place(requests.count)
    for rank in tracks.keys.sorted() { tracks[rank]?.finish(&data) }
  }

  // MARK: Threads

  private static func rank(_ thread: ThreadName, _ kind: Int) -> Rank {
    let group = thread.kind == .vcpu ? 0 : thread.kind == .loop ? 1 : 2
    return Rank(group: group, id: thread.id, kind: kind)
  }

  private mutating func add(_ interval: StateInterval) {
    // Times add up to the window's.
    let begin = max(moment(interval.begin), window.lowerBound)
    let end = min(moment(interval.end), window.upperBound)
    guard begin < end else { return }
    let key = keys.state(interval)
    let thread = interval.thread
    let track = track(Self.rank(thread, 0), .states, thread) { $0.keys.thread(thread) }
    track.open(begin, end - begin, key)
    track.share(key, end - begin)
    track.seq(0, interval.seq)
    track.close(&data)
  }

  private mutating func add(_ exit: ModelExit) {
    let begin = moment(exit.timestamp)
    let handling = exit.handling.map { max(0, moment(exit.timestamp &+ max(0, $0)) - begin) }
    guard isWanted(begin, begin + (handling ?? 0)) else { return }
    let (site, isRaw) = keys.site(exit)
    let thread = ThreadName(.vcpu, exit.vcpu)
    let track = track(Self.rank(thread, 1), .exits, thread) { "\($0.keys.thread(thread)) exits" }
    track.open(begin, handling, site)
    track.share(keys.key(ofSite: site), handling ?? 0)
    track.seq(0, exit.seq)
    track.extra(1) { $0.add(exit.kicks) }
    track.extra(2) { $0.add(known: exit.inKvmRun.map { UInt64(max(0, $0)) }) }
    track.extra(3) { $0.add(known: isRaw ? exit.address.map { $0 & 0xffff_ffff } : nil) }
    track.extra(4) { $0.add(isRaw ? (exit.address ?? 0) >> 32 : 0) }
    track.extra(5) { $0.add(isRaw ? exit.size : 0) }
    track.extra(6) { $0.add(isRaw ? exit.count : 0) }
    track.extra(7) { $0.add(known: exit.rip.map { $0 & 0xffff_ffff }) }
    track.extra(8) { $0.add((exit.rip ?? 0) >> 32) }
    track.close(&data)
  }

  private mutating func add(_ wakeup: ModelWakeup) {
    let begin = moment(wakeup.timestamp)
    let busy = wakeup.busy.map { max(0, moment(wakeup.timestamp &+ max(0, $0)) - begin) }
    guard isWanted(begin, begin + (busy ?? 0)) else { return }
    let key = keys.wakeup(isPoll: wakeup.isPoll)
    let thread = ThreadName(.loop, wakeup.loop)
    let track = track(Self.rank(thread, 1), .wakeups, thread) { "\($0.keys.thread(thread)) wakeups" }
    track.open(begin, busy, key)
    track.share(key, busy ?? 0)
    track.seq(0, wakeup.seq)
    track.extra(1) { $0.add(known: wakeup.slept.map { UInt64(max(0, $0)) }) }
    track.extra(2) { $0.add(known: wakeup.ready) }
    track.extra(3) { $0.add(wakeup.handlers) }
    track.extra(4) { $0.add(wakeup.kicks) }
    track.close(&data)
  }

  // MARK: Devices

  /// So many requests are put in order at a time.
  private static let sorted = 1024

  /// Requests come in the order in which they end, about; lanes need that in which they begin.
  private mutating func place(_ count: Int) {
    requests.sort { $0.begin < $1.begin }
    for request in requests.prefix(count) { add(request) }
    requests.removeFirst(min(count, requests.count))
  }

  private mutating func add(_ request: ModelRequest) {
    let begin = moment(request.begin)
    let duration = request.end.map { max(0, moment($0) - begin) }
    let end = begin + (duration ?? 0)
    guard isWanted(request.kicked.map(moment) ?? begin, request.interrupted.map(moment) ?? end) else {
      return
    }
    let (device, queue) = (request.device, request.queue)
    let track = track(Rank(group: Self.devices, id: device, kind: 0, queue: queue), .requests) {
      "\($0.keys.device(device)) queue \(queue)"
    }
    let thread = request.thread.map { number(of: $0) }
    let key = keys.request(request.kind)
    track.open(begin, duration, key.whole)
    if let duration {
      var host: Int64 = 0
      if let submitted = request.submitted, let completed = request.completed {
        let from = min(max(moment(submitted), begin), end)
        host = min(max(moment(completed), from), end) - from
      }
      track.share(key.whole, duration - host)
      track.share(key.host, host)
    }
    let lane = track.lanes.place(begin, end)
    track.extra(0) { $0.add(lane) }
    track.extra(1) { $0.add(request.id & 0xffff_ffff) }
    track.extra(2) { $0.add(request.bytes) }
    track.extra(3) { $0.add(known: thread.map { UInt64($0) }) }
    track.extra(4) { $0.add(known: request.status.map { UInt64($0) }) }
    for (column, moment) in [
      request.kicked, request.arrived, request.submitted, request.completed, request.interrupted,
    ].enumerated() {
      track.extra(5 + column) { $0.add(moment, since: request.begin) }
    }
    // Scripts' numbers have 53 bits.
    track.extra(10) { $0.add(request.id >> 32) }
    track.close(&data)
  }

  private mutating func add(_ interrupt: ModelInterrupt) {
    let begin = moment(interrupt.timestamp)
    guard isWanted(begin, begin) else { return }
    let device = interrupt.device
    let track = track(Rank(group: Self.devices, id: device, kind: 1), .interrupts) {
      "\($0.keys.device(device)) interrupts"
    }
    let key = keys.interrupt(interrupt.mechanism)
    let thread = interrupt.thread.map { number(of: $0) }
    track.open(begin, nil, key)
    track.share(key, 1)
    track.extra(0) { $0.add(UInt64(interrupt.line)) }
    track.extra(1) { $0.add(known: thread.map { UInt64($0) }) }
    track.extra(2) { $0.add(UInt64(interrupt.seq)) }
    track.close(&data)
  }

  // MARK: The run

  private mutating func add(_ mark: ModelMark) {
    let begin = moment(mark.timestamp)
    guard isWanted(begin, begin) else { return }
    let track = track(Rank(group: 4, id: 0, kind: 0), .marks) { _ in "marks" }
    let key = keys.mark()
    track.open(begin, nil, key)
    track.share(key, 1)
    track.extra(0) { $0.add(UInt64(mark.value)) }
    track.extra(1) { $0.add(mark.vcpu) }
    track.extra(2) { $0.add(UInt64(mark.seq)) }
    track.close(&data)
  }

  private mutating func add(_ gap: ModelGap) {
    let begin = max(moment(gap.begin), window.lowerBound)
    let end = min(moment(gap.end), window.upperBound)
    guard begin <= end else { return }
    let track = track(Rank(group: 5, id: 0, kind: 0), .gaps) { _ in "events missing" }
    let key = keys.missing()
    track.open(begin, end - begin, key)
    // Of several streams at a time it counts once.
    track.share(key, max(0, end - max(begin, missing)))
    missing = max(missing, end)
    track.extra(0) { $0.add(gap.stream) }
    track.close(&data)
  }
}
