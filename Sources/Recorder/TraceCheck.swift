import Glibc
import Platform

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What reading a finished recording shows: `exeunt-analyze check`, run on it.
///
/// LTTng says what found no room in its buffers. It does not say what a full disk, a daemon that died or another run in the
/// same directory cost; only who reads the trace knows what is in it.
struct TraceCheck {
  /// Events of the trace.
  let recorded: UInt64
  /// Why it is a part of the trace only, where it is.
  let damage: String?

  /// Why nothing is known.
  struct Failure: Error {
    let reason: String
  }

  private struct Report: Decodable {
    struct Check: Decodable {
      let recorded: UInt64
    }
    let check: Check
  }

  private static let program = "exeunt-analyze"
  /// Milliseconds. A trace is read some hundred times faster than it was written.
  private static let patience = 600_000

  /// Reads a trace.
  ///
  /// - Parameter directory: where it is.
  init(_ directory: String) throws(Failure) {
    guard let analyzer = TraceCheck.analyzer else {
      throw Failure(
        reason: "\(TraceCheck.program), which would count them, is neither beside this program nor in PATH")
    }
    let outcome: Subprocess.Outcome
    do throws(Errno) {
      outcome = try Subprocess.run(
        analyzer, ["check", "--format", "json", directory], timeout: TraceCheck.patience)
    } catch {
      throw Failure(reason: "running \(analyzer) failed: \(error)")
    }
    guard !outcome.timedOut else {
      throw Failure(reason: "\(analyzer) did not read them in \(TraceCheck.patience / 60_000) minutes")
    }
    let complaint = outcome.standardError.split(separator: "\n").first.map(String.init)
    guard let report = try? JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)) else {
      throw Failure(
        reason: complaint ?? "\(analyzer) ended with status \(outcome.exitStatus ?? -1) and said nothing")
    }
    recorded = report.check.recorded
    // 0: whole; 1: not whole, which our own count tells better; 3: only a part can be read.
    damage =
      outcome.exitStatus == 0 || outcome.exitStatus == 1 ? nil : complaint ?? "a part of it cannot be read"
  }

  /// The analyzer that was installed with this program, else the one that the shell would find.
  static var analyzer: String? {
    guard let own = realpath("/proc/self/exe", nil) else { return Subprocess.find(program) }
    defer { free(own) }
    guard let path = String(validatingCString: own) else { return Subprocess.find(program) }
    let beside = path[...(path.lastIndex(of: "/") ?? path.startIndex)] + program
    return Subprocess.find(String(beside)) ?? Subprocess.find(program)
  }
}
