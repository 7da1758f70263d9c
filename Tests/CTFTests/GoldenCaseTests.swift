import CTF
import Foundation
import Testing

/// The golden cases: small traces by hand, each with what a dump of it prints. babeltrace2 is asked where it can be.
@Suite struct GoldenCaseTests {
  /// Timestamps are printed in local time.
  private static let isUTC: Bool = {
    setenv("TZ", "UTC", 1)
    tzset()
    return true
  }()

  private func directory(_ golden: GoldenCase) throws -> TemporaryTrace {
    try #require(Self.isUTC)
    return try TemporaryTrace(metadata: nil, files: golden.files)
  }

  @Test func thereAreCases() {
    #expect(GoldenCase.all.count >= 600)
    #expect(Set(GoldenCase.all.map(\.name)).count == GoldenCase.all.count)
  }

  @Test(arguments: GoldenCase.all)
  func isPrintedOrRefused(_ golden: GoldenCase) throws {
    let trace = try directory(golden)
    var lines: [String] = []
    var problems: [Diagnostic] = []
    do {
      (lines, problems) = try trace.dump()
    } catch let error as TraceError {
      problems = [error]
    }
    if let error = golden.error {
      let first = problems.first?.description ?? "accepted"
      #expect(first.contains(error))
      #expect(!first.contains("\n"))
    } else {
      #expect(problems == [])
    }
    if let expected = golden.lines { #expect(lines == expected) }
  }

  @Test(
    .enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"),
    arguments: GoldenCase.all.filter { $0.oracle != .unasked })
  func babeltraceIsAsRecorded(_ golden: GoldenCase) throws {
    let trace = try directory(golden)
    let lines = try Babeltrace.lines(trace.path)
    let agrees = golden.error == nil ? lines == golden.lines : lines == nil
    #expect(agrees == (golden.oracle == .agrees), "babeltrace2 \(lines.map { "prints \($0)" } ?? "fails")")
  }
}
