import ArgumentParser
import Glibc
import Machine
import Platform
import Recorder

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `exeunt doctor`: what this host offers, and what to do about what it lacks.
struct DoctorCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what this host offers for running and recording guests.",
    discussion: """
      The exit status is 0 where guests can run, under KVM or the translator, 1 where they cannot. Recording is looked at as well, but a host that
      only lacks that runs guests.

      EXAMPLES:
        exeunt doctor
        exeunt doctor --format json
      """)

  @Option(help: "text or json.")
  var format: Format = .text

  func run() throws {
    let findings =
      HostVirtualization.findings() + HostTranslation.findings() + HostResources.findings()
      + RecordingConditions.findings()
    let report = DoctorReport(findings)
    switch format {
    case .text: try Results.write(LocaleText.shown(report.text(findings)))
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Results.write(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
    if !report.canRun { Glibc.exit(1) }
  }
}

/// The JSON document of `exeunt doctor --format json`.
private struct DoctorReport: Encodable {
  struct Finding: Encodable {
    let topic: String
    let name: String
    let status: String
    let found: String
    let advice: String?
  }

  let version = 1
  let canRun: Bool
  let canRecord: Bool
  /// What can execute guests: values of `--engine`.
  let engines: [String]
  let findings: [Finding]

  enum CodingKeys: String, CodingKey { case version, canRun, canRecord, engines, findings }

  init(_ findings: [HostFinding]) {
    let hasKVM = !findings.contains { $0.isEssential && $0.status == .missing }
    let hasTranslator = findings.contains { $0.topic == HostTranslation.topic && $0.status == .ok }
    engines = (hasKVM ? ["kvm"] : []) + (hasTranslator ? ["tcg"] : [])
    canRun = !engines.isEmpty
    canRecord = canRun && !findings.contains { $0.topic == "tracing" && $0.status == .missing }
    self.findings = findings.map {
      Finding(
        topic: $0.topic, name: $0.name, status: $0.status.rawValue, found: $0.found, advice: $0.advice)
    }
  }

  func text(_ findings: [HostFinding]) -> String {
    var lines: [String] = []
    var topic: String?
    let width = findings.map(\.name.count).max() ?? 0
    for finding in findings {
      if finding.topic != topic {
        if topic != nil { lines.append("") }
        lines.append(finding.topic)
        topic = finding.topic
      }
      let head = "  \(padded(finding.status.rawValue, to: 7))  \(padded(finding.name, to: width))  "
      lines += Page.lines(head, finding.found)
      if let advice = finding.advice { lines += Page.lines(padded("", to: head.count), advice) }
    }
    lines.append("")
    let how = engines.first == "tcg" ? " without KVM, under the translator" : ""
    switch (canRun, canRecord) {
    case (true, true): lines.append("Guests can run here\(how), and runs can be recorded.")
    case (true, false):
      lines.append("Guests can run here\(how), but runs cannot be recorded: see what is missing.")
    case (false, _): lines.append("No guest can run here: see what is missing.")
    }
    return lines.joined(separator: "\n")
  }

  private func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
