import Analysis
import ArgumentParser
import CTF
import Pages
import Reporting
import Reports

/// Reads the runs of a page.
struct RunReader {
  let places: ExitPlaces
  let part: WindowOptions
  let threads: Int?
  let isStrict: Bool
  /// See ``TimelineSection/Options/items``; 0: there is no timeline.
  let timelineItems: Int
  /// What was read so far.
  private(set) var traces: [TraceReport] = []
  /// Runs that are told of in detail so far.
  private var runs = 0

  /// Columns of the picture of a timeline.
  private static let columns = 96

  init(places: ExitPlaces, part: WindowOptions, threads: Int?, isStrict: Bool, timelineItems: Int) {
    (self.places, self.part, self.threads, self.isStrict) = (places, part, threads, isStrict)
    self.timelineItems = timelineItems
  }

  /// What was read of a run.
  private struct Source {
    let builder: ReportBuilder
    /// nil: only the analysis is there.
    var recording: (trace: Trace, analysis: TraceAnalysis)?
    /// nil: all of it was asked for.
    var window: TraceWindow?
  }

  /// Reads a run that is compared, or ends the program.
  ///
  /// - Parameters:
  ///   - side: `A` or `B`.
  ///   - number: Its place among the runs of its side, from 0.
  ///   - details: So many of each side are told of in detail.
  /// - Returns: What it is compared by, and what the page tells of it.
  mutating func compared(
    _ path: String, _ side: String, number: Int, of count: Int, details: Int
  ) throws -> (compared: ComparedRun, run: ReportedRun?) {
    let name = (count > 1 ? "\(side)\(number + 1): " : "\(side): ") + path
    let source = try read(path)
    guard number < details else { return (source.builder.compared(), nil) }
    runs += 1
    SymbolOptions.check(places.symbols, source.builder.lacksInstructions, [path])
    return (source.builder.compared(), run(name, source))
  }

  /// Reads a run that is told of alone, or ends the program.
  mutating func run(_ path: String) throws -> ReportedRun {
    let source = try read(path)
    runs += 1
    SymbolOptions.check(places.symbols, source.builder.lacksInstructions, [path])
    return run(path, source)
  }

  private func run(_ name: String, _ source: Source) -> ReportedRun {
    let builder = source.builder
    var run = ReportedRun(name: name, builder, places: places)
    guard let (trace, analysis) = source.recording, let begin = TraceSpan.begin(of: trace),
      let end = TraceSpan.end(of: trace)
    else { return run }
    let part = source.window?.part ?? begin..<Int64.max
    // Beyond the last event nothing is known.
    let shown = max(begin, part.lowerBound)..<min(end == .max ? .max : end + 1, part.upperBound)
    let cells = Timeline.read(
      trace, window: shown, traceBegin: begin, threads: builder.threadNames.count, cells: Self.columns,
      doubtFrom: analysis.doubtFrom)
    run.picture = builder.timeline(cells, window: shown)
    guard timelineItems > 0 else { return run }
    var options = TimelineSection.Options()
    (options.items, options.part, options.moments) = (timelineItems, source.window?.part, run.moments)
    run.timeline = TimelineSection(number: runs, trace: trace, analysis: analysis, options: options).html
    return run
  }

  private mutating func read(_ path: String) throws -> Source {
    if StateInput.isState(path) { return Source(builder: try saved(path)) }
    try StateInput.refuse([path])
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: [path], isStrict: isStrict)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    let workers = threads
    @Sendable func analyse(_ window: Range<Int64>? = nil) -> TraceAnalysis {
      TraceAnalysis.read(trace, window: window, workers: workers, progress: Progress.reporter)
    }
    let search = MomentSearch(trace) { analyse().models.slowestExit()?.slowest.exemplar.timestamp }
    let window = try WindowOptions.window(try part.choose(search).part, in: trace)
    let whole = analyse()
    let builder = ReportBuilder(
      trace, paths: [path], analysis: window.map { analyse($0.part) } ?? whole, window: window, whole: whole)
    traces.append(builder.summary().trace)
    return Source(builder: builder, recording: (trace, whole), window: window)
  }

  private mutating func saved(_ path: String) throws -> ReportBuilder {
    if part.isChosen {
      throw Terminal.mistake(
        "a state has no events to choose from: --from, --to and --around need the recording")
    }
    let recordings = try StateInput.read(path)
    guard recordings.count == 1 else {
      throw Terminal.mistake(
        "report takes recordings; \(PathText.shown(path)) is the state of several machines")
    }
    do throws(StateError) {
      let builder = try ReportBuilder(recordings[0])
      traces.append(builder.summary().trace)
      return builder
    } catch {
      Terminal.report("cannot report the state \(PathText.shown(path)): \(error)")
      throw ExitCode(3)
    }
  }
}
