import Analysis
import CTF
import Reporting

/// A run's timeline on a page: its data, made here, and the place where ``TimelineViewer``'s script draws it.
package struct TimelineSection {
  /// What is asked for.
  package struct Options: Sendable {
    /// Things that are in the page one by one, at most; of the rest there are sums over groups.
    package var items = 1_500_000
    /// Only what is in this part of the run, ns since the clock's origin; nil: all of it.
    package var part: Range<Int64>?
    /// Moments that links lead to, ns since the clock's origin: around these things are kept one by one first.
    package var moments: [Int64] = []

    package init() {}
  }

  /// Longer runs are not drawn: numbers of scripts are exact up to here, which is 104 days of ns.
  private static let longest = Int64(1) << 53

  /// What is written of the run, as well-formed XML.
  package let html: String
  /// Things that are not there one by one.
  package let leftOut: Int

  /// Reads a run.
  ///
  /// - Parameters:
  ///   - number: Of the run on its page, from 1: `#at=NUMBER:NS` leads to it.
  ///   - analysis: What the analysis of all of the trace found.
  package init(number: Int, trace: Trace, analysis: TraceAnalysis, options: Options = Options()) {
    let result = analysis.models.result()
    guard let begin = result.begin, let end = result.end else {
      html = Self.words("There are no events to draw a timeline of.")
      leftOut = 0
      return
    }
    let (span, isLong) = end.subtractingReportingOverflow(begin)
    guard !isLong, span < Self.longest else {
      html = Self.words("No timeline is drawn of more than 104 days.")
      leftOut = 0
      return
    }
    func moment(_ timestamp: Int64) -> Int64 {
      timestamp <= begin ? 0 : timestamp >= end ? span : timestamp - begin
    }
    let lower = min(options.part.map { moment($0.lowerBound) } ?? 0, span)
    // The last event is part of a run, what a part ends with is none of it.
    let isOpen = options.part.map { $0.upperBound > end } ?? true
    let upper = isOpen ? span + 1 : max(lower + 1, options.part.map { moment($0.upperBound) } ?? span)
    let (estimate, isMany) = Int(clamping: result.events.reduce(0, &+)).multipliedReportingOverflow(by: 2)
    let budget = TimelineBudget(
      items: max(1, options.items),
      // Each event begins two things at most: a state and an exit, say.
      estimate: options.part == nil ? isMany ? .max : estimate : 0,
      moments: options.moments.map(moment))
    var collector = TimelineCollector(
      result.dump, begin: begin, span: span, window: lower..<upper, budget)
    var reader = ModelReader(trace, analysis)
    while reader.next({ collector.add($0) }) {}
    collector.finish()
    leftOut = budget.leftOut
    html = Self.html(number, collector, span: span, lower..<min(upper, span))
  }

  private static func words(_ text: String) -> String { "<p class=\"remark\">\(text)</p>\n" }

  private static func html(
    _ number: Int, _ collector: TimelineCollector, span: Int64, _ window: Range<Int64>
  ) -> String {
    let header = TimelineHeader.json(number, collector, span: span, window)
    let data = String(decoding: collector.data.characters, as: UTF8.self)
    return """
      <div class="timeline" data-run="\(number)">
      <noscript><p class="remark">The interactive timeline needs scripts, which are off. All else on this page does without.</p></noscript>
      <script type="application/json" class="timeline-header">\(header)</script>
      <script type="application/octet-stream" class="timeline-data">\(data)</script>
      </div>

      """
  }
}
