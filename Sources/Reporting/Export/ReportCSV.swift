import Dump
import Reports

extension Report {
  /// The tables of `exits` and `paths` as RFC 4180 has them, with a header row: times are in ns, what is not known is
  /// empty. nil: reports of other commands are no table.
  package func csv() -> String? {
    if let exits { return CSVTable(exits).text }
    if let paths { return CSVTable(paths).text }
    return nil
  }
}

/// Rows of comma-separated values (RFC 4180).
struct CSVTable {
  private(set) var text = ""

  private mutating func add(_ cells: [String]) {
    text += cells.map(CSV.cell).joined(separator: ",") + "\r\n"
  }

  // MARK: Columns

  private static let latency = [
    "count", "total_ns", "min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns",
  ]

  private static func cells(_ latency: LatencyReport) -> [String] {
    guard latency.count > 0 else { return ["0"] + Array(repeating: "", count: Self.latency.count - 1) }
    let times = [
      latency.total, latency.minimum, latency.p50, latency.p90, latency.p99, latency.p999, latency.maximum,
    ]
    return ["\(latency.count)"] + times.map { "\($0)" }
  }

  private static func text<T>(_ value: T?) -> String { value.map { "\($0)" } ?? "" }

  init(_ exits: ExitsReport) {
    add(
      ["exits", "reason", "direction", "device", "address", "addresses", "vcpu", "count"]
        + ["cost_at_least_ns", "cost_likely_ns", "cost_at_most_ns"]
        + Self.latency.map { "in_kvm_run_" + $0 } + Self.latency.map { "handling_" + $0 }
        + ["handling_max_timestamp_ns", "symbol", "rip_from", "rip_through"])
    for group in exits.groups {
      let exit = group.exits
      let cost = [exit.cost?.atLeast, exit.cost?.likely, exit.cost?.atMost]
      add(
        [group.label, exit.reason ?? "", exit.direction ?? "", exit.device ?? "", Self.text(exit.address)]
          + ["\(exit.addresses)", Self.text(exit.vcpu), "\(exit.count)"] + cost.map(Self.text)
          + Self.cells(exit.inKvmRun) + Self.cells(exit.handling)
          + [Self.text(exit.handling.maximumExemplar?.timestamp), exit.place?.symbol ?? ""]
          + [Self.text(exit.place?.from), Self.text(exit.place?.through)])
    }
  }

  /// A row for each stage of each path, and before them for each stage of each queue's requests, of kind `request`.
  init(_ paths: PathsReport) {
    add(
      ["kind", "device", "queue", "kicks", "handlers", "requests", "interrupts", "share_permille", "stage"]
        + Self.latency + ["max_timestamp_ns"])
    for path in paths.requests ?? [] {
      for stage in path.stages {
        let head = ["request", path.device, "\(path.queue)", "", "", "", "", Self.text(stage.sharePermille)]
        add(
          head + [stage.name] + Self.cells(stage.latency) + [
            Self.text(stage.latency.maximumExemplar?.timestamp)
          ])
      }
    }
    for path in paths.paths {
      let head = [
        path.kind, path.device, Self.text(path.queue), "\(path.kicks)", "\(path.handlers)",
        "\(path.requests)",
        "\(path.interrupts)", Self.text(path.sharePermille),
      ]
      for stage in path.stages {
        add(
          head + [stage.name] + Self.cells(stage.latency) + [
            Self.text(stage.latency.maximumExemplar?.timestamp)
          ])
      }
    }
  }
}
