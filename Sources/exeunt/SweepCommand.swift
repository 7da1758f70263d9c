import ArgumentParser
import Glibc
import Platform
import SweepOptions

/// `exeunt sweep`: many runs. Another program does it, as reading YAML brings all of Foundation along, which this one starts without.
struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep", abstract: SweepOptions.abstract, discussion: SweepOptions.discussion)

  @OptionGroup var options: SweepOptions

  func run() throws {
    // Resolved: this program may have been started through a link.
    guard let own = FilePathText.real(ProcessArguments.executable), let end = own.lastIndex(of: "/") else {
      throw ValidationError("sweep: this program does not find itself")
    }
    let program = own[...end] + "exeunt-sweep"
    do {
      try Subprocess.execute(String(program), Array(ProcessArguments.all.dropFirst(2)))
    } catch {
      throw ValidationError("sweep: cannot start \(program): \(error)")
    }
  }
}

/// Paths without links.
private enum FilePathText {
  /// realpath(3); nil where it fails, or is not UTF-8.
  static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(validatingCString: resolved)
  }
}
