/// Holds a plan against what the interpreter takes for granted at each of its steps, once, when the plan is made.
///
/// Plans come from metadata, which may be made to do harm; the interpreter trusts them for the sake of speed. Here every step
/// is gone through in its order:
/// - Each step leads to a step of the plan, and the last one is an end.
/// - Only ends of loops lead back, each to the step behind the one that began it: all decoding comes to an end.
/// - What a run loads lies inside of its bits, and has room in the words that the run asked for. No step that is led to
///   lies inside of a run.
/// - Loops are nested as deep at a step whatever way leads to it.
struct PlanCheck {
  private let steps: [Step]
  private let ranges: [VariantRange]
  private let fields: [FieldLoad]
  /// The steps that others lead to, but for the begins of loops' bodies, with the number of loops around both.
  private var targets: [Int: Int] = [:]
  /// The loops that are open where the check stands: the steps that began them.
  private var loops: [Int] = []
  /// The bits of the current run, and how many of its words have not been put.
  private var bits: UInt64 = 0
  private var words: UInt64 = 0
  /// The step that was looked at last: the one that is wrong, where the plan is not sound.
  private(set) var place = 0
  private(set) var isSound = false
  /// One more than the largest slot of a value; 2^16 where a value that is loaded as a field has none.
  private(set) var slotCount = 0
  /// One more than the largest number of a register that a step names.
  private(set) var registerCount = 0
  /// How deep loops are nested.
  private(set) var loopCount = 0

  /// The alignment of a type is no larger.
  private static let maximumAlignment: UInt64 = 1 << 40

  init(_ steps: [Step], _ ranges: [VariantRange], _ fields: [FieldLoad]) {
    self.steps = steps
    self.ranges = ranges
    self.fields = fields
    isSound = steps.last?.kind == .end && goThrough()
  }

  private mutating func goThrough() -> Bool {
    while place < steps.count {
      // Where ways meet nothing is known of a run.
      if let depth = targets.removeValue(forKey: place) {
        guard depth == loops.count else { return false }
        endRun()
      }
      guard check(steps[place]) else { return false }
      place += 1
    }
    return loops.isEmpty && targets.isEmpty
  }

  private mutating func endRun() { (bits, words) = (0, 0) }

  private mutating func check(_ step: Step) -> Bool {
    switch step.kind {
    case .end, .clock, .clockVariable: return true
    case .set, .mark, .require, .keep, .position:
      use(Int(step.slot))
      return true
    case .order:
      use(Int(step.slot))
      return UInt64(step.offset) + step.operand <= bits
    case .run:
      (bits, words) = (UInt64(step.offset), step.operand)
      return words <= UInt64(Int32.max)
    case .fields: return checkFields(step)
    case .u16Swapped, .s16Swapped: return load(UInt64(step.offset) * 8, 16, step.slot)
    case .u32Swapped, .s32Swapped, .float, .floatSwapped: return load(UInt64(step.offset) * 8, 32, step.slot)
    case .u64Swapped: return load(UInt64(step.offset) * 8, 64, step.slot)
    case .bitsLittle, .bitsBig, .signedBitsLittle, .signedBitsBig, .floatBitsLittle, .floatBitsBig,
      .reversedBits:
      return step.size >= 1 && step.size <= 64 && load(UInt64(step.offset), UInt64(step.size), step.slot)
    case .boolean: return step.operand >= 1 && load(UInt64(step.offset), step.operand, step.slot)
    case .wide:
      let count = step.operand / 64 + (step.operand % 64 == 0 ? 0 : 1)
      return step.operand >= 1 && load(UInt64(step.offset), step.operand, Step.noSlot, words: count)
    case .variable, .string, .text, .encodedString, .encodedText, .blob:
      endRun()
      note(step.slot)
      return true
    case .textSequence, .encodedTextSequence, .blobSequence:
      endRun()
      note(step.slot)
      use(Int(step.offset))
      return true
    case .skipSequence:
      endRun()
      use(Int(step.slot))
      return step.operand <= UInt64(Int.max)
    case .room, .skip:
      endRun()
      return step.operand <= UInt64(Int.max)
    case .align:
      endRun()
      return step.operand.nonzeroBitCount == 1 && step.operand <= Self.maximumAlignment
    case .loop, .loopSequence:
      endRun()
      guard lead(to: step.offset) else { return false }
      if step.kind == .loopSequence { use(Int(step.slot)) }
      loops.append(place)
      loopCount = max(loopCount, loops.count)
      return true
    case .endLoop:
      endRun()
      guard let loop = loops.popLast() else { return false }
      return Int(step.offset) == loop + 1 && Int(steps[loop].offset) == place + 1
    case .variant, .optional:
      endRun()
      use(Int(step.slot))
      guard step.operand <= UInt64(ranges.count), Int(step.offset) <= ranges.count - Int(step.operand) else {
        return false
      }
      return ranges[Int(step.offset)...].prefix(Int(step.operand)).allSatisfy { lead(to: $0.target) }
    case .jump:
      endRun()
      return lead(to: step.offset)
    }
  }

  /// Only forward, and neither into a loop nor out of one.
  private mutating func lead(to target: UInt32) -> Bool {
    let known = targets.updateValue(loops.count, forKey: Int(target)) ?? loops.count
    return known == loops.count && Int(target) > place && Int(target) < steps.count
  }

  private mutating func checkFields(_ step: Step) -> Bool {
    guard step.operand >= 1, step.operand <= UInt64(fields.count),
      Int(step.offset) <= fields.count - Int(step.operand)
    else { return false }
    return fields[Int(step.offset)...].prefix(Int(step.operand)).allSatisfy { field in
      // Rows do not ask whether a field has a slot.
      slotCount = max(slotCount, Int(field.slot) + 1)
      return load(UInt64(field.offset) * 8, UInt64(field.mask.nonzeroBitCount), Step.noSlot)
    }
  }

  /// A load of `size` bits that puts so many words.
  private mutating func load(_ offset: UInt64, _ size: UInt64, _ slot: UInt16, words count: UInt64 = 1)
    -> Bool
  {
    note(slot)
    guard size <= bits, offset <= bits - size, count <= words else { return false }
    words -= count
    return true
  }

  private mutating func use(_ register: Int) { registerCount = max(registerCount, register + 1) }

  private mutating func note(_ slot: UInt16) {
    if slot != Step.noSlot { slotCount = max(slotCount, Int(slot) + 1) }
  }
}
