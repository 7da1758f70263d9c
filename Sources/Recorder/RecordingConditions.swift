import Glibc
import Platform

/// Whether runs can be recorded on this host, for `exeunt doctor`.
package enum RecordingConditions {
  private static let topic = "tracing"

  /// Looks at LTTng and at the shared memory that its buffers are in.
  package static func findings() -> [HostFinding] {
    guard let lttng = Subprocess.find("lttng"), Subprocess.find("lttng-sessiond") != nil else {
      return [
        library(),
        HostFinding(
          topic, "lttng-tools", .missing, "lttng or lttng-sessiond is not in PATH",
          advice: "--trace needs them: install the package lttng-tools"), analyzer(), sharedMemory(),
      ]
    }
    return [library(), tools(lttng), sessionDaemon(lttng), analyzer(), sharedMemory()]
  }

  private static func library() -> HostFinding {
    // Only `exeunt run` loads it by itself. Here nobody is to wait for a session daemon.
    setenv("LTTNG_UST_REGISTER_TIMEOUT", "0", 1)
    guard dlopen("liblttng-ust.so.1", RTLD_NOW | RTLD_LOCAL) != nil else {
      let reason = dlerror().map { String(cString: $0) } ?? "not there"
      return HostFinding(
        topic, "liblttng-ust", .missing, reason,
        advice: "nothing can be recorded: install the package liblttng-ust1")
    }
    let maps = TextFile.read("/proc/self/maps", limit: 1 << 20) ?? ""
    let path = maps.split(separator: "\n").first { $0.contains("/liblttng-ust.so") }?.split(separator: " ")
      .last
    guard let path else {
      return HostFinding(topic, "liblttng-ust", .missing, "not loaded", advice: "nothing can be recorded")
    }
    return HostFinding(topic, "liblttng-ust", .ok, String(path))
  }

  private static func tools(_ lttng: String) -> HostFinding {
    let outcome = try? Subprocess.run(lttng, ["--version"], timeout: 10_000)
    let words = (outcome?.standardOutput ?? "").split { $0 == " " || $0 == "\n" }
    guard let version = words.first(where: { $0.first?.isNumber == true && $0.contains(".") }) else {
      return HostFinding(
        topic, "lttng-tools", .warning, "\(lttng) does not say its version",
        advice: "install the package lttng-tools anew")
    }
    return HostFinding(topic, "lttng-tools", .ok, "\(version) (\(lttng))")
  }

  private static func sessionDaemon(_ lttng: String) -> HostFinding {
    let name = "session daemon"
    let outcome = try? Subprocess.run(lttng, ["--no-sessiond", "list"], timeout: 5_000)
    guard let outcome, !outcome.timedOut else {
      return HostFinding(
        topic, name, .warning, "one runs and does not answer",
        advice: "--trace would use it and fail: see what it is doing, or end it")
    }
    if outcome.succeeded { return HostFinding(topic, name, .ok, "one runs: --trace uses it") }
    return HostFinding(topic, name, .ok, "none runs: --trace starts a private one for each run")
  }

  private static func analyzer() -> HostFinding {
    let name = "exeunt-analyze"
    guard let path = TraceCheck.analyzer else {
      return HostFinding(
        topic, name, .warning, "neither beside this program nor in PATH",
        advice: "--trace cannot say how many events are in a recording: install it beside this program")
    }
    return HostFinding(topic, name, .ok, path)
  }

  private static func sharedMemory() -> HostFinding {
    let cpus = BufferPlan.possibleCPUs
    let available = BufferPlan.sharedMemoryAvailable
    let free = available.map { "\(describe(bytes: $0)) of /dev/shm free" } ?? "/dev/shm cannot be asked"
    do throws(RecorderError) {
      let plan = try BufferPlan.fit(RecordingOptions(directory: ""), cpus: cpus, available: available)
      return HostFinding(
        topic, "trace buffers", plan.warning == nil ? .ok : .warning,
        "\(describe(bytes: plan.bytes(cpus: cpus))) (\(plan.count) x \(plan.size >> 10) KiB for each of \(cpus) CPUs), "
          + free, advice: plan.warning == nil ? nil : "a busy guest may lose events: make /dev/shm larger")
    } catch {
      return HostFinding(
        topic, "trace buffers", .missing, free, advice: "--trace will fail: make /dev/shm larger")
    }
  }
}
