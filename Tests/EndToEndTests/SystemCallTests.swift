import Foundation
import Testing

/// Guests under strace(1), recorded and not: what each kind of thread asks the kernel for while the guest runs is what
/// `docs/security.md` says.
@Suite(
  "System calls once the guest runs", .needsKVM("the list in docs/security.md is of runs under it"),
  .needsTracing,
  .enabled(if: Tools.find("strace") != nil, "needs strace"))
struct SystemCallTests {
  /// Runs everything once.
  ///
  /// - Parameter isRecorded: whether each run is recorded, through a session daemon that runs already: with one of its own the VMM
  ///   would execute itself anew, where strace leaves those that it is not to follow.
  private func runAll(isRecorded: Bool) throws -> SystemCallLog {
    let directory = try TemporaryDirectory()
    let network = try NetworkNamespace()
    var all: SystemCallLog?
    for (number, item) in try TracedCase.all(in: directory.url, network: network).enumerated() {
      let log = directory.url.appendingPathComponent("log\(number)")
      // Programs that are executed are others': the recorder's.
      let command =
        (item.namespace.map { ["ip", "netns", "exec", $0] } ?? [])
        + ["strace", "-f", "-Y", "-s", "16", "-b", "execve", "-o", log.path, Tools.exeunt.path, "run"]
        + item.arguments
        + (isRecorded ? ["--trace", directory.url.appendingPathComponent("trace\(number)").path] : [])
      let words = command.map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }.joined(separator: " ")
      let typing = item.isTypedTo ? "while printf x; do sleep 0.3; done | " : ""
      // A pipeline's status is its last command's.
      var script = "\(typing)\(words); status=$?"
      if let company = item.company {
        script = "{ \(company); } >/dev/null 2>&1 & \(script); kill $! 2>/dev/null"
      }
      script += "; echo \"status $status\" >&2"
      for socket in item.echoing { EchoPeer.start(socket, whenLogged: log) }
      let output =
        isRecorded
        ? try runBesideDaemon(directory, script)
        : try run(URL(fileURLWithPath: "/bin/sh"), ["-c", script])
      #expect(output.standardError.hasSuffix("status \(item.status)\n"), "\(output.standardError)")
      if isRecorded { #expect(output.standardError.contains(" none lost, in "), "\(output.standardError)") }
      let seen = try SystemCallLog(log)
      #expect(seen.sawGuest, "\(words)")
      if all == nil { all = seen } else { all?.merge(seen) }
    }
    return try #require(all)
  }

  @Test(
    "are those of the list, and the list has no others",
    .enabled(if: NetworkNamespace.isPossible, "needs root, /dev/net/tun, ip and ping"))
  func areThoseOfTheList() throws {
    let list = try SystemCallList()
    let plain = try runAll(isRecorded: false)
    let recorded = try runAll(isRecorded: true)
    for log in [plain, recorded] {
      #expect(log.others.isEmpty, "threads or processes that should not be there")
    }
    for role in SystemCallLog.Role.allCases {
      let listed = try #require(list.calls[role], "docs/security.md has no table for \(role)")
      func calls(_ occasions: SystemCallList.Occasion...) -> Set<String> {
        Set(listed.filter { occasions.contains($0.value) }.keys)
      }
      func explain(_ calls: Set<String>, _ log: SystemCallLog) -> String {
        "\(role.rawValue): "
          + calls.map { log.examples["\(role): \($0)"] ?? $0 }.sorted().joined(separator: "\n")
      }
      let (seen, seenRecorded) = (plain.calls[role] ?? [], recorded.calls[role] ?? [])
      let unlisted = seen.subtracting(calls(.any, .seldom))
      #expect(
        unlisted.isEmpty, "not in the list, or there for recorded runs only: \(explain(unlisted, plain))")
      let unlistedRecorded = seenRecorded.subtracting(calls(.any, .recorded, .seldom))
      #expect(unlistedRecorded.isEmpty, "not in the list: \(explain(unlistedRecorded, recorded))")
      let missing = calls(.any).subtracting(seen)
      #expect(missing.isEmpty, "listed, and never made: \(role.rawValue)")
      let missingRecorded = calls(.recorded).subtracting(seenRecorded)
      #expect(missingRecorded.isEmpty, "listed, and never made in recorded runs: \(role.rawValue)")
    }
  }

  /// The main thread then tells what it knows of all threads, and must not have to look for it.
  @Test("are the same when somebody begins to record a run that goes on already")
  func whenASessionBegins() throws {
    let directory = try TemporaryDirectory()
    _ = try runBesideDaemon(
      directory,
      """
      strace -f -Y -s 16 -b execve -o "$2/log" "$1" run --guest port-io iterations=100000000 --serial none \\
        --timeout 5s --stats-interval 50ms &
      until grep -q KVM_RUN "$2/log" 2>/dev/null; do sleep 0.05; done
      lttng create mine --output="$2/trace" && lttng enable-event --userspace 'exeunt:*' && lttng start
      sleep 2
      lttng stop && lttng destroy
      wait $!
      """)
    let log = try SystemCallLog(directory.url.appendingPathComponent("log"))
    let list = try SystemCallList()
    #expect(log.others.isEmpty)
    for role in SystemCallLog.Role.allCases {
      let unlisted = (log.calls[role] ?? []).subtracting((list.calls[role] ?? [:]).keys)
      #expect(unlisted.isEmpty, "not in the list for \(role.rawValue)")
    }
    let recorded = try AnalyzerReport(["summary"], directory.url.appendingPathComponent("trace").path)
    #expect(recorded.trace.events > 0)
    #expect(log.calls[.main]?.contains("clock_gettime") == true, "the threads' times were not read")
  }
}
