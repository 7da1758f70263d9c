import CTF
import Foundation
import Testing

/// Damaged traces: never a crash, never a hang, and what comes before the damage is delivered.
@Suite struct DamageTests {
  private let random = RandomTrace(seed: 11)

  private func outcome(_ metadata: [UInt8], _ stream: [UInt8]) throws -> (lines: Int, problems: Int) {
    let trace = try TemporaryTrace(metadata: metadata, files: ["stream": stream])
    do {
      let (lines, diagnostics) = try trace.dump()
      var selection = FieldSelection()
      selection.select(event: "e0", tag: 0, fields: ["f1", "f2", "f3"])
      selection.countOthers()
      let opened = try Trace(opening: [trace.path])
      var rows = MergedRows(opened, selection: selection)
      var count = 0
      while let run = rows.nextRun() {
        for index in 0..<run.count where Row.tag(run.base + index * run.stride) != Row.gapTag { count += 1 }
      }
      // Rows of a packet that turns out to be damaged are taken back where they cannot be its events; what was printed is not.
      let counted = count + Int(rows.otherEvents.reduce(0, +))
      #expect(diagnostics.isEmpty ? counted == lines.count : counted <= lines.count)
      #expect(opened.decodeAll(threads: 2).events == UInt64(lines.count))
      return (lines.count, diagnostics.count)
    } catch is TraceError {
      return (0, 1)
    }
  }

  @Test func everyTruncationIsNoticed() throws {
    let whole = random.lines.count
    var last = 0
    for length in 0..<random.stream.count {
      let (lines, problems) = try outcome(Array(random.metadata.utf8), Array(random.stream.prefix(length)))
      #expect(lines <= whole && lines >= last)
      last = max(last, lines)
      // The end of a packet is padding that nobody misses, unless its size says so.
      if lines < whole, length > 0, problems == 0 {
        #expect(length % 8 == 0)
      }
    }
    #expect(try outcome(Array(random.metadata.utf8), random.stream) == (whole, 0))
  }

  @Test func flippedBitsOfPacketsAreSurvived() throws {
    var generator = Random(seed: 1)
    for seed in 0..<12 {
      let trace = RandomTrace(seed: UInt64(seed))
      guard !trace.stream.isEmpty else { continue }
      for _ in 0..<40 {
        var bytes = trace.stream
        for _ in 0..<1 + generator.below(4) {
          bytes[generator.below(bytes.count)] ^= 1 << UInt8(generator.below(8))
        }
        _ = try outcome(Array(trace.metadata.utf8), bytes)
      }
    }
  }

  @Test func flippedBitsOfMetadataAreSurvived() throws {
    var generator = Random(seed: 2)
    for _ in 0..<400 {
      var bytes = Array(random.metadata.utf8)
      for _ in 0..<1 + generator.below(3) {
        bytes[generator.below(bytes.count)] ^= 1 << UInt8(generator.below(7))
      }
      _ = try outcome(bytes, random.stream)
    }
  }

  @Test func cutMetadataIsSurvived() throws {
    let bytes = Array(random.metadata.utf8)
    for length in stride(from: 0, to: bytes.count, by: 7) {
      _ = try outcome(Array(bytes.prefix(length)), random.stream)
    }
  }

  @Test func recordedTraceWithFlippedBitsIsSurvived() throws {
    let source = fixture("kinds/ust/uid/0/64-bit")
    func bytes(_ name: String) throws -> [UInt8] {
      Array(try Data(contentsOf: URL(fileURLWithPath: "\(source)/\(name)")))
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: source)
    let metadata = try bytes("metadata")
    let streams = try Dictionary(
      uniqueKeysWithValues: files.filter { $0 != "metadata" }.map { ($0, try bytes($0)) })
    var generator = Random(seed: 3)
    for round in 0..<150 {
      var damagedMetadata = metadata
      var damaged = streams
      for _ in 0..<1 + generator.below(6) {
        if round % 3 == 0 {
          damagedMetadata[generator.below(metadata.count)] ^= 1 << UInt8(generator.below(8))
        } else if let name = streams.keys.sorted().first, var content = damaged[name], !content.isEmpty {
          content[generator.below(content.count)] ^= 1 << UInt8(generator.below(8))
          damaged[name] = content
        }
      }
      let trace = try TemporaryTrace(metadata: damagedMetadata, files: damaged)
      _ = try? trace.dump()
    }
  }

  @Test func errorsNameTheirPlace() throws {
    var bytes = random.stream
    bytes[0] ^= 0xff
    let trace = try TemporaryTrace(metadata: random.metadata, stream: bytes)
    #expect(throws: TraceError.self) { try trace.dump() }
    do {
      _ = try Trace(opening: [trace.path])
    } catch {
      #expect(error.file.hasSuffix("/stream"))
      #expect(error.packet == 0)
      #expect(error.bitOffset == 0)
      #expect(error.description.contains("magic number"))
      #expect(!error.description.contains("\n"))
    }
  }

  @Test func oneUnreadableFileDoesNotSpoilTheOthers() throws {
    let trace = try TemporaryTrace(
      metadata: Array(random.metadata.utf8),
      files: ["a": random.stream, "b": [1, 2, 3], "c": [], "d": [UInt8](repeating: 0xff, count: 5000)])
    let (lines, diagnostics) = try trace.dump()
    #expect(lines.count == random.lines.count)
    #expect(diagnostics.count == 2)
  }

  @Test func directoriesThatAreNoTraces() throws {
    #expect(throws: TraceError.self) { try Trace(opening: ["/nowhere"]) }
    #expect(throws: TraceError.self) { try Trace(opening: ["/etc/passwd"]) }
    let empty = FileManager.default.temporaryDirectory.appendingPathComponent("ctf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: empty) }
    #expect(throws: TraceError.self) { try Trace(opening: [empty.path]) }
  }
}
