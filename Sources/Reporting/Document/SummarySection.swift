import Reports

/// What a summary is about, in the order in which it tells it.
package enum SummaryPart: Hashable, CaseIterable, Sendable {
  /// What most of the time is, and what was lost.
  case outline
  /// Where the time of threads went.
  case time
  /// Userspace exits.
  case exits
  /// The ways of kicks and requests to devices, and of interrupts back.
  case ways
  /// KVM's counters, the guest's phases, broken queues and locks.
  case more
  /// What to ask further.
  case hints
}

extension DocumentBuilder {
  mutating func summary(_ parts: Set<SummaryPart>) {
    guard let summary = report.summary else { return }
    guard isExeunt else {
      if parts.contains(.outline) { foreign() }
      return
    }
    for part in SummaryPart.allCases where parts.contains(part) {
      switch part {
      case .outline:
        dominant(summary)
        streams()
      case .time:
        vcpus(summary.vcpus)
        loops(summary.loops)
        cpus(summary)
        recordingCost(summary)
      case .exits:
        exits(summary.exits, summary.allExits, summary.costs)
        coalesced(summary.coalesced ?? [], summary.allExits)
      case .ways:
        paths(summary.paths)
        queues(summary.queues ?? [])
        interrupts(summary)
      case .more:
        kvm(summary.kvm)
        phases(summary)
        brokenQueues(summary.brokenQueues ?? [])
        locks(summary.locks)
      case .hints: hints(summary)
      }
    }
  }

  /// A trace of something else: what is in it.
  private mutating func foreign() {
    guard !report.trace.eventsByName.isEmpty else {
      heading("There is no event in this trace")
      return
    }
    heading("Not a trace of exeunt; events by name")
    var table = DocumentTable([.right, .left])
    for event in report.trace.eventsByName.prefix(40) { table.add([Text.count(event.count), event.name]) }
    show(table, indent: 2, isTitled: false)
    if report.trace.eventsByName.count > 40 {
      line("  and \(report.trace.eventsByName.count - 40) more names (--format json)")
    }
    blank()
    suggestion("every event: ", "dump")
  }

  /// Losses by stream.
  private mutating func streams() {
    guard report.trace.discardedEvents > 0 || report.trace.lostPackets > 0 else { return }
    let isPart = report.trace.window != nil
    heading("Lost by stream" + (isPart ? ", in the whole recording" : ""))
    var table = DocumentTable([.left, .right, .right, .right])
    table.add(["", isPart ? "events in this window" : "recorded", "lost", "packets lost"])
    for stream in report.trace.streams {
      let name =
        run(of: stream)
        + (stream.cpu.map { "cpu\($0)" } ?? String(stream.name.split(separator: "/").last ?? ""))
      table.add([
        name, Text.count(stream.events + stream.otherEvents), Text.count(stream.discardedEvents),
        Text.count(stream.lostPackets),
      ])
    }
    show(table, indent: 2, isTitled: false)
    remark("larger buffers: exeunt run --trace-subbuf-size, --trace-subbufs")
  }

  /// Where several recordings are read together, the directory that a stream is in.
  private func run(of stream: StreamReport) -> String {
    guard report.trace.paths.count > 1 else { return "" }
    let path = report.trace.paths.filter { stream.name.hasPrefix($0) }.max { $0.count < $1.count }
    return path.map { $0 + " " } ?? ""
  }

  // MARK: Time

  private mutating func vcpus(_ vcpus: [VcpuReport]) {
    guard !vcpus.isEmpty else { return }
    // What is known goes last.
    var table = DocumentTable([.left] + Array(repeating: .right, count: 6), ranks: [0, 0, 2, 4, 3, 1, 5])
    table.add([
      "Where the time went", "in \(report.guestRun)", "dispatch", "lock", "other", "unknown", "outside",
    ])
    for vcpu in vcpus.prefix(64) {
      func share(_ time: Int64) -> String { Text.percent(time, of: vcpu.span) }
      table.add([
        "  " + vcpu.name, share(vcpu.inKvmRun), share(vcpu.dispatch), share(vcpu.lockWait), share(vcpu.other),
        share(vcpu.unknown), share(vcpu.outside),
      ])
    }
    show(table)
    var devices: [String: Int64] = [:]
    for vcpu in vcpus { for device in vcpu.devices { devices[device.name, default: 0] += device.time } }
    let longest = devices.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    if longest.count > 1 {
      let words = longest.prefix(8).map { "\($0.key) \(Text.duration($0.value))" }
      paragraph("dispatch of all vCPUs: " + words.joined(separator: ", "), indent: 2)
    }
    if vcpus.count > 64 { line("  and \(vcpus.count - 64) more vCPUs (--format json)") }
    remark(
      "of \(wholeTime); outside: before a vCPU's first and after its last event")
    doubts(
      hasUnknown: vcpus.contains { $0.unknown > 0 },
      missing: vcpus.reduce(0) { $0 &+ $1.pairing.missingExits },
      unexplained: vcpus.reduce(0) { $0 &+ $1.pairing.unexplained })
  }

  /// Says what is not known of threads' time, and why.
  private mutating func doubts(hasUnknown: Bool, missing: UInt64, unexplained: UInt64) {
    if hasUnknown {
      paragraph(
        "unknown: events are missing there, or may be, so the time cannot be told"
          + (missing > 0 ? "; by their numbers, \(Text.number(missing, "exit")) not in the trace" : ""),
        indent: 2)
    }
    if unexplained > 0 {
      paragraph(
        Text.number(unexplained, "event") + " out of sequence, "
          + (report.trace.isPartial
            ? "where none of the losses recorded explains it" : "though no loss is recorded"),
        indent: 2)
    }
  }

  private mutating func loops(_ loops: [LoopReport]) {
    guard !loops.isEmpty else { return }
    var table = DocumentTable([.left] + Array(repeating: .right, count: 7), ranks: [0, 0, 3, 0, 4, 2, 1, 5])
    table.add([
      "Event loops", "asleep", "polling", "handling", "lock", "other", "unknown", "outside",
    ])
    for loop in loops.prefix(64) {
      func share(_ time: Int64) -> String { Text.percent(time, of: loop.span) }
      table.add([
        "  " + loop.name, share(loop.asleep), share(loop.polling), share(loop.handling), share(loop.lockWait),
        share(loop.other), share(loop.unknown), share(loop.outside),
      ])
    }
    show(table)
    for loop in loops.prefix(64) {
      var words = [Text.number(loop.wakeups, "wakeup") + (loop.rate.map { " (\($0.text)/s)" } ?? "")]
      if loop.timeouts > 0 { words.append("\(Text.count(loop.timeouts)) with nothing ready") }
      if loop.polls > 0 {
        words.append("\(Text.count(loop.polls)) polls, \(Text.count(loop.pollsReady)) found work")
        words += polling(loop)
      }
      words.append(Text.number(loop.handlers, "handler"))
      if loop.signals > 0 {
        let each = Text.fixed(Double(loop.kicks) / Double(loop.signals), 2)
        words.append(
          Text.number(loop.kicks, "kick") + " in " + Text.number(loop.signals, "read") + " (\(each) each)")
      }
      if loop.sleeps.count > 0 { words.append("sleeps p50 \(Text.duration(loop.sleeps.p50))") }
      paragraph("\(loop.name): " + words.joined(separator: " · "), indent: 2)
      if let vcpu = loop.threadOf {
        let busy = loop.handling &+ loop.lockWait &+ loop.other
        paragraph(
          "\(vcpu)'s thread runs \(loop.name) when it is told that something is ready: \(Text.percent(busy, of: loop.span)) of its time, "
            + "which is in its other; asleep is the time between", indent: 2)
      }
    }
    doubts(
      hasUnknown: loops.contains { $0.unknown > 0 }, missing: 0,
      unexplained: loops.reduce(0) { $0 &+ $1.unexplained })
  }

  /// What polling was worth, and what it cost.
  private func polling(_ loop: LoopReport) -> [String] {
    var words: [String] = []
    if let hit = loop.pollHitTime, let miss = loop.pollMissTime {
      words.append("polled \(Text.duration(hit)) with a result, \(Text.duration(miss)) in vain")
    }
    if let budget = loop.pollBudget {
      words.append(
        budget.first == budget.largest && budget.median == budget.largest
          ? "budget \(Text.duration(budget.largest))"
          : "budget \(Text.duration(budget.first)) first, \(Text.duration(budget.median)) median, "
            + "\(Text.duration(budget.largest)) longest")
    }
    return words
  }

  // MARK: Paths

  /// Accesses that are no exits.
  private mutating func coalesced(_ writes: [PathReport], _ exits: ExitTotalReport?) {
    guard !writes.isEmpty else { return }
    let count = writes.reduce(0) { $0 &+ $1.handlers }
    let shown = writes.prefix(8).map { device in
      Text.number(device.handlers, "write") + " to \(device.device)"
        + (device.stage("handler").map { " (carried out in \(Text.duration($0.p50)), p50)" } ?? "")
    }
    let more = writes.count - shown.count
    paragraph(
      "beside these exits, coalesced writes, which have none of their own: " + shown.joined(separator: ", ")
        + (more > 0 ? ", and to \(more) more devices" : "")
        + (exits.map { exits in
          exits.count > 0
            ? "; \(Text.fixed(Double(count) / Double(exits.count), 2)) carried out at each exit" : ""
        } ?? ""), indent: 2)
  }

  private mutating func paths(_ paths: [PathReport]) {
    guard !paths.isEmpty else { return }
    let shown = paths.prefix(12)
    var isLeftOut = false
    var table = DocumentTable([.left] + Array(repeating: .right, count: 6), ranks: [0, 0, 2, 1, 3, 4, 0])
    table.add([
      "I/O paths", "kicks", "share", "kick→picked up p50/p99", "handled", "→irq", "1st kick→irq p50/p99",
    ])
    for path in shown {
      let isTold = report.summary?.queues?.contains { $0.device == path.device && $0.queue == path.queue }
      func stage(_ name: String) -> LatencyReport? {
        guard let stage = path.stage(name) else { return nil }
        // What the few handlers did whose requests were complete at once is not how long it takes.
        guard isTold == true, name.hasSuffix("_to_interrupt"), stage.count < path.handlers / 2 else {
          return stage
        }
        isLeftOut = true
        return nil
      }
      func pair(_ name: String) -> String {
        stage(name).map { "\(Text.duration($0.p50)) / \(Text.duration($0.p99))" } ?? "–"
      }
      func median(_ name: String) -> String { stage(name).map { Text.duration($0.p50) } ?? "–" }
      let queue = path.queue.map { " q\($0)" } ?? ""
      table.add([
        "  \(path.device)\(queue) \(path.kind)", Text.count(path.kicks),
        path.sharePermille.map { Text.percent(Int64($0), of: 1000) } ?? "–", pair("kick_to_pickup"),
        median("handler"), median("arrival_to_interrupt"), pair("kick_to_interrupt"),
      ])
    }
    show(table)
    if paths.count > shown.count {
      suggestion("  \(paths.count - shown.count) more: ", "paths")
    }
    func clause(_ text: String, _ column: String) -> Document.Clause {
      Document.Clause(text: text, columns: [column])
    }
    legend([
      Document.Clause(text: "kick: the guest's own time stamp, where it leaves one"),
      clause("picked up: when the device took that request, every stamp counts", "kick→picked up p50/p99"),
      clause("1st: of the kicks that one handler took, the earliest", "1st kick→irq p50/p99"),
      clause("handled: the handler's p50", "handled"),
      clause(
        "→irq: from the loop's wakeup or the exit, p50"
          + (isLeftOut
            ? "; –: most handlers left the interrupt to the one that completes the request (below, each)"
            : ""),
        "→irq"),
    ])
  }

  private mutating func interrupts(_ summary: SummaryReport) {
    guard !summary.interrupts.isEmpty || !summary.requests.isEmpty else { return }
    heading("Requests and interrupts")
    for request in summary.requests.prefix(12) {
      var words = [
        "\(request.device) q\(request.queue) \(request.kind): " + Text.number(request.count, "request")
      ]
      if request.bytes > 0 { words.append(Text.bytes(request.bytes)) }
      if request.duration.count > 0 {
        words.append("p50 \(Text.duration(request.duration.p50))")
        words.append("p99 \(Text.duration(request.duration.p99))")
        words.append("max \(Text.duration(request.duration.maximum)) \(at(request.duration.maximumExemplar))")
      }
      if request.failed > 0 { words.append("\(Text.count(request.failed)) FAILED") }
      if let givenUp = request.givenUp { words.append("\(Text.count(givenUp)) given up") }
      if let open = request.open {
        words.append("\(Text.count(open)) not ended" + (report.trace.window == nil ? "" : " in this window"))
      }
      if let before = request.fromBefore, let longest = request.longestFromBefore {
        words.append(
          "\(Text.count(before)) more, begun before this window, of up to \(Text.duration(longest))")
      }
      // Begins whose end is lost, cannot be told from another's, or came after too many other requests.
      let paired = request.duration.count + (request.open ?? 0) + (request.givenUp ?? 0)
      if request.count > paired { words.append("\(Text.count(request.count - paired)) not paired") }
      paragraph(words.joined(separator: " · "), indent: 2)
    }
    for queue in (summary.queues ?? []).prefix(12) { answers(queue) }
    for interrupt in summary.interrupts.prefix(12) {
      let parts = interrupt.mechanisms.map { "\(Text.count($0.count)) by \($0.name)" }
      paragraph("\(interrupt.device) interrupts: " + parts.joined(separator: ", "), indent: 2)
    }
  }

  /// How long a queue's requests took for the guest.
  private mutating func answers(_ queue: QueueReport) {
    let (pushed, told) = (queue.kickToPushed, queue.kickToInterrupt)
    let isOfAll = queue.kickToEachInterrupt != nil
    let part = "interrupt, only those of which one told, as the driver looked for the others by itself"
    for (end, latency) in [("pushed, each", pushed), (isOfAll ? "interrupt, each" : part, told)] {
      guard let latency else { continue }
      paragraph(
        "\(queue.device) q\(queue.queue) guest's kick → \(end): \(Text.number(latency.count, "request")) · "
          + "p50 \(Text.duration(latency.p50)) · p99 \(Text.duration(latency.p99)) · "
          + "max \(Text.duration(latency.maximum)) \(at(latency.maximumExemplar))", indent: 2)
    }
  }

  private mutating func brokenQueues(_ queues: [BrokenQueueReport]) {
    guard !queues.isEmpty else { return }
    heading("Queues that the guest broke")
    for queue in queues.prefix(12) {
      let often = queue.count > 1 ? " · \(Text.count(queue.count)) times, first" : ""
      paragraph(
        "\(queue.device) q\(queue.queue): \(queue.fault.replacing("_", with: " "))\(often) @\(moment(queue.first))",
        indent: 2)
    }
    if queues.count > 12 { paragraph("and \(queues.count - 12) more", indent: 2) }
    paragraph("their devices did nothing more until the driver reset them", indent: 2)
  }

  // MARK: The rest

  private mutating func phases(_ summary: SummaryReport) {
    guard summary.phases.count > 1 || summary.phases.first?.since != nil else { return }
    let isNamed = summary.phases.contains { $0.name != nil }
    var table = DocumentTable(
      [.left] + Array(repeating: .right, count: 7) + (isNamed ? [.left] : []),
      ranks: [0, 0, 0, 1, 2, 5, 4, 3] + (isNamed ? [0] : []))
    table.add([
      "Phases (guest marks)", "at", "lasts", "exits", "per s", "io", "mmio", "kicks", "what",
    ])
    let shown = summary.phases.prefix(24)
    // Which phase the missing exits belong to is not known.
    let isLossy = summary.allExits?.rate?.basis != "recorded"
    for phase in shown {
      let name =
        phase.value.map { value in
          "  mark \(value)" + (phase.vcpu.map { " vcpu\($0)" } ?? "")
            + (phase.since.map { ", since \(moment($0))" } ?? "")
        } ?? "  before the first"
      table.add([
        name, moment(phase.begin), Text.duration(phase.duration), Text.count(phase.exits),
        (isLossy ? "≥" + Text.space : "") + Text.rate(phase.exits, over: phase.duration),
        Text.count(phase.io),
        Text.count(phase.mmio),
        Text.count(phase.kicks &+ (phase.exitKicks ?? 0)), phase.name ?? "",
      ])
    }
    show(table)
    let more = Int(clamping: summary.marks) - (shown.count - 1)
    if more > 0 { line("  \(more) more marks") }
  }

  private mutating func locks(_ locks: [LockReport]) {
    guard !locks.isEmpty else { return }
    let all = report.configuration("traceLocks") == "on"
    heading(all ? "Locks (the run traced every acquisition, also of free locks)" : "Locks waited for")
    for lock in locks.prefix(12) {
      let wait = lock.wait
      paragraph(
        "\(lock.device ?? "lock") (\(lock.lock)): \(Text.number(wait.count, all ? "acquisition" : "wait")), \(Text.duration(wait.total)) in all · "
          + "p50 \(Text.duration(wait.p50)) · p99 \(Text.duration(wait.p99)) · max \(Text.duration(wait.maximum)) "
          + at(wait.maximumExemplar), indent: 2)
    }
  }

  private mutating func hints(_ summary: SummaryReport) {
    var commands: [(arguments: String, moment: Int64?)] = []
    let exits = ExitOrder.cost.sorted(summary.exits.filter { $0.reason != nil && $0.handling.count > 0 }) {
      $0
    }
    // What costs next to nothing, as accesses of the start do, is not what to look at first.
    let costsMuch = summary.dominant?.exit != nil
    if costsMuch, let exit = exits.first { commands.append((exitCommand(exit), nil)) }
    if costsMuch, let slowest = exits.first?.cost?.slowest?.exemplar {
      commands.append(("timeline --around \(moment(slowest.timestamp))", slowest.timestamp))
    }
    if let path = summary.paths.first {
      commands.append(("paths --device \(Text.shellWord(path.device))", nil))
    }
    if !costsMuch, !exits.isEmpty { commands.append(("exits --by address", nil)) }
    for (place, command) in commands.enumerated() {
      if place == 0 { blank() }
      suggestion(place == 0 ? "ask further:  " : "              ", command.arguments, at: command.moment)
    }
  }
  private func exitCommand(_ exit: ExitReport) -> String {
    var command = "exits --reason \(exit.reason ?? "")"
    if let device = exit.device, device != ReportBuilder.unclaimed {
      command += " --device \(Text.shellWord(device))"
    } else if let address = exit.address {
      command += " --address 0x" + String(address, radix: 16)
    }
    return command
  }
}
