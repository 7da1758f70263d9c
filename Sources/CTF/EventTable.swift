/// From event ids to indices, fast for the ids that tracers use.
struct EventTable {
  private static let denseLimit: UInt64 = 1 << 12
  private let dense: PlainTable<Int32>
  private let sparse: [UInt64: Int]
  private let only: Int

  init(_ plan: StreamPlan) {
    sparse = plan.eventIndex
    let largest = plan.eventIndex.keys.filter { $0 < Self.denseLimit }.max()
    var indices = [Int32](repeating: -1, count: largest.map { Int($0) + 1 } ?? 0)
    for (id, index) in plan.eventIndex where id < indices.count { indices[Int(id)] = Int32(index) }
    dense = PlainTable(indices)
    only = plan.header.defaultID == UInt64.max && plan.events.count == 1 ? 0 : -1
  }

  /// Gives the memory back: nobody may use a copy of the table any more.
  @unsafe
  func deallocate() { unsafe dense.deallocate() }

  /// The index of an event, -1 when there is none; a header without an id goes with a stream of one event.
  @inline(__always)
  func index(_ id: UInt64) -> Int {
    id < UInt64(UInt(bitPattern: dense.count)) ? Int(dense[Int(truncatingIfNeeded: id)]) : slow(id)
  }

  @inline(never)
  private func slow(_ id: UInt64) -> Int {
    id == UInt64.max && only >= 0 ? only : sparse[id] ?? -1
  }
}
