/// A step of a plan, for the interpreter: where it is, not a copy.
///
/// The plan is kept alive by whoever decodes with it. ``PlanCheck`` has seen that its last step is an end and that wherever
/// its steps lead is inside.
@safe
struct StepPointer {
  private let step: UnsafePointer<Step>

  @inline(__always)
  fileprivate init(_ step: UnsafePointer<Step>) { unsafe self.step = step }

  @inline(__always) var kind: Step.Kind { unsafe step.pointee.kind }
  @inline(__always) var size: UInt8 { unsafe step.pointee.size }
  @inline(__always) var slot: UInt16 { unsafe step.pointee.slot }
  @inline(__always) var offset: UInt32 { unsafe step.pointee.offset }
  @inline(__always) var operand: UInt64 { unsafe step.pointee.operand }

  /// The step behind this one, which is no end.
  @inline(__always) var next: StepPointer { unsafe StepPointer(step + 1) }

  fileprivate static func - (a: StepPointer, b: UnsafePointer<Step>) -> Int { unsafe a.step - b }
}

/// Consecutive fields of a run.
@safe
struct FieldLoads {
  private let first: UnsafePointer<FieldLoad>
  let count: Int

  @inline(__always)
  fileprivate init(_ first: UnsafePointer<FieldLoad>, _ count: Int) {
    unsafe self.first = first
    self.count = count
  }

  /// Loads each field from the run that begins with `bytes`, which the caller knows to be in memory as a whole, and hands it
  /// on with its index and its slot.
  ///
  /// - Returns: The last field's value, 0 when there are no fields.
  @inline(__always) @unsafe @discardableResult
  func load(from bytes: PacketBytes, _ take: (_ index: Int, _ slot: UInt16, _ value: UInt64) -> Void)
    -> UInt64
  {
    var value: UInt64 = 0
    var index = 0
    while index < count {
      value = unsafe first[index].load(bytes)
      unsafe take(index, first[index].slot, value)
      index &+= 1
    }
    return value
  }

  /// The last field's value, of at least one.
  @inline(__always) @unsafe
  func last(from bytes: PacketBytes) -> UInt64 { unsafe first[count - 1].load(bytes) }
}

/// A plan without its owner, for loops that cannot afford to count references. It is valid as long as the owner is.
///
/// Everything is found by what steps and ranges say, which ``PlanCheck`` has held against the plan when it was made.
@safe
struct PlanPointers {
  private let steps: UnsafePointer<Step>
  private let ranges: UnsafePointer<VariantRange>
  private let fields: UnsafePointer<FieldLoad>
  /// The size in bits of a structure that is a single run of fields and nothing else, otherwise Int.max.
  let flatBits: Int
  /// The number of fields of such a structure.
  let flatCount: Int

  fileprivate init(
    steps: [Step], ranges: [VariantRange], fields: [FieldLoad], flatBits: Int, flatCount: Int
  ) {
    // Memory that does not move; DecodePlan, which calls this, gives it back.
    unsafe self.steps = Self.copy(steps)
    unsafe self.ranges = Self.copy(ranges)
    unsafe self.fields = Self.copy(fields)
    self.flatBits = flatBits
    self.flatCount = flatCount
  }

  @unsafe
  private static func copy<T>(_ items: [T]) -> UnsafePointer<T> {
    let memory = UnsafeMutablePointer<T>.allocate(capacity: max(1, items.count))
    unsafe memory.initialize(from: items, count: items.count)
    return unsafe UnsafePointer(memory)
  }

  /// Gives the memory back; nobody may have the pointers any more.
  @unsafe
  fileprivate func deallocate() {
    unsafe steps.deallocate()
    unsafe ranges.deallocate()
    unsafe fields.deallocate()
  }

  /// The step of an index that a step or range has, or ``index(of:)`` gave.
  @inline(__always)
  func step(_ index: Int) -> StepPointer { unsafe StepPointer(steps + index) }

  /// The step that a step leads to.
  @inline(__always)
  func target(of step: StepPointer) -> StepPointer { self.step(Int(step.offset)) }

  @inline(__always)
  func index(of step: StepPointer) -> Int { unsafe step - steps }

  /// What a step of kind `fields` loads.
  @inline(__always)
  func fields(of step: StepPointer) -> FieldLoads {
    unsafe FieldLoads(fields + Int(step.offset), Int(truncatingIfNeeded: step.operand))
  }

  /// The fields of a structure that is a single run.
  var flatFields: FieldLoads { unsafe FieldLoads(fields, flatCount) }

  /// The first range of a variant or optional field that has a tag.
  @inline(never)
  func choose(_ step: StepPointer, _ tag: UInt64) -> VariantRange? {
    var range = unsafe ranges + Int(step.offset)
    let end = unsafe range + Int(step.operand)
    while unsafe range < end {
      let (low, high) = unsafe (range.pointee.low, range.pointee.high)
      let matches =
        step.size == 1
        ? Int64(bitPattern: tag) >= Int64(bitPattern: low)
          && Int64(bitPattern: tag) <= Int64(bitPattern: high)
        : tag >= low && tag <= high
      if matches { return unsafe range.pointee }
      unsafe range += 1
    }
    return nil
  }
}

/// Steps in memory that does not move, so that interpreters can hold plain pointers.
final class DecodePlan: @unchecked Sendable {
  /// Flat structures have no more fields than fit the least tape.
  static let maximumFlatFields = 512

  let pointers: PlanPointers
  /// So many words behind the first field of a row take the values of this plan.
  let slotCount: Int
  /// So many registers are needed at least.
  let registerCount: Int
  /// How deep its loops are nested.
  let loopCount: Int

  init(_ steps: [Step], _ ranges: [VariantRange], _ fields: [FieldLoad]) {
    let check = PlanCheck(steps, ranges, fields)
    precondition(check.isSound, "a decode plan leads outside of itself: step \(check.place)")
    slotCount = check.slotCount
    registerCount = check.registerCount
    loopCount = check.loopCount
    let isEmpty = steps.count == 1
    let isFlat =
      isEmpty
      || (steps.count == 3 && steps[0].kind == .run && steps[1].kind == .fields
        && fields.count <= Self.maximumFlatFields)
      || (steps.count == 2 && steps[0].kind == .run)
    pointers = PlanPointers(
      steps: steps, ranges: ranges, fields: fields,
      flatBits: isFlat ? (isEmpty ? 0 : Int(steps[0].offset)) : Int.max, flatCount: isFlat ? fields.count : 0)
  }

  // The last one that has the plan has gone.
  deinit { unsafe pointers.deallocate() }
}

/// The plans of a stream's events, found without counting references.
final class PlanTable: @unchecked Sendable {
  private let plans: [DecodePlan]
  private let table: PlainTable<PlanPointers>

  init(_ plans: [DecodePlan]) {
    self.plans = plans
    table = PlainTable(plans.map(\.pointers))
  }

  // Readers have a stream's plan as long as its table.
  deinit { unsafe table.deallocate() }

  var pointers: PlainTable<PlanPointers> { table }
}
