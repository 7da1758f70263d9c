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
  private func compare(_ trace: String) throws -> Int {
    let theirs = try run(try #require(Tools.find("babeltrace2")), [trace])
    let ours = try run(Tools.analyzer, ["dump", trace])
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

  @Test("there are recorded traces")
  func tracesExist() {
    #expect(Self.recorded.contains("mixed") && Self.recorded.contains("lossy"))
  }

  @Test("on a trace recorded just now", .enabled(if: Tools.canRecord))
  func freshTrace() throws {
    let recorded = try RecordedRun("mixed", ["iterations=100"], flags: ["--trace-locks"], vcpus: 2)
    #expect(try compare(recorded.trace) == recorded.result.trace?.eventsRecorded.map(Int.init))
    withExtendedLifetime(recorded) {}
  }
}
