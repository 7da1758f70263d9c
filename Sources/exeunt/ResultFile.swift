import ArgumentParser
import Glibc
import Machine
import Platform

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The file of `--result`. It is opened before the run, which would be for nothing where it cannot be written, and
/// emptied when the guest is about to run, so that an old result does not pass for the one of a run that was killed.
final class ResultFile {
  private let path: String
  // Nil when it has been written.
  private var file: PendingFile?

  /// Opens the file.
  init(path: String) throws {
    do {
      file = try PendingFile(path)
    } catch {
      throw ValidationError("--result \(path): cannot be written: \(error); name another file")
    }
    self.path = path
  }

  /// Empties it.
  func begin() throws(MachineError) {
    do {
      try file?.begin()
    } catch {
      throw MachineError("--result \(path): cannot be emptied: \(error)")
    }
  }

  /// Leaves it as it was: nothing is run.
  func withdraw() { file?.withdraw() }

  /// Writes what the run did, once. A failure is told.
  ///
  /// - Returns: whether all of it is written.
  func write(_ result: RunResult) throws -> Bool {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let bytes = Array(try encoder.encode(result)) + [UInt8(ascii: "\n")]
    guard let file else { return false }
    self.file = nil
    EndingSignals.letThrough(unlessWritable: file.raw)
    do {
      try bytes.withUnsafeBytes { try file.writeAll($0) }
      try file.close()
      return true
    } catch {
      Diagnostics.report("--result \(path): cannot be written: \(error)")
      return false
    }
  }
}
