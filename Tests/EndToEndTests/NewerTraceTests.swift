import Foundation
import Reports
import Testing

/// Recordings of builds that have events which this one does not know. No KVM, no LTTng.
@Suite("Traces of a newer exeunt")
struct NewerTraceTests {
  /// A recording in which one kind of events has another name of the same length.
  private static func newer(_ name: String, _ event: String, _ renamed: String) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let copy = directory.url.appendingPathComponent("trace")
    try FileManager.default.copyItem(atPath: AnalyzeCommandTests.trace(name), toPath: copy.path)
    let files = try #require(FileManager.default.enumerator(at: copy, includingPropertiesForKeys: nil))
    for case let file as URL in files where file.lastPathComponent == "metadata" {
      var metadata = try Data(contentsOf: file)
      let place = try #require(metadata.range(of: Data("\"exeunt:\(event)\"".utf8)))
      metadata.replaceSubrange(place, with: Data("\"exeunt:\(renamed)\"".utf8))
      try metadata.write(to: file)
    }
    return directory
  }

  private static func report(_ path: String, _ command: String, _ options: [String] = []) throws -> Report {
    let output = try run(Tools.analyzer, [command, "--format", "json"] + options + [path])
    try #require(output.status == 0 || command == "check", "\(output.standardError)")
    return try Report(json: output.text)
  }

  @Test("events of kinds that are not known are told, and are not missing")
  func unknownKinds() throws {
    let original = try Self.report(AnalyzeCommandTests.trace("whole"), "summary")
    try #require(original.trace.check?.isWhole == true)
    let count = try #require(original.trace.eventsByName.first { $0.name == "exeunt:interrupt" }).count
    try #require(count > 10)
    let directory = try Self.newer("whole", "interrupt", "interrupx")
    let path = directory.url.appendingPathComponent("trace").path
    for report in [try Self.report(path, "summary"), try Self.report(path, "check")] {
      let check = try #require(report.trace.check)
      #expect(check.isWhole && check.missing == 0 && check.reasons.isEmpty, "\(check)")
      #expect(check.recorded == original.trace.events - count)
      #expect(check.threads.allSatisfy { $0.emitted ?? $0.recorded == $0.recorded })
      let note = report.trace.notes.first { $0.contains("exeunt:interrupx") }
      #expect(note?.hasPrefix("\(count) events of kinds") == true, "\(report.trace.notes)")
    }
    let text = try run(Tools.analyzer, [path])
    #expect(text.status == 0 && !text.text.contains("MISSING") && text.text.contains("does not know"))
    // As well from parts that are put together.
    let states = try ["a", "b"].map { name in
      let file = directory.url.appendingPathComponent("\(name).state").path
      let part = name == "a" ? ["--to", "5ms"] : ["--from", "5ms"]
      let output = try run(Tools.analyzer, ["state", "-o", file] + part + [path])
      try #require(output.status == 0, "\(output.standardError)")
      return file
    }
    let both = directory.url.appendingPathComponent("both.state").path
    #expect(try run(Tools.analyzer, ["merge", "-o", both] + states).status == 0)
    let merged = try Self.report(both, "summary").trace
    #expect(
      merged.check?.isWhole == true && merged.notes.contains { $0.hasPrefix("\(count) events of kinds") })
  }

  @Test("what is missing beside them is told")
  func losses() throws {
    let original = try Self.report(AnalyzeCommandTests.trace("lossy"), "summary").trace
    let directory = try Self.newer("lossy", "lock_released", "lock_releasex")
    let path = directory.url.appendingPathComponent("trace").path
    let trace = try Self.report(path, "summary").trace
    #expect(trace.isPartial && trace.discardedEvents == original.discardedEvents)
    #expect(trace.check?.isWhole == original.check?.isWhole)
  }
}
