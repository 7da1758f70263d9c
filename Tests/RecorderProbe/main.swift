// A stand-in for the VMM that records itself: emits a number of events and says what the recorder reported.
//
//   recorder-probe DIR [events=N] [rate=N] [size=N] [count=N] [pause=MS] [kill=sessiond|consumerd|recorder|keeper] [requests=N] [spare=1]
//     [freeze=1]
//
// `events` are emitted at `rate` a second (0: flat out), then it sleeps for `pause`, then stops recording.
// `requests` begins and ends so many that overlap, on several threads. `kill` ends a daemon of its own, or the process
// that records, with SIGKILL when half of the events are out; `spare` sends that process the signals that end a service,
// `freeze` stops it.

import CTracepoints
import Glibc
import Platform
import Recorder

RecorderProcess.serveIfStartedToRecord()

var numbers: [String: Int] = [:]
var victim: String?
for argument in CommandLine.arguments.dropFirst(2) {
  let parts = argument.split(separator: "=")
  if parts[0] == "kill" { victim = String(parts[1]) } else { numbers[String(parts[0])] = Int(parts[1])! }
}

@Sendable func isEnabled() -> Bool { exeunt_state_dump_wanted() != 0 }

func emit(_ range: Range<Int>, rate: Int) {
  let begin = Clock.monotonic
  for number in range {
    exeunt_trace_vcpu_run_enter(0, UInt32(truncatingIfNeeded: number))
    if rate > 0, number % 64 == 0 {
      let due = begin + UInt64(number - range.lowerBound) * 1_000_000_000 / UInt64(rate)
      while Clock.monotonic < due {}
    }
  }
}

func signalRecorder(_ signals: CInt...) {
  let found = ProcessTable.contains { entry in
    guard entry.parent == getpid(), entry.name == "exeunt-recorder" else { return false }
    for signal in signals { kill(entry.id, signal) }
    return true
  }
  if !found { print("no process records") }
}

/// Kills the shell that would clean up after the process that records.
func killKeeper() {
  var recorder: pid_t = 0
  _ = ProcessTable.contains { entry in
    if entry.parent == getpid(), entry.name == "exeunt-recorder" { recorder = entry.id }
    return false
  }
  let found = ProcessTable.contains { entry in
    guard recorder != 0, entry.parent == recorder else { return false }
    let words = TextFile.read("/proc/\(entry.id)/cmdline", limit: 1 << 16) ?? ""
    guard words.contains("exeunt-keeper") else { return false }
    kill(entry.id, SIGKILL)
    return true
  }
  if !found { print("no keeper") }
}

func killDaemon(_ name: String) {
  // Its session id is a private daemon's process id, and that daemon's program was started by our keeper; so take
  // the one whose working files are in the LTTNG_HOME that we were given.
  let home = getenv("LTTNG_HOME").map { String(cString: $0) } ?? ""
  for place in ["\(home)/run", "\(home)/.lttng"] {
    guard let line = TextFile.read("\(place)/lttng-sessiond.pid"), let daemon = pid_t(line.dropLast()) else {
      continue
    }
    _ = ProcessTable.contains { entry in
      if entry.session == daemon, entry.name == name { kill(entry.id, SIGKILL) }
      return false
    }
    return
  }
  print("no private daemon to kill")
}

var options = RecordingOptions(directory: CommandLine.arguments[1])
options.subbufferSize = numbers["size"]
options.subbufferCount = numbers["count"]
do {
  let begin = Clock.monotonic
  let recording = try Recording.start(
    options, register: { exeunt_load_tracing().map { String(cString: $0) } }, isEnabled: isEnabled)
  print("started in \((Clock.monotonic - begin) / 1_000_000) ms")
  print("home \(getenv("LTTNG_HOME").map { String(cString: $0) } ?? "")")
  for warning in recording.warnings { print("warning: \(warning)") }
  let events = numbers["events"] ?? 0
  let rate = numbers["rate"] ?? 0
  let half = victim == nil ? events : events / 2
  if let count = numbers["requests"] {
    let requests = OverlappingRequests(count: count)
    try requests.run()
    print("failed \(requests.failed)")
  }
  let emitting = Clock.monotonic
  emit(0..<half, rate: rate)
  switch victim {
  case "recorder"?: signalRecorder(SIGKILL)
  case "keeper"?: killKeeper()
  case let victim?: killDaemon("lttng-\(victim)")
  case nil: break
  }
  if numbers["spare"] != nil { signalRecorder(SIGINT, SIGTERM, SIGHUP) }
  if numbers["freeze"] != nil { signalRecorder(SIGSTOP) }
  emit(half..<events, rate: rate)
  print("emitted \(events) in \((Clock.monotonic - emitting) / 1_000_000) ms, pausing")
  fflush(nil)
  usleep(useconds_t(numbers["pause"] ?? 0) * 1000)
  let stopping = Clock.monotonic
  let summary = recording.stop(emitted: exeunt_emitted(exeunt_emitted_counter()))
  print("stopped in \((Clock.monotonic - stopping) / 1_000_000) ms")
  print("daemon \(summary.daemon.rawValue)")
  print("recorded \(summary.eventsRecorded.map(String.init) ?? "unknown")")
  print("lost \(summary.eventsLost.map(String.init) ?? "unknown")")
  print("packets lost \(summary.packetsLost.map(String.init) ?? "unknown")")
  print("bytes \(summary.bytes)")
  print("complete \(summary.isComplete)")
  for warning in summary.warnings { print("warning: \(warning)") }
} catch {
  print("error: \(error)")
  exit(1)
}
