import CLinux
import Glibc
import Platform

/// Finding and starting session daemons.
///
/// liblttng-ust decides at load time, before `main`, where this process registers: with root's daemon in
/// /var/run/lttng, and with the user's in $LTTNG_HOME/.lttng. To register with a private daemon, LTTNG_HOME must be
/// there from the start; and a daemon that was not there at load time is tried again only after 5 s. So once our own
/// daemon is up, the process executes itself anew, with a marker variable that says what was started.
extension SessionDaemon {
  private static let marker = "EXEUNT_SESSION_DAEMON"

  private func marker(_ directory: TraceDirectory) -> String {
    let numbers = [keeper, keeperSocket, daemon, directory.descriptor.raw].map(String.init)
    return "\(mode.rawValue):\(numbers.joined(separator: ":")):\(session):\(home)"
  }

  /// Takes over the daemon that this process started before it executed itself anew, and the trace's directory; nil when
  /// it did not.
  static func adopt() throws(RecorderError) -> (daemon: SessionDaemon, directory: TraceDirectory)? {
    guard let value = getenv(marker).map({ String(cString: $0) }) else { return nil }
    unsetenv(marker)
    let parts = value.split(separator: ":", maxSplits: 6, omittingEmptySubsequences: false)
    // A variable that somebody else left behind names no session of ours.
    guard parts.count == 7, parts[5].hasPrefix(sessionPrefix),
      let mode = Keeper.Mode(rawValue: String(parts[0])),
      let keeper = pid_t(parts[1]), let socket = CInt(parts[2]), let daemon = pid_t(parts[3]),
      let directory = CInt(parts[4]), keeper > 0, daemon > 0
    else { return nil }
    guard waitpid(keeper, nil, WNOHANG) == 0, fcntl(socket, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(directory, F_SETFD, FD_CLOEXEC) == 0
    else { throw .daemon("the process that looks after it is not there any more") }
    return (
      SessionDaemon(
        mode: mode, home: String(parts[6]), session: String(parts[5]), keeper: keeper, keeperSocket: socket,
        daemon: daemon), TraceDirectory(adopting: directory)
    )
  }

  private static var sessionPrefix: String { "exeunt-\(getpid())-" }
  /// A name for a session of this process.
  static var newSession: String { "\(sessionPrefix)\(Clock.realtime / 1_000_000)" }

  /// Makes the tracing session.
  func create() throws(RecorderError) -> Subprocess.Outcome {
    // Not by --output: lttng(1) would look now for where that leads, and the daemon would go there later.
    try lttng(["create", session, "--set-url=file:///proc/\(keeper)/fd/3"])
  }

  /// Uses a daemon that runs already, and makes the tracing session in it.
  ///
  /// - Returns: nil when none runs that this user may talk to.
  static func find(session: String, output: TraceDirectory) throws(RecorderError) -> SessionDaemon? {
    let home = try ScratchDirectory.make()
    if let usual = (getenv("LTTNG_HOME") ?? getenv("HOME")).map({ String(cString: $0) }) {
      symlink("\(usual)/.lttng", "\(home)/.lttng")
    }
    // Before the session is made: from its first moment on somebody is there to close it, however this process ends.
    let daemon = try start(.watch, home: home, session: session, output)
    let created: Subprocess.Outcome
    do throws(RecorderError) {
      created = try daemon.create()
    } catch {
      _ = daemon.end(finished: true)
      throw error
    }
    guard created.succeeded else {
      _ = daemon.end(finished: true)
      if created.standardError.contains("No session daemon is available") { return nil }
      throw .command("lttng create \(session)", output: complaint(created))
    }
    return daemon
  }

  /// Starts a daemon and executes the program anew, which then adopts it. Returns only by throwing.
  static func startOwn(session: String, output: TraceDirectory) throws(RecorderError)
    -> Never
  {
    let daemon: SessionDaemon
    if getuid() != 0 {
      daemon = try start(.home, home: ScratchDirectory.make(), session: session, output)
    } else if let own = try? start(.namespace, home: ScratchDirectory.make(), session: session, output) {
      daemon = own
    } else {
      // A mount namespace takes CAP_SYS_ADMIN, which root in a container may lack.
      daemon = try start(.shared, home: ScratchDirectory.make(), session: session, output)
    }
    var environment: [String: String?] = [marker: daemon.marker(output)]
    if daemon.kind == .private { environment["LTTNG_HOME"] = daemon.home }
    do throws(Errno) {
      _ = fcntl(daemon.keeperSocket, F_SETFD, 0)
      _ = fcntl(output.descriptor.raw, F_SETFD, 0)
      try Subprocess.executeAnew(environment: environment)
    } catch {
      _ = daemon.end(finished: true)
      throw .system("executing this program anew for its private session daemon", error)
    }
  }

  /// Starts a keeper, and by it the daemon.
  private static func start(
    _ mode: Keeper.Mode, home: String, session: String, _ directory: TraceDirectory
  ) throws(RecorderError) -> SessionDaemon {
    var started = false
    defer { if !started { Directory.remove(home) } }
    if mode != .watch { _ = try program("lttng-sessiond") }
    var command = [
      "/bin/sh", "-c", Keeper.script, "exeunt-keeper", mode.rawValue, home, session,
      mode == .home ? "exeunt-private" : "tracing",
    ]
    if mode == .namespace {
      command = [try program("unshare"), "--mount", "--propagation", "private", "--"] + command
    }

    var sockets: [CInt] = [-1, -1]
    guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &sockets) == 0 else {
      throw .system("making a socket", .current)
    }
    defer {
      close(sockets[1])
      if !started { close(sockets[0]) }
    }
    let keeper: pid_t
    let said: String
    do {
      var output = try Pipe()
      keeper = try Subprocess.spawn(
        command[0], Array(command.dropFirst()), input: sockets[1], output: output.writeEnd,
        error: output.writeEnd, third: directory.descriptor.raw)
      output.closeWriteEnd()
      said = output.readText(until: Keeper.ready, timeout: 10_000)
    } catch {
      throw .system("starting /bin/sh", error)
    }
    guard said.hasSuffix(Keeper.ready), let line = said.split(separator: "\n").last,
      let daemon = pid_t(line.prefix { $0 != " " })
    else {
      kill(-keeper, SIGKILL)
      _ = Subprocess.wait(for: keeper, until: .max)
      let lines = said.split(separator: "\n").joined(separator: "; ")
      throw .daemon(lines.isEmpty ? "it was not ready in 10 s" : lines)
    }
    started = true
    return SessionDaemon(
      mode: mode, home: home, session: session, keeper: keeper, keeperSocket: sockets[0], daemon: daemon)
  }
}
