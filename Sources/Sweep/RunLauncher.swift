import Foundation
import Glibc
import InertText
import Platform

/// Starts runs that end with the sweep, however it ends, on processors of their own.
///
/// Between spawn and exec there is no place for that: this program is started anew, and becomes the monitor.
package enum RunLauncher {
  /// The first argument of this program where it is to become another one.
  package static let word = "--become-run"

  /// Arguments with which this program becomes another one.
  ///
  /// - Parameter cpus: Processors of the run; empty: all.
  package static func arguments(_ program: String, _ arguments: [String], cpus: [Int]) -> [String] {
    [word, String(getpid()), cpus.map(String.init).joined(separator: ","), program] + arguments
  }

  /// Becomes the program that arguments tell of; returns where they do not, and ends the process where that fails.
  ///
  /// - Parameter all: This process's, without its name.
  package static func becomeRun(_ all: [String]) {
    guard all.count >= 4, all[0] == word else { return }
    do throws(Errno) {
      try DependentProgram.endWithParent(pid_t(all[1]) ?? 0, signal: SIGTERM)
      let cpus = all[2].split(separator: ",").compactMap { Int($0) }
      if !cpus.isEmpty { try ProcessorSet.restrictCurrentThread(to: cpus) }
      try Subprocess.execute(all[3], Array(all.dropFirst(4)))
    } catch {
      FileHandle.standardError.write(
        Data(InertText.escaped("exeunt sweep: cannot start \(all[3]): \(error)\n").utf8))
      exit(2)
    }
  }
}
