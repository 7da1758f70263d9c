extension SliceAnalysis {
  /// How long a stage of the requests of some queues took, as if they were of one queue.
  ///
  /// - Parameter belongs: Which queues of which devices.
  package func requests(
    _ stage: RequestStage, of belongs: (_ device: Int, _ queue: Int) -> Bool
  ) -> LatencySummary {
    let sum = LatencyHistogram()
    defer { sum.free() }
    addRequests(stage, of: belongs, to: sum)
    return LatencySummary(sum)
  }

  /// From guests' kicks to interrupts: of each request where its device tells of what is behind it, else from the earliest kick that
  /// a handler took to the interrupt that it raised, as a request may be completed by another handler than the one that took it.
  ///
  /// - Parameter belongs: Which queues of which devices.
  package func kickToInterrupt(of belongs: (_ device: Int, _ queue: Int) -> Bool) -> LatencySummary {
    let sum = LatencyHistogram()
    defer { sum.free() }
    let told = queuesThatTell
    func isTold(_ device: Int, _ queue: Int) -> Bool { told.contains([device, queue]) }
    addRequests(.kickToInterrupt, of: { isTold($0, $1) && belongs($0, $1) }, to: sum)
    state.pointee.paths.forEach { key, row in
      let kind = PathKind(rawValue: Int(key.high))
      let (device, queue) = (Int(key.low >> 16), Int(key.low & 0xffff))
      guard kind == .exitKick || kind == .loopKick, belongs(device, queue), !isTold(device, queue),
        let durations = row.stages[PathStage.kickToInterrupt.rawValue]
      else { return }
      sum.add(durations)
    }
    return LatencySummary(sum)
  }

  private func addRequests(
    _ stage: RequestStage, of belongs: (_ device: Int, _ queue: Int) -> Bool, to sum: LatencyHistogram
  ) {
    state.pointee.requests.stages.forEach { key, row in
      guard belongs(Int(key.low >> 16), Int(key.low & 0xffff)), let durations = row.durations(of: stage)
      else { return }
      sum.add(durations)
    }
  }

  /// Device and queue of those whose devices tell of more than requests.
  private var queuesThatTell: Set<[Int]> {
    let state = state.pointee
    return Set(state.queues.results(gapEnd: state.gapEnd, end: state.end).map { [$0.device, $0.queue] })
  }
}
