import Foundation
import Glibc
import Platform
import TestSupport
import Testing

/// What a jail or a strict shell leaves out.
@Suite("exeunt with little around it", .needsEngine)
struct BareProcessTests {
  private func shell(_ script: String) throws -> Subprocess.Outcome {
    try Subprocess.run(
      try #require(Subprocess.find("bash")), ["-c", script, "sh", Exeunt.path], timeout: 30_000)
  }

  @Test("Without a descriptor to spare it still knows what it was asked for")
  func descriptors() throws {
    let refused = try shell("ulimit -n 4; exec $1 run --guest port-io iterations=5")
    #expect(refused.exitStatus == 2)
    #expect(refused.standardError.contains("ulimit -n"), "\(refused.standardError)")
    let mistaken = try shell("ulimit -n 4; exec $1 run --guest no-such-guest")
    #expect(mistaken.exitStatus == 2)
    #expect(mistaken.standardError.contains("no-such-guest"), "\(mistaken.standardError)")
  }

  @Test(
    "Without /proc it runs, and says why it cannot record",
    .enabled(if: getuid() == 0, "needs root, to mount"))
  func processFileSystem() throws {
    try withTemporaryDirectory { directory in
      let bare =
        "unshare --mount --propagation private -- bash -c 'mount -t tmpfs tmpfs /proc && exec \"$@\"' sh "
      let run = try shell(bare + "$1 run --guest port-io iterations=5")
      #expect(run.exitStatus == 0, "\(run.standardError)")
      #expect(run.standardError.contains("the guest reports: 5 iterations"), "\(run.standardError)")
      let recorded = try shell(bare + "$1 run --guest port-io --trace \(directory)/run")
      #expect(recorded.exitStatus == 2, "\(recorded.standardError)")
      #expect(recorded.standardError.contains("/proc is not mounted"), "\(recorded.standardError)")
    }
  }

  @Test(
    "Files that may not grow do not end the run, which says so by its status",
    arguments: ["--serial", "--result"])
  func fileSize(option: String) throws {
    try withTemporaryDirectory { directory in
      let limit = option == "--serial" ? 1 : 0
      let outcome = try shell(
        "ulimit -f \(limit); exec $1 run --guest serial iterations=5000 \(option) \(directory)/file")
      #expect(outcome.exitStatus == 8, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("\(option) \(directory)/file: "), "\(outcome.standardError)")
      #expect(outcome.standardError.contains("File too large"), "\(outcome.standardError)")
    }
  }
}
