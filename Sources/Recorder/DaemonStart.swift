import Glibc
import Platform

/// Finding and starting session daemons.
extension SessionDaemon {
  /// A name for a session of a process.
  static func newSession(of process: pid_t) -> String { "exeunt-\(process)-\(Clock.realtime / 1_000_000)" }

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

  /// Starts a daemon of our own, and makes the tracing session in it.
  static func startOwn(session: String, output: TraceDirectory) throws(RecorderError) -> SessionDaemon {
    let daemon: SessionDaemon
    if getuid() != 0 {
      daemon = try start(.home, home: ScratchDirectory.make(), session: session, output)
    } else if let own = try? start(.namespace, home: ScratchDirectory.make(), session: session, output) {
      daemon = own
    } else {
      // A mount namespace takes CAP_SYS_ADMIN, which root in a container may lack.
      daemon = try start(.shared, home: ScratchDirectory.make(), session: session, output)
    }
    do throws(RecorderError) {
      let created = try daemon.create()
      guard created.succeeded else { throw .command("lttng create \(session)", output: complaint(created)) }
    } catch {
      _ = daemon.end(finished: daemon.kind == .private)
      throw error
    }
    return daemon
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
    var namespace: CInt?
    if mode == .namespace {
      let descriptor = open("/proc/\(keeper)/ns/mnt", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        let error = Errno.current
        kill(-daemon, SIGKILL)
        kill(-keeper, SIGKILL)
        _ = Subprocess.wait(for: keeper, until: .max)
        throw .system("opening the mount namespace of the session daemon", error)
      }
      namespace = descriptor
    }
    started = true
    return SessionDaemon(
      mode: mode, home: home, session: session, keeper: keeper, keeperSocket: sockets[0], daemon: daemon,
      namespace: namespace)
  }
}
