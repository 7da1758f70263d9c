import Reports

/// What the host knows of threads: what their time in KVM_RUN was, and how they got at CPUs.
extension DocumentBuilder {
  mutating func cpus(_ summary: SummaryReport) {
    kvmRun(summary.vcpus)
    var threads = summary.vcpus.prefix(64).map { ($0.name, $0.scheduling) }
    threads += summary.loops.prefix(64).map { ($0.scheduledThread, $0.scheduling) }
    threads.append(("main", summary.mainThread))
    let known = threads.compactMap { name, cpu in cpu.map { (name: name, cpu: $0) } }
    guard !known.isEmpty else { return }
    var table = DocumentTable([.left] + Array(repeating: .right, count: 5))
    table.add(["Threads, as the host counts", "on a CPU", "waiting", "asleep", "gave up", "taken away"])
    for (name, cpu) in known {
      func share(_ time: Int64?) -> String { time.map { Text.percent($0, of: cpu.end &- cpu.begin) } ?? "?" }
      func count(_ count: UInt64?) -> String { count.map(Text.count) ?? "?" }
      table.add([
        "  " + name, share(cpu.running), share(cpu.waiting), share(cpu.asleep), count(cpu.voluntarySwitches),
        count(cpu.involuntarySwitches),
      ])
    }
    show(table)
    let spans = known.map { $0.cpu.end &- $0.cpu.begin }
    let (shortest, longest) = (spans.min() ?? 0, spans.max() ?? 0)
    var between = Text.duration(longest)
    if shortest != longest {
      between =
        report.machines == nil
        ? "up to \(Text.percent(longest, of: report.trace.duration)) of the time analysed"
        : "up to \(between)"
    }
    legend([
      Document.Clause(
        text: "of the time between a thread's first and last reading (\(between))"),
      Document.Clause(text: "waiting: runnable, but another had the CPU"),
      Document.Clause(
        text: "gave up, taken away: how often the CPU was", columns: ["taken away"],
        otherwise: "gave up: how often the CPU was"),
    ])
    // Between two readings it is known that a thread waited, not when.
    if let interval = known.filter({ $0.cpu.waiting ?? 0 > 0 }).map(\.cpu.interval).max(),
      interval > CpuWaits.longestSpell
    {
      paragraph(
        "read every \(Text.duration(interval)): which exits waited for a CPU can only be guessed; record with --stats-interval",
        indent: 2)
    }
  }

  /// What vCPUs' time in KVM_RUN was.
  private mutating func kvmRun(_ vcpus: [VcpuReport]) {
    let known = vcpus.prefix(64).filter { $0.kvmRun != nil }
    guard !known.isEmpty else { return }
    let hasUnread = known.contains { $0.kvmRun?.unread ?? 0 > 0 }
    let hasSleep = known.contains { $0.kvmRun?.asleep ?? 0 > 0 }
    // Without the host's counters, waiting for a CPU is in what is left.
    let isWaitingKnown = known.contains { $0.kvmRun?.waiting != nil }
    // A translator has no counters, and waits for a halted guest in its thread.
    let isTranslated = report.configuration("engine") == "tcg"
    let guest = isTranslated ? "guest or translator" : "guest or KVM"
    let titles =
      [isWaitingKnown ? "\(guest) (min)" : guest] + (isTranslated ? [] : ["halted", "polling"])
      + (hasSleep ? ["asleep"] : [])
      + (isWaitingKnown ? ["waiting for a CPU (max)", "(min)"] : []) + (hasUnread ? ["not read"] : [])
    var table = DocumentTable([.left] + titles.map { _ in .right })
    table.add(["Of the time in \(report.guestRun)"] + titles)
    for vcpu in known {
      guard let parts = vcpu.kvmRun else { continue }
      func share(_ time: Int64?) -> String { time.map { Text.percent($0, of: vcpu.span) } ?? "?" }
      table.add(
        ["  " + vcpu.name, share(parts.guestOrKvm)]
          + (isTranslated ? [] : [share(parts.halted), share(parts.haltPolling)])
          + (hasSleep ? [share(parts.asleep)] : [])
          + (isWaitingKnown ? [share(parts.waiting), share(parts.waitingAtLeast)] : [])
          + (hasUnread ? [share(parts.unread)] : []))
    }
    show(table)
    let isUnknown = known.contains { $0.kvmRun?.waiting == nil }
    let source =
      isTranslated
      ? "by the host's counters; "
        + (hasSleep ? "asleep: the guest had halted or not begun, or another vCPU had its turn; " : "")
      : "by KVM's and the host's counters; halted, polling: the guest slept; "
        + (hasSleep ? "asleep: the thread did, for another reason, such as a vCPU not started yet; " : "")
    paragraph(
      source
        + (isUnknown
          ? "waiting for a CPU is in \"\(guest)\": this trace does not tell it"
          : "waiting for a CPU: at most this, as if all waiting was in \(report.guestRun), at least what was not in userspace; "
            + "\(guest): what is left, so at least this"),
      indent: 2)
  }
}
