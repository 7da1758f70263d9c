/// A loop that has no thread of its own: another one, which does something else for most of the time, visits it when a
/// `ReadinessWatch` has told it to. To its observer the loop waits between visits.
extension EventLoop {
  /// To be called once, before the first visit.
  @inlinable
  public func beginVisits() { observer.willWait(timeout: -1) }

  /// Runs handlers until nothing is ready any more, or they have run so often.
  ///
  /// - Parameter rounds: the most times that the loop looks what is ready, above zero: what is always ready would keep the
  ///   visitor for ever.
  /// - Returns: false where there may be more to do, of which no watch tells.
  @inlinable
  public func visit(rounds: Int) -> Bool {
    for _ in 0..<rounds {
      let count = (try? poller.wait(timeout: 0)) ?? 0
      if count == 0 && deferred.isEmpty { return true }
      observer.didWait(ready: count)
      handle(count)
      observer.willWait(timeout: -1)
    }
    return false
  }

  /// Runs until `end`, when the visitor has nothing else to do any more.
  @inlinable
  public func stay() {
    while true {
      let count = (try? poller.wait(timeout: deferred.isEmpty ? -1 : 0)) ?? 0
      observer.didWait(ready: count)
      handle(count)
      if isEnding { return }
      observer.willWait(timeout: -1)
    }
  }
}
