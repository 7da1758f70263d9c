import Foundation
import Testing

@testable import CTF
@testable import Dump
@testable import Reporting

/// A trace that a test writes, in a directory that goes away with it.
final class TemporaryTrace {
  let path: String

  /// - Parameters:
  ///   - metadata: The file `metadata`, unless `files` has it.
  ///   - files: Paths inside the directory and contents.
  init(metadata: [UInt8]?, files: [String: [UInt8]]) throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("ctf-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    if let metadata { try write("metadata", metadata) }
    for (name, bytes) in files { try write(name, bytes) }
  }

  convenience init(metadata: String, stream: [UInt8]) throws {
    try self.init(metadata: Array(metadata.utf8), files: ["stream": stream])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    let directory = file.deletingLastPathComponent()
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  /// What `exeunt-analyze dump` prints, and what it complains about.
  func dump(
    _ format: TraceDump.Format = .text, bufferMemory: Int = 16 << 20, isStrict: Bool = false
  ) throws -> (lines: [String], diagnostics: [Diagnostic]) {
    try CTFTests.dump([path], format: format, bufferMemory: bufferMemory, isStrict: isStrict)
  }
}

/// How many events are read in pieces.
func largeEvents(_ trace: Trace) -> Int {
  var events = MergedEvents(trace)
  var count = 0
  while let event = events.next() { if event.isLarge { count += 1 } }
  return count
}

/// The lines of a dump of some directories, with all diagnostics.
func dump(
  _ paths: [String], format: TraceDump.Format = .text, manyBeyond: Int = Int.max,
  bufferMemory: Int = 16 << 20,
  isStrict: Bool = false
) throws -> (lines: [String], diagnostics: [Diagnostic]) {
  let trace = try Trace(
    opening: paths, manyBeyond: manyBeyond, bufferMemory: bufferMemory, isStrict: isStrict)
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("dump-\(UUID().uuidString)").path
  let descriptor = open(file, O_CREAT | O_RDWR, 0o600)
  defer {
    close(descriptor)
    unlink(file)
  }
  var dump = TraceDump(trace, format: format, descriptor: descriptor)
  let (outcome, diagnostics) = dump.run(onGap: { _ in })
  #expect(outcome == .complete)
  let text = try Data(contentsOf: URL(fileURLWithPath: file))
  let lines = text.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
  return (lines, trace.diagnostics + diagnostics)
}

/// A recorded trace under Fixtures.
func fixture(_ name: String) -> String {
  Bundle.module.resourceURL?.appendingPathComponent("Fixtures/\(name)").path ?? name
}

/// The oracle.
enum Babeltrace {
  static let path: String? = ["/usr/bin/babeltrace2", "/usr/local/bin/babeltrace2"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// The lines it prints, nil when it fails, crashes or wants more than 10 seconds or 4 GB.
  static func lines(_ directories: String...) throws -> [String]? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments =
      ["-c", "ulimit -c 0 -v 4000000; exec timeout -s KILL 10 \"$0\" \"$@\"", path ?? ""] + directories
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return nil }
    return data.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Reads a trace and writes it again with `sink.ctf.fs`.
  static func rewrite(_ directory: String, to copy: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path ?? "")
    process.arguments = [directory, "--component", "sink.ctf.fs", "--params", "path=\"\(copy)\""]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
