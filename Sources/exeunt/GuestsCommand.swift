import ArgumentParser
import GuestPrograms
import Processors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How `exeunt guests` prints.
enum GuestsFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

/// `exeunt guests`: the built-in guests, with what each shows and takes.
struct GuestsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guests",
    abstract: "List the built-in guests: what each shows and what it can be told.",
    discussion: """
      EXAMPLES:
        exeunt guests
        exeunt guests doorbell
        exeunt guests --format json
      """)

  @Argument(
    help: ArgumentHelp("Describe only this guest, at length.", valueName: "guest"),
    completion: .list(GuestProgram.all.map(\.name)))
  var name: String?

  @Option(help: "Those that are there for a kind of processor: x86_64, aarch64, mips, ppc, s390x, riscv64.")
  var arch = Architecture.x86

  @Option(help: "text or json.")
  var format: GuestsFormat = .text

  func run() throws {
    var programs = GuestProgram.all(for: arch)
    if let name {
      do {
        programs = [try GuestProgram.named(name, for: arch)]
      } catch {
        throw ValidationError(error.description)
      }
    }
    switch format {
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let data = try encoder.encode(GuestListing(version: 1, guests: programs.map(GuestDescription.init)))
      try Results.write(String(decoding: data, as: UTF8.self))
    case .text:
      let text = programs.map { $0.listing(atLength: name != nil) }.joined(separator: "\n\n")
      try Results.write(LocaleText.shown(text))
    }
  }
}

/// The JSON document of `exeunt guests --format json`.
private struct GuestListing: Encodable {
  let version: Int
  let guests: [GuestDescription]
}

/// One guest in the JSON document.
private struct GuestDescription: Encodable {
  struct Parameter: Encodable {
    let name: String
    let meaning: String
    let values: String
    let defaultValue: String

    enum CodingKeys: String, CodingKey {
      case name, meaning, values
      case defaultValue = "default"
    }
  }

  let name: String
  let summary: String
  let detail: String
  let architecture: Architecture
  /// Of x86 alone.
  let mode: GuestMode?
  let imageBytes: Int
  let minimumVcpus: Int
  let maximumVcpus: Int
  let needsInterruptController: Bool
  let needsDisk: Bool
  let needsNetwork: Bool
  let parameters: [Parameter]
  let phases: [GuestPhase]

  init(_ program: GuestProgram) {
    name = program.name
    summary = program.summary
    detail = program.detail
    architecture = program.architecture
    mode = program.architecture == .x86 ? program.mode : nil
    imageBytes = program.imageBytes.count
    minimumVcpus = program.requirements.minimumVcpus
    maximumVcpus = GuestRequirements.maximumVcpus
    needsInterruptController = program.requirements.interruptController
    needsDisk = program.requirements.virtio == .disk
    needsNetwork = program.requirements.virtio == .network
    phases = program.phases
    parameters = program.parameters.map {
      Parameter(
        name: $0.name.rawValue, meaning: $0.meaning, values: $0.valuesDescription,
        defaultValue: $0.defaultValue)
    }
  }
}

extension GuestProgram {
  /// The guest as lines of text that fit the page.
  fileprivate func listing(atLength: Bool) -> String {
    var lines = Page.lines(padded(name, to: 14), summary)
    if atLength { lines += Page.lines(padded("", to: 14), detail) }
    var needs: [String] = []
    if requirements.minimumVcpus > 1 {
      needs.append("--cpus \(requirements.minimumVcpus) to \(GuestRequirements.maximumVcpus)")
    }
    if requirements.interruptController { needs.append("--irqchip kernel or split") }
    if requirements.virtio == .disk {
      needs.append("a disk, whose beginning it overwrites: --disk, or a scratch one")
    }
    if requirements.virtio == .network { needs.append("a network interface: --net") }
    if !needs.isEmpty { lines += Page.lines("  needs       ", needs.joined(separator: ", ")) }
    for parameter in parameters {
      let setting = "  " + padded("\(parameter.name.rawValue)=\(parameter.defaultValue)", to: 22)
      lines += Page.lines(setting, "\(parameter.meaning) (\(parameter.valuesDescription))")
    }
    if atLength {
      for phase in phases { lines += Page.lines("  " + padded("mark \(phase.mark)", to: 22), phase.meaning) }
    }
    return lines.joined(separator: "\n")
  }

  private func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(text.count < width ? 0 : 1, width - text.count))
  }
}
