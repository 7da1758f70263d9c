import Analysis
import ArgumentParser
import CTF
import Glibc
import Reporting

/// `--follow`: a recording that is still being written.
struct FollowOption: ParsableArguments {
  @Flag(
    help:
      "Analyse the recording while it is written; report when its run has ended, nobody writes it any more, or at SIGINT or SIGTERM."
  )
  var follow = false
}

/// Follows a recording to its end.
enum Following {
  /// Milliseconds between two looks at the files.
  private static let pause = 200

  /// What was recorded when the run had ended, when nobody wrote it any more, or when somebody wanted to wait no longer. Where it
  /// can be read no more, what was read of it before. Ends the program with status 3 when that is nothing.
  static func builder(_ options: AnalysisOptions, _ configuration: Configuration) throws -> ReportBuilder {
    signal(SIGPIPE, SIG_IGN)
    var problem = ""
    guard let writer = RecordingWriter(options.directories, problem: &problem) else {
      throw Terminal.mistake("--follow needs a directory, and \(PathText.shown(problem)) is none")
    }
    var growing = GrowingRecording(
      options.directories, configuration: configuration, workers: options.threads,
      isStrict: options.strictness.strict)
    // Threads that read inherit this: the signals come here only, and end nothing but the waiting.
    var wanted = sigset_t()
    sigemptyset(&wanted)
    for number in [SIGINT, SIGTERM] { sigaddset(&wanted, number) }
    pthread_sigmask(SIG_BLOCK, &wanted, nil)
    let finding = follow(&growing, writer, until: wanted)
    // A second signal ends the program while it reads the rest.
    pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    return try finish(&growing, finding)
  }

  /// Reads until the run has ended, nobody writes it any more, or one of the signals comes.
  ///
  /// - Returns: Who writes, if the waiting was over for that.
  private static func follow(
    _ growing: inout GrowingRecording, _ writer: RecordingWriter, until wanted: sigset_t
  ) -> RecordingWriter.Finding {
    let isWatched = isatty(STDERR_FILENO) == 1
    defer { if isWatched { Terminal.write("\r\u{1b}[K", to: STDERR_FILENO) } }
    var wanted = wanted
    var before = RecordingWriter.Finding.maybe
    while true {
      _ = growing.advance()
      if growing.hasEnded { return .maybe }
      let finding = growing.isQuiet ? writer.look(at: growing.files) : .maybe
      if case .removed = finding { return finding }
      // Its last words may have come between the two looks.
      if finding == .nobody, before == .nobody { return .nobody }
      before = finding
      if isWatched { Terminal.write("\rfollowing: \(growing.events) events so far", to: STDERR_FILENO) }
      var time = timespec(tv_sec: 0, tv_nsec: pause * 1_000_000)
      if sigtimedwait(&wanted, nil, &time) > 0 {
        if case .removed(let path) = writer.look(at: []) { return .removed(path) }
        return .maybe
      }
    }
  }

  private static func finish(
    _ growing: inout GrowingRecording, _ finding: RecordingWriter.Finding
  ) throws -> ReportBuilder {
    if case .removed(let path) = finding {
      return try partial(growing, TraceError(file: path, message: "it was removed while it was followed"))
    }
    let found: (saved: SavedRecording, trace: Trace)
    do throws(GrowingError) {
      found = try growing.finish()
    } catch {
      guard case .trace(let problem) = error else { throw failure("\(error)") }
      return try partial(growing, problem)
    }
    if finding == .nobody {
      Terminal.report("nobody writes the recording any more, though its run has no end in it")
    }
    return try report(found.saved, found.trace)
  }

  /// What was read while that was possible, or status 3 where nothing was.
  private static func partial(_ growing: GrowingRecording, _ problem: TraceError) throws -> ReportBuilder {
    guard let saved = growing.partial(problem) else { throw failure("\(problem)") }
    return try report(saved, nil)
  }

  private static func report(_ saved: SavedRecording, _ trace: Trace?) throws -> ReportBuilder {
    do throws(StateError) {
      return try ReportBuilder(saved, trace: trace)
    } catch {
      throw failure("\(error)")
    }
  }

  private static func failure(_ what: String) -> ExitCode {
    Terminal.report("cannot read the trace: \(what)")
    return ExitCode(3)
  }
}
