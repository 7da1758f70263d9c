import Analysis
import Reports

/// The summaries of runs as OpenMetrics text (OpenMetrics 1.0), for what collects such: metric families, each with its samples of
/// all runs together, as the format wants it.
package struct OpenMetricsExporter: Exporter, ~Copyable {
  private var output: OutputBuffer
  private var families = MetricFamilies()

  /// - Parameter descriptor: Where to write.
  package init(descriptor: Int32) { output = OutputBuffer(descriptor: descriptor) }

  package static var readsItems: Bool { false }

  package mutating func begin(_ run: ExportedRun) {
    families.add(run.report, run: run.number)
  }

  package mutating func add(_ items: [ModelItem]) {}

  package mutating func end() {}

  package mutating func finish() {
    for text in families.texts { output.text(text) }
    output.text("# EOF\n")
    output.flush()
  }

  package var failure: ExportFailure? { output.failure.map(ExportFailure.write) }
}

/// Metric families in the order in which they are first met.
struct MetricFamilies {
  enum Kind: String {
    case info
    case gauge
    case counter
    case summary
  }

  private struct Family {
    var head: String
    var samples: [String] = []
  }

  private var families: [Family] = []
  private var places: [String: Int] = [:]

  /// Each family.
  var texts: [String] { families.map { $0.head + $0.samples.joined() } }

  /// - Parameters:
  ///   - name: The family's; it ends in its unit where it has one.
  ///   - suffix: What the sample's name has behind it.
  mutating func add(
    _ name: String, _ kind: Kind, unit: String? = nil, _ help: String, suffix: String = "",
    _ labels: [(String, String?)], _ value: String
  ) {
    let place = places[name] ?? families.count
    if place == families.count {
      places[name] = place
      families.append(
        Family(
          head: "# TYPE \(name) \(kind.rawValue)\n" + (unit.map { "# UNIT \(name) \($0)\n" } ?? "")
            + "# HELP \(name) \(Self.escaped(help))\n"))
    }
    let known = labels.compactMap { label, value in value.map { "\(label)=\"\(Self.escaped($0))\"" } }
    families[place].samples.append("\(name)\(suffix){\(known.joined(separator: ","))} \(value)\n")
  }

  mutating func count(_ name: String, _ help: String, _ labels: [(String, String?)], _ count: UInt64) {
    add(name, .counter, help, suffix: "_total", labels, "\(count)")
  }

  mutating func time(_ name: String, _ help: String, _ labels: [(String, String?)], _ time: Int64) {
    add(name, .counter, unit: "seconds", help, suffix: "_total", labels, Self.seconds(time))
  }

  mutating func latency(
    _ name: String, _ help: String, _ labels: [(String, String?)], _ latency: LatencyReport
  ) {
    guard latency.count > 0 else { return }
    for (quantile, value) in [
      ("0.5", latency.p50), ("0.9", latency.p90), ("0.99", latency.p99), ("0.999", latency.p999),
    ] {
      add(name, .summary, unit: "seconds", help, labels + [("quantile", quantile)], Self.seconds(value))
    }
    add(name, .summary, unit: "seconds", help, suffix: "_count", labels, "\(latency.count)")
    add(name, .summary, unit: "seconds", help, suffix: "_sum", labels, Self.seconds(latency.total))
  }

  /// All digits of ns.
  static func seconds(_ nanoseconds: Int64) -> String {
    let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    let digits = String(rest)
    return (nanoseconds < 0 ? "-" : "") + "\(whole)." + String(repeating: "0", count: 9 - digits.count)
      + digits
  }

  /// Section 3.1.2, "escaped-string"; other control characters are not wanted in a line of text either.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f: escaped += "_"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
