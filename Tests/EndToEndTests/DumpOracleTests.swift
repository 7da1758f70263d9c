import Foundation
import Testing

@Suite("dump and babeltrace2 see the same", .serialized, .enabled(if: Tools.hasBabeltrace))
struct DumpOracleTests {
  /// The traces of this repository.
  static let recorded: [String] = {
    let traces = Tools.root.appendingPathComponent("traces")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: traces.path)) ?? []
    return names.filter { FileManager.default.fileExists(atPath: "\(traces.path)/\($0)/ust") }.sorted()
  }()

  /// babeltrace2's lines and ours, event by event.
  private func compare(
    _ trace: String, _ options: [String] = [], theirs: [String] = [], ours: [String] = [],
    zone: String = "UTC"
  ) throws -> Int {
    let environment = ["TZ": zone]
    let theirs = try run(
      try #require(Tools.find("babeltrace2")), options + theirs + [trace], environment: environment)
    let ours = try run(Tools.analyzer, ["dump"] + options + ours + [trace], environment: environment)
    try #require(theirs.status == 0, "\(theirs.standardError)")
    #expect(ours.status == 0, "\(ours.standardError)")
    if theirs.standardOutput != ours.standardOutput {
      let differing = zip(theirs.lines, ours.lines).first { $0 != $1 }
      Issue.record(
        "first difference: babeltrace2 \(differing?.0 ?? "ended"), dump \(differing?.1 ?? "ended")")
    }
    return theirs.lines.count
  }

  @Test("on every recorded trace of the repository", arguments: recorded)
  func recordedTraces(_ name: String) throws {
    #expect(try compare(Tools.root.appendingPathComponent("traces/\(name)").path) > 1000)
  }

  @Test(
    "with every clock option, in several time zones",
    arguments: [
      [], ["--clock-gmt"], ["--clock-date"], ["--clock-date", "--clock-gmt"], ["--clock-seconds"],
      ["--clock-cycles"],
      ["--clock-seconds", "--clock-gmt", "--clock-date"], ["--clock-cycles", "--clock-date"],
    ], ["Asia/Kolkata", "America/St_Johns"])
  func clocks(_ options: [String], _ zone: String) throws {
    let trace = Tools.root.appendingPathComponent("traces/doorbell-exits").path
    #expect(try compare(trace, options, zone: zone) > 1000)
  }

  @Test("of a part of a trace, given as babeltrace2 takes it", arguments: ["mixed", "lossy"])
  func parts(_ name: String) throws {
    let trace = Tools.root.appendingPathComponent("traces/\(name)").path
    let lines = try run(Tools.analyzer, ["dump", "--clock-seconds", trace]).lines
    func time(_ index: Int) -> String { String(lines[index].dropFirst().prefix { $0 != "]" }) }
    let (begin, end) = (time(lines.count / 3), time(lines.count / 2))
    // babeltrace2 takes the events of the end, too.
    let before = String(try #require(Int(end.filter { $0 != "." })) - 1)
    let last = before.dropLast(9) + "." + before.suffix(9)
    let count = try compare(
      trace, ["--clock-seconds"], theirs: ["--begin", begin, "--end", String(last)],
      ours: ["--from", begin, "--to", end])
    #expect(count > 1000)
  }

  @Test("there are recorded traces")
  func tracesExist() {
    #expect(Self.recorded.contains("mixed") && Self.recorded.contains("lossy"))
  }

  @Test("on a trace recorded just now", .needsEngine, .needsTracing)
  func freshTrace() throws {
    let recorded = try RecordedRun("mixed", ["iterations=100"], flags: ["--trace-locks"], vcpus: 2)
    #expect(try compare(recorded.trace) == recorded.result.trace?.eventsRecorded.map(Int.init))
    withExtendedLifetime(recorded) {}
  }
}
