import Testing

@testable import Analysis

@Suite("What emitting events took")
struct EmissionCostTests {
  @Test("is the measured time by as many events, rounded down, however many there are")
  func scaled() {
    var random = Random(7)
    for _ in 0..<1000 {
      let events = UInt16(random.below(0xffff) + 1)
      let (fastest, median) = (
        UInt32(truncatingIfNeeded: random.next()), UInt32(truncatingIfNeeded: random.next())
      )
      let cost = EmissionCost(rounds: 9, events: events, fastest: fastest, median: median)
      let number = UInt64(random.below(1 << random.below(31)))
      let likely = number * UInt64(median) / UInt64(events)
      let least = number * UInt64(fastest) / UInt64(events)
      #expect(cost.time(of: number) == Int64(likely))
      #expect(cost.leastTime(of: number) == Int64(least))
    }
    // What a hostile trace may say.
    let most = EmissionCost(rounds: 1, events: 1, fastest: .max, median: .max)
    #expect(most.time(of: .max) == .max && most.time(of: 0) == 0)
    #expect(EmissionCost(rounds: 1, events: .max, fastest: 1, median: .max).time(of: .max) == .max)
    #expect(EmissionCost(rounds: 9, events: 0, fastest: 1, median: 1).time(of: 5) == nil)
    #expect(EmissionCost(rounds: 0, events: 8, fastest: 1, median: 1).time(of: 5) == nil)
  }
}
