import Foundation
import Testing

/// What users type, and what they are told when it is wrong.
@Suite("Asking the programs")
struct AskingTests {
  private static func trace(_ name: String) -> String {
    Tools.root.appendingPathComponent("traces/\(name)").path
  }

  private func analyze(_ arguments: [String], _ environment: [String: String]? = nil) throws -> Output {
    try run(Tools.analyzer, arguments, environment: environment)
  }

  private func json(_ arguments: [String]) throws -> [String: Any] {
    let output = try analyze(arguments + ["--format", "json", "--big-integers", "number"])
    return try #require(try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any])
  }

  @Test(
    "a word that is nearly right is suggested",
    arguments: [
      (["sumary", "X"], "did you mean 'summary'?"), (["timline", "X"], "did you mean 'timeline'?"),
      (["exits", "--reason", "mmoi", "X"], "did you mean 'mmio'?"),
      (["summary", "--fail-if-over", "resaon=io,p99=1us", "X"], "did you mean 'reason'?"),
    ])
  func analyzerSuggestions(_ arguments: [String], _ words: String) throws {
    let output = try analyze(arguments)
    #expect(output.status == 2 && output.standardError.contains(words), "\(output.standardError)")
  }

  @Test(
    "so it is by the monitor",
    arguments: [
      (["rn"], "did you mean 'run'?"), (["run", "--guest", "dorbell"], "did you mean 'doorbell'?"),
      (["run", "--guest", "doorbell", "iteratons=1"], "did you mean 'iterations'?"),
      (["guests", "port_io"], "did you mean 'port-io'?"),
    ])
  func monitorSuggestions(_ arguments: [String], _ words: String) throws {
    let output = try run(Tools.exeunt, arguments)
    #expect(output.status == 2 && output.standardError.contains(words), "\(output.standardError)")
  }

  @Test("what is nothing like a command is a directory that cannot be read")
  func noCommand() throws {
    let output = try analyze(["nothing-of-the-kind"])
    #expect(output.status == 3 && output.standardError.contains("nothing-of-the-kind"))
  }

  @Test(
    "a filter that is given twice means both",
    arguments: [
      ("--reason", ["io", "mmio"]), ("--device", ["serial0", "scratch0"]), ("--address", ["0x590", "0x3f8"]),
      ("--vcpu", ["0", "1"]),
    ])
  func repeated(_ option: String, _ values: [String]) throws {
    func count(_ values: [String]) throws -> Int {
      let report = try json(["exits", Self.trace("mixed")] + values.flatMap { [option, $0] })
      let groups = try #require((report["exits"] as? [String: Any])?["groups"] as? [[String: Any]])
      return groups.compactMap { ($0["exits"] as? [String: Any])?["count"] as? Int }.reduce(0, +)
    }
    let parts = try values.map { try count([$0]) }
    #expect(parts.allSatisfy { $0 > 0 })
    #expect(try count(values) == parts.reduce(0, +))
  }

  @Test("powering off does not fail a gate, and a failed one says what and how to see it")
  func gates() throws {
    let report = try json(["summary", Self.trace("mixed")])
    let rows = try #require((report["summary"] as? [String: Any])?["exits"] as? [[String: Any]])
    func maximum(_ row: [String: Any]) -> Int {
      ((row["handling"] as? [String: Any])?["maximum"] as? Int) ?? 0
    }
    let off = try #require(rows.first { $0["device"] as? String == "power-off" })
    let others = rows.filter { $0["device"] as? String != "power-off" }.map(maximum).max() ?? 0
    #expect(maximum(off) > others)
    for what in ["reason=io,", "all,", "", "address=0x604,"] {
      let passed = try analyze(["summary", "--fail-if-over", "\(what)max=\(others)ns", Self.trace("mixed")])
      #expect(passed.status == 0, "\(what): \(passed.standardError)")
    }
    let failed = try analyze([
      "summary", "--fail-if-over", "address=0x590,p50=1ns", "--fail-if-over", "all,p99=1ns", "--fail-if-over",
      "device=scratch0,max=\(others)ns", Self.trace("mixed"),
    ])
    #expect(failed.status == 1)
    #expect(failed.standardError.contains("io out 0x590 scratch0: handling p50 is "))
    #expect(failed.standardError.contains("all exits: handling p99 is "))
    let command = try #require(failed.lines.first { $0.hasPrefix("see: exeunt-analyze timeline --around ") })
    let words = command.split(separator: " ").dropFirst(2).map(String.init).filter { $0 != "\\" }
    #expect(try analyze(Array(words.prefix(3)) + [Self.trace("mixed")]).status == 0)
    for limit in ["all,reason=io,p99=1us", "p99", "p99=1us,p50=1us", "all", "p99=x", "address=x,p99=1us"] {
      #expect(try analyze(["summary", "--fail-if-over", limit, Self.trace("mixed")]).status == 2, "\(limit)")
    }
  }

  @Test("times of any unit", arguments: ["50000ns", "50us", "0.00005", "0.05ms"])
  func windows(_ window: String) throws {
    let report = try json(["timeline", "--around", "0us", "--window", window, Self.trace("mixed")])
    let timeline = try #require(report["timeline"] as? [String: Any])
    let span = try #require(timeline["end"] as? Int) - #require(timeline["begin"] as? Int)
    #expect(span == 25_000)
  }

  @Test(
    "a line of a dump leads back to its event, in a report and in a dump", arguments: ["UTC", "Asia/Kolkata"])
  func pasting(_ zone: String) throws {
    let whole = try analyze(["dump", "--clock-date", Self.trace("mixed")], ["TZ": zone])
    for line in [whole.lines[100], whole.lines[5000], whole.lines[14_000]] {
      let part = try analyze(
        ["dump", "--clock-date", "--from", String(line), Self.trace("mixed")], ["TZ": zone])
      let first = try #require(part.lines.first)
      #expect(first.prefix(32) == line.prefix(32))
      let report = try analyze(["timeline", "--around", String(line), Self.trace("mixed")], ["TZ": zone])
      #expect(report.status == 0 && report.text.contains("around @0.0"))
    }
  }

  @Test(
    "the slowest exit is shown whole, named, pointed to and told step by step",
    arguments: ["mixed", "doorbell-exits"])
  func slowest(_ name: String) throws {
    let report = try json(["timeline", "--around", "slowest", Self.trace(name)])
    let timeline = try #require(report["timeline"] as? [String: Any])
    let focus = try #require(timeline["focus"] as? [String: Any])
    let exit = try #require(focus["exit"] as? [String: Any])
    let handling = try #require(exit["handling"] as? Int)
    let (begin, end) = (try #require(timeline["begin"] as? Int), try #require(timeline["end"] as? Int))
    let moment = try #require(focus["timestamp"] as? Int)
    #expect(begin <= moment && moment + handling <= end && end - begin <= 3 * handling + 20_000)
    let events = try #require((timeline["events"] as? [String: Any])?["events"] as? [[String: Any]])
    #expect(
      events.contains {
        $0["timestamp"] as? Int == moment && ($0["event"] as? String)?.hasPrefix("vcpu_run_exit") == true
      })
    #expect(events.contains { $0["timestamp"] as? Int == moment + handling })
    let seq = try #require(exit["seq"] as? Int)
    let text = try analyze(["timeline", "--around", "slowest", Self.trace(name)]).text
    #expect(text.contains("the slowest exit, exit \(seq) of vcpu0: ") && text.contains("▲"))
    let same = try json(["timeline", "--around", "vcpu0:\(seq)", Self.trace(name)])
    #expect((same["timeline"] as? [String: Any])?["begin"] as? Int == begin)
  }

  @Test("--width holds for every command", arguments: [60, 80, 133, 250])
  func width(_ width: Int) throws {
    for command in [
      ["summary"], ["exits"], ["paths"], ["timeline", "--around", "slowest"],
      ["compare", Self.trace("lossy")],
    ] {
      let output = try run(Tools.analyzer, command + [Self.trace("mixed"), "--width", "\(width)"])
      for line in output.lines where !line.contains(Tools.root.path) {
        #expect(line.count <= width, "\(command): \(line)")
      }
    }
  }

  @Test("in the POSIX locale both programs write ASCII")
  func ascii() throws {
    let environment = ["LC_ALL": "C"]
    for arguments in [
      ["summary", Self.trace("mixed")], ["timeline", Self.trace("mixed")], ["exits", "--help"],
    ] {
      let output = try analyze(arguments, environment)
      #expect(output.standardOutput.allSatisfy { $0 < 0x80 } && !output.standardOutput.isEmpty)
    }
    for arguments in [["guests"], ["guests", "doorbell"], ["doctor"], ["run", "--help"]] {
      let output = try run(Tools.exeunt, arguments, environment: environment)
      #expect(
        output.standardOutput.allSatisfy { $0 < 0x80 } && !output.standardOutput.isEmpty, "\(arguments)")
    }
    let plain = try analyze(["summary", Self.trace("mixed")], ["LC_ALL": "C.UTF-8"])
    #expect(plain.standardOutput.contains { $0 >= 0x80 })
  }

  @Test(
    "a queue with requests but no path of its own is shown when it is asked for, and one that there is not is refused"
  )
  func queues() throws {
    let recorded = try RecordedRun("rng", ["iterations=20"], flags: ["--ioeventfd", "off"])
    let paths = ["paths", "--device", "rng0", "--queue"]
    #expect(try analyze(paths + ["0", recorded.trace]).text.contains("rng0 queue 0 · each request"))
    let other = try analyze(paths + ["9", recorded.trace])
    #expect(other.status == 2)
    #expect(other.standardError == "exeunt-analyze: there is no queue 9 in this trace; there are 0\n")
    let rows = try analyze(["paths", "--format", "csv", recorded.trace]).text.split(separator: "\r\n")
    #expect(
      rows.contains { $0.hasPrefix("request,rng0,0,,,,,") && $0.contains(",submitted_to_completed,20,") })
  }

  @Test("tables are of exits, paths and dump")
  func tables() throws {
    #expect(try analyze(["summary", "--format", "csv", Self.trace("mixed")]).status == 2)
    for command in [["exits"], ["paths"], ["dump", "--event", "vcpu_run_exit"]] {
      let output = try run(Tools.analyzer, command + ["--format", "csv", Self.trace("mixed")])
      #expect(output.status == 0 && output.text.contains(",") && output.text.hasSuffix("\r\n"))
    }
  }

  @Test("the phases of a built-in guest bear its names", .needsEngine, .needsTracing)
  func phases() throws {
    let recorded = try RecordedRun("mixed", ["iterations=20"], vcpus: 1)
    let report = try json(["summary", recorded.trace])
    let phases = try #require((report["summary"] as? [String: Any])?["phases"] as? [[String: Any]])
    let listing = try run(Tools.exeunt, ["guests", "mixed", "--format", "json"])
    let guests = try #require(
      try JSONSerialization.jsonObject(with: listing.standardOutput) as? [String: Any])
    let known = try #require((guests["guests"] as? [[String: Any]])?.first?["phases"] as? [[String: Any]])
    let names = Dictionary(
      known.compactMap { phase in (phase["mark"] as? Int).map { ($0, phase["meaning"] as? String) } },
      uniquingKeysWith: { first, _ in first })
    #expect(phases.count > 5)
    for phase in phases {
      guard let value = phase["value"] as? Int else { continue }
      #expect(phase["name"] as? String == names[value] ?? nil && phase["name"] != nil)
    }
    #expect(try analyze(["summary", recorded.trace]).text.contains("port I/O: scratch0"))
    withExtendedLifetime(recorded) {}
  }
}
