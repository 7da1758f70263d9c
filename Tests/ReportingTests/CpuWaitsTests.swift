import Reports
import Testing

@testable import Analysis
@testable import Reporting

@Suite("What a wait for a CPU can be the reason of")
struct CpuWaitsTests {
  static let (micro, milli) = (1_000 as Int64, 1_000_000 as Int64)

  @Test(
    "A wait counts where readings are close to the event, the event is long, or the thread often waits",
    arguments: [
      // Readings as close as --stats-interval 10ms makes them.
      (10 * milli, 100 * micro, 100 * micro, true),
      // It waited a tenth of the second; or less, anywhere in that second, unless the event is a quarter of it.
      (1000 * milli, 100 * milli, 100 * micro, true), (1000 * milli, 99 * milli, 100 * micro, false),
      (1000 * milli, 99 * milli, 250 * milli, true),
      (1000 * milli, 300 * micro, 200 * micro, false),
      (Int64.max, Int64.max, 1, true), (Int64.max, 1, 1, false),
    ])
  func near(length: Int64, waiting: Int64, duration: Int64, isNear: Bool) {
    let spell = WaitingSpell(begin: 0, end: length, waiting: waiting)
    #expect(CpuWaits.isNear(spell, duration) == isNear)
  }
}
