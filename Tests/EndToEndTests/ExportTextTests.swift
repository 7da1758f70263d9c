import Foundation
import Testing

/// `export --format folded` and `openmetrics`: sums of what the other formats have one by one. No KVM, no LTTng.
@Suite("Folded stacks and OpenMetrics")
struct ExportTextTests {
  private static func export(
    _ format: String, _ names: [String], _ options: [String] = []
  ) throws -> Output {
    let output = try run(
      Tools.analyzer, ["export", "--format", format] + options + names.map(AnalyzeCommandTests.trace))
    try #require(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    return output
  }

  /// Frames and ns of each stack.
  private static func stacks(
    _ names: [String], _ options: [String] = []
  ) throws -> [(frames: [String], time: Int)] {
    try export("folded", names, options).lines.map { line in
      let blank = try #require(line.lastIndex(of: " "))
      let time = try #require(Int(line[line.index(after: blank)...]))
      return (line[..<blank].split(separator: ";").map(String.init), time)
    }
  }

  @Test("stacks of a thread are all of its time, those of exits what they took", arguments: ExportTests.names)
  func folded(_ name: String) throws {
    let stacks = try Self.stacks([name])
    #expect(Set(stacks.map(\.frames)).count == stacks.count && stacks.allSatisfy { $0.time > 0 })
    func sum(_ condition: ([String]) -> Bool) -> Int {
      stacks.reduce(0) { $0 + (condition($1.frames) ? $1.time : 0) }
    }
    let summary = try #require(try ExportTests.summary(name)["summary"] as? ExportTests.Row)
    for kind in ["vcpus", "loops"] {
      for thread in try #require(summary[kind] as? [ExportTests.Row]) {
        let time = try #require(thread["span"] as? Int) - #require(thread["outside"] as? Int)
        #expect(sum { $0[0] == thread["name"] as? String } == time, "\(thread["name"] ?? "")")
      }
    }
    for exit in try #require(summary["exits"] as? [ExportTests.Row]) {
      let device = exit["device"] as? String
      let kind = [exit["reason"], exit["direction"]].compactMap { $0 as? String }.joined(separator: " ")
      for (column, leaf) in [("inKvmRun", "in KVM_RUN"), ("handling", "handling")] {
        guard device == nil || device != "unclaimed" else { continue }
        let found = sum {
          $0[0].hasPrefix("vcpu") && $0[1] == kind && $0.last == leaf && (device == nil || $0[2] == device)
        }
        #expect(found == (exit[column] as? ExportTests.Row)?["total"] as? Int, "\(kind) \(device ?? "")")
      }
    }
    for loop in try #require(summary["loops"] as? [ExportTests.Row]) {
      for source in try #require(loop["sources"] as? [ExportTests.Row]) {
        #expect(
          sum { $0 == [loop["name"] as? String, "handling", source["name"] as? String] }
            == source["time"] as? Int, "\(source)")
      }
    }
  }

  @Test("stacks of a part are each thread's time in it", arguments: ExportTests.names, 0..<6)
  func foldedPart(_ name: String, _ part: Int) throws {
    let options = try ExportTests.options(ExportTests.parts[part], of: name)
    let stacks = try Self.stacks([name], options)
    let summary = try #require(try ExportTests.summary(name, options)["summary"] as? ExportTests.Row)
    for kind in ["vcpus", "loops"] {
      for thread in try #require(summary[kind] as? [ExportTests.Row]) {
        let time = try #require(thread["span"] as? Int) - #require(thread["outside"] as? Int)
        let own = stacks.filter { $0.frames[0] == thread["name"] as? String }
        #expect(own.reduce(0) { $0 + $1.time } == time, "\(thread["name"] ?? "")")
      }
    }
  }

  @Test("stacks of several runs are told apart")
  func foldedRuns() throws {
    let one = try Self.stacks(["mixed"])
    let two = try Self.stacks(["mixed", "lossy"])
    #expect(two.filter { $0.frames[0] == "run 1" }.map(\.time) == one.map(\.time))
    #expect(two.contains { $0.frames[0] == "run 2" } && two.allSatisfy { $0.frames[0].hasPrefix("run ") })
  }

  private struct Sample: Decodable {
    let type: String
    let unit: String?
    let name: String
    let labels: [String: String]
    let value: Double
  }

  @Test(
    "samples are the summary's, as prometheus-client reads them",
    .enabled(if: OraclePython.prometheus != nil, "needs Python with prometheus-client: .ci/python gets it"),
    arguments: ExportTests.names.map { [$0] } + [["mixed", "lossy"]])
  func openMetrics(_ names: [String]) throws {
    let samples: [Sample] = try OraclePython.ask(
      "openmetrics_samples.py", OraclePython.prometheus, ofTraces: names, as: "openmetrics")
    for (number, name) in zip(1..., names) {
      let report = try ExportTests.summary(name)
      let summary = try #require(report["summary"] as? ExportTests.Row)
      let own = samples.filter { $0.labels["run"] == "\(number)" }
      func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        own.filter { sample in sample.name == name && labels.allSatisfy { sample.labels[$0] == $1 } }.reduce(
          0
        ) {
          $0 + $1.value
        }
      }
      let trace = try #require(report["trace"] as? ExportTests.Row)
      #expect(sum("exeunt_events_total") == Double(try #require(trace["events"] as? Int)))
      #expect(sum("exeunt_discarded_events_total") == Double(try #require(trace["discardedEvents"] as? Int)))
      let all = try #require(summary["allExits"] as? ExportTests.Row)
      #expect(sum("exeunt_exits_total") == Double(try #require(all["count"] as? Int)))
      let handling = try #require(all["handling"] as? ExportTests.Row)
      #expect(sum("exeunt_exit_handling_seconds_count") == Double(try #require(handling["count"] as? Int)))
      let total = Double(try #require(handling["total"] as? Int)) / 1e9
      #expect(abs(sum("exeunt_exit_handling_seconds_sum") - total) < 1e-9)
      let duration = Double(try #require(trace["duration"] as? Int)) / 1e9
      for thread in Set(own.compactMap { $0.labels["thread"] }) {
        #expect(abs(sum("exeunt_thread_seconds_total", ["thread": thread]) - duration) < 1e-9, "\(thread)")
      }
      for exit in try #require(summary["exits"] as? [ExportTests.Row]) {
        guard let device = exit["device"] as? String, device != "unclaimed" else { continue }
        let labels = [
          "device": device, "reason": exit["reason"] as? String ?? "", "quantile": "0.99",
        ].merging((exit["direction"] as? String).map { ["direction": $0] } ?? [:]) { $1 }
        let p99 = Double(try #require((exit["handling"] as? ExportTests.Row)?["p99"] as? Int)) / 1e9
        #expect(abs(sum("exeunt_exit_handling_seconds", labels) - p99) < 1e-12, "\(labels)")
      }
    }
    #expect(samples.filter { $0.name == "exeunt_run_info" }.count == names.count)
    #expect(try Self.export("openmetrics", names).text.hasSuffix("\n# EOF\n"))
  }
}
