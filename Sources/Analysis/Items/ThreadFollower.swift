/// What is going on in one thread while its events are read in order.
struct ThreadFollower {
  let name: ThreadName
  /// Its place among all threads.
  let index: Int
  var clock = ThreadClock()
  var totals = ClockTotals()

  /// The latest enter or exit of a vCPU.
  var hasPassed = false
  var passed: Int64 = 0
  var passedSeq: UInt32 = 0
  var passedOut = false
  /// The exit that is being handled.
  var exit: ModelExit?

  /// The latest wait or wakeup of a loop.
  var sleep: SleepStep?
  /// The wakeup that is being handled.
  var wakeup: ModelWakeup?

  /// The latest exit or wakeup, which requests may have come with; `Int64.min`: none.
  var arrival = Int64.min
  var arrivalSeq: UInt32 = 0
  /// Requests taken since.
  var taken = 0
  /// Requests pushed of which an interrupt may still tell.
  var pushed: [ModelRequest] = []

  init(name: ThreadName, index: Int) {
    self.name = name
    self.index = index
  }

  func free() { totals.times.deallocate() }

  @inline(__always)
  mutating func arrive(_ seq: UInt32, at timestamp: Int64) {
    arrival = timestamp
    arrivalSeq = seq
    taken = 0
  }

  /// The arrival that a request belongs to which is taken now; nil: none that is proven.
  @inline(__always)
  mutating func take(_ seq: UInt32, gapEnd: Int64) -> Int64? {
    guard taken < RequestArrival.most else { return nil }
    taken += 1
    return arrival != .min && arrivalSeq == seq && gapEnd <= arrival ? arrival : nil
  }

  /// How long the exit was handled that the vCPU had before it entered again; nil: there was none, or another one.
  @inline(__always)
  func handling(until timestamp: Int64, _ seq: UInt32) -> Int64? {
    hasPassed && passedOut && passedSeq &+ 1 == seq ? max(0, timestamp &- passed) : nil
  }

  /// How long the vCPU was in KVM_RUN before an exit.
  @inline(__always)
  func inKvmRun(until timestamp: Int64, _ seq: UInt32) -> Int64? {
    hasPassed && !passedOut && passedSeq == seq ? max(0, timestamp &- passed) : nil
  }

  @inline(__always)
  mutating func pass(_ seq: UInt32, at timestamp: Int64, out: Bool) {
    (hasPassed, passed, passedSeq, passedOut) = (true, timestamp, seq, out)
  }

  /// What it does after its last event goes on to the end of the trace where only an event can end it; nil: nobody says so.
  ///
  /// - Parameter gapEnd: End of the latest gap.
  func rest(until end: Int64, gapEnd: Int64) -> StateInterval? {
    guard clock.started, clock.last < end else { return nil }
    let isProven = gapEnd <= clock.last
    let waiting = name.kind == .vcpu ? TimeCategory.inKvmRun : TimeCategory.asleep
    guard !isProven || clock.category == waiting else { return nil }
    return StateInterval(
      thread: name, seq: clock.seq, begin: clock.last, end: end,
      category: isProven ? waiting : TimeCategory.unknown)
  }
}
