import Glibc
import Platform
import Testing

@Suite("Running other programs")
struct SubprocessTests {
  private func shell(
    _ script: String, environment: [String: String?] = [:], timeout: Int = 20_000,
    isHopeless: () -> Bool = { false }
  ) throws -> Subprocess.Outcome {
    try Subprocess.run(
      "/bin/sh", ["-c", script], environment: environment, timeout: timeout, isHopeless: isHopeless)
  }

  @Test("both outputs are captured, and the exit status")
  func captures() throws {
    let outcome = try shell("echo out; echo err >&2; exit 3")
    #expect(outcome.standardOutput == "out\n")
    #expect(outcome.standardError == "err\n")
    #expect(outcome.exitStatus == 3)
    #expect(!outcome.succeeded && !outcome.timedOut)
    #expect(try shell("kill -KILL $$").exitStatus == nil)
  }

  @Test("more output than a pipe holds is no deadlock, and only 1 MiB of it is kept")
  func capturesMuch() throws {
    let outcome = try shell("head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2")
    #expect(outcome.succeeded)
    #expect(outcome.standardOutput.utf8.count == 1 << 20)
    #expect(outcome.standardError.utf8.count == 1 << 20)
  }

  @Test("at the deadline the program and its children are killed")
  func timesOut() throws {
    let start = Clock.monotonic
    let outcome = try shell("sleep 54321 & echo $!; sleep 54321", timeout: 300)
    #expect(outcome.timedOut)
    #expect(outcome.exitStatus == nil)
    #expect(Clock.monotonic - start < 10_000_000_000)
    let child = try #require(pid_t(outcome.standardOutput.dropLast()))
    usleep(100_000)
    #expect(ProcessTable.entry(child)?.isRunning != true)
  }

  @Test("a caller may give up sooner")
  func givesUp() throws {
    let start = Clock.monotonic
    #expect(try shell("sleep 54321", isHopeless: { true }).timedOut)
    #expect(Clock.monotonic - start < 10_000_000_000)
  }

  @Test("variables are set and taken away, the others stay")
  func environment() throws {
    let outcome = try shell("echo \"$A|${HOME-none}|$PATH\"", environment: ["A": "x=y z", "HOME": nil])
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    #expect(outcome.standardOutput == "x=y z|none|\(path)\n")
  }

  @Test("variables that are not UTF-8 stay as they are")
  func bytes() throws {
    setenv("EXEUNT_TEST_BYTES", [0x61, CChar(bitPattern: 0xff), 0], 1)
    defer { unsetenv("EXEUNT_TEST_BYTES") }
    let outcome = try shell("printf %s \"$EXEUNT_TEST_BYTES\" | od -An -tx1")
    #expect(outcome.standardOutput == " 61 ff\n")
  }

  @Test("a child has a session of its own, no blocked signals and only three descriptors")
  func isolation() throws {
    var signals = sigset_t()
    var before = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let open = Glibc.open("/dev/null", O_RDONLY)
    defer { close(open) }
    let outcome = try shell(
      "grep -E '^SigBlk' /proc/self/status; ls /proc/self/fd | wc -l; cut -d' ' -f6 /proc/$$/stat; echo $$")
    let lines = outcome.standardOutput.split(separator: "\n")
    #expect(lines[0] == "SigBlk:\t0000000000000000")
    // The three, and the one that ls reads the directory through.
    #expect(lines[1] == "4")
    #expect(lines[2] == lines[3])
  }

  @Test("a program that is not there is an error")
  func notThere() {
    #expect(throws: Errno.noSuchFileOrDirectory) { try Subprocess.run("/nonexistent", [], timeout: 1000) }
    #expect(Subprocess.find("exeunt-no-such-program") == nil)
    #expect(Subprocess.find("sh") != nil)
    #expect(Subprocess.find("/bin/sh") == "/bin/sh")
    #expect(Subprocess.find("/etc/passwd") == nil)
  }
}

@Suite("Processes and files")
struct ProcessTableTests {
  @Test("this process is in the table, with its parent and session")
  func current() throws {
    let entry = try #require(ProcessTable.entry(getpid()))
    #expect(entry.parent == getppid())
    #expect(entry.session == getsid(0))
    #expect(entry.isRunning)
    #expect(ProcessTable.contains { $0.id == getpid() })
    #expect(ProcessTable.entry(-1) == nil)
  }

  @Test("a process that ended is not running, even before it is reaped")
  func zombie() throws {
    let child = try Subprocess.spawn("/bin/true", [])
    let deadline = Clock.monotonic + 60_000_000_000
    while ProcessTable.entry(child)?.isRunning == true, Clock.monotonic < deadline { usleep(1000) }
    #expect(ProcessTable.entry(child)?.isRunning == false)
    #expect(Subprocess.wait(for: child, until: deadline) == 0)
    #expect(ProcessTable.entry(child) == nil)
    #expect(Subprocess.wait(for: child, until: deadline) == -1)
  }

  @Test("removing a directory takes links away and leaves what they point to")
  func removal() throws {
    var template = Array("/tmp/platform-test-XXXXXX".utf8CString)
    let path = try template.withUnsafeMutableBufferPointer {
      String(cString: try #require(mkdtemp($0.baseAddress!)))
    }
    mkdir("\(path)/kept", 0o700)
    close(creat("\(path)/kept/file", 0o600))
    mkdir("\(path)/gone", 0o700)
    symlink("\(path)/kept", "\(path)/gone/link")
    close(creat("\(path)/gone/file", 0o600))
    Directory.remove("\(path)/gone")
    #expect(Directory.names(in: path) == ["kept"])
    #expect(Directory.names(in: "\(path)/kept") == ["file"])
    Directory.remove(path)
    #expect(Directory.names(in: path) == nil)
  }

  @Test("files of unknown size are read, up to a limit")
  func textFiles() {
    #expect(TextFile.read("/proc/self/stat")?.hasPrefix("\(getpid()) (") == true)
    #expect(TextFile.read("/dev/zero", limit: 10000)?.utf8.count == 10000)
    #expect(TextFile.read("/nonexistent") == nil)
    #expect(TextFile.read("/") == nil)
  }
}
