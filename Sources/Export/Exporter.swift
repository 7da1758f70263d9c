import Analysis
import CTF
import Reports

/// A recording that is exported.
package struct ExportedRun {
  /// Its number among those of one export, from 1.
  package let number: Int
  /// What its events are read from.
  package let trace: Trace
  /// What the analysis of all of it found.
  package let analysis: TraceAnalysis
  /// Only this part of it, ns since the clock's origin; nil: all.
  package let part: Range<Int64>?
  /// The summary of that.
  package let report: Report
  /// The machine, with the names of its parts.
  let machine: StateDump

  /// - Parameters:
  ///   - part: Only this part of it, ns since the clock's origin; nil: all.
  ///   - report: The summary of that.
  package init(
    number: Int, _ trace: Trace, _ analysis: TraceAnalysis, part: Range<Int64>? = nil, _ report: Report
  ) {
    self.number = number
    self.trace = trace
    self.analysis = analysis
    self.part = part
    self.report = report
    machine = analysis.models.result().dump
  }
}

/// Why an export could not be written.
package enum ExportFailure: Error, Equatable {
  /// The error number of a write.
  case write(Int32)
  /// What a library said.
  case library(String)
}

/// Writes what the models know of one run after the other in some format. Nothing is kept that grows with a run.
package protocol Exporter: ~Copyable {
  /// Whether it wants items; else runs are not read for them.
  static var readsItems: Bool { get }
  /// A run begins.
  mutating func begin(_ run: ExportedRun)
  /// What follows of it, in the order of ``ModelReader``.
  mutating func add(_ items: [ModelItem])
  /// The run is over.
  mutating func end()
  /// There are no more runs.
  mutating func finish()
  /// What went wrong first; from then on nothing is written any more.
  var failure: ExportFailure? { get }
}

extension Exporter where Self: ~Copyable {
  package static var readsItems: Bool { true }

  /// Exports a run.
  package mutating func export(_ run: ExportedRun) {
    begin(run)
    if Self.readsItems {
      var reader = ModelReader(run.trace, run.analysis, part: run.part)
      while failure == nil, reader.next({ add($0) }) {}
    }
    end()
  }
}
