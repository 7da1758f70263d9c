import Foundation
import TestSupport
import Testing

/// `make demo-linux` as it is, with the programs under test: it verifies what it shows, and fails where something is amiss.
@Suite(
  "Linux with a disk and a network, as the demonstration shows it",
  .needsEngine,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"),
  .needsTracing,
  .enabled(if: NetworkNamespace.isPossible, "needs root, /dev/net/tun, ip and ping"),
  .enabled(if: Tools.find("mkfs.ext2") != nil, "needs mkfs.ext2"),
  .enabled(if: Tools.find("python3") != nil, "needs python3"))
struct LinuxDemoTests {
  @Test(
    "Every request to the disk has a line with its path, every ping its stages, by ioeventfd and by exits; what the host counted and the disk holds is verified",
    arguments: HostEngine.all)
  func verifiesItself(engine: String) throws {
    let directory = try TemporaryDirectory()
    let script = Tools.root.appendingPathComponent(".ci/demo-linux")
    let output =
      engine == "kvm"
      ? try run(script, [Tools.buildDirectory.path, directory.url.path])
      : try run(
        URL(fileURLWithPath: "/usr/bin/unshare"),
        [
          "--mount", "sh", "-c", "{ [ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm; } && exec \"$@\"",
          "sh", script.path,
          Tools.buildDirectory.path, directory.url.path,
        ])
    try #require(output.status == 0, "\(output.text) \(output.standardError)")
    #expect(
      output.text.matches(of: /verified: .* [1-9][0-9]* reads and [1-9][0-9]* writes/).count == 2,
      "\(output.text)")
    for (ioeventfd, path) in [("on", "ioeventfd"), ("off", "exit")] {
      let trace = directory.url.appendingPathComponent("ioeventfd-\(ioeventfd)/trace").path
      let summary = try #require(try AnalyzerReport(["summary"], trace).summary)
      let requests = summary.requests.filter { $0.device == "disk0" }.reduce(0) { $0 + $1.count }
      #expect(output.text.contains("\n\(requests) requests, 0 failed"), "\(output.text)")
      #expect(output.text.contains(" round trips, kicks by \(path);"), "\(output.text)")
      let kicks = summary.paths.filter { $0.device == "disk0" || $0.device == "net0" }.filter { $0.kicks > 0 }
      #expect(!kicks.isEmpty && kicks.allSatisfy { $0.kind == path }, "\(kicks)")
    }
    // On a busy host pings overtake each other: a packet between others is no round trip's.
    #expect(
      output.text.matches(of: /\n([0-9]+) round trips/).allSatisfy { Int($0.1)! >= 5 }, "\(output.text)")
    withExtendedLifetime(directory) {}
  }
}
