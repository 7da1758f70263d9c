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
  /// What was read so far.
  private(set) var traces: [TraceReport] = []

  /// Columns of the picture of a timeline.
  private static let columns = 96

  init(places: ExitPlaces, part: WindowOptions, threads: Int?, isStrict: Bool) {
    (self.places, self.part, self.threads, self.isStrict) = (places, part, threads, isStrict)
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
    if number < details {
      let (builder, trace) = try read(path)
      return (builder.compared(), run(name, builder, trace))
    }
    return (try read(path).builder.compared(), nil)
  }

  /// Reads a run that is told of alone, or ends the program.
  mutating func run(_ path: String) throws -> ReportedRun {
    let (builder, trace) = try read(path)
    return run(path, builder, trace)
  }

  private func run(_ name: String, _ builder: ReportBuilder, _ trace: Trace?) -> ReportedRun {
    var run = ReportedRun(name: name, builder, places: places)
    guard let trace, let begin = TraceSpan.begin(of: trace), let window = builder.span else { return run }
    let shown = window.lowerBound..<(window.upperBound == .max ? .max : window.upperBound + 1)
    let cells = Timeline.read(
      trace, window: shown, traceBegin: begin, threads: builder.threadNames.count, cells: Self.columns,
      doubtFrom: builder.doubtFrom)
    run.picture = builder.timeline(cells, window: shown)
    return run
  }

  private mutating func read(_ path: String) throws -> (builder: ReportBuilder, trace: Trace?) {
    if StateInput.isState(path) { return (try saved(path), nil) }
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
    let builder = ReportBuilder(
      trace, paths: [path], analysis: analyse(window?.part), window: window,
      whole: window == nil ? nil : analyse())
    traces.append(builder.summary().trace)
    return (builder, trace)
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
