import Foundation
import Platform
import TestSupport
import Testing

@Suite("Requests that several threads begin and end")
struct RequestTests {
  @Test("are recorded and paired, every one")
  func overlapping() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["requests=2000"])
      let failed = try #require(probe["failed"].flatMap { Int($0) }, "\(probe)")
      let analyze = Probe.path.replacingOccurrences(of: "recorder-probe", with: "exeunt-analyze")
      let outcome = try Subprocess.run(
        analyze, ["summary", "--format", "json", "\(directory)/run"], timeout: 60_000)
      let report = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
      let summary = try #require(report?["summary"] as? [String: Any], "\(outcome.standardError)")
      let requests = try #require(summary["requests"] as? [[String: Any]])
      func sum(_ name: String) -> Int { requests.compactMap { $0[name] as? Int }.reduce(0, +) }
      #expect(sum("count") == 2000)
      #expect(sum("failed") == failed)
      #expect(requests.allSatisfy { $0["open"] == nil })
      let paired = requests.compactMap { ($0["duration"] as? [String: Any])?["count"] as? Int }
      #expect(paired.reduce(0, +) == 2000)
      let loops = try #require(summary["loops"] as? [[String: Any]])
      #expect(loops.compactMap { $0["unmatchedRequests"] as? Int }.reduce(0, +) == 0)
    }
  }
}
