import TestSupport
import Testing

@testable import Platform

@Suite("How long a loop polls")
struct PollingBudgetTests {
  @Test("A fixed budget stays as it is, whatever happens")
  func fixed() {
    var budget = PollingBudget.fixed(50_000)
    for time in [0, 1, 50_000, 50_001, .max] as [UInt64] {
      budget.took(time)
      #expect(budget.current == 50_000)
    }
    #expect(!budget.isAdaptive)
  }

  /// Each step by the words of QEMU's manual, in numbers that do not overflow.
  @Test("An adaptive one grows, stays and shrinks by what a wait took", arguments: 0..<50 as Range<UInt64>)
  func adaptive(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let maximum = UInt32.random(in: 1...(.max), using: &random) >> UInt32(seed % 32)
    guard maximum > 0 else { return }
    let (grow, shrink) = (UInt32.random(in: 0...5, using: &random), UInt32.random(in: 0...5, using: &random))
    var budget = PollingBudget.adaptive(maximum: maximum, grow: grow, shrink: shrink)
    #expect(budget.isAdaptive && budget.current == 0)
    for _ in 0..<200 {
      let before = UInt64(budget.current)
      let time =
        [0, before, before &+ 1, UInt64(maximum), UInt64(maximum) + 1, .max].randomElement(using: &random)!
      budget.took(time)
      let expected: UInt64
      if time <= before {
        expected = before
      } else if time > UInt64(maximum) {
        expected = shrink > 0 ? before / UInt64(shrink) : 0
      } else {
        expected = min(UInt64(maximum), before == 0 ? 4000 : before * UInt64(grow > 0 ? grow : 2))
      }
      #expect(UInt64(budget.current) == expected, "\(before) took \(time), of \(maximum), \(grow), \(shrink)")
    }
  }

  @Test("A factor that is too large for a number makes it the longest")
  func overflow() {
    var budget = PollingBudget.adaptive(maximum: .max, grow: .max, shrink: 0)
    budget.took(100_000)
    budget.took(100_000)
    #expect(budget.current == .max)
  }

  @Test("A maximum of 0 is no polling at all")
  func none() {
    var budget = PollingBudget.adaptive(maximum: 0, grow: 2, shrink: 2)
    budget.took(0)
    budget.took(1)
    #expect(budget.current == 0 && !budget.isAdaptive)
  }
}
