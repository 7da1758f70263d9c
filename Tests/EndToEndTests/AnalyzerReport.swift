import Foundation
import GuestPrograms
import Testing

/// The analyzer's JSON, as far as the tests here read it: a second reader of the format that docs/report.md promises.
struct AnalyzerReport: Decodable {
  struct Trace: Decodable {
    let events: UInt64
    let discardedEvents: UInt64
    let isPartial: Bool
  }
  struct Latency: Decodable {
    let count: UInt64
    let total: UInt64
    let minimum, p50, p90, p99, p999, maximum: UInt64
  }
  struct Exit: Decodable {
    let reason: String
    let direction: String?
    let address: UInt64?
    let device: String?
    let count: UInt64
    let handling: Latency
    let inKvmRun: Latency
  }
  struct Exits: Decodable {
    struct Group: Decodable {
      let exits: Exit
    }
    let groups: [Group]
  }
  struct Vcpu: Decodable {
    struct Pairing: Decodable {
      let enters, exits, missingExits: UInt64
    }
    struct Recording: Decodable {
      let events, time, atLeast: UInt64
    }
    let span, inKvmRun, dispatch, lockWait, other, unknown, outside: UInt64
    let pairing: Pairing
    let recording: Recording?
  }
  struct Path: Decodable {
    let device: String
    let kind: String
    let queue: UInt16?
    let handlers, kicks, requests, interrupts, stamps: UInt64
    let stages: [Stage]
  }
  struct Stage: Decodable {
    let name: String
    let latency: Latency
  }
  struct Requests: Decodable {
    let device: String
    let queue: UInt16?
    let kind: String
    let count: UInt64
    let duration: Latency
  }
  struct Lock: Decodable {
    let lock: Int
    let device: String?
    let wait: Latency
  }
  struct BrokenQueue: Decodable, Equatable {
    let device: String
    let queue: UInt16
    let fault: String
    let count: UInt64
    /// ns since the epoch, which are more than a double holds: text.
    let first: String
  }
  struct Count: Decodable, Equatable {
    let name: String
    let count: UInt64
  }
  struct Queue: Decodable {
    struct Depth: Decodable {
      let known: UInt64
      let mean: Double
      let p99, maximum: Int
    }
    let device: String
    let queue: UInt16
    let isPartial: Bool?
    let requests, wakeups, submitted, published, interrupts, suppressed: UInt64
    let kickToPushed, kickToInterrupt: RequestPath.Latency?
    let depth: Depth?
    let errors, hostErrors: [Count]?
    let givenUp: UInt64?
  }
  struct RequestPath: Decodable {
    struct Latency: Decodable, Equatable {
      let count, total: UInt64
    }
    struct Stage: Decodable {
      let name: String
      let sharePermille: UInt64?
      let latency: Latency
    }
    let device: String
    let queue: UInt16
    let stages: [Stage]

    func stage(_ name: String) -> Stage? { stages.first { $0.name == name } }
  }
  struct Paths: Decodable {
    let requests: [RequestPath]?
  }
  struct Summary: Decodable {
    let vcpus: [Vcpu]
    let paths: [Path]
    let requests: [Requests]
    let coalesced: [Path]?
    let marks: UInt64
    let queues: [Queue]?
    let locks: [Lock]?
    let brokenQueues: [BrokenQueue]?
  }

  let trace: Trace
  let summary: Summary?
  let exits: Exits?
  let paths: Paths?

  /// Runs a command of the analyzer on a trace.
  init(_ arguments: [String], _ trace: String) throws {
    let output = try run(Tools.analyzer, arguments + ["--format", "json", trace])
    try #require(output.status == 0, "\(output.standardError)")
    self = try JSONDecoder().decode(AnalyzerReport.self, from: output.standardOutput)
  }
}

/// Holds what the analyzer says about a recorded run against what the guest did and what babeltrace2 counted.
func holdAnalyzer(_ recorded: RecordedRun, _ testCase: GuestCase, _ tally: OracleTally) throws {
  let report = try AnalyzerReport(["summary"], recorded.trace)
  #expect(report.trace.events == UInt64(tally.events))
  #expect(report.trace.discardedEvents == 0)
  #expect(!report.trace.isPartial)
  let summary = try #require(report.summary)

  // Wall time closes, to the nanosecond.
  #expect(summary.vcpus.count == testCase.vcpus)
  for vcpu in summary.vcpus {
    let parts = [vcpu.inKvmRun, vcpu.dispatch, vcpu.lockWait, vcpu.other, vcpu.unknown, vcpu.outside]
    #expect(parts.reduce(0, +) == vcpu.span)
    #expect(vcpu.unknown == 0)
    #expect(vcpu.pairing.missingExits == 0)
  }
  #expect(summary.vcpus.map(\.pairing.exits).reduce(0, +) == recorded.result.exits.reduce(0, +))

  // Kicks, on the chosen path and on no other.
  let chosen = testCase.ioeventfd ? "ioeventfd" : "exit"
  let kicked = summary.paths.filter { $0.device.hasPrefix("doorbell") && $0.kicks > 0 }
  #expect(kicked.allSatisfy { $0.kind == chosen })
  func queue(_ path: AnalyzerReport.Path) -> GuestQueue {
    GuestQueue(doorbell: Int(path.device.dropFirst(8)) ?? .max, path.queue ?? .max)
  }
  let kicks = Dictionary(kicked.map { (queue($0), $0.kicks) }, uniquingKeysWith: +)
  #expect(kicks == recorded.expectation.kicks)
  let requests = Dictionary(kicked.map { (queue($0), $0.requests) }, uniquingKeysWith: +)
  #expect(requests == recorded.expectation.kicks)
  #expect(kicked.map(\.interrupts).reduce(0, +) == tally.interrupts.values.reduce(0, +))
  #expect(summary.marks == UInt64(recorded.expectation.marks.count))

  // Exits, by direction and address.
  let exits = try #require(try AnalyzerReport(["exits", "--by", "address"], recorded.trace).exits)
  var counted: [GuestAccess: UInt64] = [:]
  for group in exits.groups.map(\.exits) where group.reason == "io" || group.reason == "mmio" {
    // The report does not tell sizes apart.
    let access = GuestAccess(
      group.reason == "io" ? .port : .memory, group.direction == "in" ? .in : .out,
      try #require(group.address), size: 0)
    counted[access, default: 0] += group.count
    for latency in [group.handling, group.inKvmRun] where latency.count > 0 {
      #expect(latency.minimum <= latency.p50 && latency.p50 <= latency.p90 && latency.p90 <= latency.p99)
      #expect(latency.p99 <= latency.p999 && latency.p999 <= latency.maximum)
    }
  }
  let expected = Dictionary(
    recorded.expectation.exits(ioeventfd: testCase.ioeventfd).map { access, count in
      (
        GuestAccess(access.space, access.direction, access.address, size: 0),
        count - tally.coalesced[access, default: 0]
      )
    }, uniquingKeysWith: +)
  #expect(counted == expected.filter { $0.value > 0 })

  // What was kept, beside them.
  let kept = tally.coalesced.values.reduce(0, +)
  #expect(summary.coalesced?.map(\.device) == (kept == 0 ? nil : ["scratch0"]))
  #expect(summary.coalesced?.first.map(\.handlers) ?? 0 == kept)
  #expect(summary.coalesced?.first.flatMap { $0.stages.first?.latency.count } ?? 0 == kept)
}
