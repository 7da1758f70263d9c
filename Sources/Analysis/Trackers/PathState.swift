/// What happened inside a handler, in an order that can be added up.
struct PathContents {
  var any = false
  /// Events of several sequence numbers, so not of one handler.
  var mixed = false
  var seq: UInt32 = 0
  var queue: UInt64 = 0xffff
  var requests: UInt64 = 0
  /// The guest's access was a kick.
  var isKick = false
  var firstRequest = Int64.max
  var lastCompletion = Int64.min
  var interrupt = Int64.max
  /// Time of the earliest kick, by the guest's stamp.
  var stamp = Int64.max

  /// Notes whose event it is.
  @inline(__always)
  private mutating func note(_ seq: UInt32) {
    if any {
      if self.seq != seq { mixed = true }
    } else {
      any = true
      self.seq = seq
    }
  }

  @inline(__always)
  mutating func beginRequest(_ seq: UInt32, queue: UInt64, at timestamp: Int64) {
    note(seq)
    if self.queue == 0xffff { self.queue = queue }
    requests &+= 1
    firstRequest = min(firstRequest, timestamp)
  }

  @inline(__always)
  mutating func kicked(_ seq: UInt32, queue: UInt64) {
    note(seq)
    if self.queue == 0xffff { self.queue = queue }
    isKick = true
  }

  @inline(__always)
  mutating func complete(_ seq: UInt32, at timestamp: Int64) {
    note(seq)
    lastCompletion = max(lastCompletion, timestamp)
  }

  @inline(__always)
  mutating func interrupt(_ seq: UInt32, at timestamp: Int64) {
    note(seq)
    interrupt = min(interrupt, timestamp)
  }

  @inline(__always)
  mutating func kick(_ seq: UInt32, at timestamp: Int64) {
    note(seq)
    stamp = min(stamp, timestamp)
  }

  static func += (left: inout PathContents, right: PathContents) {
    guard right.any else { return }
    guard left.any else {
      left = right
      return
    }
    left.mixed = left.mixed || right.mixed || left.seq != right.seq
    if left.queue == 0xffff { left.queue = right.queue }
    left.requests &+= right.requests
    left.isKick = left.isKick || right.isKick
    left.firstRequest = min(left.firstRequest, right.firstRequest)
    left.lastCompletion = max(left.lastCompletion, right.lastCompletion)
    left.interrupt = min(left.interrupt, right.interrupt)
    left.stamp = min(left.stamp, right.stamp)
  }
}

enum PathOperation: UInt8 {
  /// `vcpu_run_exit`, `loop_wakeup`.
  case arrive
  /// `vcpu_run_enter`, `loop_wait`.
  case leave
  /// `dispatch_begin`, `handler_begin`.
  case begin
  /// `dispatch_end`, `handler_end`.
  case end
}

struct PathRow {
  var timestamp: Int64
  var location: UInt64
  var device: UInt64
  var queue: UInt64
  /// End of the latest gap before this row, as far as this slice knows.
  var gapEnd: Int64
  var seq: UInt32
  var operation: PathOperation
  var kind: PathKind

  @inline(__always)
  init(
    _ at: EventPlace, _ operation: PathOperation, _ seq: UInt32, _ kind: PathKind, device: UInt64 = 0,
    queue: UInt64 = 0, gapEnd: Int64
  ) {
    timestamp = at.timestamp
    location = at.location
    self.device = device
    self.queue = queue
    self.gapEnd = gapEnd
    self.seq = seq
    self.operation = operation
    self.kind = kind
  }
}

/// A row that cannot be applied yet, with what happened before it.
struct PathHead {
  var before: PathContents
  var row: PathRow
}

/// Follows one handler at a time on one thread. Flat, because every event of a handler goes through it.
struct PathState {
  /// Rows after which the state no longer depends on what was before them: any `arrive` or `leave`, or the
  /// third row (the exit belongs to the first handler only, and the re-entry to the last one).
  static let headRows = 3
  /// No such moment.
  static let never = Int64.min

  /// The exit or wakeup whose first handler has not begun yet.
  var arrival = never
  var arrivalSeq: UInt32 = 0

  /// A handler is running.
  var isActive = false
  var kind = PathKind.exitAccess
  var seq: UInt32 = 0
  var begin: Int64 = 0
  var location: UInt64 = 0
  var device: UInt64 = 0
  var queue: UInt64 = 0
  /// The arrival that belongs to the running or finished handler.
  var ownArrival = never
  var contents = PathContents()

  /// A loop's handler is over, and nothing else of the loop has happened since; `seq`, `begin` and `device` are still its.
  var hasHandled = false

  /// A dispatch is over and the vCPU has not entered the guest again; `seq`, `begin`, `location` and
  /// `ownArrival` are still its.
  var isFinished = false
  var key = Key(high: 0, low: 0)
  var end: Int64 = 0
}

// MARK: Kept in a file

extension PathContents {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&any)
    guard any else { return }
    try coder.code(&mixed)
    try coder.code(&seq)
    try coder.code(&queue)
    try coder.code(count: &requests)
    try coder.code(&isKick)
    try coder.code(moment: &firstRequest)
    try coder.code(moment: &lastCompletion)
    try coder.code(moment: &interrupt)
    try coder.code(moment: &stamp)
  }
}

extension PathHead {
  static var blank: PathHead {
    PathHead(
      before: PathContents(),
      row: PathRow(EventPlace(timestamp: 0, location: 0), .arrive, 0, .exitAccess, gapEnd: .min))
  }

  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try before.code(&coder)
    try coder.code(choice: &row.operation)
    try coder.code(choice: &row.kind)
    try coder.code(moment: &row.timestamp)
    try coder.code(location: &row.location, at: row.timestamp, thread: thread)
    try coder.code(&row.device)
    try coder.code(&row.queue)
    try coder.code(moment: &row.gapEnd)
    try coder.code(&row.seq)
  }
}

extension PathState {
  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &arrival)
    try coder.code(&arrivalSeq)
    try coder.code(&isActive)
    try coder.code(&isFinished)
    try coder.code(&hasHandled)
    try coder.code(choice: &kind)
    try coder.code(&seq)
    try coder.code(moment: &begin)
    try coder.code(location: &location, at: begin, thread: thread)
    try coder.code(&device)
    try coder.code(&queue)
    try coder.code(moment: &ownArrival)
    try contents.code(&coder)
    try key.code(&coder)
    try coder.require(PathStatistics.isValid(key), "a path")
    try coder.code(moment: &end)
  }
}
