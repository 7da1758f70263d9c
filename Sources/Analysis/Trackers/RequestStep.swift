/// `request_begin` or `request_end`, or what happens before and in between.
struct RequestStep {
  enum Operation: UInt8 {
    case begin, end
    /// Other requests need its place.
    case evict
    /// `guest_kick_stamp`.
    case stamp
    /// `backend_submit` and `backend_complete`.
    case submit, complete
  }

  /// The status of a request that was given up.
  static let givenUp = RequestResult.givenUpStatus

  var timestamp: Int64
  var location: UInt64
  /// End of the latest gap before it, as far as this slice knows.
  var gapEnd: Int64
  /// Device, queue and id.
  var key: UInt64
  var operation: Operation
  /// Index of the thread that it is on.
  var thread: UInt16
  /// Kind for a begin, status for an end.
  var detail: UInt8
  /// Of a stamp: when the guest kicked.
  var kick: Int64 = 0
  /// Of an end: when an interrupt told of it; nil: none has.
  var told: Int64?

  /// nil where a field has a value that the catalogue's type cannot hold.
  @inline(__always)
  static func key(device: UInt64, queue: UInt64, id: UInt64) -> UInt64? {
    guard device | queue <= 0xffff, id <= 0xffff_ffff else { return nil }
    return device << 48 | queue << 32 | id
  }
}

/// When the guest kicked for a request that has ended.
enum EndedKick: Equatable {
  /// That is not known, or its begin is not.
  case none
  /// Then.
  case at(Int64)
  /// What was before the slice says it: its end has this place among what was kept for merging.
  case unsettled(Int)
}

// MARK: Kept in a file

extension RequestStep: StateCoded {
  static var blank: RequestStep {
    RequestStep(timestamp: 0, location: 0, gapEnd: .min, key: 0, operation: .end, thread: 0, detail: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(choice: &operation)
    try coder.code(&key)
    try coder.code(moment: &timestamp)
    try coder.code(&thread)
    try coder.require(Int(thread) < AnalysisState.threadCount, "a thread's number")
    try coder.code(location: &location, at: timestamp, thread: Int(thread))
    try coder.code(moment: &gapEnd)
    try coder.code(&detail)
    if operation == .stamp { try coder.code(moment: &kick) }
    if operation == .end {
      try coder.code(&told, 0) { (told, coder) throws(StateError) in try coder.code(moment: &told) }
    }
  }
}

extension EndedKick: StateCoded {
  static var blank: EndedKick { .none }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    var (choice, moment, place) = (0, Int64(0), 0)
    switch self {
    case .none: break
    case .at(let kick): (choice, moment) = (1, kick)
    case .unsettled(let end): (choice, place) = (2, end)
    }
    try coder.code(&choice, below: 3, "a choice of")
    if choice == 1 { try coder.code(moment: &moment) }
    if choice == 2 { try coder.code(&place, below: RequestTracker.mostHeads, "the place of a request") }
    self = choice == 0 ? .none : choice == 1 ? .at(moment) : .unsettled(place)
  }
}
