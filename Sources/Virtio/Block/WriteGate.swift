/// Keeps those writes apart of which one is a part of a block: it reads the block, changes the part and writes all of it, and whoever writes
/// another part meanwhile would have that undone.
///
/// Of two that touch the same block one waits, where one of the two changes a part. They start in the order in which they came.
struct WriteGate {
  private struct Write {
    let job: BlockJob
    /// Of the file, bytes; for several ranges from the first to the last.
    let reach: Range<UInt64>
    let isPart: Bool

    func conflicts(with other: Write) -> Bool { (isPart || other.isPart) && reach.overlaps(other.reach) }
  }

  private var underWay: [Write] = []
  private var waiting: [Write] = []
  /// How many of both change parts.
  private var parts = 0

  /// Whether nothing waits.
  var isEmpty: Bool { waiting.isEmpty }

  /// Takes a write.
  ///
  /// - Returns: whether it may start now; else `leave` returns it when it may.
  mutating func enter(_ job: BlockJob, reach: Range<UInt64>, isPart: Bool) -> Bool {
    let write = Write(job: job, reach: reach, isPart: isPart)
    if isPart { parts += 1 }
    // The common case: all are whole.
    if parts > 0, underWay.contains(where: write.conflicts) || waiting.contains(where: write.conflicts) {
      waiting.append(write)
      return false
    }
    start(write)
    return true
  }

  /// Ends a write.
  ///
  /// - Parameter ready: are added those that may start now, in their order.
  mutating func leave(_ job: BlockJob, ready: inout [BlockJob]) {
    guard let place = job.placeInGate else { return }
    job.placeInGate = nil
    if underWay[place].isPart { parts -= 1 }
    underWay.swapAt(place, underWay.count - 1)
    underWay.removeLast()
    if place < underWay.count { underWay[place].job.placeInGate = place }
    guard !waiting.isEmpty else { return }
    var rest: [Write] = []
    for write in waiting {
      if underWay.contains(where: write.conflicts) || rest.contains(where: write.conflicts) {
        rest.append(write)
      } else {
        start(write)
        ready.append(write.job)
      }
    }
    waiting = rest
  }

  private mutating func start(_ write: Write) {
    write.job.placeInGate = underWay.count
    underWay.append(write)
  }
}
