import Analysis
import CTF
import Foundation
import Reports
import Testing

@testable import Reporting

/// Reports of the recorded traces (`traces/`).
@Suite("Reports of recorded traces")
struct ReportTests {
  static let names = ["mixed", "doorbell-ioeventfd", "doorbell-exits", "polling-loop", "lossy", "whole"]

  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/\(name)").path
  }

  static func builder(_ name: String) throws -> (Trace, ReportBuilder) {
    let trace = try Trace(opening: [path(name)])
    return (trace, ReportBuilder(trace, paths: ["traces/\(name)"], analysis: TraceAnalysis.read(trace)))
  }

  /// One report of each command.
  static func all(_ name: String) throws -> [Report] {
    let (trace, builder) = try builder(name)
    let begin = try #require(builder.result.begin)
    let window = begin..<begin + builder.duration + 1
    let timeline = Timeline.read(trace, window: window, traceBegin: begin, threads: 3, cells: 90)
    return [
      builder.summary(), builder.paths(),
      builder.timeline(timeline, window: window),
    ] + ExitGrouping.allCases.map { builder.exits(by: $0) }
  }

  @Test("wall time of every vCPU and loop adds up to the span, exactly", arguments: names)
  func closure(_ name: String) throws {
    let summary = try #require(try Self.builder(name).1.summary().summary)
    #expect(!summary.vcpus.isEmpty && !summary.loops.isEmpty)
    for vcpu in summary.vcpus {
      let sum = vcpu.inKvmRun + vcpu.dispatch + vcpu.lockWait + vcpu.other + vcpu.unknown + vcpu.outside
      #expect(sum == vcpu.span)
      #expect(vcpu.devices.reduce(0) { $0 + $1.time } == vcpu.dispatch)
      if let parts = vcpu.kvmRun {
        let known = [parts.halted, parts.asleep, parts.haltPolling, parts.waiting].compactMap { $0 }
        #expect(parts.guestOrKvm + parts.unread + known.reduce(0, +) == vcpu.inKvmRun)
        #expect(known.allSatisfy { $0 >= 0 } && parts.guestOrKvm >= 0 && parts.unread >= 0)
        if let floor = summary.costs?.floor {
          // Only waiting is told more of than there may have been.
          let work = Int64(vcpu.pairing.exits) * floor
          #expect(parts.guestOrKvm >= min(work, parts.guestOrKvm + (parts.waiting ?? 0)))
        }
      }
      #expect(vcpu.reasons.reduce(0) { $0 + $1.count } == vcpu.pairing.exits)
    }
    for loop in summary.loops {
      let work = loop.asleep + loop.polling + loop.handling + loop.lockWait
      #expect(work + loop.other + loop.unknown + loop.outside == loop.span)
    }
    let exits = summary.exits.reduce(0) { $0 + $1.count }
    #expect(exits == summary.vcpus.reduce(0) { $0 + $1.pairing.exits })
  }

  @Test("all exits together are the sum of their kinds", arguments: names)
  func allExits(_ name: String) throws {
    let summary = try #require(try Self.builder(name).1.summary().summary)
    let all = try #require(summary.allExits)
    #expect(all.count == summary.exits.reduce(0) { $0 + $1.count })
    for latency in [\ExitReport.handling, \ExitReport.inKvmRun] {
      let parts = summary.exits.map { $0[keyPath: latency] }.filter { $0.count > 0 }
      let whole = latency == \.handling ? all.handling : all.inKvmRun
      #expect(whole.count == parts.reduce(0) { $0 + $1.count })
      #expect(whole.total == parts.reduce(0) { $0 + $1.total })
      #expect(whole.minimum == parts.map(\.minimum).min())
      #expect(whole.maximum == parts.map(\.maximum).max())
      #expect(whole.p999 <= whole.maximum && whole.p50 >= parts.map(\.p50).min() ?? 0)
    }
    for cost in [\ExitCostReport.likely, \ExitCostReport.atMost] {
      let parts = summary.exits.compactMap(\.cost).map { $0[keyPath: cost] }
      #expect(all.cost?[keyPath: cost] == parts.reduce(0, +))
    }
    let row = try #require(
      TextRenderer.render(try Self.builder(name).1.summary()).split(separator: "\n").first {
        $0.hasPrefix("  all exits ")
      })
    #expect(row.contains(Text.count(all.count).replacing(Text.space, with: " ")))
  }

  @Test(
    "the first line says what has most of the time, and what the exits that cost most are", arguments: names)
  func dominant(_ name: String) throws {
    let report = try Self.builder(name).1.summary()
    let summary = try #require(report.summary)
    let dominant = try #require(summary.dominant)
    #expect(dominant.vcpuTime == summary.vcpus.reduce(0) { $0 + $1.span })
    let inKvmRun = summary.vcpus.reduce(0) { $0 + $1.inKvmRun }
    // By its events in KVM_RUN, while the host says that it waited for a CPU for even more of the time.
    let isWaiting = dominant.state == "waiting_for_cpu" && dominant.stateTime ?? 0 >= inKvmRun
    #expect(isWaiting || (dominant.state == "in_kvm_run") == (2 * inKvmRun > dominant.vcpuTime))
    if dominant.state == "in_kvm_run" { #expect(dominant.stateTime == inKvmRun) }
    #expect(dominant.handling == summary.exits.reduce(0) { $0 + $1.handling.total })
    let costs = summary.exits.compactMap(\.cost)
    let largest = try #require(costs.map(\.likely).max())
    if let cost = dominant.exitCost {
      #expect(cost.likely == largest && cost.likely >= dominant.vcpuTime / 100)
      #expect(dominant.exitCount == summary.exits.first?.count)
    } else {
      #expect(largest < dominant.vcpuTime / 100)
    }
    let text = TextRenderer.render(report)
    let lines = text.split(separator: "\n").filter { $0.contains("costliest: ") }
    #expect(lines.count == (dominant.exit == nil ? 0 : 1))
    let names = summary.exits.first.map(ExitText.short) ?? ""
    // It ends where the page does.
    let all = text.replacing("\n  ", with: " ")
    #expect(lines.isEmpty || all.contains("costliest: \(names)"))
    #expect(isWaiting || lines.allSatisfy { $0.contains("in KVM_RUN") == (dominant.state == "in_kvm_run") })
  }

  @Test("what exits cost is told with its bounds, and no average that is the guest's own time")
  func costOfExits() throws {
    var report = try Self.builder("whole").1.summary()
    let time = try #require(report.summary?.dominant?.vcpuTime)
    func line(atLeast: Int64, likely: Int64, atMost: Int64) -> String {
      var cost = report.summary?.dominant?.exitCost
      cost?.atLeast = time / 100 * atLeast
      cost?.likely = time / 100 * likely
      cost?.atMost = time / 100 * atMost
      report.summary?.dominant?.exitCost = cost
      return TextRenderer.render(report, style: TextStyle(width: 1000)).replacing(Text.space, with: " ")
        .split(separator: "\n").first { $0.contains("costliest: ") }.map(String.init) ?? ""
    }
    #expect(
      line(atLeast: 10, likely: 20, atMost: 30).contains(", likely 20.0 % of the time (10.0 to 30.0 %), "))
    #expect(line(atLeast: 0, likely: 2, atMost: 99).contains(", likely 2.0 % of the time (at most 99.0 %)"))
    #expect(!line(atLeast: 0, likely: 2, atMost: 99).contains(" each"))
    #expect(line(atLeast: 30, likely: 30, atMost: 30).contains(", 30.0 % of the time, "))
  }

  @Test("nothing is said of vCPUs without time")
  func nothingDominates() {
    let none = LatencyReport(
      count: 0, total: 0, minimum: 0, p50: 0, p90: 0, p99: 0, p999: 0, maximum: 0)
    let all = ExitTotalReport(count: 0, inKvmRun: none, handling: none)
    #expect(DominantReport(vcpus: [], exits: [], all: all) == nil)
  }

  @Test("tails are marked from 100 times the median on")
  func tails() {
    var latency = LatencyReport(
      count: 9, total: 9, minimum: 1, p50: 7, p90: 7, p99: 7, p999: 699, maximum: 700)
    #expect(latency.tail(latency.p999) == nil)
    #expect(latency.tail(latency.maximum) == 100)
    latency.p50 = 0
    #expect(latency.tail(latency.maximum) == nil)
  }

  /// What was added to version 1 since it was first written, wherever it stands.
  private static let added: Set<String> = [
    "allExits", "dominant", "missing", "cause", "gaps", "since", "limits", "cost", "costs", "scheduling",
    "kvmRun", "mainThread", "levels", "histograms", "counting",
  ]

  private static func early(_ value: Any) -> Any {
    if let list = value as? [Any] { return list.map(early) }
    guard let object = value as? [String: Any] else { return value }
    return object.filter { !added.contains($0.key) }.mapValues(early)
  }

  @Test(
    "a report of an early build is read, and says of what it did not tell that it is not known",
    arguments: names)
  func earlyReports(_ name: String) throws {
    let (_, builder) = try Self.builder(name)
    var report = builder.summary()
    report.trace.window = WindowReport(begin: 1, end: 2, gaps: 3)
    let object = try JSONSerialization.jsonObject(with: Data(try report.json().utf8))
    let text = String(decoding: try JSONSerialization.data(withJSONObject: Self.early(object)), as: UTF8.self)
    let early = try Report(json: text)
    report.summary?.allExits = nil
    report.summary?.dominant = nil
    report.summary?.costs = nil
    report.summary?.counting = nil
    report.summary?.mainThread = nil
    for place in report.summary?.loops.indices ?? 0..<0 { report.summary?.loops[place].scheduling = nil }
    for place in report.summary?.vcpus.indices ?? 0..<0 {
      report.summary?.vcpus[place].scheduling = nil
      report.summary?.vcpus[place].kvmRun = nil
    }
    for place in report.summary?.loops.indices ?? 0..<0 { report.summary?.loops[place].scheduling = nil }
    for place in report.summary?.exits.indices ?? 0..<0 { report.summary?.exits[place].cost = nil }
    report.trace.window?.gaps = nil
    report.limits = nil
    report.trace.check?.missing = nil
    for place in report.summary?.phases.indices ?? 0..<0 { report.summary?.phases[place].since = nil }
    for place in report.summary?.kvm.indices ?? 0..<0 {
      report.summary?.kvm[place].levels = nil
      report.summary?.kvm[place].histograms = nil
      for check in report.summary?.kvm[place].checks.indices ?? 0..<0 {
        report.summary?.kvm[place].checks[check].missing = nil
        report.summary?.kvm[place].checks[check].cause = nil
      }
    }
    #expect(early == report)
    let lines = TextRenderer.render(early).split(separator: "\n")
    #expect(!lines.isEmpty && !lines.contains { $0.contains("all exits") || $0.contains("gap begins") })
    let both = Report.comparing(early, with: builder.summary())
    let total = try #require(both.compare?.exits.first { $0.name == "all exits" })
    #expect(total.a == nil && total.b != nil && total.ratio == nil)
    let neither = Report.comparing(early, with: early)
    #expect(neither.compare?.exits.contains { $0.name == "all exits" } == false)
  }

  @Test("JSON says the same as the value it was made of", arguments: names)
  func json(_ name: String) throws {
    for report in try Self.all(name) {
      let text = try report.json()
      #expect(try Report(json: text) == report)
      let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      #expect(object["format"] as? String == "exeunt-report")
      #expect(object["version"] as? Int == Report.currentVersion)
    }
  }

  @Test("the text says no duration that the JSON does not have", arguments: names)
  func durations(_ name: String) throws {
    let summary = try Self.builder(name).1.summary()
    let other = try Self.builder("doorbell-exits").1.summary()
    for report in [summary, Report.comparing(summary, with: other)] {
      var known: Set<String> = []
      func collect(_ value: Any) {
        if let object = value as? [String: Any] { object.values.forEach(collect) }
        if let array = value as? [Any] { array.forEach(collect) }
        if let number = value as? NSNumber {
          known.insert(Text.duration(number.int64Value).replacing(Text.space, with: " "))
        }
      }
      collect(try JSONSerialization.jsonObject(with: Data(try report.json().utf8)))
      var found = 0
      for line in TextRenderer.render(report).split(separator: "\n") {
        // The date of the recording, and what several vCPUs add up to.
        if line.contains(" s recorded from ") || line.hasPrefix("  dispatch of all") { continue }
        // What the guest calls its phases.
        if line.contains(/[0-9]+=\S/) || line.hasPrefix("  mark ") { continue }
        for duration in line.matches(of: /[0-9.]+ (?:ns|µs|ms|s)\b/) {
          #expect(known.contains(String(duration.output)), "\(line)")
          found += 1
        }
      }
      #expect(found > 20)
    }
  }

  @Test("text fits 100 columns and has no trailing or unbreakable spaces", arguments: names)
  func width(_ name: String) throws {
    for report in try Self.all(name) {
      let text = TextRenderer.render(report)
      for line in text.split(separator: "\n") {
        #expect(line.count <= 100, "\(report.command): \(line)")
      }
      #expect(!text.contains(Text.space))
      #expect(!text.contains("\u{1b}"))
      #expect(TextRenderer.render(report, style: TextStyle(usesColor: true)).contains("\u{1b}[1m"))
    }
  }

  @Test("the same kicks by ioeventfd and as exits: the whole queue moves from one path to the other")
  func kicks() throws {
    for (name, kind) in [("doorbell-ioeventfd", "ioeventfd"), ("doorbell-exits", "exit")] {
      let summary = try #require(try Self.builder(name).1.summary().summary)
      #expect(summary.paths.count == 1)
      let path = try #require(summary.paths.first)
      #expect(path.kind == kind)
      #expect(path.kicks == 1_000)
      #expect(path.requests == 1_000)
      #expect(path.sharePermille == 1_000)
      #expect(path.stage("kick_to_interrupt")?.count == 1_000)
      #expect(summary.interrupts.first?.mechanisms == [NamedCount(name: "irqfd", count: 1_000)])
    }
  }

  @Test(
    "what each request waited is in summary and compare, not only the earliest of a handler", arguments: names
  )
  func pickups(_ name: String) throws {
    let report = try Self.builder(name).1.summary()
    for path in try #require(report.summary).paths where path.stamps > path.unmappedStamps {
      let pickup = try #require(path.stage("kick_to_pickup"))
      #expect(pickup.count == path.stamps - path.unmappedStamps)
      let (p50, p99) = (Text.duration(pickup.p50), Text.duration(pickup.p99))
      let row = "\(p50) / \(p99)".replacing(Text.space, with: " ")
      #expect(TextRenderer.render(report).contains(row))
      let rows = Report.comparing(report, with: report).compare?.paths ?? []
      #expect(rows.contains { $0.name.hasSuffix("kick_to_pickup") && $0.a?.count == pickup.count })
    }
  }

  @Test("a maximum names its event: it is in the trace, with that duration")
  func exemplars() throws {
    let (trace, builder) = try Self.builder("mixed")
    for exit in try #require(builder.summary().summary).exits where exit.handling.count > 0 {
      let exemplar = try #require(exit.handling.maximumExemplar)
      #expect(exemplar.packetOffset != nil && exemplar.file != nil)
      // The exit at that time, and the same vCPU's next enter.
      var rows = MergedRows(
        trace, selection: EventTag.selection([.vcpuRunEnter, .vcpuRunExit]),
        window: exemplar.timestamp..<Int64.max)
      var found: (vcpu: UInt64, seq: UInt64)?
      var duration: Int64?
      while duration == nil, let run = rows.nextRun() {
        for index in 0..<run.count where duration == nil {
          let row = run.base + index * run.stride
          let isExit = Row.tag(row) == EventTag.vcpuRunExit.rawValue
          if isExit, Row.timestamp(row) == exemplar.timestamp, found == nil { found = (row[2], row[3]) }
          if !isExit, let exit = found, row[2] == exit.vcpu, row[3] == exit.seq + 1 {
            duration = Row.timestamp(row) - exemplar.timestamp
          }
        }
      }
      #expect(duration == exit.handling.maximum)
    }
  }

  @Test("the slowest handler is told from the kick to the end, in order")
  func slowest() throws {
    for (name, first, last) in [
      ("doorbell-ioeventfd", "guest kicks", "handler_end"),
      ("doorbell-exits", "guest kicks", "vcpu_run_enter"),
    ] {
      let report = try Self.builder(name).1.paths(devices: ["doorbell0"], queues: [0])
      let steps = try #require(report.paths?.paths.first?.slowest)
      #expect(steps.first?.event.hasPrefix(first) == true)
      #expect(steps.last?.event.hasPrefix(last) == true)
      #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.timestamp <= $1.timestamp })
      #expect(steps.contains { $0.event.hasPrefix("interrupt") })
    }
  }

  @Test("KVM's count of memory-mapped exits agrees with the trace; where it cannot, the report says why")
  func kvm() throws {
    for name in Self.names {
      for scope in try #require(try Self.builder(name).1.summary().summary).kvm where scope.scope == "vcpu" {
        #expect(scope.checks.count == 3)
        for check in scope.checks {
          #expect(check.agrees == (check.kvm == check.traced))
          #expect(check.agrees || check.explanation?.isEmpty == false)
          #expect(check.agrees == (check.cause == nil))
          if check.counter == "mmio_exits" { #expect(check.agrees) }
        }
      }
    }
  }

  @Test("KVM's counters take a row for each vCPU, and each explanation is said once")
  func kvmRows() throws {
    for name in Self.names {
      var report = try Self.builder(name).1.summary()
      let one = try #require(report.summary?.kvm.first { $0.scope == "vcpu" })
      let kvm = (0..<3).map { id in
        var scope = one
        scope.id = id
        return scope
      }
      report.summary?.kvm = kvm
      let lines = TextRenderer.render(report).split(separator: "\n").map(String.init)
      let begin = try #require(lines.firstIndex { $0.hasPrefix("KVM's own counters") })
      let section = lines[begin...].prefix { !$0.hasPrefix("Phases") && !$0.hasPrefix("Locks") }
      for id in 0..<3 {
        let rows = section.filter { $0.hasPrefix("  vcpu\(id) ") }
        // One beside the trace, and those of the other counters.
        #expect(rows.count >= 1 && rows.count <= 4)
        let counts = Text.count(one.checks[0].kvm).replacing(Text.space, with: " ")
        #expect(rows.first?.contains(counts) == true)
      }
      #expect(section.filter { $0.contains("does not count port I/O") }.count <= 1)
      #expect(section.allSatisfy { $0.count <= 100 })
      #expect(section.contains { $0.contains(" apart") })
    }
  }

  @Test("limits find what is over them and nothing else")
  func thresholds() throws {
    let report = try Self.builder("mixed").1.summary()
    func findings(_ reason: String?, _ device: String?, _ statistic: String, _ limit: Int64) -> [String] {
      let threshold = LatencyThreshold(reason: reason, device: device, statistic: statistic, limit: limit)
      let check = threshold.check(report)
      #expect(check.over.count <= check.checked && check.over.allSatisfy { $0.value > limit })
      let isHeld = check.checked > 0 || check.leftOut ?? 0 > 0
      #expect(check.findings.count == (isHeld ? check.over.count : 1))
      return check.findings
    }
    let all = try #require(report.summary).exits.filter { $0.reason == "io" && $0.handling.count > 0 }
    // What only the start and the end of the run have is not checked.
    let io = all.filter { ($0.cost?.edges?.handled ?? 0) < $0.handling.count }
    #expect(io.count < all.count && !io.contains { $0.device == "power-off" })
    #expect(findings("io", nil, "max", 0).count == io.count)
    #expect(findings("io", nil, "max", io.map(\.handling.maximum).max() ?? 0).isEmpty)
    #expect(findings(nil, "serial0", "p50", 0).allSatisfy { $0.contains("serial0") })
    #expect(!findings(nil, "serial0", "p50", 0).isEmpty)
    // What no exit is held against is no success.
    #expect(findings("hypercall", nil, "p99", .max).count == 1)
    let limit = LatencyThreshold(reason: "io", device: nil, statistic: "p99.9", limit: 1_000)
    #expect(limit.check(report).checked == io.count)
    #expect(limit.check(report).leftOut == all.count - io.count)
    #expect(limit.check(report).limit == 1_000 && limit.check(report).reason == "io")
  }

  @Test("losses of several runs are told with the run that they are in")
  func lossesOfRuns() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let paths = ["mixed", "lossy"].map { "\(root)/traces/\($0)" }
    let trace = try Trace(opening: paths)
    let report = ReportBuilder(trace, paths: paths, analysis: TraceAnalysis.read(trace)).summary()
    let lines = TextRenderer.render(report, style: TextStyle(width: 200)).split(separator: "\n")
    for stream in report.trace.streams {
      let path = try #require(paths.first { stream.name.hasPrefix($0) })
      let row = try #require(lines.first { $0.contains("\(path) cpu\(stream.cpu ?? 99) ") })
      #expect(row.contains(Text.count(stream.discardedEvents).replacing(Text.space, with: " ")))
    }
  }

  @Test("limits of addresses and of all exits", arguments: names)
  func widerLimits(_ name: String) throws {
    let builder = try Self.builder(name).1
    let report = builder.summary()
    let rows = try #require(builder.exits(by: .address).exits).groups.map(\.exits)
    for address in Set(rows.compactMap(\.address)) {
      let limit = LatencyThreshold(reason: nil, device: nil, address: address, statistic: "p50", limit: 0)
      let meant = rows.filter { $0.address == address && $0.handling.count > 0 }
      let check = builder.check(limit, report)
      #expect(check.checked + (check.leftOut ?? 0) == meant.count)
      #expect(Set(check.over.map(\.value)).isSubset(of: Set(meant.map(\.handling.p50))))
    }
    let all = try #require(report.summary?.allExits?.handling)
    let limit = LatencyThreshold(reason: nil, device: nil, isAll: true, statistic: "p99", limit: all.p99 - 1)
    #expect(builder.check(limit, report).over.map(\.value) == [all.p99])
    var passed = limit
    passed.limit = all.p99
    #expect(builder.check(passed, report).over.isEmpty && builder.check(passed, report).checked == 1)
  }

  @Test("losses make a report partial and are told by stream")
  func losses() throws {
    let report = try Self.builder("lossy").1.summary()
    #expect(report.trace.isPartial)
    #expect(report.trace.discardedEvents > 0)
    #expect(report.trace.discardedEvents == report.trace.streams.reduce(0) { $0 + $1.discardedEvents })
    let text = TextRenderer.render(report)
    #expect(text.contains("PARTIAL:") && text.contains("LOST"))
    #expect(try Self.builder("mixed").1.summary().trace.isPartial == false)
  }
}

@Suite("docs/report.md")
struct ReportDocumentTests {
  @Test("names every field that a report can have")
  func fields() throws {
    let document = try String(
      contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/report.md"), encoding: .utf8)
    var names: Set<String> = []
    func collect(_ value: Any) {
      if let object = value as? [String: Any] {
        names.formUnion(object.keys)
        object.values.forEach(collect)
      } else if let array = value as? [Any] {
        array.forEach(collect)
      }
    }
    for name in ReportTests.names {
      for report in try ReportTests.all(name) {
        collect(try JSONSerialization.jsonObject(with: Data(try report.json().utf8)))
        for stage in report.paths?.paths.flatMap(\.stages) ?? [] { names.insert(stage.name) }
      }
    }
    let (one, two) = (
      try ReportTests.builder("doorbell-exits").1.summary(), try ReportTests.builder("mixed").1.summary()
    )
    collect(
      try JSONSerialization.jsonObject(with: Data(try Report.comparing(one, with: two).json().utf8)))
    var check = try ReportTests.builder("mixed").1.check()
    check.check?.emitted = 1
    check.check?.missing = 1
    check.check?.unaccounted = 1
    check.check?.excess = 1
    check.check?.since = 1
    check.check?.threads[0].emitted = 1
    collect(try JSONSerialization.jsonObject(with: Data(try check.json().utf8)))
    #expect(names.count > 100)
    for name in names.sorted() { #expect(document.contains("`\(name)`"), "\(name) is not documented") }
  }
}
