/// From event ids to indices, fast for the ids that tracers use.
struct EventTable {
  private static let denseLimit: UInt64 = 1 << 12
  private let dense: UnsafeMutablePointer<Int32>
  private let denseCount: UInt64
  private let sparse: [UInt64: Int]
  private let only: Int

  init(_ plan: StreamPlan) {
    sparse = plan.eventIndex
    let largest = plan.eventIndex.keys.filter { $0 < Self.denseLimit }.max()
    denseCount = largest.map { $0 + 1 } ?? 0
    dense = .allocate(capacity: max(1, Int(denseCount)))
    dense.initialize(repeating: -1, count: max(1, Int(denseCount)))
    for (id, index) in plan.eventIndex where id < denseCount { dense[Int(id)] = Int32(index) }
    only = plan.header.defaultID == UInt64.max && plan.events.count == 1 ? 0 : -1
  }

  func deallocate() { dense.deallocate() }

  /// The index of an event, -1 when there is none; a header without an id goes with a stream of one event.
  @inline(__always)
  func index(_ id: UInt64) -> Int {
    id < denseCount ? Int(dense[Int(id)]) : slow(id)
  }

  @inline(never)
  private func slow(_ id: UInt64) -> Int {
    id == UInt64.max && only >= 0 ? only : sparse[id] ?? -1
  }
}
