import Foundation
import Reports
import Testing

@testable import Analysis
@testable import CTF
@testable import Reporting

/// Whatever is cut off, overwritten or taken away: what is left claims no more than all of it does.
@Suite("What is left of a damaged trace")
struct DamagePropertyTests {
  enum Damage: CaseIterable {
    case cutFile, cutPacket, overwritten, header, takenPacket, takenFile
  }

  /// All that a trace says of threads' states, in many small pieces of time.
  private static func timeline(_ trace: Trace, _ window: Range<Int64>, doubtFrom: Int64?) -> Timeline {
    let begin = TraceSpan.begin(of: trace) ?? window.lowerBound
    return Timeline.read(
      trace, window: window, traceBegin: begin, threads: 4, cells: 500, doubtFrom: doubtFrom)
  }

  /// A copy of a recorded trace without its directories of indexes, and its data files.
  private static func copy(_ name: String) throws -> (directory: URL, files: [URL]) {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("cut-\(UUID().uuidString)")
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/\(name)/ust/uid/0/64-bit")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    var files: [URL] = []
    for file in try FileManager.default.contentsOfDirectory(atPath: source.path).sorted() {
      let copy = directory.appendingPathComponent(file)
      try Data(contentsOf: source.appendingPathComponent(file)).write(to: copy)
      if file != "metadata" { files.append(copy) }
    }
    return (directory, files)
  }

  /// Damages the copy; what was done, in words.
  private static func damage(
    _ kind: Damage, _ trace: Trace, _ files: [URL], _ random: inout Generator
  ) throws -> String {
    let stream = Int.random(in: trace.streams.indices, using: &random)
    let path = try #require(trace.streams[stream].files.first)
    let file = try #require(files.first { path.hasSuffix($0.lastPathComponent) })
    var data = try Data(contentsOf: file)
    let packets = (0..<trace.streams[stream].packetCount).compactMap {
      trace.location(stream: stream, packet: $0)?.byteOffset
    }
    let packet = Int.random(in: packets.indices, using: &random)
    let range = packets[packet]..<(packet + 1 < packets.count ? packets[packet + 1] : data.count)
    var place = packets[packet]
    switch kind {
    case .cutFile:
      place = Int.random(in: 0..<data.count, using: &random)
      data.removeSubrange(place...)
    case .cutPacket: data.removeSubrange(place...)
    case .overwritten:
      place = Int.random(in: 0..<data.count, using: &random)
      let end = min(data.count, place + Int.random(in: 64...4096, using: &random))
      data.replaceSubrange(place..<end, with: Data(repeating: 0xff, count: end - place))
    case .header: data[place + Int.random(in: 0..<24, using: &random)] ^= 0x55
    case .takenPacket: data.removeSubrange(range)
    case .takenFile:
      try FileManager.default.removeItem(at: file)
      return "\(file.lastPathComponent) taken"
    }
    try data.write(to: file)
    return "\(file.lastPathComponent), byte \(place), packet \(packet)"
  }

  private static func times(_ cell: TimelineCell) -> [Int64] {
    [cell.inKvmRun, cell.other, cell.lock, cell.asleep, cell.polling, cell.handling]
  }

  @Test(
    "claims no state, no time and no completeness that the whole does not have", arguments: Damage.allCases,
    ReportTests.names)
  func claims(_ kind: Damage, _ name: String) throws {
    let (source, _) = try Self.copy(name)
    defer { try? FileManager.default.removeItem(at: source) }
    let whole = try Trace(opening: [source.path])
    let all = TraceAnalysis.read(whole, workers: 1)
    let truth = ReportBuilder(whole, paths: [], analysis: all).summary()
    let begin = try #require(truth.trace.begin)
    let window = begin..<(try #require(truth.trace.end)) + 1
    let picture = Self.timeline(whole, window, doubtFrom: nil)
    for seed in 0..<8 as Range<UInt64> {
      var random = Generator(state: seed &* 977 &+ UInt64(name.count))
      let (directory, files) = try Self.copy(name)
      defer { try? FileManager.default.removeItem(at: directory) }
      let what = try Self.damage(kind, whole, files, &random)
      let comment = Comment(rawValue: "\(name), seed \(seed): \(what)")
      // Nothing may be left to read.
      guard let trace = try? Trace(opening: [directory.path]) else { continue }
      let analysis = TraceAnalysis.read(trace, workers: 1 + Int(seed % 3))
      let report = ReportBuilder(trace, paths: [], analysis: analysis).summary()
      let check = try #require(report.trace.check)
      #expect(report.trace.events <= truth.trace.events, comment)
      let isLess = report.trace.events < truth.trace.events
      if isLess {
        #expect(!check.isWhole, comment)
        #expect(!TextRenderer.render(report).contains("none lost"), comment)
      }
      if let missing = check.missing {
        #expect(report.trace.events + missing + (check.unaccounted ?? 0) >= truth.trace.events, comment)
      }
      // A file that ends with a packet, or that is gone, shows in the totals only; and where these are gone as well, one that is
      // gone does not show at all.
      let isNoticed =
        !report.trace.diagnostics.isEmpty || check.missing ?? 0 > 0 || check.lostPackets > 0
        || trace.streams.contains { $0.earlierPackets > 0 }
        || (check.missing == nil && check.end == "present")
        || (check.end == "missing" && kind != .takenFile)
      #expect(isNoticed || !isLess || check.end != "present", comment)
      guard isNoticed else { continue }
      for vcpu in report.summary?.vcpus ?? [] {
        guard let known = truth.summary?.vcpus.first(where: { $0.id == vcpu.id }) else {
          // An event that is overwritten in its middle can name any vCPU.
          #expect(vcpu.inKvmRun + vcpu.dispatch + vcpu.lockWait + vcpu.other == 0, comment)
          continue
        }
        #expect(vcpu.inKvmRun <= known.inKvmRun, comment)
        #expect(vcpu.dispatch <= known.dispatch && vcpu.lockWait <= known.lockWait, comment)
        #expect(vcpu.other <= known.other, comment)
        // What is overwritten can be an event at any time of its packet, so that the trace seems longer.
        #expect(vcpu.outside <= known.outside || kind == .overwritten, comment)
      }
      for loop in report.summary?.loops ?? [] {
        guard let known = truth.summary?.loops.first(where: { $0.id == loop.id }) else {
          #expect(loop.asleep + loop.polling + loop.handling + loop.other == 0, comment)
          continue
        }
        #expect(loop.asleep <= known.asleep && loop.polling <= known.polling, comment)
        #expect(loop.handling <= known.handling && loop.other <= known.other, comment)
        #expect(loop.outside <= known.outside || kind == .overwritten, comment)
        // Numbers tell how often it woke up between what is left of it.
        if let missing = loop.missingWakeups, kind != .overwritten {
          #expect(loop.wakeups + missing <= known.wakeups, comment)
        }
      }
      // As the command does: beyond the last event nothing is known.
      let end = report.trace.end.map { $0 + 1 } ?? .min
      let left = Self.timeline(trace, window, doubtFrom: min(analysis.doubtFrom ?? .max, end))
      for lane in left.lanes {
        let known = picture.lanes.first { $0.isVcpu == lane.isVcpu && $0.id == lane.id }
        let cells = known?.cells ?? [TimelineCell](repeating: TimelineCell(), count: lane.cells.count)
        for (cell, other) in zip(lane.cells, cells) {
          for (one, two) in zip(Self.times(cell), Self.times(other)) { #expect(one <= two, comment) }
        }
      }
    }
  }
}
