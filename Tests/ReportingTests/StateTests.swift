import Foundation
import Reports
import Testing

@testable import Analysis
@testable import CTF
@testable import Reporting

/// What a state says is what the recording says, to the last byte of the report.
@Suite("States that leave their process")
struct StateTests {
  static let names = ReportTests.names + ["overlapping"]

  static func path(_ name: String) -> String { ReportTests.path(name) }

  static func trace(_ name: String) throws -> Trace { try Trace(opening: [Self.path(name)]) }

  /// Through bytes, as between processes.
  static func sent(_ recording: SavedRecording) throws -> SavedRecording {
    try StateFile.read(try StateFile.bytes(of: [recording]))[0]
  }

  static func reports(_ builder: ReportBuilder) throws -> [String] {
    var paths = builder.paths()
    // What needs the files again.
    for index in paths.paths?.paths.indices ?? 0..<0 { paths.paths?.paths[index].slowest = nil }
    return try [
      builder.summary(), builder.exits(by: .address), builder.exits(by: .reason), builder.exits(by: .device),
      builder.check(), paths,
    ].map { try $0.json() }
  }

  static func expectSame(_ found: [String], _ expected: [String], _ comment: String) {
    for (one, other) in zip(found, expected) where one != other {
      let lines = zip(one.split(separator: "\n"), other.split(separator: "\n"))
      let line = lines.first { $0 != $1 }
      Issue.record("\(comment): \(line?.0 ?? "shorter") instead of \(line?.1 ?? "more")")
      return
    }
  }

  @Test("hold all that a report of the recording says", arguments: names)
  func whole(_ name: String) throws {
    let trace = try Self.trace(name)
    let paths = [Self.path(name)]
    let analysis = TraceAnalysis.read(trace)
    let expected = try Self.reports(ReportBuilder(trace, paths: paths, analysis: analysis))
    let kept = try SavedRecording(trace, paths: paths)
    let sent = try Self.sent(kept)
    Self.expectSame(try Self.reports(ReportBuilder(sent)), expected, name)
    let bytes = try StateFile.bytes(of: [sent])
    #expect(try StateFile.bytes(of: [kept]) == bytes)
    #expect(bytes.count < 1 << 20)
  }

  @Test("of parts merge to that of the whole, wherever the cuts are", arguments: names)
  func parts(_ name: String) throws {
    let trace = try Self.trace(name)
    let paths = [Self.path(name)]
    let analysis = TraceAnalysis.read(trace)
    let expected = try Self.reports(ReportBuilder(trace, paths: paths, analysis: analysis))
    let (begin, end) = (try #require(TraceSpan.begin(of: trace)), try #require(TraceSpan.end(of: trace)))
    var random = Generator(state: UInt64(name.count))
    for count in [1, 1, 3, 7] {
      let cuts = Set((0..<count).map { _ in Int64.random(in: begin...end, using: &random) }).sorted()
      let bounds = [Int64.min] + cuts + [Int64.max]
      var parts = try zip(bounds, bounds.dropFirst()).map { from, to in
        let part = from..<to
        return try Self.sent(
          SavedRecording(trace, paths: paths, part: part, workers: 2))
      }
      // Neighbours in any order.
      while parts.count > 1 {
        let place = Int.random(in: 0..<parts.count - 1, using: &random)
        try parts[place].append(parts.remove(at: place + 1))
        parts[place] = try Self.sent(parts[place])
      }
      #expect(parts[0].isWhole)
      Self.expectSame(
        try Self.reports(ReportBuilder(parts[0])), expected, "\(name), cuts \(cuts.map { $0 - begin })")
    }
  }
}

/// Files that are no states, cut or damaged.
@Suite("Hostile states")
struct HostileStateTests {
  private static func state(_ name: String) throws -> [UInt8] {
    let trace = try StateTests.trace(name)
    return try StateFile.bytes(of: [
      SavedRecording(trace, paths: [name], workers: 1)
    ])
  }

  @Test("that are cut, anywhere, are refused")
  func cut() throws {
    let bytes = try Self.state("lossy")
    for length in Array(0..<64) + Array(stride(from: 64, to: bytes.count, by: 31)) {
      #expect(throws: StateError.self, "\(length) bytes") {
        try StateFile.read(Array(bytes.prefix(length)))
      }
    }
    // Where the header fits what is left, too.
    for length in stride(from: 0, to: bytes.count - StateFile.headerSize, by: 7) {
      let body = Array(bytes[StateFile.headerSize...].prefix(length))
      #expect(throws: StateError.self, "\(length) bytes of the body") { try StateFile.read(body: body) }
    }
    #expect(throws: StateError.self) { try StateFile.read(bytes + [0]) }
    #expect(throws: StateError.self) { try StateFile.read(body: bytes[StateFile.headerSize...] + [0]) }
  }

  @Test("with one bit changed are refused by their checksum, those of another version by that")
  func flipped() throws {
    let bytes = try Self.state("lossy")
    for place in stride(from: 0, to: bytes.count * 8, by: 37) {
      var changed = bytes
      changed[place / 8] ^= 1 << UInt8(place % 8)
      #expect(throws: StateError.self, "bit \(place)") { try StateFile.read(changed) }
    }
    var newer = bytes
    newer[StateFile.signature.count] = StateFile.version + 1
    let error = #expect(throws: StateError.self) { try StateFile.read(newer) }
    #expect(error?.description.contains("newer") == true)
  }

  @Test(
    "whose checksum is right are refused, or reported like any other", arguments: ["lossy", "overlapping"])
  func forged(_ name: String) throws {
    let body = Array(try Self.state(name)[StateFile.headerSize...])
    var random = Generator(state: 7)
    var accepted = 0
    for _ in 0..<400 {
      var forged = body
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<forged.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: forged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: forged[place] = UInt8.random(in: 0...255, using: &random)
        case 2: forged.insert(0xff, at: place)
        default: forged.remove(at: place)
        }
      }
      guard let recordings = try? StateFile.read(body: forged) else { continue }
      accepted += 1
      let bytes = try? StateFile.bytes(of: recordings)
      if let bytes { #expect(try StateFile.bytes(of: StateFile.read(bytes)) == bytes) }
      guard let reporter = try? Reporter(recordings) else { continue }
      for report in [reporter.summary(), reporter.exits(by: .address), reporter.paths(), reporter.check()] {
        #expect(!TextRenderer.render(report).isEmpty)
        _ = try report.json()
      }
      var twice = recordings[0]
      try? twice.append(recordings[0])
    }
    // Most changes are of a number that can be anything.
    #expect(accepted > 30)
  }
}

/// Several machines' recordings in one state.
@Suite("States of several machines")
struct MachinesTests {
  @Test("recorded days apart have their own times: nothing in the text is of the time between them")
  func timesOfEach() throws {
    var recordings: [SavedRecording] = []
    for (name, label) in [("mixed", "web1"), ("whole", "web2")] {
      var recording = try SavedRecording(StateTests.trace(name), paths: [StateTests.path(name)])
      recording.label = label
      recordings.append(recording)
    }
    let report = try Reporter(recordings).summary()
    let (begin, end) = (try #require(report.trace.begin), try #require(report.trace.end))
    let text = TextRenderer.render(report, style: TextStyle(width: 300))
    #expect(text.contains("recorded of each, between \(Text.date(begin)) and \(Text.date(end))"))
    #expect(text.contains("of each machine's recorded time; outside:"))
    let apart = Text.duration(end - begin).replacing(Text.space, with: " ")
    #expect(!text.contains(Text.fixed(Double(end - begin) / 1e9, 3) + " s") && !text.contains(apart))
    #expect(!text.contains("of the time analysed") && !text.contains(" % apart"))
  }

  private static func reporter(_ names: [String]) throws -> Reporter {
    let recordings = try names.map { name in
      let trace = try StateTests.trace(name)
      var saved = try SavedRecording(trace, paths: [name])
      saved.label = name
      return saved
    }
    return try Reporter(StateFile.read(try StateFile.bytes(of: recordings)))
  }

  private static let names = ["doorbell-ioeventfd", "doorbell-exits", "mixed", "overlapping"]

  @Test("have the rows of each, as its own report has them, and tell them apart")
  func rows() throws {
    let reporter = try Self.reporter(Self.names)
    let fleet = try #require(reporter.summary().summary)
    for name in Self.names {
      let own = try #require(try Self.reporter([name]).summary().summary)
      let vcpus = fleet.vcpus.filter { $0.machine == name }
      #expect(vcpus.map(\.name) == own.vcpus.map { "\(name)/\($0.name)" })
      #expect(vcpus.map(\.inKvmRun) == own.vcpus.map(\.inKvmRun))
      let loops = fleet.loops.filter { $0.machine == name }
      #expect(loops.map(\.name) == own.loops.map { "\(name)/\($0.name)" })
      #expect(loops.map(\.handling) == own.loops.map(\.handling))
      var exits = fleet.exits.filter { $0.machine == name }
      for index in exits.indices {
        exits[index].machine = nil
        exits[index].device = exits[index].device.map { String($0.dropFirst(name.count + 1)) }
      }
      #expect(exits == own.exits)
      #expect(fleet.paths.filter { $0.machine == name }.map(\.stages).count == own.paths.count)
      #expect(fleet.requests.filter { $0.machine == name }.map(\.duration) == own.requests.map(\.duration))
      #expect(fleet.kvm.filter { $0.machine == name }.map(\.counters) == own.kvm.map(\.counters))
    }
    #expect(Set(fleet.vcpus.map(\.name)).count == fleet.vcpus.count)
    #expect(Set(fleet.loops.map(\.name)).count == fleet.loops.count)
    #expect(Set(fleet.exits.map { ExitText.label($0) }).count == fleet.exits.count)
  }

  @Test("have sums that are right")
  func sums() throws {
    let own = try Self.names.map { try Self.reporter([$0]).summary() }
    let fleet = try Self.reporter(Self.names).summary()
    #expect(fleet.trace.events == own.reduce(0) { $0 + $1.trace.events })
    #expect(fleet.machines?.map(\.name) == Self.names)
    #expect(fleet.machines?.compactMap(\.machine) == own.compactMap(\.machine))
    let all = try #require(fleet.summary?.allExits)
    let parts = own.compactMap(\.summary?.allExits)
    #expect(all.count == parts.reduce(0) { $0 + $1.count })
    #expect(all.handling.total == parts.reduce(0) { $0 + $1.handling.total })
    #expect(all.handling.maximum == parts.map(\.handling.maximum).max())
    #expect(all.handling.minimum == parts.map(\.handling.minimum).min())
    #expect(all.handling.p50 >= parts.map(\.handling.p50).min() ?? 0)
    #expect(all.handling.p50 <= parts.map(\.handling.p50).max() ?? 0)
    #expect(all.handling.maximumExemplar != nil && all.handling.p999Exemplar != nil)
    #expect(all.cost?.likely == parts.reduce(0) { $0 + ($1.cost?.likely ?? 0) })
    #expect(fleet.summary?.exits.reduce(0) { $0 + $1.count } == all.count)
    let check = try #require(try Self.reporter(Self.names).check().check)
    #expect(check.recorded == fleet.trace.events)
    #expect(!check.isWhole)
  }

  @Test("twice the same recording is twice of everything, and the same percentiles")
  func twice() throws {
    let trace = try StateTests.trace("whole")
    var saved = try SavedRecording(trace, paths: ["whole"])
    let own = try Reporter([saved]).summary()
    saved.label = "a"
    var twin = saved
    twin.label = "b"
    let both = try Reporter([saved, twin]).summary()
    let (one, two) = (try #require(own.summary?.allExits), try #require(both.summary?.allExits))
    #expect(two.count == 2 * one.count && two.handling.total == 2 * one.handling.total)
    #expect(two.handling.p50 == one.handling.p50 && two.handling.p99 == one.handling.p99)
    #expect(two.cost?.average == one.cost?.average)
    #expect(both.trace.check?.isWhole == own.trace.check?.isWhole)
    #expect(both.trace.check?.emitted == own.trace.check?.emitted.map { 2 * $0 })
  }

  @Test("are filtered by names with the machine's, and held against limits one by one")
  func filters() throws {
    let reporter = try Self.reporter(["doorbell-ioeventfd", "doorbell-exits"])
    let device = "doorbell-exits/doorbell0"
    #expect(reporter.exitDeviceNames.contains(device))
    let groups = try #require(reporter.exits(by: .device, devices: [device]).exits?.groups)
    #expect(
      !groups.isEmpty
        && groups.allSatisfy { $0.exits.device == device && $0.label.hasPrefix("doorbell-exits: ") })
    let paths = try #require(reporter.paths(devices: [device]).paths?.paths)
    #expect(!paths.isEmpty && paths.allSatisfy { $0.device == device })
    let limit = LatencyThreshold(reason: nil, device: nil, isAll: true, statistic: "p50", limit: 1)
    let found = reporter.check(limit, reporter.summary())
    #expect(found.over.map(\.exits) == ["doorbell-ioeventfd: all exits", "doorbell-exits: all exits"])
  }

  @Test("fit a page in text")
  func text() throws {
    let reporter = try Self.reporter(Self.names)
    for report in [reporter.summary(), reporter.exits(by: .address), reporter.paths(), reporter.check()] {
      let text = TextRenderer.render(report)
      for name in Self.names { #expect(text.contains(name), "\(report.command)") }
      for line in text.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    }
  }
}
