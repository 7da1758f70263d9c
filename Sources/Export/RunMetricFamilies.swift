import Reports

/// What the summary of a run is as metrics.
extension MetricFamilies {
  mutating func add(_ report: Report, run: Int) {
    let label = ("run", String(run)) as (String, String?)
    add(report.trace, report.machine, label)
    guard let summary = report.summary else { return }
    for vcpu in summary.vcpus { add(vcpu, label) }
    for loop in summary.loops { add(loop, label) }
    for exit in summary.exits { add(exit, label) }
    for path in summary.paths {
      let labels = [
        label, ("device", path.device), ("queue", path.queue.map(String.init)), ("path", path.kind),
      ]
      count("exeunt_kicks", "Kicks of queues, by the way that they went", labels, path.kicks)
    }
    for interrupt in summary.interrupts {
      for mechanism in interrupt.mechanisms {
        count(
          "exeunt_interrupts", "Interrupts raised by devices",
          [label, ("device", interrupt.device), ("mechanism", mechanism.name)], mechanism.count)
      }
    }
    for request in summary.requests {
      let labels = [
        label, ("device", request.device), ("queue", String(request.queue)), ("kind", request.kind),
      ]
      count("exeunt_requests", "Requests that devices took", labels, request.count)
      add(
        "exeunt_requested_bytes", .counter, unit: "bytes", "Bytes that requests asked for", suffix: "_total",
        labels,
        "\(request.bytes)")
      latency("exeunt_request_seconds", "From request_begin to request_end", labels, request.duration)
    }
  }

  private mutating func add(
    _ trace: TraceReport, _ machine: MachineReport?, _ run: (String, String?)
  ) {
    add(
      "exeunt_run", .info, "A recorded run", suffix: "_info",
      [
        run, ("path", trace.paths.joined(separator: " ")), ("version", machine?.version),
        ("guest", machine?.guest),
        ("kvm", machine?.kvm), ("kernel", machine?.kernel),
      ], "1")
    add(
      "exeunt_run_seconds", .gauge, unit: "seconds", "From the first event to the last", [run],
      Self.seconds(trace.duration))
    add(
      "exeunt_run_partial", .gauge, "1 where something is lost, damaged or not proven to be there", [run],
      trace.mayLackEvents ? "1" : "0")
    count("exeunt_events", "Events recorded", [run], trace.events)
    count("exeunt_discarded_events", "Events that found no room in the buffers", [run], trace.discardedEvents)
    count("exeunt_lost_packets", "Packets that are missing", [run], trace.lostPackets)
  }

  private mutating func add(_ vcpu: VcpuReport, _ run: (String, String?)) {
    for (state, time) in [
      ("in_kvm_run", vcpu.inKvmRun), ("dispatch", vcpu.dispatch), ("lock_wait", vcpu.lockWait),
      ("other", vcpu.other),
      ("unknown", vcpu.unknown), ("outside", vcpu.outside),
    ] {
      self.time(
        "exeunt_thread_seconds", Self.threadTime, [run, ("thread", vcpu.name), ("state", state)], time)
    }
  }

  private mutating func add(_ loop: LoopReport, _ run: (String, String?)) {
    for (state, time) in [
      ("asleep", loop.asleep), ("polling", loop.polling), ("handling", loop.handling),
      ("lock_wait", loop.lockWait),
      ("other", loop.other), ("unknown", loop.unknown), ("outside", loop.outside),
    ] {
      self.time(
        "exeunt_thread_seconds", Self.threadTime, [run, ("thread", loop.name), ("state", state)], time)
    }
    count("exeunt_wakeups", "Wakeups of I/O threads", [run, ("thread", loop.name)], loop.wakeups)
  }

  private static let threadTime =
    "Where the time of vCPUs and I/O threads went; of each thread it adds up to the run's"

  private mutating func add(_ exit: ExitReport, _ run: (String, String?)) {
    // Where no device claims it, the address is what tells exits apart.
    let isClaimed = exit.device != nil && exit.device != "unclaimed"
    let labels = [
      run, ("reason", exit.reason ?? "others"), ("direction", exit.direction), ("device", exit.device),
      ("address", isClaimed ? nil : exit.address.map { "0x" + String($0, radix: 16) }),
    ]
    latency("exeunt_exit_handling_seconds", "From an exit to the next entry", labels, exit.handling)
    latency("exeunt_exit_kvm_run_seconds", "In KVM_RUN before an exit", labels, exit.inKvmRun)
    count("exeunt_exits", "Exits to userspace", labels, exit.count)
  }
}
