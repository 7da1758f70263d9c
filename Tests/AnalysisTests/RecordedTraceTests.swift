import Foundation
import Testing

@testable import Analysis
@testable import CTF

/// The same properties on what the VMM recorded (`traces/`).
@Suite("Recorded traces")
struct RecordedTraceTests {
  static let names = ["mixed", "doorbell-ioeventfd", "doorbell-exits", "polling-loop", "whole", "lossy"]

  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/\(name)").path
  }

  static func trace(_ name: String) throws -> Trace { try Trace(opening: [path(name)]) }

  @Test("merged slices equal the whole, for random cuts", arguments: names)
  func merging(_ name: String) throws {
    let trace = try Self.trace(name)
    var configuration = Configuration()
    configuration.separatesVcpus = true
    let everything = [Int64.min..<Int64.max]
    let whole = Findings(
      TraceAnalysis.read(trace, configuration: configuration, slices: everything, workers: 1).models)
    let (begin, end) = (try #require(whole.result.begin), try #require(whole.result.end))
    var random = Random(UInt64(name.count))
    for round in 0..<4 {
      // Many short slices, so that gaps reach into several of them.
      let count = round == 0 ? 40 : 1 + random.below(8)
      let cuts = Set((0..<count).map { _ in begin + Int64(random.below(Int(end - begin))) }).sorted()
      let bounds = [Int64.min] + cuts + [Int64.max]
      let slices = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
      let merged = TraceAnalysis.read(trace, configuration: configuration, slices: slices, workers: 2)
      #expect(Findings(merged.models) == whole, "cuts \(cuts.map { $0 - begin })")
    }
  }

  @Test(
    "guest stamps are placed alike however long after the first reading of the clocks the machine is described",
    arguments: names)
  func calibration(_ name: String) throws {
    let trace = try Self.trace(name)
    let known = CalibrationReader.read(trace)
    #expect((known?.points ?? 0) > 0)
    // Packets begin long before their first event. The clocks are read microseconds after it, and the machine is described later.
    let first = try #require(TraceSpan.begin(of: trace)) - (try #require(trace.beginTimestamp))
    for window in [1, first, first + 20_000, first + 100_000, first + 300_000, 20_000_000_000] {
      #expect(CalibrationReader.read(trace, window: window) == known, "\(window) ns")
    }
  }

  @Test("any number of threads finds the same", arguments: names)
  func workers(_ name: String) throws {
    let trace = try Self.trace(name)
    let one = TraceAnalysis.read(trace, workers: 1)
    for workers in [2, 5] {
      let several = TraceAnalysis.read(trace, workers: workers)
      #expect(Findings(several.models) == Findings(one.models))
      #expect(several.deliveredEvents == one.deliveredEvents)
    }
  }

  @Test("lost exits are counted exactly by their numbers: recorded and missing make what the guest did")
  func lossy() throws {
    let trace = try Self.trace("lossy")
    let result = TraceAnalysis.read(trace).models.result()
    let vcpu = try #require(result.vcpus.first)
    // 25 000 writes, the power-off, and the signal that ends the run.
    #expect(vcpu.exits + vcpu.missingExits == 25_002)
    #expect(vcpu.missingExits > 0)
    #expect(vcpu.times.times[TimeCategory.unknown] > 0)
    #expect(vcpu.times.unexplained == 0)
  }

  @Test("gaps are where events are missing, by the exits' own numbers, and hardly anywhere else")
  func gapsAreTight() throws {
    var rows = MergedRows(try Self.trace("lossy"), selection: EventTag.selection([.vcpuRunExit]))
    var gaps: [ClosedRange<Int64>] = []
    var holes: [ClosedRange<Int64>] = []
    var last: (timestamp: Int64, seq: UInt64)?
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        let field = row + Row.firstField
        if Row.tag(row) == Row.gapTag {
          gaps.append(Int64(bitPattern: field[0])...Int64(bitPattern: field[1]))
        } else {
          let exit = (timestamp: Row.timestamp(row), seq: field[1])
          if let last, exit.seq != last.seq + 1 { holes.append(last.timestamp...exit.timestamp) }
          last = exit
        }
      }
    }
    #expect(holes.count > 3)
    for hole in holes { #expect(gaps.contains { $0.overlaps(hole) }) }
    let length = { (ranges: [ClosedRange<Int64>]) in
      ranges.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
    }
    #expect(Double(length(gaps)) < 1.1 * Double(length(holes)))
  }

  @Test("complete recordings leave nothing unknown and nothing unpaired", arguments: names.dropLast())
  func complete(_ name: String) throws {
    let result = TraceAnalysis.read(try Self.trace(name)).models.result()
    for vcpu in result.vcpus {
      #expect(vcpu.times.times[TimeCategory.unknown] == 0)
      #expect(vcpu.times.unexplained == 0)
      #expect(vcpu.brokenDispatches == 0)
      #expect(vcpu.missingExits == 0)
      #expect(vcpu.exitsWithoutEnter == 0)
    }
    for loop in result.loops {
      #expect(loop.times.times[TimeCategory.unknown] == 0)
      #expect(loop.times.unexplained == 0)
      #expect(loop.brokenHandlers == 0)
    }
    #expect(result.paths.allSatisfy { $0.unmappedStamps == 0 })
  }

  @Test("kicks come before what they cause: the guest's stamps are on the trace's clock", arguments: names)
  func stamps(_ name: String) throws {
    let trace = try Self.trace(name)
    let analysis = TraceAnalysis.read(trace)
    #expect(analysis.calibration?.points == 2)
    for path in analysis.models.result().paths where path.stamps > 0 {
      // Negative durations would be counted as 0.
      #expect(path[.kickToPickup].minimum > 100)
      #expect(path[.kickToPickup].count == path.stamps)
    }
  }

  @Test("timeline cells are full, and add up to what the summary says", arguments: names)
  func timeline(_ name: String) throws {
    let trace = try Self.trace(name)
    let result = TraceAnalysis.read(trace).models.result()
    let (begin, end) = (try #require(result.begin), try #require(result.end))
    let timeline = Timeline.read(
      trace, window: begin..<end + 1, traceBegin: begin, threads: result.vcpus.count + result.loops.count,
      cells: 77)
    #expect(timeline.lanes.count == result.vcpus.count + result.loops.count)
    for lane in timeline.lanes where lane.isVcpu {
      let vcpu = try #require(result.vcpus.first { $0.times.id == lane.id })
      let times = vcpu.times.times
      #expect(lane.cells.reduce(0) { $0 + $1.inKvmRun } == times[TimeCategory.inKvmRun])
      #expect(lane.cells.reduce(0) { $0 + $1.unknown } == times[TimeCategory.unknown])
      #expect(lane.cells.reduce(0) { $0 + $1.events } == vcpu.exits)
      #expect(lane.cells.reduce(0) { $0 + $1.handling } == times[TimeCategory.devices...].reduce(0, +))
    }
    // A window in the middle knows what was going on when it begins.
    let (from, to) = (begin + (end - begin) / 3, begin + (end - begin) / 2)
    let part = Timeline.read(
      trace, window: from..<to, traceBegin: begin, threads: timeline.lanes.count, cells: 10)
    guard name != "lossy" else { return }
    for lane in part.lanes {
      let known = lane.cells.reduce(0) {
        $0 + $1.inKvmRun + $1.other + $1.lock + $1.asleep + $1.polling + $1.handling
      }
      #expect(known == to - from, "\(lane.isVcpu ? "vcpu" : "loop") \(lane.id)")
    }
  }
}
