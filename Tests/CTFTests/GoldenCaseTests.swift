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
    let (lines, problems) = try read(trace, isStrict: false)
    if golden.isRefused { check(problems, golden) } else { #expect(problems == []) }
    if let expected = golden.lines { #expect(lines == expected) }
    let warnings = try? Trace(opening: [trace.path]).warnings.map(\.description)
    if let warning = golden.warning {
      #expect(warnings?.first?.contains(warning) == true, "\(warnings ?? [])")
      #expect(warnings?.count == 1)
    } else {
      #expect(warnings?.filter { $0.contains("/metadata: ") } ?? [] == [])
    }
    // Reading strictly, only what came with a warning is another matter.
    let (strictLines, strictProblems) = try read(trace, isStrict: true)
    if golden.error == nil { #expect(strictProblems == []) } else { check(strictProblems, golden) }
    #expect(strictLines == (golden.warning == nil ? lines : []))
  }

  private func read(_ trace: TemporaryTrace, isStrict: Bool) throws -> ([String], [Diagnostic]) {
    do {
      return try trace.dump(isStrict: isStrict)
    } catch let error as TraceError {
      return ([], [error])
    }
  }

  private func check(_ problems: [Diagnostic], _ golden: GoldenCase) {
    let first = problems.first?.description ?? "accepted"
    #expect(first.contains(golden.error ?? ""))
    #expect(!first.contains("\n"))
  }

  @Test(
    .enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"),
    arguments: GoldenCase.all.filter { $0.oracle != .unasked })
  func babeltraceIsAsRecorded(_ golden: GoldenCase) throws {
    let trace = try directory(golden)
    let lines = try Babeltrace.lines(trace.path)
    let agrees = golden.isRefused ? lines == nil : lines == golden.lines
    #expect(agrees == (golden.oracle == .agrees), "babeltrace2 \(lines.map { "prints \($0)" } ?? "fails")")
  }
}
