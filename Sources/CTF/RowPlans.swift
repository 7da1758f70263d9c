/// How rows are made of the events of a stream class: the same for all streams of the class.
final class RowPlans {
  /// How a row of an event is made.
  struct Entry {
    let plan: PlanPointers
    /// Bits 0–15 are the tag; events that are not selected have none.
    let tag: UInt16
    let isSelected: Bool
    /// Whether fields are missing, whose words have to be cleared.
    let isPartial: Bool
  }

  /// What is wanted of an event: the tag and the slots of its top-level payload fields.
  typealias Selected = (tag: UInt16, slots: [Int: UInt16], isPartial: Bool)

  /// By index of the event in its stream class.
  let entries: PlainTable<Entry>
  let table: EventTable
  /// So many words behind the first field of a row take the values.
  let slotCount: Int
  let fast: FastEvents
  private let plans: [DecodePlan]

  /// - Parameter selected: What is wanted of each event of the class; nil when it is not selected.
  init(_ plan: StreamPlan, selected: [Selected?]) throws(TraceError) {
    var plans: [DecodePlan] = []
    for (event, selection) in zip(plan.streamClass.events, selected) {
      plans.append(try plan.rowPlan(event, slots: selection?.slots ?? [:]))
    }
    self.plans = plans
    table = EventTable(plan)
    fast = FastEvents(
      plan, plans.map(\.pointers),
      notes: selected.map { wanted in
        guard let wanted else { return 0 }
        return UInt64(wanted.tag) | RowBlock.isSelected | (wanted.isPartial ? RowBlock.isPartial : 0)
      })
    slotCount = plans.map(\.slotCount).max() ?? 0
    entries = PlainTable(
      zip(plans, selected).map { plan, wanted in
        Entry(
          plan: plan.pointers, tag: wanted?.tag ?? 0, isSelected: wanted != nil,
          isPartial: wanted?.isPartial ?? false)
      })
  }

  // Cursors have the tables as long as this object.
  deinit {
    unsafe entries.deallocate()
    unsafe fast.deallocate()
    unsafe table.deallocate()
  }
}
