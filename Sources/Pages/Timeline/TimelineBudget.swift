/// How much of a run a page has one by one.
///
/// What does not fit is there as sums over groups. Until the budget is used all things are kept, then only those around given moments, for
/// which up to half of it is reserved where it will not do for everything. Each level above may have a quarter as much.
final class TimelineBudget {
  private let items: Int
  private let reserve: Int
  /// ns since the run's first event, sorted.
  private let moments: [Int64]
  /// By level.
  private var used = [Int](repeating: 0, count: 64)
  /// What is kept before and after a moment, ns, at least.
  private static let margin: Int64 = 100_000

  /// Things reserved for each moment: a chunk or two of each track.
  private static let each = 32 * TimelineTrack.chunk

  /// Things that are not in the page one by one.
  private(set) var leftOut = 0
  /// From when on, ns since the run's first event.
  private(set) var leftOutFrom = Int64.max

  /// - Parameters:
  ///   - items: How many things may be kept.
  ///   - estimate: How many there may be.
  ///   - moments: Around which they are kept first, ns since the run's first event.
  init(items: Int, estimate: Int, moments: [Int64]) {
    self.items = items
    self.moments = moments.sorted()
    let wanted = moments.count.multipliedReportingOverflow(by: Self.each)
    reserve = estimate > items ? min(items / 2, wanted.overflow ? .max : wanted.partialValue) : 0
  }

  /// Whether a chunk is kept, which counts it.
  func keeps(_ level: Int, _ count: Int, from begin: Int64, to end: Int64) -> Bool {
    let after = used[min(level, 63)] + count
    let isKept =
      level > 0
      ? after <= max(items / 4, 4096) : after <= items - reserve || after <= items && isNear(begin, end)
    if isKept { used[min(level, 63)] = after }
    return isKept
  }

  /// A chunk of level 0 is not kept.
  func leaveOut(_ count: Int, from begin: Int64) {
    leftOut += count
    leftOutFrom = min(leftOutFrom, begin)
  }

  private func isNear(_ begin: Int64, _ end: Int64) -> Bool {
    var (low, high) = (0, moments.count)
    while low < high {
      let middle = (low + high) / 2
      if moments[middle] < begin - Self.margin { low = middle + 1 } else { high = middle }
    }
    return low < moments.count && moments[low] <= end &+ Self.margin
  }
}
