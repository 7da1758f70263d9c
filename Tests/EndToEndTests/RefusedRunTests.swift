import Foundation
import Testing

@Suite(
  "Runs that are refused although their recording has begun",
  .needsEngine, .needsTracing)
struct RefusedRunTests {
  @Test("They leave no trace, so that the next attempt may use the same directory")
  func directory() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let arguments = ["run", "--guest", "port-io", "iterations=10", "--trace", trace]
    let refused = try run(Tools.exeunt, arguments + ["--mem-path", "/nowhere/at/all"])
    #expect(refused.status == 2)
    #expect(refused.standardError.contains("--mem-path"))
    let next = try run(Tools.exeunt, arguments)
    #expect(next.status == 0, "\(next.standardError)")
    #expect(try OracleTally(trace).exits.values.reduce(0, +) >= 20)
    withExtendedLifetime(directory) {}
  }
}
