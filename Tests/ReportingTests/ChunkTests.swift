import Foundation
import Reports
import Testing

@testable import Analysis
@testable import CTF
@testable import Reporting

/// Chunks of a rotated session: each stream is cut where it was at about that time.
@Suite("States of chunks")
struct ChunkTests {
  /// A recording cut into chunks, each stream between two packets.
  final class Chunks {
    let directory: URL
    let paths: [String]

    /// - Parameter moments: Each stream goes on in the next chunk with the first packet that begins then or later.
    init(_ name: String, at moments: [Int64]) throws {
      let trace = try StateTests.trace(name)
      let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("exeunt-chunks-\(UUID().uuidString)")
      self.directory = directory
      paths = (0...moments.count).map { directory.appendingPathComponent("\($0)").path }
      let metadata = URL(fileURLWithPath: trace.members[0].directories[0]).appendingPathComponent("metadata")
      for path in paths {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
          at: metadata, to: URL(fileURLWithPath: path).appendingPathComponent("metadata"))
      }
      for record in trace.records {
        let file = record.files[0]
        let data = try Data(contentsOf: URL(fileURLWithPath: file.path))
        let bounds =
          [0]
          + moments.map { moment in
            file.index.entries.first { $0.begin >= moment }?.offset ?? data.count
          } + [data.count]
        for (path, (from, to)) in zip(paths, zip(bounds, bounds.dropFirst())) where from < to {
          let place = URL(fileURLWithPath: path).appendingPathComponent(
            URL(fileURLWithPath: file.path).lastPathComponent)
          try data[from..<to].write(to: place)
        }
      }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }
  }

  @Test(
    "merge to what the recording counts, and wall time closes", arguments: StateTests.names,
    [[0.5], [0.3, 0.6]])
  func chunks(_ name: String, _ places: [Double]) throws {
    let trace = try StateTests.trace(name)
    let (begin, end) = (try #require(trace.beginTimestamp), try #require(trace.endTimestamp))
    let chunks = try Chunks(name, at: places.map { begin + Int64(Double(end - begin) * $0) })
    let whole = ReportBuilder(trace, paths: [name], analysis: TraceAnalysis.read(trace))
    var parts: [SavedRecording] = []
    for path in chunks.paths {
      guard let chunk = try? Trace(opening: [path]) else { continue }
      let saved = try StateTests.sent(SavedRecording(chunk, paths: [path]))
      // A chunk by itself is what it is without a state.
      let builder = ReportBuilder(chunk, paths: [path], analysis: TraceAnalysis.read(chunk))
      StateTests.expectSame(
        try StateTests.reports(ReportBuilder(saved)), try StateTests.reports(builder), path)
      parts.append(saved)
    }
    guard parts.count == places.count + 1 else { return }
    // The later ones first.
    while parts.count > 1 {
      let last = parts.removeLast()
      do throws(StateError) {
        try parts[parts.count - 1].append(last)
      } catch {
        // The packets of these recordings are long: a thread can have moved meanwhile.
        #expect(error.description.contains("by turns"))
        return
      }
    }
    let merged = try ReportBuilder(StateTests.sent(parts[0]))
    let (found, expected) = (merged.summary(), whole.summary())
    #expect(found.trace.events == expected.trace.events)
    #expect(found.trace.eventsByName == expected.trace.eventsByName)
    #expect(found.trace.discardedEvents == expected.trace.discardedEvents)
    #expect(found.trace.lostPackets == expected.trace.lostPackets)
    #expect(found.trace.begin == expected.trace.begin && found.trace.end == expected.trace.end)
    #expect(found.trace.streams.count == expected.trace.streams.count)
    #expect(found.trace.streams.map(\.bytes) == expected.trace.streams.map(\.bytes))
    #expect(found.trace.check?.isWhole == expected.trace.check?.isWhole)
    #expect(found.trace.check?.missing == expected.trace.check?.missing)
    let (ours, theirs) = (try #require(found.summary), try #require(expected.summary))
    #expect(ours.allExits?.count == theirs.allExits?.count)
    #expect(ours.marks == theirs.marks)
    #expect(ours.vcpus.map(\.pairing.exits) == theirs.vcpus.map(\.pairing.exits))
    #expect(ours.loops.map(\.kicks) == theirs.loops.map(\.kicks))
    #expect(ours.interrupts == theirs.interrupts)
    for vcpu in ours.vcpus {
      let sum = vcpu.inKvmRun + vcpu.dispatch + vcpu.lockWait + vcpu.other + vcpu.unknown + vcpu.outside
      #expect(sum == vcpu.span, "\(vcpu.name)")
      let parts = [vcpu.inKvmRun, vcpu.dispatch, vcpu.lockWait, vcpu.other, vcpu.unknown, vcpu.outside]
      #expect(parts.allSatisfy { $0 >= 0 }, "\(vcpu.name): \(parts)")
    }
    for loop in ours.loops {
      let parts = [
        loop.asleep, loop.polling, loop.handling, loop.lockWait, loop.other, loop.unknown, loop.outside,
      ]
      #expect(parts.reduce(0, +) == loop.span && parts.allSatisfy { $0 >= 0 }, "\(loop.name): \(parts)")
    }
  }
}
