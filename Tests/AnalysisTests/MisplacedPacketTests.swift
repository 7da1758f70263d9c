import Foundation
import Testing

@testable import Analysis
@testable import CTF

/// Packets that say wrong times of themselves must not make the findings depend on the number of threads.
@Suite("Packets with wrong times")
struct MisplacedPacketTests {
  /// Where LTTng's packets have their first and last time, in bytes.
  private static let timestamps = 4 + 16 + 4 + 8

  @Test(
    "any number of threads finds the same, and wall time closes",
    arguments: [
      (0, 0x6200 << 48, 0x6201 << 48), (0, 1, 2), (1, 0x6200 << 48, 0x6201 << 48), (1, 1, 2), (2, 0, 0),
    ] as [(Int, UInt64, UInt64)])
  func threads(_ packet: Int, _ begin: UInt64, _ end: UInt64) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "times-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try FileManager.default.copyItem(atPath: RecordedTraceTests.path("mixed"), toPath: directory.path)
    let original = try RecordedTraceTests.trace("mixed")
    for number in original.streams.indices {
      guard let location = original.location(stream: number, packet: packet) else { continue }
      let name = try #require(
        location.file.range(of: "mixed/").map { String(location.file[$0.upperBound...]) })
      let file = directory.appendingPathComponent(name)
      var bytes = try Data(contentsOf: file)
      for (index, value) in [begin, end].enumerated() {
        let place = location.byteOffset + Self.timestamps + 8 * index
        for byte in 0..<8 { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
      }
      try bytes.write(to: file)
      break
    }
    let trace = try Trace(opening: [directory.path])
    let one = TraceAnalysis.read(trace, workers: 1)
    let result = one.models.result()
    for times in result.vcpus.map(\.times) + result.loops.map(\.times) {
      #expect(times.times.allSatisfy { $0 >= 0 })
      #expect(times.times.reduce(0, +) == times.last - times.first)
    }
    for workers in [2, 5] {
      let several = TraceAnalysis.read(trace, workers: workers)
      #expect(Findings(several.models) == Findings(one.models), "\(workers) threads")
      #expect(several.deliveredEvents == one.deliveredEvents)
    }
  }
}
