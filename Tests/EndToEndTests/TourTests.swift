import Foundation
import TestSupport
import Testing

/// What a page shows of a shell: commands after `$ `, and what they print.
private struct Session {
  struct Step {
    var command: String
    /// Pieces of what it prints, without numbers; what is between them is left out on the page.
    var pieces: [String]
  }

  var steps: [Step] = []

  /// - Parameter page: Markdown; a block that begins with `$ ` is of the shell.
  init(_ page: String) {
    for (number, block) in page.components(separatedBy: "```").enumerated() where number % 2 == 1 {
      let lines = block.drop { $0 != "\n" }.split(separator: "\n", omittingEmptySubsequences: false)
        .dropFirst()
      guard lines.first?.hasPrefix("$ ") == true else { continue }
      var output: [Substring] = []
      for line in lines {
        if line.hasPrefix("$ ") {
          finish(&output)
          steps.append(Step(command: String(line.dropFirst(2)), pieces: []))
        } else if line.hasPrefix("> "), output.isEmpty {
          steps[steps.count - 1].command += "\n" + line.dropFirst(2)
        } else {
          output.append(line)
        }
      }
      finish(&output)
    }
  }

  private mutating func finish(_ output: inout [Substring]) {
    defer { output = [] }
    guard !output.isEmpty else { return }
    let text = output.joined(separator: "\n")
    steps[steps.count - 1].pieces = text.components(separatedBy: "…").map(Self.words).filter { !$0.isEmpty }
  }

  /// A text's words, with one sign for each number and its unit, which differ from run to run, and so does where lines are broken.
  static func words(_ text: String) -> String {
    let spaced = text.replacing(/[\u{a0}\u{202f}\u{2009}]/, with: " ")
    let numbers = spaced.replacing(
      #/[≥<>≈±+−×~@]*\b[0-9][0-9 .]*( ?(ns|µs|ms|s|%|[KMG]iB|B)(\/s)?(?![A-Za-z0-9]))?/#, with: " # ")
    return numbers.split { $0 == " " || $0 == "\n" }.joined(separator: " ").replacing(
      #/#( #)+/#, with: "#")
  }
}

/// docs/tour.md, carried out.
@Suite("The tour of an investigation", .needsEngine, .needsTracing)
struct TourTests {
  @Test("its commands run as printed, and print what the page shows, but for the numbers")
  func runs() throws {
    let page = try String(
      contentsOf: Tools.root.appendingPathComponent("docs/tour.md"), encoding: .utf8)
    let session = Session(page)
    try #require(session.steps.count > 5)
    let directory = try TemporaryDirectory()
    for step in session.steps {
      let output = try run(
        URL(fileURLWithPath: "/bin/bash"),
        ["-e", "-o", "pipefail", "-c", "cd \"$0\"\n" + step.command, directory.url.path],
        environment: [
          "PATH": "\(Tools.buildDirectory.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "")",
          "COLUMNS": "100",
        ])
      #expect(output.status == 0, "\(step.command)\n\(output.standardError)")
      let printed = Session.words(output.standardError + "\n" + output.text)
      for piece in step.pieces.map(Self.here) {
        #expect(printed.contains(piece), "\(step.command)\nshows: \(piece)\nprinted: \(printed)")
      }
    }
  }

  /// What the page shows, in the words that are printed of the engine that runs the guests here.
  private static func here(_ piece: String) -> String {
    if HostEngine.hasKVM { return piece }
    return piece.replacing("· KVM", with: "· TCG").replacing("KVM_RUN", with: "the translator")
  }
}
