import Glibc
import Platform
import TestSupport
import Testing

@Suite("Files, directories and other programs")
struct FileTests {
  @Test("Reading to the end, from a position, and what is not there")
  func files() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/file"
      let text = String(repeating: "0123456789", count: 2000)
      do {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT)
        var copy = text
        try copy.withUTF8 { try file.writeAll(UnsafeRawBufferPointer($0)) }
      }
      #expect(TextFile.read(path) == text)
      #expect(TextFile.read(path, limit: 5000) == String(text.prefix(5000)))
      #expect(TextFile.read("\(directory)/missing") == nil)
      #expect(TextFile.read(directory) == nil)
      let file = try FileDescriptor.open(path, O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: 10)
      #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 19_995) } == 5)
      #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 20_000) } == 0)
      #expect(throws: Errno.noSuchFileOrDirectory) {
        _ = try FileDescriptor.open("\(directory)/no/file", O_RDONLY)
      }
    }
  }

  @Test("Removing a directory removes links, not what they lead to")
  func removal() throws {
    try withTemporaryDirectory { directory in
      mkdir("\(directory)/kept", 0o700)
      close(open("\(directory)/kept/file", O_CREAT | O_WRONLY, 0o600))
      mkdir("\(directory)/gone", 0o700)
      mkdir("\(directory)/gone/inner", 0o700)
      symlink("\(directory)/kept", "\(directory)/gone/inner/link")
      symlink("\(directory)/gone", "\(directory)/gone/inner/loop")
      #expect(Directory.names(in: "\(directory)/gone/inner")?.sorted() == ["link", "loop"])
      #expect(!Directory.isDirectory("\(directory)/gone/inner/link"))
      Directory.remove("\(directory)/gone")
      #expect(Directory.names(in: directory) == ["kept"])
      #expect(Directory.names(in: "\(directory)/kept") == ["file"])
      #expect(Directory.names(in: "\(directory)/gone") == nil)
    }
  }

  @Test("A program's outcome, whichever way it ends")
  func subprocess() throws {
    let shell = try #require(Subprocess.find("sh"))
    let good = try Subprocess.run(shell, ["-c", "echo out; echo err >&2"], timeout: 20_000)
    #expect(good.succeeded)
    #expect(good.standardOutput == "out\n")
    #expect(good.standardError == "err\n")
    let bad = try Subprocess.run(shell, ["-c", "exit 7"], timeout: 20_000)
    #expect(bad.exitStatus == 7)
    let killed = try Subprocess.run(shell, ["-c", "kill -9 $$"], timeout: 20_000)
    #expect(killed.exitStatus == nil)
    #expect(!killed.timedOut)
    let slow = try Subprocess.run(shell, ["-c", "echo begun; sleep 60"], timeout: 300)
    #expect(slow.timedOut)
    #expect(slow.standardOutput == "begun\n")
    #expect(throws: Errno.noSuchFileOrDirectory) { _ = try Subprocess.run("/missing", [], timeout: 1000) }
    #expect(Subprocess.find("exeunt-has-no-such-program") == nil)
  }

  @Test("A program that has ended is not waited for, whoever has its output open")
  func heldOutput() throws {
    let shell = try #require(Subprocess.find("sh"))
    let begin = Clock.monotonic
    let outcome = try Subprocess.run(
      shell, ["-c", "ulimit -c 0; sleep 1000 & echo $!; kill -SEGV $$"], timeout: 900_000)
    #expect(outcome.signal == SIGSEGV && !outcome.timedOut)
    #expect(Clock.monotonic - begin < 600_000_000_000)
    let sleeper = try #require(pid_t(outcome.standardOutput.trimmingPrefix(" ").prefix { $0 != "\n" }))
    #expect(kill(sleeper, SIGKILL) == 0)
  }

  @Test("One that writes without an end is ended when that is asked for")
  func endlessOutput() throws {
    let shell = try #require(Subprocess.find("sh"))
    let begin = Clock.monotonic
    let outcome = try Subprocess.run(shell, ["-c", "exec yes"], timeout: 900_000, isHopeless: { true })
    #expect(outcome.timedOut && Clock.monotonic - begin < 600_000_000_000)
  }

  @Test("A program inherits neither ignored signals nor descriptors, and has the environment asked for")
  func inheritance() throws {
    let shell = try #require(Subprocess.find("sh"))
    let outcome = try Subprocess.run(
      shell, ["-c", "echo $EXEUNT_A-$HOME-; ls /proc/self/fd | tr '\\n' ' '; grep Sig /proc/self/status"],
      environment: ["EXEUNT_A": "a b", "HOME": nil], timeout: 20_000)
    let lines = outcome.standardOutput.split(separator: "\n")
    #expect(lines.first == "a b--")
    #expect(outcome.standardOutput.contains("0 1 2 3 Sig"))
    #expect(outcome.standardOutput.contains("SigBlk:\t0000000000000000"))
  }

  @Test("This process is in the process table")
  func processTable() throws {
    let entry = try #require(ProcessTable.entry(getpid()))
    #expect(entry.parent == getppid())
    #expect(entry.isRunning)
    #expect(ProcessTable.entry(-1) == nil)
    #expect(ProcessTable.contains { $0.id == getpid() })
  }
}
