import Analysis
import ArgumentParser
import CTF
import Glibc
import Reporting

/// `--follow`: a recording that is still being written.
struct FollowOption: ParsableArguments {
  @Flag(
    help: "Analyse the recording while it is written; report when its run has ended, or at SIGINT or SIGTERM."
  )
  var follow = false
}

/// Follows a recording to its end.
enum Following {
  /// Milliseconds between two looks at the files.
  private static let pause = 200

  /// What was recorded when the run had ended, or somebody wanted to wait no longer. Ends the program with status 3 when there
  /// is nothing to read then.
  static func builder(_ options: AnalysisOptions, _ configuration: Configuration) throws -> ReportBuilder {
    signal(SIGPIPE, SIG_IGN)
    for directory in options.directories {
      var status = stat()
      guard PathText.withBytes(directory, { stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFDIR
      else {
        throw Terminal.mistake("--follow needs a directory, and \(PathText.shown(directory)) is none")
      }
    }
    var growing = GrowingRecording(
      options.directories, configuration: configuration, workers: options.threads,
      isStrict: options.strictness.strict)
    // Threads that read inherit this: the signals come here only, and end nothing but the waiting.
    var wanted = sigset_t()
    sigemptyset(&wanted)
    for number in [SIGINT, SIGTERM] { sigaddset(&wanted, number) }
    pthread_sigmask(SIG_BLOCK, &wanted, nil)
    let isWatched = isatty(STDERR_FILENO) == 1
    while true {
      _ = growing.advance()
      if growing.hasEnded { break }
      if isWatched { Terminal.write("\rfollowing: \(growing.events) events so far", to: STDERR_FILENO) }
      var time = timespec(tv_sec: 0, tv_nsec: pause * 1_000_000)
      if sigtimedwait(&wanted, nil, &time) > 0 { break }
    }
    if isWatched { Terminal.write("\r\u{1b}[K", to: STDERR_FILENO) }
    // A second signal ends the program while it reads the rest.
    pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    do {
      let (saved, trace) = try growing.finish()
      return try ReportBuilder(saved, trace: trace)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
  }
}
