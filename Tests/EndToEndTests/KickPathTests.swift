import Foundation
import GuestPrograms
import Testing

/// The same guest with kicks as ioeventfds and as exits: what it does is the same, and only the path to its device differs.
@Suite(
  "Without ioeventfd, requests take the path of exits and nothing else changes", .serialized,
  .needsEngine, .needsTracing)
struct KickPathTests {
  /// A run, as far as the two are compared.
  private struct Run {
    let counts: [String: UInt64]
    let completions: UInt64
    let kinds: Set<String>
    let paths: [AnalyzerReport.Path]
    let requests: [AnalyzerReport.Requests]

    init(_ guest: String, _ parameters: [String], _ device: String, ioeventfd: String) throws {
      let recorded = try RecordedRun(guest, parameters, flags: ["--ioeventfd", ioeventfd])
      completions = try #require(recorded.result.guest).completions
      let summary = try #require(try AnalyzerReport(["summary"], recorded.trace).summary)
      requests = summary.requests.filter { $0.device == device }
      let named = requests.map { ("queue \($0.queue ?? 0) \($0.kind)", $0.count) }
      counts = Dictionary(named, uniquingKeysWith: +)
      paths = summary.paths.filter { $0.device == device && $0.kicks > 0 }
      kinds = Set(paths.map(\.kind))
    }

    /// Medians in µs, for whoever reads the log: how long a request takes in the device, and each stage of the way to it.
    var medians: String {
      func text(_ name: String, _ latency: AnalyzerReport.Latency) -> String {
        "\(name) \(Double(latency.p50) / 1000)"
      }
      let durations = requests.map { text("queue \($0.queue ?? 0) \($0.kind)", $0.duration) }
      let stages = paths.flatMap { path in
        path.stages.map { text("queue \(path.queue ?? 0) \($0.name)", $0.latency) }
      }
      return (durations + stages).joined(separator: ", ")
    }
  }

  @Test(
    "Counts by queue and kind are equal; medians of both are in the log",
    arguments: [
      ("blk", "disk0", ["places=32", "flush=10"]), ("rng", "rng0", []), ("console", "console0", []),
    ])
  func moved(guest: String, device: String, parameters: [String]) throws {
    for wait in ["poll", "interrupt"] {
      let parameters = ["iterations=200", "wait=\(wait)"] + parameters
      let signalled = try Run(guest, parameters, device, ioeventfd: "on")
      let exits = try Run(guest, parameters, device, ioeventfd: "off")
      #expect(signalled.kinds == ["ioeventfd"])
      #expect(exits.kinds == ["exit"])
      #expect(signalled.counts == exits.counts)
      #expect(signalled.completions == exits.completions)
      print("\(guest) wait=\(wait), medians in µs with ioeventfd: \(signalled.medians)")
      print("\(guest) wait=\(wait), medians in µs with exits: \(exits.medians)")
    }
  }
}
