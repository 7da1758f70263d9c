import Glibc
import Platform

/// The session daemon that a recording goes through, and how to talk to it with lttng(1).
struct SessionDaemon {
  let mode: Keeper.Mode
  /// What LTTNG_HOME is for commands: a directory of our own, so that lttng does not change the user's default
  /// session in ~/.lttngrc. In `.home` and `.namespace` the daemon's application socket is in it as well.
  let home: String
  /// The name of this run's tracing session.
  let session: String
  let keeper: pid_t
  /// Our end of the keeper's standard input.
  let keeperSocket: CInt
  /// The daemon's process, 0 when it is not ours.
  let daemon: pid_t
  /// The mount namespace in which the daemon's /var/run/lttng is, in `.namespace`: open until this process ends, and so there also
  /// when the keeper has been killed.
  let namespace: CInt?

  var kind: SessionDaemonKind {
    switch mode {
    case .watch: .found
    case .home, .namespace: .private
    case .shared: .shared
    }
  }

  /// Runs lttng(1) against this daemon.
  ///
  /// - Parameters:
  ///   - timeout: milliseconds.
  ///   - isHopeless: says when there is no point in waiting longer.
  func lttng(
    _ arguments: [String], timeout: Int = 30_000, isHopeless: () -> Bool = { false }
  ) throws(RecorderError) -> Subprocess.Outcome {
    let lttng = try Self.program("lttng")
    let all = ["--no-sessiond", "--group=\(Self.group(mode))"] + arguments
    let environment: [String: String?] = ["LTTNG_HOME": home]
    do {
      guard let namespace else {
        return try Subprocess.run(
          lttng, all, environment: environment, timeout: timeout, isHopeless: isHopeless)
      }
      let enter = try Self.program("nsenter")
      return try Subprocess.run(
        enter, ["--mount=/proc/\(getpid())/fd/\(namespace)", "--", lttng] + all, environment: environment,
        timeout: timeout, isHopeless: isHopeless)
    } catch let error as RecorderError {
      throw error
    } catch {
      throw .system("running lttng \(arguments.first ?? "")", error as? Errno ?? .noSuchFileOrDirectory)
    }
  }

  /// Runs lttng(1) and fails unless it succeeds.
  func command(
    _ arguments: [String], timeout: Int = 30_000, isHopeless: () -> Bool = { false }
  ) throws(RecorderError) {
    let outcome = try lttng(arguments, timeout: timeout, isHopeless: isHopeless)
    guard outcome.succeeded else {
      throw .command("lttng \(arguments.joined(separator: " "))", output: Self.complaint(outcome))
    }
  }

  static func program(_ name: String) throws(RecorderError) -> String {
    guard let path = Subprocess.find(name) else { throw .programMissing(name) }
    return path
  }

  /// lttng(1) goes to root's daemon for members of this group. A private daemon must not be passed over for one
  /// of root's that starts meanwhile, so there the group is one that does not exist.
  private static func group(_ mode: Keeper.Mode) -> String {
    mode == .home ? "exeunt-private" : "tracing"
  }

  /// What a failed lttng said, in one line.
  static func complaint(_ outcome: Subprocess.Outcome) -> String {
    if outcome.timedOut { return "it did not answer in time" }
    // Where it fails, standard output may hold half a document for machines.
    let said = outcome.standardError.isEmpty ? outcome.standardOutput : outcome.standardError
    let lines = said.split(separator: "\n").map { line in
      line.hasPrefix("Error: ") ? String(line.dropFirst(7)) : String(line)
    }
    return lines.isEmpty ? "exit status \(outcome.exitStatus ?? -1)" : lines.joined(separator: "; ")
  }

  /// Which part of our own daemon has ended; nil when it is all there, or not ours.
  var death: String? {
    if daemon == 0 { return nil }
    if ProcessTable.entry(daemon)?.isRunning != true {
      return "the session daemon died during the run: the trace ends where it did"
    }
    let consumer = ProcessTable.contains {
      $0.session == daemon && $0.name == "lttng-consumerd" && $0.isRunning
    }
    return consumer
      ? nil : "the consumer daemon, which writes the trace, died during the run: the trace ends where it did"
  }

  /// The complaints of our own daemons, which they make on standard error.
  var log: [String] {
    guard daemon != 0, let text = TextFile.read("\(home)/log") else { return [] }
    return text.split(separator: "\n").prefix(100).map(String.init)
  }

  /// Tells the keeper to clean up, and waits for it.
  ///
  /// - Parameters:
  ///   - finished: the session has been stopped and closed; otherwise the keeper does that first.
  /// - Returns: whether the keeper is done.
  func end(finished: Bool) -> Bool {
    if finished {
      _ = Keeper.finished.withCString { send(keeperSocket, $0, strlen($0), CInt(MSG_NOSIGNAL)) }
    }
    close(keeperSocket)
    let patience: UInt64 = mode == .shared ? 4 : 10
    if let status = Subprocess.wait(for: keeper, until: Clock.monotonic + patience * 1_000_000_000) {
      if status == 0 || mode == .watch { return true }
    } else if mode == .shared {
      return false
    }
    // The keeper itself was killed or hangs: do its work.
    if daemon != 0 { kill(mode == .shared ? daemon : -daemon, mode == .shared ? SIGTERM : SIGKILL) }
    kill(-keeper, SIGKILL)
    _ = Subprocess.wait(for: keeper, until: Clock.monotonic + 1_000_000_000)
    Directory.remove(home)
    return true
  }
}
