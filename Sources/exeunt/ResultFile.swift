import ArgumentParser
import Glibc
import Platform

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The file of `--result`. It is opened before the run, which would be for nothing where it cannot be written, and
/// emptied, so that an old result does not pass for the one of a run that was killed.
final class ResultFile {
  private let path: String
  // Nil when it has been written.
  private var file: FileDescriptor?

  /// Opens the file.
  init(path: String) throws {
    do {
      file = try FileDescriptor.create(path)
    } catch {
      throw ValidationError("--result \(path): cannot be written: \(error); name another file")
    }
    self.path = path
  }

  /// Writes what the run did, once. A failure is told.
  ///
  /// - Returns: whether all of it is written.
  func write(_ result: RunResult) throws -> Bool {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let bytes = Array(try encoder.encode(result)) + [UInt8(ascii: "\n")]
    guard let file = file.take() else { return false }
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
