import Foundation
import TestSupport
import Testing

/// What is said of a run by an engine is not said in another's words.
@Suite("Reports of a run say what ran it", .needsTranslator, .needsTracing)
struct EngineWordsTests {
  private static func record(_ engine: String) throws -> RecordedRun {
    try RecordedRun(
      "doorbell", ["iterations=300", "wait=interrupt"],
      flags: ["--engine", engine, "--ioeventfd", "off"], irqchip: "split")
  }

  /// All that is said of it, by the command that says it.
  private static func said(_ trace: String) throws -> [String: String] {
    let page = trace + ".html"
    defer { try? FileManager.default.removeItem(atPath: page) }
    var said: [String: String] = [:]
    for arguments in [
      ["summary"], ["exits"], ["exits", "--by", "address"], ["timeline", "--around", "slowest"],
      ["timeline", "--around", "slowest", "--format", "html"], ["paths"], ["explain"],
      ["export", "--format", "folded"], ["compare", trace, "--against"], ["report", "-o", page],
    ] {
      let output = try run(Tools.analyzer, arguments + [trace])
      try #require(output.status == 0, "\(arguments): \(output.standardError)")
      said[arguments.joined(separator: " ")] =
        output.text + (arguments[0] == "report" ? try String(contentsOfFile: page, encoding: .utf8) : "")
    }
    return said
  }

  @Test("the translator's has nothing of KVM_RUN")
  func translated() throws {
    let recorded = try Self.record("tcg")
    defer { withExtendedLifetime(recorded) {} }
    for (command, text) in try Self.said(recorded.trace) {
      #expect(!text.contains("KVM_RUN"), "\(command)")
      #expect(text.contains("translator") || ["paths", "explain"].contains(command), "\(command)")
    }
  }

  @Test("what a translator has not is no advice", arguments: HostEngine.hasKVM ? ["tcg", "kvm"] : ["tcg"])
  func advice(engine: String) throws {
    let recorded = try RecordedRun("mmio", ["iterations=2000"], flags: ["--engine", engine])
    let explained = try run(Tools.analyzer, ["explain", recorded.trace])
    #expect(explained.text.contains("scratch0"), "\(explained.text)")
    #expect(explained.text.contains("--coalesced-io on") == (engine == "kvm"), "\(explained.text)")
    let refused = try run(
      Tools.exeunt, ["run", "--engine", "tcg", "--guest", "port-io", "--coalesced-io", "on"])
    #expect(refused.status == 2 && !refused.standardError.contains("Linux 4.20"), "\(refused)")
  }

  @Test("KVM's has nothing of a translator; compared, both are told of", .needsKVM("it is of its words"))
  func besideKVM() throws {
    let (kvm, tcg) = (try Self.record("kvm"), try Self.record("tcg"))
    for (command, text) in try Self.said(kvm.trace) {
      #expect(!text.contains("translator"), "\(command)")
      #expect(text.contains("KVM_RUN") || ["paths", "explain"].contains(command), "\(command)")
    }
    let both = try run(Tools.analyzer, ["compare", kvm.trace, "--against", tcg.trace])
    #expect(both.text.contains("in KVM_RUN or the translator"), "\(both.text)")
  }
}
