// Writes that KVM kept: they are no exits, and no part of the way of the exit at which they are carried out.

/// `coalesced_begin` or `coalesced_end`.
struct CoalescedStep {
  var timestamp: Int64
  var location: UInt64
  var device: UInt64
  /// End of the latest gap before this step, as far as this slice knows.
  var gapEnd: Int64
  var seq: UInt32
  var isEnd: Bool

  private init(
    _ at: EventPlace, device: UInt64, _ seq: UInt32, isEnd: Bool, _ gapEnd: Int64
  ) {
    timestamp = at.timestamp
    location = at.location
    self.device = device
    self.gapEnd = gapEnd
    self.seq = seq
    self.isEnd = isEnd
  }

  init(_ event: CoalescedBegin, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, device: event.device, event.seq, isEnd: false, gapEnd)
  }

  init(_ event: CoalescedEnd, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, device: event.device, event.seq, isEnd: true, gapEnd)
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(__always)
  func coalesced(_ thread: UnsafeMutablePointer<ThreadState>, _ step: CoalescedStep) {
    if !step.isEnd { writes(step).pointee.handlers &+= 1 }
    if thread.pointee.coalescedHead != nil || pointee.isLeading {
      applyCoalesced(thread, step)
    } else {
      thread.pointee.coalescedHead = step
      thread.pointee.coalesced = step
    }
  }

  /// What is known of a device's.
  private func writes(_ step: CoalescedStep) -> UnsafeMutablePointer<PathStatistics> {
    pointee.paths.row(for: PathStatistics.key(kind: .coalesced, device: step.device, queue: 0xffff))
  }

  private func applyCoalesced(_ thread: UnsafeMutablePointer<ThreadState>, _ step: CoalescedStep) {
    let last = thread.pointee.coalesced
    thread.pointee.coalesced = step
    guard let last, !last.isEnd, step.isEnd, last.seq == step.seq, last.device == step.device,
      step.gapEnd <= last.timestamp
    else { return }
    writes(step).pointee.record(
      .handler, step.timestamp &- last.timestamp, timestamp: last.timestamp, location: last.location)
  }

  // MARK: Merge

  func mergeCoalesced(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>, _ gapEnd: Int64
  ) {
    if var head = right.pointee.coalescedHead {
      head.gapEnd = Swift.max(head.gapEnd, gapEnd)
      if left.pointee.coalescedHead == nil, !pointee.isLeading {
        left.pointee.coalescedHead = head
      } else {
        applyCoalesced(left, head)
      }
    }
    if let last = right.pointee.coalesced { left.pointee.coalesced = last }
  }
}

// MARK: Kept in a file

extension CoalescedStep {
  static var blank: CoalescedStep {
    CoalescedStep(EventPlace(timestamp: 0, location: 0), device: 0, 0, isEnd: false, .min)
  }

  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try coder.code(&device)
    try coder.code(moment: &gapEnd)
    try coder.code(&seq)
    try coder.code(&isEnd)
  }
}
