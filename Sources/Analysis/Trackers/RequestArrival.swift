/// What a thread does around requests, as far as their stages need it: the exit or wakeup in which it takes them, the stamp of
/// the one that comes next, and those that it pushed and has not raised an interrupt for.
///
/// In a slice that follows another one, what was before the first exit or wakeup is not known, nor what was pushed before
/// the first interrupt. What depends on that is kept for merging; bounds say after how many events nothing does any more.
struct RequestArrival {
  /// Requests of one exit or wakeup for which that is remembered, and those pushed that one interrupt tells of.
  static let most = 256

  // The latest exit or wakeup: `Int64.min` where there is none, or none any more.
  var time = Int64.min
  var seq: UInt32 = 0
  /// Requests taken since, no more than ``most``.
  var taken: UInt16 = 0
  /// Device, queue and id of the request that a stamp came for, and when that says that it was kicked.
  var stamped: UInt64?
  var stamp: Int64 = 0
  /// Nothing of this depends on what was before the slice.
  var isKnown: Bool
  /// Stamps and begins that could not be applied yet, in order.
  var heads: [RequestArrivalStep] = []

  /// The latest requests pushed since the latest interrupt or end of a handler.
  var pushed: [PushedRequest] = []
  /// There was an interrupt or the end of a handler in this slice, or nothing is before it.
  var isPushedKnown: Bool
  /// The first interrupt, where requests that were pushed before this slice may belong to it.
  var interruptHead: InterruptHead?

  init(isLeading: Bool) {
    isKnown = isLeading
    isPushedKnown = isLeading
  }

  @inline(__always)
  mutating func arrive(_ seq: UInt32, at timestamp: Int64) {
    time = timestamp
    self.seq = seq
    taken = 0
    stamped = nil
    isKnown = true
  }

  /// The handler is over: no interrupt follows.
  @inline(__always)
  mutating func close() {
    guard !pushed.isEmpty || !isPushedKnown else { return }
    pushed.removeAll(keepingCapacity: true)
    isPushedKnown = true
  }

  mutating func push(_ request: PushedRequest) {
    if pushed.count == 2 * Self.most { pushed.removeFirst(Self.most) }
    pushed.append(request)
  }

  /// An interrupt of a device was raised.
  mutating func interrupt(_ step: RequestInterruptStep, _ requests: inout RequestTracker) {
    tell(step, most: Self.most, &requests)
    if !isPushedKnown {
      interruptHead = InterruptHead(step: step, count: UInt16(min(pushed.count, Self.most)))
      isPushedKnown = true
    }
    pushed.removeAll(keepingCapacity: true)
  }

  private func tell(_ step: RequestInterruptStep, most: Int, _ requests: inout RequestTracker) {
    for request in pushed.suffix(most)
    where request.queue >> 16 == step.device && step.gapEnd <= request.timestamp {
      requests.tell(request, at: step.timestamp)
    }
  }

  /// A stamp or a request that was taken.
  mutating func step(_ step: RequestArrivalStep, _ stages: inout StatisticsTable<RequestStages>) {
    guard isKnown else { return keep(step) }
    if let stamp = step.stamp {
      (stamped, self.stamp) = (step.request, stamp)
      return
    }
    let kick = stamped == step.request ? stamp : nil
    stamped = nil
    guard taken < Self.most else { return }
    taken += 1
    if time != .min, seq == step.seq, step.gapEnd <= time { record(step, kick, &stages) }
    if taken == Self.most { time = .min }
  }

  private mutating func keep(_ step: RequestArrivalStep) {
    if step.stamp != nil, heads.last?.stamp != nil { heads.removeLast() }
    heads.append(step)
    guard step.stamp == nil else { return }
    taken += 1
    // Whatever exit or wakeup was before the slice is forgotten after so many, and so is what was stamped.
    isKnown = taken == Self.most
  }

  private func record(
    _ step: RequestArrivalStep, _ kick: Int64?, _ stages: inout StatisticsTable<RequestStages>
  ) {
    let queue = stages.row(for: Key(high: 0, low: step.request >> 32))
    let (began, location) = (step.timestamp, step.location)
    if let kick, kick > time {
      queue.pointee.record(.kickToPopped, began &- kick, began, location)
      return
    }
    if let kick {
      queue.pointee.record(step.isLoop ? .kickToWakeup : .kickToExit, time &- kick, began, location)
    }
    queue.pointee.record(step.isLoop ? .wakeupToPopped : .exitToPopped, began &- time, began, location)
  }

  // MARK: Merge

  /// Adds what the thread did in the slice that follows.
  ///
  /// - Parameters:
  ///   - kicks: What is known of the ends that it had kept for merging.
  ///   - requests: To which that slice's were added.
  mutating func add(
    _ next: RequestArrival, gapEnd: Int64, kicks: [EndedKick], _ requests: inout RequestTracker
  ) {
    for var head in next.heads {
      head.gapEnd = max(head.gapEnd, gapEnd)
      step(head, &requests.stages)
    }
    if next.isKnown {
      (time, seq, taken, isKnown) = (next.time, next.seq, next.taken, true)
      (stamped, stamp) = (next.stamped, next.stamp)
    }
    addPushed(next, gapEnd: gapEnd, kicks: kicks, &requests)
  }

  private mutating func addPushed(
    _ next: RequestArrival, gapEnd: Int64, kicks: [EndedKick], _ requests: inout RequestTracker
  ) {
    let added = next.pushed.map { $0.settled(by: kicks) }
    guard next.isPushedKnown else {
      pushed = (pushed + added).suffix(Self.most)
      return
    }
    if var head = next.interruptHead {
      head.step.gapEnd = max(head.step.gapEnd, gapEnd)
      tell(head.step, most: Self.most - Int(head.count), &requests)
      if !isPushedKnown {
        head.count = UInt16(min(pushed.count + Int(head.count), Self.most))
        interruptHead = head
      }
    }
    isPushedKnown = true
    pushed = added
  }

  /// What a thread knows where a window begins.
  func opened() -> RequestArrival {
    var opened = RequestArrival(isLeading: true)
    (opened.time, opened.seq, opened.taken) = (time, seq, taken)
    (opened.stamped, opened.stamp) = (stamped, stamp)
    return opened
  }
}

/// `guest_kick_stamp` or `request_begin`, on one thread.
struct RequestArrivalStep {
  var timestamp: Int64
  var location: UInt64
  /// End of the latest gap before it, as far as this slice knows.
  var gapEnd: Int64
  /// Device, queue and id.
  var request: UInt64
  var seq: UInt32
  var isLoop: Bool
  /// When the guest kicked; nil: it is a begin.
  var stamp: Int64?
}

/// A request whose completion was pushed.
struct PushedRequest {
  var timestamp: Int64
  var location: UInt64
  /// Device and queue.
  var queue: UInt64
  /// When the guest kicked for it.
  var kick: EndedKick

  /// The same with what is known when its slice is merged with the one before.
  fileprivate func settled(by kicks: [EndedKick]) -> PushedRequest {
    guard case .unsettled(let place) = kick else { return self }
    var request = self
    request.kick = kicks.indices.contains(place) ? kicks[place] : .none
    return request
  }
}

/// `interrupt`, on one thread.
struct RequestInterruptStep {
  var timestamp: Int64
  /// End of the latest gap before it, as far as this slice knows.
  var gapEnd: Int64
  var device: UInt64
}

/// An interrupt that may tell of requests that were pushed before the slice.
struct InterruptHead {
  var step: RequestInterruptStep
  /// Of the slice itself it tells of so many.
  var count: UInt16
}

// MARK: Kept in a file

extension RequestArrival {
  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &time)
    try coder.code(&seq)
    try coder.code(&taken)
    try coder.require(Int(taken) <= Self.most, "a number of requests")
    try coder.code(&stamped)
    try coder.code(moment: &stamp)
    try coder.code(&isKnown)
    let kept = try coder.count(heads.count, limit: 2 * Self.most + 1, "a list of requests")
    if coder.isReading { heads = Array(repeating: .blank, count: kept) }
    for index in 0..<kept { try heads[index].code(&coder, thread: thread) }
    let known = try coder.count(pushed.count, limit: 2 * Self.most, "a list of requests")
    if coder.isReading { pushed = Array(repeating: .blank, count: known) }
    for index in 0..<known { try pushed[index].code(&coder, thread: thread) }
    try coder.code(&isPushedKnown)
    try coder.code(&interruptHead)
  }
}

extension RequestArrivalStep {
  static var blank: RequestArrivalStep {
    RequestArrivalStep(timestamp: 0, location: 0, gapEnd: .min, request: 0, seq: 0, isLoop: false, stamp: nil)
  }

  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try coder.code(moment: &gapEnd)
    try coder.code(&request)
    try coder.code(&seq)
    try coder.code(&isLoop)
    try coder.code(&stamp, 0) { (stamp, coder) throws(StateError) in try coder.code(moment: &stamp) }
  }
}

extension PushedRequest {
  static var blank: PushedRequest { PushedRequest(timestamp: 0, location: 0, queue: 0, kick: .none) }

  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try coder.code(&queue)
    try kick.code(&coder)
  }
}

extension InterruptHead: StateCoded {
  static var blank: InterruptHead {
    InterruptHead(step: RequestInterruptStep(timestamp: 0, gapEnd: .min, device: 0), count: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &step.timestamp)
    try coder.code(moment: &step.gapEnd)
    try coder.code(&step.device)
    try coder.code(&count)
    try coder.require(Int(count) <= RequestArrival.most, "a number of requests")
  }
}
