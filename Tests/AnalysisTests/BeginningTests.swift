import Foundation
import Testing

@testable import Analysis
@testable import CTF

/// Recordings that begin in the middle: a snapshot, a chunk of a rotated session, overwritten files.
@Suite("Recordings without their beginning")
struct BeginningTests {
  /// A trace whose file on the CPU with most data lost its first packets, as `--tracefile-count` makes it.
  private static func truncated(_ body: (Trace, Trace) throws -> Void) throws {
    let manager = FileManager.default
    let whole = RecordedTraceTests.path("lossy")
    let copy = manager.temporaryDirectory.appendingPathComponent("exeunt-\(UUID().uuidString)").path
    try manager.copyItem(atPath: whole, toPath: copy)
    defer { try? manager.removeItem(atPath: copy) }
    let trace = try Trace(opening: [copy])
    let stream = try #require(
      trace.streams.indices.max { trace.streams[$0].packetCount < trace.streams[$1].packetCount })
    let place = try #require(trace.location(stream: stream, packet: trace.streams[stream].packetCount / 2))
    let data = try Data(contentsOf: URL(fileURLWithPath: place.file))
    try data.dropFirst(place.byteOffset).write(to: URL(fileURLWithPath: place.file))
    try body(Trace(opening: [whole]), Trace(opening: [copy]))
  }

  @Test("claim nothing until all streams have begun")
  func claims() throws {
    try Self.truncated { whole, cut in
      try #require(cut.streams.contains { $0.earlierPackets > 0 })
      #expect(whole.completeFrom == .min)
      #expect(cut.streams.contains { $0.earlierPackets > 0 && $0.begin == cut.completeFrom })
      let complete = TraceAnalysis.read(whole, workers: 1).models.result()
      let result = TraceAnalysis.read(cut, workers: 1).models.result()
      #expect(TraceAnalysis.read(cut, workers: 1).models.gapEnd >= cut.completeFrom)
      for workers in [2, 5] {
        #expect(Findings(TraceAnalysis.read(cut, workers: workers).models).result == result)
      }
      for vcpu in result.vcpus {
        let truth = try #require(complete.vcpus.first { $0.times.id == vcpu.times.id })
        #expect(vcpu.times.unexplained == 0)
        for category in 0..<TimeCategory.count where category != TimeCategory.unknown {
          #expect(vcpu.times.times[category] <= truth.times.times[category])
        }
      }
      #expect(result.loops.allSatisfy { $0.times.unexplained == 0 })
    }
  }
}
