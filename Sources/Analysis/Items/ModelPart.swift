/// What of a thing is in a part of a run, such that sums over the part are those that an analysis of it has.
extension ModelItem {
  /// What is in a part: of an interval and of a gap as much as is inside; of all else what begins there, where what ends behind the
  /// part has no end. nil: nothing.
  ///
  /// - Parameter part: ns since the clock's origin.
  func inside(_ part: Range<Int64>) -> ModelItem? {
    switch self {
    case .interval(var interval):
      interval.begin = max(interval.begin, part.lowerBound)
      interval.end = min(interval.end, part.upperBound)
      return interval.begin < interval.end ? .interval(interval) : nil
    case .exit(let exit): return part.contains(exit.timestamp) ? self : nil
    case .wakeup(let wakeup): return part.contains(wakeup.timestamp) ? self : nil
    case .request(let request): return part.contains(request.begin) ? self : nil
    case .interrupt(let interrupt): return part.contains(interrupt.timestamp) ? self : nil
    case .mark(let mark): return part.contains(mark.timestamp) ? self : nil
    case .gap(var gap):
      guard part.contains(gap.begin) || (gap.begin < part.lowerBound && gap.end > part.lowerBound) else {
        return nil
      }
      gap.begin = max(gap.begin, part.lowerBound)
      gap.end = min(gap.end, part.upperBound)
      return .gap(gap)
    }
  }
}
