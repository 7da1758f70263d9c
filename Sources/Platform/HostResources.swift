import Glibc

/// Memory and processors of this host, for `exeunt doctor`.
public enum HostResources {
  /// Looks at them.
  public static func findings() -> [HostFinding] {
    processors() + [memory(), hugePages(), lockedMemory()]
  }

  private static func processors() -> [HostFinding] {
    let topic = "processors"
    let usable = ProcessorSet.count
    let cpuinfo = TextFile.read("/proc/cpuinfo", limit: 1 << 14) ?? ""
    let model = value(of: "model name", in: cpuinfo) ?? "unknown model"
    let flags = Set((value(of: "flags", in: cpuinfo) ?? "").split(separator: " "))
    let source =
      TextFile.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?.split(
        separator: "\n"
      )
      .first.map(String.init) ?? "unknown"
    let stable = flags.contains("constant_tsc") && flags.contains("nonstop_tsc")
    return [
      HostFinding(
        topic, "CPUs", usable > 1 ? .ok : .warning, "\(usable) usable, \(model)",
        advice: usable > 1 ? nil : "a vCPU and an I/O thread take turns: latencies show the scheduler"),
      HostFinding(
        topic, "time stamp counter", stable || source == "tsc" ? .ok : .warning,
        "\(stable ? "constant, never stops" : "not said to be constant"); the kernel's clock is \(source)",
        advice: stable || source == "tsc"
          ? nil : "guest time stamps may not be comparable with the trace's clock"),
    ]
  }

  private static func memory() -> HostFinding {
    let information = TextFile.read("/proc/meminfo") ?? ""
    guard let total = kibibytes("MemTotal", in: information),
      let available = kibibytes("MemAvailable", in: information)
    else { return HostFinding("memory", "RAM", .warning, "unknown: /proc/meminfo cannot be read") }
    // A limit above what there is says nothing.
    let limit = MemoryLimits().lowest.flatMap { $0.bytes >> 10 < total ? $0 : nil }
    let group = limit.map { "; the control group \($0.group) has \(gibibytes($0.bytes >> 10)) GiB" } ?? ""
    return HostFinding(
      "memory", "RAM", .ok, "\(gibibytes(available)) of \(gibibytes(total)) GiB available\(group)")
  }

  private static func hugePages() -> HostFinding {
    let root = "/sys/kernel/mm/hugepages"
    let sizes = (Directory.names(in: root) ?? []).compactMap { name -> (path: String, kibibytes: UInt64)? in
      guard name.hasPrefix("hugepages-"), name.hasSuffix("kB") else { return nil }
      return UInt64(name.dropFirst(10).dropLast(2)).map { ("\(root)/\(name)", $0) }
    }
    guard !sizes.isEmpty else {
      return HostFinding(
        "memory", "huge pages", .warning, "this kernel has none", advice: "--mem-path cannot use hugetlbfs")
    }
    var total: UInt64 = 0
    let found = sizes.sorted { $0.kibibytes < $1.kibibytes }.map { size in
      func count(_ file: String) -> UInt64 {
        TextFile.read("\(size.path)/\(file)")?.split(separator: "\n").first.flatMap { UInt64($0) } ?? 0
      }
      let all = count("nr_hugepages")
      total += all
      let label =
        size.kibibytes >= 1 << 20 ? "\(size.kibibytes >> 20) GiB" : "\(size.kibibytes >> 10) MiB"
      return "\(label): " + (all == 0 ? "none" : "\(count("free_hugepages")) of \(all) free")
    }
    return HostFinding(
      "memory", "huge pages", total > 0 ? .ok : .warning, found.joined(separator: ", "),
      advice: total > 0 ? nil : "only --mem-path on hugetlbfs needs them: sysctl vm.nr_hugepages=N")
  }

  private static func lockedMemory() -> HostFinding {
    var limit = rlimit()
    getrlimit(CInt(bitPattern: __RLIMIT_MEMLOCK.rawValue), &limit)
    let unlimited = limit.rlim_cur == rlim_t.max
    return HostFinding(
      "memory", "locked memory", .ok, unlimited ? "unlimited" : "at most \(limit.rlim_cur >> 10) KiB")
  }

  private static func value(of key: String, in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      return String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    return nil
  }

  private static func kibibytes(_ key: String, in text: String) -> UInt64? {
    value(of: key + ":", in: text).flatMap { UInt64($0.prefix { $0 != " " }) }
  }

  private static func gibibytes(_ kibibytes: UInt64) -> String {
    let tenths = (kibibytes * 10) >> 20
    return "\(tenths / 10).\(tenths % 10)"
  }
}
