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
  let entries: UnsafeMutablePointer<Entry>
  let table: EventTable
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
    entries = .allocate(capacity: max(1, plans.count))
    for (index, plan) in plans.enumerated() {
      (entries + index).initialize(
        to: Entry(
          plan: plan.pointers, tag: selected[index]?.tag ?? 0,
          isSelected: selected[index] != nil, isPartial: selected[index]?.isPartial ?? false))
    }
  }

  deinit {
    entries.deallocate()
    fast.deallocate()
    table.deallocate()
  }
}
