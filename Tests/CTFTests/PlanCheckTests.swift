import Testing

@testable import CTF

/// What a plan must not say, each in a plan that is sound but for that.
@Suite struct PlanCheckTests {
  /// A run of 64 bits: two fields and a load of bits.
  private static let run = [
    Step(kind: .run, offset: 64, operand: 3), Step(kind: .fields, offset: 0, operand: 2),
    Step(kind: .bitsBig, size: 12, slot: 2, offset: 52),
  ]
  private static let fields = [
    FieldLoad(offset: 0, size: 32, isSigned: false, slot: 0),
    FieldLoad(offset: 4, size: 16, isSigned: true, slot: 1),
  ]
  private static let end = Step(kind: .end)
  /// A loop around a variant of two options, and a run behind both.
  private static let nested =
    [
      Step(kind: .loopSequence, slot: 15, offset: 8, operand: 8),
      Step(kind: .variant, slot: 16, offset: 0, operand: 2),
      Step(kind: .run, offset: 8, operand: 1), Step(kind: .bitsLittle, size: 8, offset: 0),
      Step(kind: .jump, offset: 7),
      Step(kind: .string), Step(kind: .jump, offset: 7), Step(kind: .endLoop, offset: 1),
    ] + run + [end]
  private static let ranges = [
    VariantRange(low: 0, high: 4, option: 0, target: 2), VariantRange(low: 5, high: 9, option: 1, target: 5),
  ]

  private func check(_ steps: [Step], _ ranges: [VariantRange] = ranges, _ fields: [FieldLoad] = fields)
    -> PlanCheck
  {
    PlanCheck(steps, ranges, fields)
  }

  @Test func soundPlansPass() {
    #expect(check([Self.end]).isSound)
    #expect(check(Self.run + [Self.end]).isSound)
    #expect(check(Self.nested).isSound)
    #expect(check(Self.run + [Self.end]).slotCount == 3)
    let unwanted = [FieldLoad(offset: 0, size: 8, isSigned: false, slot: Step.noSlot)]
    let plan = [
      Step(kind: .run, offset: 8, operand: 1), Step(kind: .fields, offset: 0, operand: 1), Self.end,
    ]
    #expect(check(plan, [], unwanted).slotCount == 1 << 16)
  }

  @Test("a plan without an end")
  func noEnd() {
    #expect(!check([]).isSound)
    #expect(!check(Self.run).isSound)
  }

  @Test("loads outside of their run")
  func outside() {
    func isSound(_ changes: (inout [Step]) -> Void) -> Bool {
      var steps = Self.run + [Self.end]
      changes(&steps)
      return check(steps).isSound
    }
    #expect(!isSound { $0[0].offset = 63 })
    #expect(!isSound { $0[0].operand = 2 })
    #expect(!isSound { $0[2].offset = 53 })
    #expect(!isSound { $0[2].size = 13 })
    #expect(!isSound { $0[2].size = 0 })
    #expect(!isSound { $0[2].size = 65 })
    #expect(!isSound { $0[1].operand = 3 })
    #expect(!isSound { $0[1].operand = 0 })
    #expect(!isSound { $0[1].offset = 1 })
    #expect(!isSound { $0.remove(at: 0) })
    // What comes between ends the run.
    #expect(!isSound { $0.insert(Step(kind: .string), at: 2) })
    #expect(!isSound { $0.insert(Step(kind: .align, operand: 8), at: 1) })
    #expect(isSound { $0.insert(Step(kind: .keep, slot: 15), at: 2) })
    for (kind, bits) in [
      (Step.Kind.u16Swapped, 16), (.s16Swapped, 16), (.u32Swapped, 32), (.s32Swapped, 32), (.u64Swapped, 64),
      (.float, 32), (.floatSwapped, 32),
    ] {
      func plan(_ offset: UInt32) -> [Step] {
        [Step(kind: .run, offset: 64, operand: 1), Step(kind: kind, slot: 0, offset: offset), Self.end]
      }
      #expect(check(plan(UInt32(64 - bits) / 8)).isSound)
      #expect(!check(plan(UInt32(64 - bits) / 8 + 1)).isSound)
    }
    for kind in [Step.Kind.wide, .boolean] {
      func plan(_ bits: UInt64, words: UInt64) -> [Step] {
        [Step(kind: .run, offset: 130, operand: words), Step(kind: kind, offset: 2, operand: bits), Self.end]
      }
      #expect(check(plan(128, words: kind == .wide ? 2 : 1)).isSound)
      #expect(!check(plan(128, words: kind == .wide ? 1 : 0)).isSound)
      #expect(!check(plan(129, words: 3)).isSound)
      #expect(!check(plan(0, words: 3)).isSound)
      #expect(!check(plan(UInt64.max, words: 3)).isSound)
    }
  }

  @Test("steps that lead outside of the plan, back, into loops or out of them")
  func astray() {
    func isSound(_ changes: (inout [Step]) -> Void) -> Bool {
      var steps = Self.nested
      changes(&steps)
      return check(steps).isSound
    }
    #expect(!isSound { $0[4].offset = 12 })
    #expect(!isSound { $0[4].offset = 11 })
    #expect(!isSound { $0[4].offset = 8 })
    #expect(!isSound { $0[4].offset = 4 })
    #expect(!isSound { $0[4].offset = 1 })
    #expect(!isSound { $0[0].offset = 7 })
    #expect(!isSound { $0[0].offset = 9 })
    #expect(!isSound { $0[7].offset = 0 })
    #expect(!isSound { $0[7].offset = 2 })
    #expect(!isSound { $0.remove(at: 7) })
    #expect(!isSound { $0[1].operand = 3 })
    #expect(!isSound { $0[1].offset = 1 })
    #expect(!isSound { $0[1].operand = UInt64.max })
    var ranges = Self.ranges
    // Into a run, where whoever comes another way has another one.
    ranges[1].target = 3
    #expect(!check(Self.nested, ranges).isSound)
    ranges[1].target = 12
    #expect(!check(Self.nested, ranges).isSound)
    ranges[1].target = 1
    #expect(!check(Self.nested, ranges).isSound)
    #expect(
      !check([
        Step(kind: .jump, offset: 2), Step(kind: .loop, offset: 4, operand: 2), Step(kind: .string),
        Step(kind: .endLoop, offset: 2), Self.end,
      ]).isSound)
  }

  @Test("loops inside of loops")
  func deep() {
    func plan(_ depth: Int) -> [Step] {
      let begins = (0..<depth).map { Step(kind: .loop, offset: UInt32(2 * depth - $0), operand: 2) }
      let ends = (0..<depth).map { Step(kind: .endLoop, offset: UInt32(depth - $0)) }
      return begins + ends + [Self.end]
    }
    #expect(check(plan(300)).isSound)
    #expect(check(plan(300)).loopCount == 300)
    #expect(check(Self.nested).loopCount == 1)
    #expect(check(Self.nested).registerCount == 17)
    #expect(check(Self.run + [Self.end]).loopCount == 0)
    #expect(!check(Array(plan(3).dropLast(2)) + [Self.end]).isSound)
  }

  @Test("positions that no packet has")
  func positions() {
    #expect(!check([Step(kind: .align, operand: 3), Self.end]).isSound)
    #expect(!check([Step(kind: .align, operand: 0), Self.end]).isSound)
    #expect(!check([Step(kind: .align, operand: 1 << 63), Self.end]).isSound)
    #expect(!check([Step(kind: .skip, operand: 1 << 63), Self.end]).isSound)
  }
}
