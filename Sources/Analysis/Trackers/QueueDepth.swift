/// How many requests of a queue are in flight, over time.
///
/// `queue_published` says how many; begins and ends count on from there until events are missing. Until the first one nobody
/// knows, nor after a gap until the next. In a slice that follows another one, the events up to the first `queue_published` are
/// kept for merging; after that nothing depends on what was before.
struct QueueDepth {
  /// The number in flight since `since`; nil: not known.
  private var depth: Int?
  private var since = Int64.min
  /// Begins and ends since the latest `queue_published`.
  private var events = 0
  private var isSettled = false
  private var heads: [QueueDepthStep] = []

  /// Time by the number in flight, ns; the last one of ``Limits/depths`` has all that is more.
  private var times: [Int64] = []
  /// The same, weighted with the number: ns times requests.
  private var area: Int64 = 0
  /// The most.
  private var most = 0

  // MARK: Step

  mutating func step(_ step: QueueDepthStep) {
    guard !isSettled else { return apply(step) }
    heads.append(step)
    if step.inFlight != nil {
      settle(step)
    } else if heads.count == Limits.depthEvents {
      isSettled = true
      events = Limits.depthEvents
      since = step.timestamp
    }
  }

  private mutating func settle(_ step: QueueDepthStep) {
    isSettled = true
    count(step)
    since = step.timestamp
  }

  private mutating func apply(_ step: QueueDepthStep) {
    if let depth {
      if step.gapEnd > since { self.depth = nil } else { spend(step.timestamp &- since, depth) }
    }
    count(step)
    since = step.timestamp
  }

  private mutating func count(_ step: QueueDepthStep) {
    if let inFlight = step.inFlight {
      depth = Int(inFlight)
      events = 0
    } else {
      events = min(events + 1, Limits.depthEvents)
      // A request that ends was in flight, or what was counted is not what there was.
      depth = depth.flatMap { step.isBegin ? $0 + 1 : $0 > 0 ? $0 - 1 : nil }
      if events == Limits.depthEvents { depth = nil }
    }
    if let depth { most = max(most, depth) }
  }

  private mutating func spend(_ time: Int64, _ depth: Int) {
    guard time > 0 else { return }
    let place = min(depth, Limits.depths - 1)
    while times.count <= place { times.append(0) }
    times[place] &+= time
    area &+= time &* Int64(depth)
  }

  // MARK: Window

  /// What is known at the beginning of a window, with no time counted.
  ///
  /// - Parameter gapEnd: End of the latest gap before it.
  func opened(at moment: Int64, gapEnd: Int64) -> QueueDepth {
    var opened = QueueDepth()
    guard isSettled, let depth, gapEnd <= since else { return opened }
    opened.isSettled = true
    (opened.depth, opened.events, opened.most) = (depth, events, depth)
    opened.since = moment
    return opened
  }

  /// Counts the time up to the end of a window.
  ///
  /// - Parameter gapEnd: End of the latest gap that began in it.
  mutating func close(at moment: Int64, gapEnd: Int64) {
    guard let depth, gapEnd <= since, moment > since else { return }
    spend(moment &- since, depth)
    since = moment
  }

  // MARK: Merge

  /// Adds what follows in time.
  mutating func add(_ next: QueueDepth, gapEnd: Int64) {
    for var head in next.heads {
      head.gapEnd = max(head.gapEnd, gapEnd)
      step(head)
    }
    guard next.isSettled else { return }
    isSettled = true
    (depth, since, events) = (next.depth, next.since, next.events)
    while times.count < next.times.count { times.append(0) }
    for (place, time) in next.times.enumerated() { times[place] &+= time }
    area &+= next.area
    most = max(most, next.most)
  }

  // MARK: Result

  /// - Parameters:
  ///   - gapEnd: End of the latest gap.
  ///   - end: Of what is analysed.
  func result(gapEnd: Int64, end: Int64) -> QueueDepthResult? {
    var last = self
    last.close(at: end, gapEnd: gapEnd)
    let known = last.times.reduce(0, &+)
    guard known > 0 else { return nil }
    var rest = known / 100
    var p99 = last.times.count - 1
    while p99 > 0, last.times[p99] <= rest {
      rest -= last.times[p99]
      p99 -= 1
    }
    return QueueDepthResult(
      known: known, mean: Double(last.area) / Double(known), p99: p99, most: most)
  }
}

/// `request_begin`, `request_end` or `queue_published` of one queue.
struct QueueDepthStep {
  var timestamp: Int64
  /// End of the latest gap before it, as far as this slice knows.
  var gapEnd: Int64
  /// Otherwise it is an end, unless `inFlight` says what there is.
  var isBegin = false
  /// Of `queue_published`.
  var inFlight: UInt16?
}

/// How many requests of a queue were in flight.
package struct QueueDepthResult: Sendable, Equatable {
  /// The time for which that is known, ns.
  package let known: Int64
  /// Over this time.
  package let mean: Double
  /// No more for 99 % of it. 1023 stands for so many or more.
  package let p99: Int
  /// The most.
  package let most: Int
}

// MARK: Kept in a file

extension QueueDepth {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&depth, 0) { (depth, coder) throws(StateError) in
      try coder.code(&depth, below: 1 << 17, "requests in flight")
    }
    try coder.code(moment: &since)
    try coder.code(&events, below: Limits.depthEvents + 1, "a number of events")
    try coder.code(&isSettled)
    try coder.code(&heads, limit: Limits.depthEvents, "events of a queue")
    try coder.code(&times, limit: Limits.depths, "a list of times")
    try coder.require(times.allSatisfy { $0 >= 0 && $0 <= StateCoder.longest }, "a time")
    try coder.code(&area)
    try coder.code(&most, below: 1 << 17, "requests in flight")
  }
}

extension QueueDepthStep: StateCoded {
  static var blank: QueueDepthStep { QueueDepthStep(timestamp: 0, gapEnd: .min) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(moment: &gapEnd)
    try coder.code(&isBegin)
    try coder.code(&inFlight)
  }
}
