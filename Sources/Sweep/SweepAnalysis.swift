import Foundation
import Platform

/// What the analyzer says of runs, asked as anybody would: the monitor's half shares no code with it.
package struct SweepAnalysis {
  /// The analyzer's program.
  private let program: String

  package init(program: String) { self.program = program }

  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// An hour, ms.
  private static let limit = 3_600_000

  private struct Answer: Decodable {
    struct Sweep: Decodable {
      struct Effect: Decodable {
        struct Evidence: Decodable {
          struct Metric: Decodable {
            let name: String
            let ratio, lower, upper: Double?
          }
          let primary: [Metric]
        }
        struct Setting: Decodable {}
        let at: [Setting]?
        let evidence: Evidence
      }
      let effects: [Effect]
    }
    let sweep: Sweep?
  }

  /// Looks at the blocks that are there.
  package func look(at directory: String, _ until: SweepUntil, blocks: Int) throws -> SweepLooks.Look {
    let text = try run(["compare", "--format", "json", "--primary", until.metric, directory])
    guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)), let sweep = answer.sweep
    else { throw Failure(description: "\(program) compare does not say what a sweep's runs do") }
    let widths = sweep.effects.filter { $0.at == nil }.map { effect -> Double? in
      guard let metric = effect.evidence.primary.first(where: { $0.name == until.metric }),
        let ratio = metric.ratio, let lower = metric.lower, let upper = metric.upper, lower > 0, ratio > 0
      else { return nil }
      return max(upper / ratio, ratio / lower) - 1
    }
    let widest = widths.contains(nil) ? nil : widths.compactMap { $0 }.max()
    return .init(blocks: blocks, widest: widest, isNarrow: widest.map { $0 <= until.width } ?? false)
  }

  private struct Comparison: Decodable {
    struct Compare: Decodable {
      struct Evidence: Decodable {
        struct Metric: Decodable {
          let name: String
          let a: [Double?]
        }
        let primary: [Metric]
        let exploratory: [Metric]
      }
      let evidence: Evidence?
    }
    let compare: Compare?
  }

  /// The names of the metrics that a run has.
  ///
  /// - Parameter recording: A trace, or what was kept of it.
  package func metrics(of recording: String) throws -> Set<String> {
    // One run beside itself is put side by side, and judged by nothing.
    let text = try run(["compare", "--format", "json", recording, recording])
    guard let answer = try? JSONDecoder().decode(Comparison.self, from: Data(text.utf8)),
      let evidence = answer.compare?.evidence
    else { throw Failure(description: "\(program) compare does not say by what runs are compared") }
    return Set(
      (evidence.primary + evidence.exploratory).filter { $0.a.contains { $0 != nil } }.map(\.name))
  }

  /// Keeps what is known of a trace in place of it.
  package func keepState(of trace: String, as state: String) throws {
    _ = try run(["state", "-o", state, trace])
  }

  private func run(_ arguments: [String]) throws -> String {
    // Its standard output may be longer than what is kept of a program's.
    let place = FileManager.default.temporaryDirectory.appendingPathComponent(
      "exeunt-sweep-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: place) }
    let outcome = try Subprocess.run(
      "/bin/sh", ["-c", "exec \"$0\" \"$@\" >\"$EXEUNT_ANSWER\"", program] + arguments,
      environment: ["EXEUNT_ANSWER": place.path], timeout: Self.limit)
    guard outcome.succeeded else {
      throw Failure(
        description: outcome.standardError.isEmpty
          ? "\(program) \(arguments[0]) failed"
          : outcome.standardError.split(separator: "\n").joined(separator: "; "))
    }
    return FileManager.default.contents(atPath: place.path).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}
