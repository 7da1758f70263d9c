import Foundation
import Reports
import Testing

/// What the report says of polling, held against each event that babeltrace2 reads.
@Suite("What I/O threads' polling was worth", .serialized, .needsEngine, .needsTracing)
struct PollingReportTests {
  /// Polls of one loop in their order.
  private struct Polls {
    var budgets: [UInt64] = []
    var hits = 0
    var misses = 0
    var hitTime: Int64 = 0
    var missTime: Int64 = 0

    init(_ trace: String, loop: UInt64) throws {
      let output = try run(try #require(Tools.find("babeltrace2")), ["--clock-cycles", trace])
      var begin: Int64 = 0
      for line in output.lines {
        let event = OracleEvent(line)
        guard event.name.hasPrefix("poll_"), event.number("loop") == loop,
          let time = Int64(line.drop { $0 != "[" }.dropFirst().prefix { $0.isNumber })
        else { continue }
        if event.name == "poll_begin" {
          budgets.append(event.number("budget"))
          begin = time
        } else if event.label("outcome") == "ready" {
          hits += 1
          hitTime += time - begin
        } else {
          misses += 1
          missTime += time - begin
        }
      }
    }
  }

  @Test(
    "polls, hits and misses, the time that they took, and the budgets are those of the events",
    arguments: [
      ["--iothread-poll", "30us"], ["--poll-max-ns", "10000000"],
      ["--poll-max-ns", "2000000", "--poll-grow", "3", "--poll-shrink", "2"],
    ],
    ["epoll", "io_uring"])
  func polling(flags: [String], wait: String) throws {
    let recorded = try GuestCase(
      guest: "doorbell", parameters: ["iterations=800", "wait=interrupt"], wait: wait
    ).record(flags)
    let output = try run(Tools.analyzer, ["summary", "--format", "json", recorded.trace])
    let report = try JSONDecoder().decode(Report.self, from: output.standardOutput)
    let loop = try #require(report.summary?.loops.first)
    let polls = try Polls(recorded.trace, loop: UInt64(loop.id))
    #expect(loop.polls == UInt64(polls.budgets.count))
    #expect(loop.pollsReady == UInt64(polls.hits))
    #expect(polls.hits + polls.misses == polls.budgets.count)
    #expect(loop.pollHitTime == polls.hitTime)
    #expect(loop.pollMissTime == polls.missTime)
    #expect(polls.hitTime + polls.missTime == loop.polling)
    let budget = try #require(loop.pollBudget)
    let sorted = polls.budgets.sorted().map(Int64.init)
    #expect(budget.first == Int64(polls.budgets[0]))
    #expect(budget.largest == sorted.last)
    let median = sorted[(sorted.count - 1) / 2]
    #expect((median...median + median / 512 + 1).contains(budget.median), "\(median), \(budget.median)")
    if flags[0] == "--iothread-poll" {
      #expect(Set(polls.budgets) == [30_000])
    } else {
      #expect(polls.budgets[0] == 4000)
      let (most, grow, shrink): (UInt64, UInt64, UInt64) =
        flags.count > 2 ? (2_000_000, 3, 2) : (10_000_000, 2, 0)
      for (one, next) in zip(polls.budgets, polls.budgets.dropFirst()) {
        // After a wait that was too long for polling, budgets of 0 leave no event.
        let after = [one, min(most, one * grow), shrink > 0 ? one / shrink : 4000, 4000]
        #expect(after.contains(next), "\(one), then \(next)")
      }
      #expect(polls.budgets.contains { $0 > 4000 }, "never a longer poll")
    }
    #expect(report.machine?.configuration.contains("\"wait\":\"\(wait)\"") == true)
    withExtendedLifetime(recorded) {}
  }
}
