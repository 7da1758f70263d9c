import Foundation
import TestSupport
import Testing

@Suite("Traces that are as large as they may be", .needsEngine, .needsTracing)
struct TraceLimitTests {
  private func json(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test(
    "the run goes on, the trace is whole, and what is left out is counted: with what was emitted, all of it",
    arguments: [[], ["--threads", "single"], ["--iothreads", "2", "--ioeventfd", "on"]])
  func limited(options: [String]) throws {
    let directory = try TemporaryDirectory()
    let (trace, result) = (directory.url.path + "/trace", directory.url.path + "/result")
    // A guest without an end would do as well; this one says how much it did.
    let iterations = 400_000
    let output = try run(
      Tools.exeunt,
      [
        "run", "--guest", "port-io", "iterations=\(iterations)", "--serial", "none", "--trace", trace,
        "--trace-limit", "1M", "--trace-subbuf-size", "64K", "--trace-subbufs", "64", "--stats-interval", "0",
        "--result", result,
      ] + options)
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.standardError.contains("events are left out: the trace was as large as it may be"))
    #expect(output.standardError.contains("\(iterations) iterations"))
    let made = try json(Data(contentsOf: URL(fileURLWithPath: result)))
    let recording = try #require(made["trace"] as? [String: Any])
    let exits = try #require((made["exits"] as? [Int])?.first)
    func count(_ key: String) throws -> Int { try #require(recording[key] as? Int) }
    let (emitted, leftOut) = (try count("eventsEmitted"), try count("eventsLeftOut"))
    #expect(try count("eventsRecorded") == emitted && count("eventsLost") == 0, "\(recording)")
    // Each exit is entered, left, dispatched and done with, or a little less at the ends; and there is the state.
    #expect(leftOut > 0 && emitted > 1000)
    #expect(
      emitted + leftOut >= 4 * (exits - 4) && emitted + leftOut < 4 * exits + 5000,
      "\(recording), \(exits) exits")
    // What babeltrace2 counts, and what the totals in the trace say.
    let counted = try run(
      try #require(Tools.find("babeltrace2")), [trace, "-c", "sink.utils.counter"])
    #expect(counted.text.contains(" \(emitted) Event messages"), "\(counted.text)")
    let check = try run(Tools.analyzer, ["check", "--format", "json", trace])
    #expect(check.status == 0)
    let report = try #require(try json(check.standardOutput)["check"] as? [String: Any])
    #expect(report["isWhole"] as? Bool == true && report["isLimited"] as? Bool == true, "\(check.text)")
    #expect(report["emitted"] as? Int == emitted)
    let summary = try run(Tools.analyzer, [trace])
    #expect(summary.status == 0 && summary.text.contains("LIMITED: "), "\(summary.text)")
    // Bytes: the limit, what came in a tenth of a second, and what the buffers held.
    let size = try FileManager.default.subpathsOfDirectory(atPath: trace).reduce(0) { sum, name in
      let attributes = try FileManager.default.attributesOfItem(atPath: trace + "/" + name)
      return sum + (attributes[.size] as? Int ?? 0)
    }
    #expect(size >= 1 << 20)
    withExtendedLifetime(directory) {}
  }

  @Test("nobody compares by how long such a recording is, and exports say that it is not all there was")
  func compared() throws {
    let directory = try TemporaryDirectory()
    // For longer than the tenth of a second after which a trace is looked at; the translator is that much faster.
    let iterations = HostEngine.hasKVM ? 20_000 : 400_000
    func record(_ name: String, _ flags: [String]) throws -> String {
      let trace = directory.url.appendingPathComponent(name).path
      let output = try run(
        Tools.exeunt, ["run", "--guest", "port80", "iterations=\(iterations)", "--trace", trace] + flags)
      try #require(output.status == 0, "\(output.standardError)")
      return trace
    }
    let whole = try (0..<2).map { try record("whole\($0)", ["--trace-limit", "none"]) }
    let cut = try (0..<2).map { try record("cut\($0)", ["--trace-limit", "1"]) }
    // Also where it is not the first one of its side.
    for (a, b) in [(whole, cut), ([whole[0], cut[0]], [whole[1], cut[1]])] {
      let output = try run(
        Tools.analyzer, ["compare", "--unpaired"] + a + ["--against"] + b + ["--format", "json"])
      let report = try #require(try json(output.standardOutput)["compare"] as? [String: Any])
      let evidence = try #require(report["evidence"] as? [String: Any])
      let warnings = try #require(evidence["warnings"] as? [String])
      #expect(warnings.contains { $0.contains("limited: ") && $0.contains("cut0") }, "\(warnings)")
      let exploratory = try #require(evidence["exploratory"] as? [[String: Any]])
      for name in ["elapsed", "cpu", "accesses"] {
        let metric = try #require(exploratory.first { $0["name"] as? String == name })
        #expect(metric["verdict"] as? String == "not_in_all_runs", "\(metric)")
      }
    }
    let gate = try run(
      Tools.analyzer,
      ["compare", "--unpaired"] + whole + ["--against"] + cut + ["--fail-if", "elapsed > +10%"])
    #expect(!gate.text.contains("kept, by evidence"), "\(gate.text)")
    let exported = try run(Tools.analyzer, ["export", "--format", "openmetrics", cut[0]])
    #expect(exported.text.contains(/exeunt_run_partial\{[^}]*\} 1/), "\(exported.text.prefix(600))")
    withExtendedLifetime(directory) {}
  }

  @Test("counters that are read behind the limit are among what is left out")
  func statistics() throws {
    let directory = try TemporaryDirectory()
    func events(_ name: String, _ limit: String) throws -> (emitted: Int, leftOut: Int) {
      let result = directory.url.path + "/\(name).json"
      let output = try run(
        Tools.exeunt,
        [
          "run", "--guest", "timer", "iterations=300", "period=5000", "--stats-interval", "5ms", "--trace",
          directory.url.path + "/" + name, "--trace-limit", limit, "--result", result,
        ])
      try #require(output.status == 0, "\(output.standardError)")
      let made = try json(Data(contentsOf: URL(fileURLWithPath: result)))
      let trace = try #require(made["trace"] as? [String: Any])
      return (try #require(trace["eventsEmitted"] as? Int), trace["eventsLeftOut"] as? Int ?? 0)
    }
    // This guest has next to no exits: nearly all are readings, of which there are 200 a second for as long as it runs.
    let all = try events("all", "none")
    let cut = try events("cut", "1")
    #expect(all.leftOut == 0 && cut.leftOut > cut.emitted, "\(cut), \(all)")
    withExtendedLifetime(directory) {}
  }

  @Test("without one nothing is left out, and nothing is said")
  func unlimited() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.path + "/trace"
    let output = try run(
      Tools.exeunt,
      ["run", "--guest", "port-io", "iterations=20000", "--trace", trace, "--trace-limit", "none"])
    #expect(output.status == 0 && !output.standardError.contains("left out"), "\(output.standardError)")
    let summary = try run(Tools.analyzer, [trace])
    #expect(!summary.text.contains("LIMITED") && summary.text.contains("none lost"))
    for mistake in ["0", "-1", "x", "1Q", ""] {
      #expect(
        try run(Tools.exeunt, ["run", "--guest", "port-io", "--trace", "x", "--trace-limit", mistake]).status
          == 2)
    }
    #expect(try run(Tools.exeunt, ["run", "--guest", "port-io", "--trace-limit", "1M"]).status == 2)
    withExtendedLifetime(directory) {}
  }
}
