import Foundation
import Testing

/// A host that does not let this process use io_uring(7), as containers are given by default.
@Suite(
  "A host without io_uring", .needsEngine,
  .enabled(if: Tools.find("strace") != nil, "needs strace"))
struct RingFallbackTests {
  private func run(_ arguments: [String]) throws -> Output {
    try EndToEndTests.run(
      try #require(Tools.find("strace")),
      ["-f", "-o", "/dev/null", "-e", "trace=io_uring_setup", "-e", "inject=io_uring_setup:error=EPERM"]
        + [Tools.exeunt.path, "run"] + arguments)
  }

  @Test("Disks are served by threads, which is said once")
  func threads() throws {
    let directory = try TemporaryDirectory()
    let disk = directory.url.appendingPathComponent("disk").path
    let other = directory.url.appendingPathComponent("other").path
    for path in [disk, other] { try Data(count: 1 << 20).write(to: URL(fileURLWithPath: path)) }
    let output = try run([
      "--guest", "blk", "iterations=40", "depth=4", "flush=5", "wait=interrupt", "--disk", disk, "--drive",
      "file=\(other),id=d,readonly=on", "--device", "virtio-blk-device,drive=d",
    ])
    #expect(output.status == 0, "\(output.standardError)")
    let warning =
      "disks are served by threads: this host does not let us use io_uring (Operation not permitted)"
    #expect(output.standardError.components(separatedBy: warning).count == 2, "\(output.standardError)")
  }

  @Test("Whoever asks for it is told what else there is")
  func asked() throws {
    let directory = try TemporaryDirectory()
    let disk = directory.url.appendingPathComponent("disk").path
    try Data(count: 1 << 20).write(to: URL(fileURLWithPath: disk))
    let output = try run(["--guest", "blk", "iterations=40", "--disk", "\(disk),aio=io_uring"])
    #expect(output.status == 2)
    #expect(
      output.standardError.contains("io_uring: Operation not permitted; use aio=threads"),
      "\(output.standardError)")
  }

  @Test("I/O threads that are to wait in it are refused before anything is there")
  func waiting() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let output = try run(["--guest", "doorbell", "--wait", "io_uring", "--trace", trace])
    #expect(output.status == 2)
    #expect(
      output.standardError.contains("--wait io_uring: Operation not permitted; use --wait epoll"),
      "\(output.standardError)")
    #expect(!FileManager.default.fileExists(atPath: trace))
  }
}
