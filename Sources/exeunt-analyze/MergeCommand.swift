import Analysis
import ArgumentParser
import CTF

/// `exeunt-analyze merge`: puts states together.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put states together: parts of a recording, or several machines' recordings.",
    discussion: """
      Parts: the result is what the state of all parts together would be. They can be given in any order, but none may be
      missing between them. Machines: their recordings are kept side by side in one state; reports name the machine in each
      row, by the name of its file (web1.state: web1), and sum up over all. States of the same machines merge machine by
      machine.

      EXAMPLES:
        exeunt-analyze merge --machines -o fleet.state web1.state web2.state
        exeunt-analyze merge -o run1.state part1.state part2.state part3.state
      """)

  @OptionGroup var options: StateOptions

  @Argument(
    help: ArgumentHelp("States, as state and merge write them.", valueName: "file"), completion: .file())
  var states: [String]

  @Flag(help: "Keep the recordings of different machines apart, each under its file's name.")
  var machines = false

  func run() throws {
    var parts: [Part] = []
    for path in states {
      let recordings = try StateInput.read(path)
      for var recording in recordings {
        if machines, recordings.count == 1 { recording.label = try Self.name(path) }
        parts.append(Part(path: path, recording: recording))
      }
    }
    try StateInput.write(machines ? sideBySide(parts) : together(parts), to: options.output)
  }

  /// A recording, and the file that it comes from.
  private struct Part {
    let path: String
    var recording: SavedRecording
  }

  /// The machine that a file is called after.
  private static func name(_ path: String) throws -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    let stem = file.hasSuffix(".state") ? String(file.dropLast(6)) : file
    guard !stem.isEmpty else {
      throw Terminal.mistake(
        "\(PathText.shown(path)): a machine is called after its file, and this one has no name before .state")
    }
    return PathText.shown(stem)
  }

  /// Each recording under its name.
  private func sideBySide(_ parts: [Part]) throws -> [SavedRecording] {
    var paths: [String: String] = [:]
    for part in parts {
      let name = part.recording.label
      if let other = paths.updateValue(part.path, forKey: name) {
        throw Terminal.mistake(
          "\(other) and \(part.path) both have a machine called \(name); give one of the files another name")
      }
    }
    for (index, part) in parts.enumerated() {
      guard let twin = parts[..<index].first(where: { $0.recording.sharesRecording(with: part.recording) })
      else { continue }
      throw Terminal.mistake(
        "\(twin.path) and \(part.path) are about the same recording, which is of one machine; "
          + "parts of it are put together without --machines")
    }
    guard parts.count <= StateFile.mostMachines else {
      throw Terminal.mistake("there are \(parts.count) machines; a state holds \(StateFile.mostMachines)")
    }
    return parts.map(\.recording)
  }

  /// The parts of each machine's recording put together.
  private func together(_ parts: [Part]) throws -> [SavedRecording] {
    var wholes: [SavedRecording] = []
    var order: [String] = []
    for part in parts where !order.contains(part.recording.label) { order.append(part.recording.label) }
    for part in parts.sorted(by: { $0.recording.precedes($1.recording) }) {
      guard let known = wholes.firstIndex(where: { $0.label == part.recording.label }) else {
        if let first = wholes.first, first.label.isEmpty != part.recording.label.isEmpty {
          throw Terminal.mistake(
            "\(part.path) and others: one machine's state cannot follow several machines'")
        }
        wholes.append(part.recording)
        continue
      }
      do throws(StateError) {
        try wholes[known].append(part.recording)
      } catch {
        Terminal.report("cannot merge the state \(PathText.shown(part.path)) with those before it: \(error)")
        throw ExitCode(3)
      }
    }
    return order.compactMap { label in wholes.first { $0.label == label } }
  }
}
