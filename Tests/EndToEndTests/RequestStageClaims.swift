import Testing

/// What the report says of queues and of requests' stages is what babeltrace2 finds, and what the guest did.
func holdStages(_ testCase: VirtioCase, _ trace: String, _ device: RequestTally) throws {
  let summary = try #require(try AnalyzerReport(["summary"], trace).summary)
  let paths = try #require(try AnalyzerReport(["paths"], trace).paths?.requests)
  let queues = (summary.queues ?? []).filter { $0.device == testCase.device }
  #expect(queues.count == device.queues.count)
  for queue in queues {
    let found = try #require(device.queues[UInt64(queue.queue)])
    let requests = UInt64(found.ended.count)
    #expect(queue.requests == requests)
    // Each is handed to the host, and done by it before the driver is told of it.
    #expect(found.submitted == found.ended.sorted() && found.completed == found.ended)
    #expect(queue.submitted == requests)
    #expect(queue.published == requests)
    #expect(found.published == requests)
    #expect(queue.interrupts == found.notified)
    #expect(queue.suppressed == found.suppressed)
    #expect(queue.wakeups <= requests && queue.wakeups > 0)
    let inFlight = try #require(queue.depth)
    #expect(inFlight.maximum <= testCase.depth)
    #expect(inFlight.mean <= Double(inFlight.maximum) && inFlight.p99 <= inFlight.maximum)
    #expect(queue.errors == nil && queue.givenUp == nil && queue.hostErrors == nil)
    #expect(queue.isPartial == nil)

    let path = try #require(paths.first { $0.device == queue.device && $0.queue == queue.queue })
    func count(_ stage: String) -> UInt64 { path.stage(stage)?.latency.count ?? 0 }
    for stage in ["popped_to_submitted", "submitted_to_completed", "completed_to_pushed", "kick_to_pushed"] {
      #expect(count(stage) == requests, "\(stage)")
    }
    let arrival = testCase.ioeventfd ? "wakeup" : "exit"
    // What a completion's handler takes is taken by its loop in any case.
    let taken = ["wakeup", "exit"].map { count("\($0)_to_popped") }.reduce(0, +)
    #expect(taken + count("kick_to_popped") == requests)
    #expect(count("kick_to_\(arrival)") == count("\(arrival)_to_popped"))
    let shares = path.stages.compactMap(\.sharePermille).reduce(0, +)
    #expect((995...1005).contains(shares))
    // What the stages of a request take adds up to all of its way.
    let parts = path.stages.filter { $0.sharePermille != nil && $0.name != "pushed_to_interrupt" }
    let sum = parts.reduce(0) { $0 + $1.latency.total }
    #expect(sum == path.stage("kick_to_pushed")?.latency.total)
    // Whichever handler completed a request, of each that an interrupt told of its whole way is known.
    #expect(count("kick_to_interrupt") == count("pushed_to_interrupt"))
    if count("kick_to_interrupt") == requests {
      let told = path.stage("pushed_to_interrupt")?.latency.total ?? 0
      #expect(path.stage("kick_to_interrupt")?.latency.total == sum + told)
    }
    #expect(queue.kickToPushed == path.stage("kick_to_pushed")?.latency)
    #expect(queue.kickToInterrupt == path.stage("kick_to_interrupt")?.latency)
  }
}
