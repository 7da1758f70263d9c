import Analysis
import CTF
import Reports
import Testing

@testable import Reporting

/// Reports of a part of a recording (`--from`, `--to`).
@Suite("Windows")
struct WindowTests {
  private static func builder(
    _ trace: Trace, _ part: Range<Int64>, of whole: ClosedRange<Int64>, separatesVcpus: Bool = false
  ) throws -> ReportBuilder {
    let window = try #require(TraceWindow(part, of: whole))
    var configuration = Configuration()
    configuration.separatesVcpus = separatesVcpus
    let analysis = TraceAnalysis.read(trace, configuration: configuration, window: part, workers: 1)
    return ReportBuilder(trace, paths: [], analysis: analysis, window: window)
  }

  private static func report(
    _ trace: Trace, _ part: Range<Int64>, of whole: ClosedRange<Int64>, workers: Int
  ) throws -> Report {
    let window = try #require(TraceWindow(part, of: whole))
    let analysis = TraceAnalysis.read(trace, window: part, workers: workers)
    return ReportBuilder(trace, paths: [], analysis: analysis, window: window).summary()
  }

  private static func times(_ vcpu: VcpuReport) -> [Int64] {
    [vcpu.inKvmRun, vcpu.dispatch, vcpu.lockWait, vcpu.other, vcpu.unknown, vcpu.outside]
  }

  private static func times(_ loop: LoopReport) -> [Int64] {
    [
      loop.asleep, loop.polling, loop.handling, loop.lockWait, loop.other, loop.unknown, loop.outside,
    ]
  }

  @Test("that follow each other add up to the whole", arguments: ReportTests.names)
  func partition(_ name: String) throws {
    let (trace, builder) = try ReportTests.builder(name)
    let whole = builder.summary()
    let summary = try #require(whole.summary)
    let recording = try #require(builder.span)
    for pieces in [2, 7, 40] as [Int64] {
      let step = whole.trace.duration / pieces
      let cuts = (1..<pieces).map { recording.lowerBound + $0 * step + $0 * $0 }
      let bounds = [Int64.min] + cuts + [Int64.max]
      let parts = try zip(bounds, bounds.dropFirst()).map {
        try Self.report(trace, $0..<$1, of: recording, workers: pieces == 7 ? 2 : 1)
      }
      #expect(parts.reduce(0) { $0 + $1.trace.events } == whole.trace.events)
      #expect(parts.reduce(0) { $0 + $1.trace.duration } == whole.trace.duration)
      for part in parts {
        // What began before the window is no price of what is in it.
        let cost = part.summary?.allExits?.cost?.atMost ?? 0
        #expect(cost <= Int64(summary.vcpus.count) * part.trace.duration)
      }
      // A thread that is described is listed, whether or not it did anything.
      #expect(parts.last?.summary?.vcpus.map(\.id) == summary.vcpus.map(\.id))
      #expect(parts.last?.summary?.loops.map(\.id) == summary.loops.map(\.id))
      for vcpu in summary.vcpus {
        var sum = [Int64](repeating: 0, count: 6)
        for part in parts {
          let found = part.summary?.vcpus.first { $0.id == vcpu.id }
          // Before its first event a vCPU is not listed.
          let times = found.map(Self.times) ?? [0, 0, 0, 0, 0, part.trace.duration]
          #expect(times.reduce(0, +) == part.trace.duration)
          sum = zip(sum, times).map(+)
          #expect(found?.pairing.unexplained ?? 0 == 0)
        }
        // Where events are lost, a cut can prove more than the whole, never less.
        if name != "lossy" { #expect(sum == Self.times(vcpu), "\(vcpu.name) in \(pieces) windows") }
        #expect(sum[4] <= vcpu.unknown)
      }
      for loop in summary.loops where name != "lossy" {
        let found = parts.compactMap { $0.summary?.loops.first { $0.id == loop.id } }
        #expect(found.allSatisfy { Self.times($0).reduce(0, +) == $0.span })
        #expect(found.reduce(0) { $0 + $1.asleep } == loop.asleep)
        #expect(found.reduce(0) { $0 + $1.handling } == loop.handling)
        #expect(found.reduce(0) { $0 + $1.wakeups } == loop.wakeups)
        #expect(found.allSatisfy { $0.brokenHandlers == 0 && $0.unmatchedRequests == 0 })
      }
      // Phases: those of the parts, joined where one goes on in the next, are those of the whole.
      var joined: [PhaseReport] = []
      for phase in parts.flatMap({ $0.summary?.phases ?? [] }) {
        guard let since = phase.since else {
          if phase.duration > 0 || phase.value != nil { joined.append(phase) }
          continue
        }
        let last = try #require(joined.last)
        #expect(since == last.begin && phase.value == last.value && phase.vcpu == last.vcpu)
        joined[joined.count - 1].duration += phase.duration
        joined[joined.count - 1].exits += phase.exits
        joined[joined.count - 1].kicks += phase.kicks
      }
      let marked = joined.filter { $0.value != nil }
      #expect(marked.map(\.duration) == summary.phases.filter { $0.value != nil }.map(\.duration))
      #expect(marked.map(\.exits) == summary.phases.filter { $0.value != nil }.map(\.exits))
      #expect(marked.map(\.kicks) == summary.phases.filter { $0.value != nil }.map(\.kicks))
      #expect(parts.reduce(0) { $0 + ($1.trace.window?.gaps ?? 0) } == builder.result.gaps)
      #expect(parts.allSatisfy { $0.trace.discardedEvents == whole.trace.discardedEvents })
      for part in parts {
        for exit in part.summary?.exits ?? [] {
          #expect(exit.handling.count <= exit.count)
          #expect(exit.inKvmRun.count <= exit.count)
        }
        for request in part.summary?.requests ?? [] { #expect(request.duration.count <= request.count) }
      }
    }
  }

  @Test("of exits that follow each other add up to the whole", arguments: ReportTests.names)
  func exits(_ name: String) throws {
    let (trace, builder) = try ReportTests.builder(name)
    let recording = try #require(builder.span)
    for pieces in [2, 9] as [Int64] {
      let cuts = (1..<pieces).map { recording.lowerBound + $0 * builder.duration / pieces + $0 }
      let parts = try zip([Int64.min] + cuts, cuts + [Int64.max]).map {
        try Self.builder(trace, $0..<$1, of: recording)
      }
      for grouping in [ExitGrouping.reason, .device, .address] {
        // Labels name an address where there is one only, and how many there are otherwise.
        func key(_ group: ExitHistogramReport) -> [String?] {
          let exits = group.exits
          return [
            exits.reason, exits.direction, exits.device, grouping == .address ? "\(exits.address ?? 0)" : nil,
          ]
        }
        let whole = try #require(builder.exits(by: grouping).exits).groups
        let pieces = parts.flatMap { $0.exits(by: grouping).exits?.groups ?? [] }
        #expect(Set(pieces.map(key)) == Set(whole.map(key)))
        for group in whole {
          let same = pieces.filter { key($0) == key(group) }
          #expect(same.reduce(0) { $0 + $1.exits.count } == group.exits.count, "\(group.label)")
          // An exit whose next entry is in the next window has no latency in either.
          let proven = same.reduce(0) { $0 + $1.exits.handling.count }
          #expect(proven <= group.exits.handling.count)
          #expect(proven + UInt64(parts.count) * 4 >= group.exits.handling.count)
          for part in same {
            #expect(part.exits.handling.maximum <= group.exits.handling.maximum)
            #expect(part.handling.reduce(0) { $0 + $1.count } == part.exits.handling.count)
          }
        }
      }
    }
  }

  @Test("of paths that follow each other add up to the whole", arguments: ReportTests.names)
  func paths(_ name: String) throws {
    let (trace, builder) = try ReportTests.builder(name)
    let recording = try #require(builder.span)
    func key(_ path: PathReport) -> String { "\(path.device) \(path.queue ?? -1) \(path.kind)" }
    let whole = try #require(builder.paths().paths).paths
    let cuts = (1..<6).map { recording.lowerBound + $0 * builder.duration / 6 + $0 }
    let parts = try zip([Int64.min] + cuts, cuts + [Int64.max]).flatMap {
      let part = try Self.builder(trace, $0..<$1, of: recording)
      return try #require(part.paths().paths).paths
    }
    #expect(Set(parts.map(key)).isSuperset(of: whole.map(key)))
    for path in whole {
      let same = parts.filter { key($0) == key(path) }
      func sum(_ value: (PathReport) -> UInt64) -> UInt64 { same.reduce(0) { $0 + value($1) } }
      #expect(sum(\.handlers) == path.handlers, "\(key(path))")
      #expect(sum(\.kicks) == path.kicks, "\(key(path))")
      #expect(sum(\.requests) == path.requests, "\(key(path))")
      #expect(sum(\.interrupts) == path.interrupts, "\(key(path))")
      for part in same {
        for stage in part.stages {
          #expect(stage.latency.maximum <= path.stage(stage.name)?.maximum ?? 0)
        }
      }
    }
  }

  @Test("say that losses are those of the whole recording")
  func losses() throws {
    let (trace, builder) = try ReportTests.builder("lossy")
    let recording = try #require(builder.span)
    let middle = recording.lowerBound + builder.duration / 2
    let report = try Self.report(trace, middle..<middle + 10, of: recording, workers: 1)
    let text = TextRenderer.render(report)
    let lost = Text.count(report.trace.discardedEvents).replacing(Text.space, with: " ")
    #expect(text.contains("\(lost) LOST in the whole recording"))
    #expect(report.trace.window?.gaps == 0)
    #expect(text.contains("no gap begins"))
    #expect(text.contains("Lost by stream, in the whole recording"))
  }

  @Test("say what phase is going on where they begin")
  func openPhase() throws {
    let (trace, builder) = try ReportTests.builder("mixed")
    let recording = try #require(builder.span)
    let phases = try #require(builder.summary().summary).phases.filter { $0.value != nil && $0.duration > 20 }
    #expect(phases.count > 3)
    for phase in phases {
      let middle = phase.begin + phase.duration / 2
      let report = try Self.report(trace, middle..<middle + 5, of: recording, workers: 1)
      #expect(report.summary?.phases.map(\.value) == [phase.value])
      #expect(report.summary?.phases.first?.since == phase.begin)
      #expect(report.summary?.phases.first?.begin == middle)
      let since = Text.moment(phase.begin, since: recording.lowerBound)
      #expect(TextRenderer.render(report).contains("mark \(phase.value ?? 0) vcpu0, since \(since)"))
    }
  }

  @Test("know the machine and count seconds from the start of the recording")
  func names() throws {
    let (trace, builder) = try ReportTests.builder("mixed")
    let recording = try #require(builder.span)
    let middle = recording.lowerBound + builder.duration / 2
    let report = try Self.report(trace, middle..<Int64.max, of: recording, workers: 1)
    #expect(report.machine != nil)
    #expect(!report.trace.notes.contains { $0.contains("state dump") })
    #expect(report.summary?.exits.contains { $0.device == "doorbell0" } == true)
    #expect(report.trace.begin == recording.lowerBound)
    #expect(report.trace.window?.begin == middle)
    let text = TextRenderer.render(report)
    #expect(text.contains("from \(Text.moment(middle, since: recording.lowerBound)) to"))
    let slowest = try #require(report.summary?.exits.first?.handling.maximumExemplar)
    #expect(text.contains("@" + Text.moment(slowest.timestamp, since: recording.lowerBound)))
  }

  @Test("without an event tell what was going on")
  func empty() throws {
    let (trace, builder) = try ReportTests.builder("mixed")
    let recording = try #require(builder.span)
    let asleep = try #require(builder.summary().summary?.loops.first?.sleeps.maximumExemplar)
    let part = asleep.timestamp - 2_000..<asleep.timestamp - 1_000
    let report = try Self.report(trace, part, of: recording, workers: 1)
    #expect(report.summary?.loops.first?.asleep == 1_000)
    #expect(!TextRenderer.render(report).contains("Not a trace of exeunt"))
    #expect(TraceWindow(Int64.min..<recording.lowerBound, of: recording) == nil)
    #expect(TraceWindow(recording.upperBound + 1..<Int64.max, of: recording) == nil)
  }
}
