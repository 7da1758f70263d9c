import Foundation
import Testing

/// What `compare` says of each request on average, beside what the machine and babeltrace2 counted.
@Suite(
  "Costs of a request", .serialized,
  .needsEngine, .needsTracing)
struct RequestCostTests {
  private struct Comparison: Decodable {
    struct Metric: Decodable {
      let name, unit: String
      let a, b: [Double?]
    }
    struct Evidence: Decodable { let primary, exploratory: [Metric] }
    struct Compare: Decodable { let evidence: Evidence }
    let compare: Compare
  }

  @Test("exits and wakeups are those that were counted, CPU times are parts of all of it")
  func counts() throws {
    let requests = 400
    let runs = try ["on", "off"].map {
      try RecordedRun("doorbell", ["iterations=\(requests)", "wait=interrupt"], flags: ["--ioeventfd", $0])
    }
    let output = try run(
      Tools.analyzer, ["compare", "--format", "json", runs[0].trace, "--against", runs[1].trace])
    #expect(output.status == 0, "\(output.standardError)")
    let evidence = try JSONDecoder().decode(Comparison.self, from: output.standardOutput).compare.evidence
    func values(_ name: String) throws -> [Double] {
      let metric = try #require(
        (evidence.primary + evidence.exploratory).first { $0.name == name }, "\(name)")
      return try [metric.a, metric.b].map { try #require($0.first ?? nil, "\(name)") }
    }
    let (exits, wakeups) = (try values("exits_per_request"), try values("wakeups_per_request"))
    let (all, vcpus, loops) = try (
      values("cpu_per_request"), values("vcpu_cpu_per_request"), values("io_cpu_per_request")
    )
    for (side, recorded) in runs.enumerated() {
      let events = try run(try #require(Tools.find("babeltrace2")), [recorded.trace]).lines.map(
        OracleEvent.init)
      let woken = events.filter { $0.name == "loop_wakeup" }.count
      #expect(abs(exits[side] * Double(requests) - Double(recorded.result.exits.reduce(0, +))) < 1e-6)
      #expect(abs(wakeups[side] * Double(requests) - Double(woken)) < 1e-6)
      #expect(vcpus[side] > 0 && loops[side] > 0 && vcpus[side] + loops[side] < all[side])
    }
    // By ioeventfd each kick wakes the I/O thread; as exits each is one.
    #expect(wakeups[0] >= 1 && exits[1] >= 1)
  }
}
