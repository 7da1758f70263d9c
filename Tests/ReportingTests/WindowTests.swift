import Analysis
import CTF
import Testing

@testable import Reporting

/// Reports of a part of a recording (`--from`, `--to`).
@Suite("Windows")
struct WindowTests {
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
      for part in parts {
        for exit in part.summary?.exits ?? [] {
          #expect(exit.handling.count <= exit.count)
          #expect(exit.inKvmRun.count <= exit.count)
        }
        for request in part.summary?.requests ?? [] { #expect(request.duration.count <= request.count) }
      }
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
