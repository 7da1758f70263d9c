import Foundation
import Testing

/// A host that takes what is written and says only at the end that it did not keep it, as one with quotas or across a network may.
@Suite(
  "A host that keeps nothing of what it took", .needsEngine,
  .enabled(if: Tools.find("strace") != nil, "needs strace"))
struct UnkeptOutputTests {
  @Test("is told of, in one line and by the exit status", arguments: ["--result", "--serial"])
  func closing(option: String) throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("file").path
    func run(_ injection: [String]) throws -> Output {
      try EndToEndTests.run(
        try #require(Tools.find("strace")),
        ["-f", "-o", "/dev/null", "-P", file, "-e", "trace=close"] + injection + [
          Tools.exeunt.path, "run", "--guest", "serial", "iterations=5", option, file,
        ])
    }
    let kept = try run([])
    #expect(kept.status == 0 && !kept.standardError.contains(file), "\(kept.standardError)")
    let unkept = try run(["-e", "inject=close:error=EDQUOT"])
    #expect(unkept.status == 8, "\(unkept.standardError)")
    let lines = unkept.standardError.split(separator: "\n").filter { $0.contains("\(option) \(file)") }
    #expect(
      lines.count == 1 && lines.allSatisfy { $0.hasSuffix(String(cString: strerror(EDQUOT))) },
      "\(unkept.standardError)")
  }
}
