import CLinux
import Glibc

/// Running other programs: posix_spawn(3).
///
/// A program runs in a session of its own, so that the terminal's Ctrl-C reaches only this process; with no signal
/// blocked or ignored; and with no descriptor of this process beyond the three it is given.
public enum Subprocess {
  /// How a program ended, and what it printed.
  public struct Outcome: Sendable {
    /// The exit status; nil when a signal ended the program.
    public var exitStatus: CInt?
    /// The signal that ended it; nil where it ended by itself, or is none of this process's any more.
    public var signal: CInt?
    /// The deadline passed and the program was killed.
    public var timedOut: Bool
    /// What it wrote to standard output, at most 1 MiB.
    public var standardOutput: String
    /// What it wrote to standard error, at most 1 MiB.
    public var standardError: String

    /// The program ended by itself, with status 0.
    public var succeeded: Bool { exitStatus == 0 }
  }

  /// Where the shell would find a program: in the directories of `PATH`.
  ///
  /// - Parameter name: a file name; one with a slash is taken as it is.
  /// - Returns: the path of an executable file, or nil.
  public static func find(_ name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    for directory in search.split(separator: ":") {
      let path = "\(directory)/\(name)"
      if access(path, X_OK) == 0 { return path }
    }
    return nil
  }

  /// Runs a program to its end, with nothing on its standard input. What others write to its output after that is waited for ten
  /// seconds at the most.
  ///
  /// - Parameters:
  ///   - path: the program's file.
  ///   - arguments: its arguments, without its name.
  ///   - environment: variables that differ from this process's; nil takes one away.
  ///   - timeout: milliseconds after which the program and its children are killed.
  ///   - isHopeless: asked some four times a second; true ends the program as a timeout does.
  /// - Throws: the error of pipe2(2) or posix_spawn(3).
  public static func run(
    _ path: String, _ arguments: [String], environment: [String: String?] = [:], timeout: Int,
    isHopeless: () -> Bool = { false }
  ) throws(Errno) -> Outcome {
    var deadline = Clock.monotonic + UInt64(timeout) * 1_000_000
    var output = try Pipe()
    var error = try Pipe()
    let child = try spawn(
      path, arguments, environment: environment, output: output.writeEnd, error: error.writeEnd)
    output.closeWriteEnd()
    error.closeWriteEnd()

    var captured: (output: [UInt8], error: [UInt8]) = ([], [])
    var polls = [
      pollfd(fd: output.readEnd, events: Int16(POLLIN), revents: 0),
      pollfd(fd: error.readEnd, events: Int16(POLLIN), revents: 0),
    ]
    // However much it writes.
    var nextLook = Clock.monotonic + 250_000_000
    while polls[0].fd >= 0 || polls[1].fd >= 0 {
      let now = Clock.monotonic
      if now >= deadline { break }
      if now >= nextLook {
        nextLook = now + 250_000_000
        if isHopeless() {
          deadline = now
          break
        }
        // Others may have its output open still, such as a program that it started and that stays.
        if hasEnded(child) { deadline = min(deadline, now + 10_000_000_000) }
      }
      guard poll(&polls, 2, CInt(min((deadline - now) / 1_000_000 + 1, 250))) > 0 else { continue }
      if polls[0].revents != 0, !drain(output, into: &captured.output) { polls[0].fd = -1 }
      if polls[1].revents != 0, !drain(error, into: &captured.error) { polls[1].fd = -1 }
    }
    let status = wait(for: child, until: deadline)
    if status == nil {
      kill(-child, SIGKILL)
      _ = wait(for: child, until: .max)
    }
    return Outcome(
      exitStatus: status.flatMap { $0 & 0x7f == 0 ? ($0 >> 8) & 0xff : nil },
      signal: status.flatMap { $0 >= 0 && $0 & 0x7f != 0 ? $0 & 0x7f : nil }, timedOut: status == nil,
      standardOutput: String(decoding: captured.output, as: UTF8.self),
      standardError: String(decoding: captured.error, as: UTF8.self))
  }

  /// Starts a program and does not wait for it.
  ///
  /// - Parameters:
  ///   - path: the program's file.
  ///   - arguments: its arguments, without its name.
  ///   - name: its name among the arguments; nil for the path.
  ///   - environment: variables that differ from this process's; nil takes one away.
  ///   - input: what becomes its standard input; nil for /dev/null.
  ///   - output: what becomes its standard output; nil for /dev/null.
  ///   - error: what becomes its standard error; nil for /dev/null.
  ///   - third: what becomes its descriptor 3; nil for nothing.
  /// - Returns: the child's process, session and process group id, for the caller to wait for.
  /// - Throws: the error of posix_spawn(3).
  public static func spawn(
    _ path: String, _ arguments: [String], name: String? = nil, environment: [String: String?] = [:],
    input: CInt? = nil, output: CInt? = nil, error: CInt? = nil, third: CInt? = nil
  ) throws(Errno) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in [(CInt(0), input), (1, output), (2, error)] {
      if let source {
        posix_spawn_file_actions_adddup2(&actions, source, target)
      } else {
        posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
      }
    }
    if let third { posix_spawn_file_actions_adddup2(&actions, third, 3) }
    clinux_spawn_close_from(&actions, third == nil ? 3 : 4)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGXFSZ] {
      sigaddset(&signals, signal)
    }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = CInt(POSIX_SPAWN_SETSIGMASK) | CInt(POSIX_SPAWN_SETSIGDEF) | CLINUX_SPAWN_SETSID
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var child: pid_t = 0
    let code = withStringVector([name ?? path] + arguments) { argv in
      withVector(merged(environment)) { envp in
        posix_spawn(&child, path, &actions, &attributes, argv, envp)
      }
    }
    guard code == 0 else { throw Errno(rawValue: code) }
    return child
  }

  /// Becomes another program, with this process's environment: execv(3).
  ///
  /// Returns only by throwing.
  ///
  /// - Parameter arguments: its arguments, without its name.
  /// - Throws: the error of execve(2).
  public static func execute(_ path: String, _ arguments: [String]) throws(Errno) -> Never {
    withStringVector([path] + arguments) { _ = execv(path, $0) }
    throw Errno.current
  }

  /// Waits for a child of this process to end, and reaps it.
  ///
  /// - Parameters:
  ///   - child: what ``spawn(_:_:environment:input:output:error:)`` returned.
  ///   - deadline: nanoseconds on CLOCK_MONOTONIC.
  /// - Returns: its wait status, -1 when it is no child of this process; nil when it still runs at the deadline.
  public static func wait(for child: pid_t, until deadline: UInt64) -> CInt? {
    var pause: useconds_t = 200
    while true {
      var status: CInt = 0
      let result = waitpid(child, &status, deadline == .max ? 0 : WNOHANG)
      if result == child { return status }
      if result < 0, errno != EINTR { return -1 }
      if Clock.monotonic >= deadline { return nil }
      usleep(pause)
      pause = min(pause * 2, 5000)
    }
  }

  /// Whether a child has ended, which ``wait(for:until:)`` still tells: waitid(2), WNOWAIT.
  private static func hasEnded(_ child: pid_t) -> Bool {
    var information = siginfo_t()
    guard waitid(P_PID, id_t(child), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else { return true }
    return information.si_signo != 0
  }

  private static let captureLimit = 1 << 20

  /// Reads what is there; false at the end of the file.
  private static func drain(_ pipe: borrowing Pipe, into bytes: inout [UInt8]) -> Bool {
    let chunk = pipe.read(atMost: 16384)
    bytes.append(contentsOf: chunk.prefix(captureLimit - bytes.count))
    return !chunk.isEmpty
  }

  /// This process's environment with changes, each to be freed. What stays is kept byte by byte: it need not be UTF-8.
  private static func merged(_ changes: [String: String?]) -> [UnsafeMutablePointer<CChar>?] {
    var result: [UnsafeMutablePointer<CChar>?] = []
    var next = clinux_environment()
    while let entry = next?.pointee {
      let name = String(cString: entry).prefix { $0 != "=" }
      if !changes.keys.contains(String(name)) { result.append(strdup(entry)) }
      next = next?.advanced(by: 1)
    }
    for (name, value) in changes {
      if let value { result.append(strdup("\(name)=\(value)")) }
    }
    return result
  }

  private static func withStringVector<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    withVector(strings.map { strdup($0) }, body)
  }

  /// - Parameter vector: freed afterwards.
  private static func withVector<Result>(
    _ vector: [UnsafeMutablePointer<CChar>?], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    defer { for string in vector { free(string) } }
    return body(vector + [nil])
  }
}
