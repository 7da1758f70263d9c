import Foundation
import TestSupport
import Testing

/// What a trace says of its own completeness, and of the threads that made it, held against babeltrace2's reading.
@Suite("Event totals and what the host knows of threads", .serialized, .needsEngine, .needsTracing)
struct RecordingTotalsTests {
  static let cases: [GuestCase] = [
    GuestCase(guest: "port-io", parameters: ["iterations=300"]),
    GuestCase(guest: "mixed", parameters: ["iterations=100"], vcpus: 2),
    GuestCase(guest: "smp", parameters: ["iterations=200"], vcpus: 3, ioeventfd: false),
    GuestCase(
      guest: "doorbell", parameters: ["iterations=300", "wait=interrupt"], irqchip: "split", irqfd: false),
  ]

  @Test("The last events say how many each thread emitted, and that many are in the trace", arguments: cases)
  func totals(_ testCase: GuestCase) throws {
    let recorded = try testCase.record()
    let threads = try ThreadTally(recorded.trace)
    withExtendedLifetime(recorded) {}
    let names = (0..<testCase.vcpus).map { "vcpu\($0)" } + ["loop0", "main0"]
    #expect(Set(threads.end.keys) == Set(names))
    #expect(threads.start == Dictionary(uniqueKeysWithValues: names.map { ($0, 0) }))
    // The reading itself comes after what it counts.
    var expected = threads.end
    expected["main0", default: 0] += UInt64(names.count)
    #expect(threads.recorded == expected)
    #expect(threads.lastNames == [String](repeating: "event_totals", count: names.count))
    #expect(recorded.result.trace?.eventsRecorded == expected.values.reduce(0, +))
  }

  @Test("A session that attaches holds at least what was emitted between its two readings")
  func attached() throws {
    let directory = try TemporaryDirectory()
    let output = try runBesideDaemon(
      directory,
      """
      "$1" run --guest smp --cpus 2 iterations=1000000000 spacing=500 --serial none &
      sleep 0.7
      lttng create attached --output="$2/trace" >/dev/null
      lttng enable-channel --userspace --subbuf-size=1M --num-subbuf=8 events >/dev/null
      lttng enable-event --userspace --channel=events 'exeunt:*' >/dev/null
      lttng start >/dev/null
      sleep 2
      kill -INT $!
      wait $!
      lttng destroy >/dev/null
      """)
    #expect(output.standardError.contains("ended by signal 2"), "\(output.standardError)")
    let threads = try ThreadTally(directory.url.appendingPathComponent("trace").path)
    withExtendedLifetime(directory) {}
    let names = ["vcpu0", "vcpu1", "loop0", "main0"]
    #expect(Set(threads.start.keys) == Set(names))
    #expect(Set(threads.end.keys) == Set(names))
    for name in names {
      let between = (threads.end[name] ?? 0) - (threads.start[name] ?? 0)
      #expect(between > 0)
      #expect(threads.recorded[name, default: 0] >= between, "\(name)")
    }
    // Nobody listened before, so all but what was emitted while LTTng enabled one event after the other is in the trace.
    #expect(threads.recorded["vcpu0"] ?? 0 <= threads.end["vcpu0"] ?? 0)
  }

  @Test(
    "Each thread is described at the start and at the end, and each counter of KVM as often as it has elements"
  )
  func statistics() throws {
    let recorded = try GuestCase(guest: "timer", parameters: ["iterations=200", "period=2000"]).record(
      "--stats-interval", "20ms", "--iothread-poll", "50us")
    let statistics = try StatisticsTally(recorded.trace)
    withExtendedLifetime(recorded) {}
    #expect(statistics.pollBudgets == [50_000])
    #expect(Set(statistics.threads.keys) == ["vcpu0", "loop0", "main0"])
    for (name, samples) in statistics.threads {
      #expect(samples.first?.moment == "start" && samples.last?.moment == "end", "\(name)")
      #expect(samples.dropFirst().dropLast().allSatisfy { $0.moment == "periodic" })
      // The guest sleeps for 0.4 s at least; the ticks that fall into that are 20, less what a busy host delays.
      #expect(samples.count >= 5, "\(name): \(samples.count)")
      for (earlier, later) in zip(samples, samples.dropFirst()) {
        #expect(later.known == 0xf)
        #expect(zip(earlier.values, later.values).allSatisfy { $0 <= $1 }, "\(name) \(earlier) \(later)")
        // Nobody runs for longer than there was time, give or take what lies between reading and recording.
        #expect(later.values[0] - earlier.values[0] <= later.time - earlier.time + 20_000_000, "\(name)")
      }
    }
    // Sleeping 200 times is giving the CPU up some 200 times: at least once for each that no polling bridged.
    let switches = statistics.threads["vcpu0"].map { $0.last!.values[2] - $0.first!.values[2] } ?? 0
    #expect(switches >= 20)

    // Absent, not zero.
    guard HostEngine.hasKVM else {
      #expect(statistics.counters.isEmpty)
      return
    }
    #expect(statistics.counters.contains { $0.value.name == "halt_wait_hist" && $0.value.size == 32 })
    let fields: Set = ["exits", "halt_wait_ns", "halt_successful_poll", "tlb_flush"]
    #expect(fields.isDisjoint(with: statistics.counters.values.map(\.name)))
    for (key, counter) in statistics.counters {
      let samples = statistics.samples[key] ?? [:]
      #expect(samples.count == counter.size, "\(counter.name)")
      for (element, values) in samples {
        #expect(values.filter { $0.moment == "start" }.count == 1, "\(counter.name) \(element)")
        #expect(values.last?.moment == "end", "\(counter.name) \(element)")
        // In between only what changed.
        for (earlier, later) in zip(values, values.dropFirst()) where later.moment == "periodic" {
          #expect(earlier.value != later.value, "\(counter.name) \(element)")
        }
      }
    }
    let waits = try #require(statistics.counters.first { $0.value.name == "halt_wait_hist" }?.key)
    let counted = (statistics.samples[waits] ?? [:]).values.reduce(0) { $0 + ($1.last?.value ?? 0) }
    #expect(counted >= 20)
  }

  /// The guest never sleeps, so its thread runs, or waits for the CPU that the other program has.
  @Test("Beside a busy loop on the same CPU, running and waiting make up the time")
  func busyLoop() throws {
    let directory = try TemporaryDirectory()
    let output = try run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c",
        """
        cpu=$(taskset -pc $$ | sed 's/.*[^0-9]//')
        taskset -c $cpu sh -c 'ulimit -t 60; while :; do :; done' &
        "$1" run --guest port80 iterations=100000000 --pin vcpu0=$cpu --timeout 2s --stats-interval 100ms --trace "$2/trace"
        kill -s KILL $!
        """, "sh", Tools.exeunt.path, directory.url.path,
      ])
    let statistics = try StatisticsTally(directory.url.appendingPathComponent("trace").path)
    withExtendedLifetime(directory) {}
    // From the first reading of a running guest on; before it, the thread waits to be let go.
    let samples = try #require(statistics.threads["vcpu0"]).filter { $0.moment == "periodic" }
    let (first, last) = try (#require(samples.first), #require(samples.last))
    #expect(samples.count >= 5, "\(output.standardError)")
    let time = Double(last.time - first.time)
    let running = Double(last.values[0] - first.values[0])
    let waiting = Double(last.values[1] - first.values[1])
    // A wait is counted when it is over, and a reading is recorded some time after it was taken.
    #expect(abs(running + waiting - time) <= 0.05 * time, "\(running) + \(waiting) of \(time)")
    #expect(waiting >= 0.25 * time, "\(waiting) of \(time)")
    #expect(last.values[3] - first.values[3] >= 10)
  }

  @Test("What emitting an event takes is measured, and what recording took is that many times it")
  func emission() throws {
    let recorded = try GuestCase(guest: "port-io", parameters: ["iterations=3000"]).record()
    let threads = try ThreadTally(recorded.trace)
    let output = try run(try #require(Tools.find("babeltrace2")), ["--clock-cycles", recorded.trace])
    let events = output.lines.map(OracleEvent.init)
    let info = try #require(events.first { $0.name == "emission_info" })
    let trials = Dictionary(grouping: events.filter { $0.name == "emission_trial_info" }) {
      $0.number("round")
    }
    #expect(trials.count == info.number("rounds") && trials.count > 2)
    #expect(trials.values.allSatisfy { $0.map { $0.number("number") } == Array(0..<info.number("events")) })
    let (fastest, median) = (info.number("fastest"), info.number("median"))
    #expect(fastest > 0 && fastest <= median)
    // From the first event of a round to its last all but one were emitted; the clock was read once more.
    let times = output.lines.filter { $0.contains("exeunt:emission_trial_info:") }.compactMap { line in
      UInt64(line.drop { $0 != "[" }.dropFirst().prefix { $0.isNumber })
    }
    let each = Int(info.number("events"))
    let between = stride(from: 0, to: times.count, by: each).map { times[$0 + each - 1] - times[$0] }
    #expect(try #require(between.min()) <= fastest + 300)

    let vcpu = try #require(try AnalyzerReport(["summary"], recorded.trace).summary?.vcpus.first)
    let cost = try #require(vcpu.recording)
    #expect(cost.events == threads.recorded["vcpu0"])
    #expect(cost.time == cost.events * median / info.number("events"))
    #expect(cost.atLeast == cost.events * fastest / info.number("events"))
    withExtendedLifetime(recorded) {}
  }

  @Test("--stats-interval 0 leaves the first and the last reading")
  func noInterval() throws {
    let recorded = try GuestCase(guest: "timer", parameters: ["iterations=1", "period=500000"]).record(
      "--stats-interval", "0")
    let statistics = try StatisticsTally(recorded.trace)
    withExtendedLifetime(recorded) {}
    for samples in statistics.threads.values { #expect(samples.map(\.moment) == ["start", "end"]) }
  }
}

/// Events by the thread that emitted them, and what the trace says of their number.
private struct ThreadTally {
  var recorded: [String: UInt64] = [:]
  var start: [String: UInt64] = [:]
  var end: [String: UInt64] = [:]
  var lastNames: [String] = []

  init(_ trace: String) throws {
    let output = try run(try #require(Tools.find("babeltrace2")), [trace])
    try #require(output.status == 0, "babeltrace2: \(output.standardError)")
    for line in output.lines {
      let event = OracleEvent(line)
      recorded[ThreadTally.emitter(event), default: 0] += 1
      guard event.name == "event_totals" else { continue }
      let name = event.label("thread_kind") + "\(event.number("thread"))"
      if event.label("moment") == "start" { start[name] = event.number("emitted") }
      if event.label("moment") == "end" { end[name] = event.number("emitted") }
    }
    lastNames = output.lines.suffix(end.count).map { String(OracleEvent($0).name) }
  }

  private static func emitter(_ event: OracleEvent) -> String {
    switch event.name {
    case "thread_stats", "event_totals", "kvm_stats", "kvm_counter", "clock_sync": "main0"
    case let name where name.hasSuffix("_info"): "main0"
    case let name where name.hasPrefix("vcpu_") || name == "guest_mark": "vcpu\(event.number("vcpu"))"
    default:
      event.label("thread_kind").isEmpty
        ? "loop\(event.number("loop"))" : event.label("thread_kind") + "\(event.number("thread"))"
    }
  }
}

/// Readings of what KVM and the host keep.
private struct StatisticsTally {
  struct ThreadSample {
    let moment: String
    let known: UInt64
    let time: UInt64
    /// Running, waiting, voluntary and involuntary switches.
    let values: [UInt64]
  }
  struct Counter {
    let name: String
    let size: Int
  }
  struct CounterSample {
    let moment: String
    let value: UInt64
  }

  var threads: [String: [ThreadSample]] = [:]
  /// By scope and number.
  var counters: [String: Counter] = [:]
  /// By scope and number, then by element; one vCPU.
  var samples: [String: [UInt64: [CounterSample]]] = [:]
  var pollBudgets: Set<UInt64> = []

  init(_ trace: String) throws {
    let output = try run(try #require(Tools.find("babeltrace2")), ["--clock-cycles", trace])
    try #require(output.status == 0, "babeltrace2: \(output.standardError)")
    for line in output.lines {
      let event = OracleEvent(line)
      let moment = event.label("moment")
      let key = event.label("scope") + "\(event.number("counter"))"
      switch event.name {
      case "thread_stats":
        threads[event.label("thread_kind") + "\(event.number("thread"))", default: []].append(
          ThreadSample(
            moment: moment, known: event.number("known"),
            time: UInt64(line.dropFirst().prefix { $0 != "]" }) ?? 0,
            values: ["run_ns", "wait_ns", "voluntary_switches", "involuntary_switches"].map(event.number)))
      case "kvm_counter_info":
        counters[key] = Counter(name: event.label("name"), size: Int(event.number("size")))
      case "kvm_counter":
        samples[key, default: [:]][event.number("element"), default: []].append(
          CounterSample(moment: moment, value: event.number("value")))
      case "loop_info": pollBudgets.insert(event.number("poll_budget"))
      default: break
      }
    }
  }
}
