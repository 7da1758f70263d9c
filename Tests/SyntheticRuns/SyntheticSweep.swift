import Reporting
import Reports

extension SweepRun {
  /// A run with some metrics.
  ///
  /// - Parameters:
  ///   - number: From 0: it is recorded in second `number`.
  ///   - metrics: In ns.
  package static func synthetic(
    number: Int, block: Int, configuration: Int, isDisturbed: Bool = false, _ metrics: [String: Double]
  ) -> SweepRun {
    let begin = Int64(number) * 1_000_000_000
    var report = Report(
      command: "summary",
      trace: TraceReport(
        paths: ["run\(number)"], begin: begin, end: begin + 900_000_000, duration: 900_000_000,
        isUnixTime: true, events: 1, otherEvents: 0, discardedEvents: 0, lostPackets: 0, isPartial: false,
        streams: [], eventsByName: [], diagnostics: [], notes: []))
    report.machine = MachineReport(
      version: "1", guest: "g", kvm: "vmx", kernel: "6.1", ramBytes: 1, vcpus: 1, loops: 1, pid: 1, tscKHz: 1,
      configuration: "{}")
    return SweepRun(
      block: block, configuration: configuration, isDisturbed: isDisturbed,
      compared: ComparedRun(
        summary: report,
        metrics: metrics.sorted { $0.key < $1.key }.map {
          RunMetric(name: $0.key, unit: "ns", value: $0.value, weight: 1)
        }))
  }
}
