import Foundation
import Reports
import Testing

@testable import Analysis
@testable import CTF
@testable import Reporting

/// Recordings that are analysed while they are written.
@Suite("Growing recordings")
struct GrowthTests {
  /// Files that are copied piece by piece, as a tracer writes them.
  private struct Growth {
    let directory: URL
    private var files: [(from: Data, to: FileHandle, written: Int)] = []

    init(_ name: String) throws {
      let source = URL(fileURLWithPath: ReportTests.path(name))
      directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let names = FileManager.default.enumerator(atPath: source.path)?.compactMap { $0 as? String } ?? []
      for name in names.sorted() {
        let (from, to) = (source.appendingPathComponent(name), directory.appendingPathComponent(name))
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: from.path, isDirectory: &isDirectory)
        if isDirectory.boolValue {
          try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
        } else if name.hasSuffix("metadata") {
          try FileManager.default.createDirectory(
            at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
          try FileManager.default.copyItem(at: from, to: to)
        } else {
          try Data().write(to: to)
          files.append((try Data(contentsOf: from), try FileHandle(forWritingTo: to), 0))
        }
      }
    }

    /// Writes some more of each file, not always whole packets.
    mutating func grow(_ step: Int, _ random: inout Generator) throws {
      for place in files.indices {
        let left = files[place].from.count - files[place].written
        let count = min(left, Int.random(in: 0...step, using: &random))
        let begin = files[place].written
        try files[place].to.write(contentsOf: files[place].from[begin..<begin + count])
        files[place].written += count
      }
    }

    var isComplete: Bool { files.allSatisfy { $0.written == $0.from.count } }
  }

  @Test(
    "give the same report as afterwards, however they grow", arguments: ReportTests.names + ["overlapping"])
  func same(_ name: String) throws {
    var random = Generator(state: UInt64(name.count))
    for step in [3_000, 20_000, 100_000] {
      var growth = try Growth(name)
      defer { try? FileManager.default.removeItem(at: growth.directory) }
      let paths = [growth.directory.path]
      var recording = GrowingRecording(paths, workers: 1 + step % 3)
      var looks = 0
      while !growth.isComplete {
        try growth.grow(step, &random)
        let before = recording.events
        if recording.advance() {
          let after = recording.events
          #expect(after >= before)
        }
        looks += 1
      }
      let (saved, files) = try recording.finish()
      let grown = try ReportBuilder(saved, trace: files)
      let trace = try Trace(opening: paths)
      let analysis = TraceAnalysis.read(trace, workers: 1)
      let whole = ReportBuilder(trace, paths: paths, analysis: analysis)
      #expect(try grown.summary().json() == whole.summary().json(), "\(name), step \(step)")
      #expect(try grown.paths().json() == whole.paths().json(), "\(name), step \(step)")
      #expect(looks > 1)
      // Packets of 4 KiB, of both CPUs, and no stamps of the guest: read once, whatever was lost on the way.
      if name == "lossy" {
        #expect(recording.parts > 3 && !recording.isReadTwice, "\(recording.parts) parts")
      }
    }
  }

  @Test("that do not begin, or are none, say so at their end")
  func nothing() throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    var recording = GrowingRecording([directory.path])
    let isNew = recording.advance()
    #expect(!isNew)
    #expect(!recording.hasEnded)
    #expect(throws: GrowingError.self) { try recording.finish() }
  }
}
