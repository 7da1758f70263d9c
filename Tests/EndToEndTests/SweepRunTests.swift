import Foundation
import Platform
import Testing

/// How a sweep's runs are made: side by side, again where they were disturbed, and what is told of one that was killed.
extension SweepCommandTests {
  @Test("a duet runs both at the same time, and takes enough processors for that")
  func duet() throws {
    try #require(ProcessInfo.processInfo.activeProcessorCount > 1)
    let directory = try TemporaryDirectory()
    let text = """
      guests: [port-io iterations=20000]
      options: {serial: none}
      factors: {lock: [device, global]}
      pairs: 2
      warm-up: 0
      """
    if ProcessInfo.processInfo.activeProcessorCount < 4 {
      let (refused, _) = try sweep(directory.url, text + "\nduet: true", "--plan")
      #expect(
        refused.status == 2 && refused.standardError.contains("a duet takes 4 processors"),
        "\(refused.standardError)")
    }
    // Where a run has fewer processors than threads the plan says so.
    let half = ProcessInfo.processInfo.activeProcessorCount / 2
    let (planned, _) = try sweep(
      directory.url, text.replacing("lock: [device, global]", with: "iothreads: [1, 9]") + "\nduet: force",
      "--plan")
    #expect(
      planned.text.contains("for 10 threads of vCPUs and devices, which take turns") == (half < 10)
        || planned.text.contains("for 2 threads of vCPUs and devices, which take turns"), "\(planned.text)")
    let (output, place) = try sweep(directory.url, text + "\nduet: force")
    #expect(output.status == 0, "\(output.standardError)")
    let all = try records(URL(fileURLWithPath: place))
    #expect(all.count == 4)
    let plan = try self.plan(URL(fileURLWithPath: place))
    for block in 0..<2 {
      let numbers = Set(plan.runs.filter { $0.block == block }.map(\.number))
      let begins = Set(all.values.filter { numbers.contains($0.number) }.map(\.began))
      #expect(begins.count == 1)
    }
    // Events are recorded by the processor that they happened on: each run stays on its half, which the next block exchanges.
    let cpus = Self.processors
    let halves = [Set(cpus.prefix(cpus.count / 2)), Set(cpus.suffix(cpus.count - cpus.count / 2))]
    for one in plan.runs {
      let name = try #require(all.first { $0.value.number == one.number }).key
      let summary = try run(Tools.analyzer, ["summary", "--format", "json", "\(place)/runs/\(name)/trace"])
      let report = try JSONSerialization.jsonObject(with: summary.standardOutput) as? [String: Any]
      let streams = try #require((report?["trace"] as? [String: Any])?["streams"] as? [[String: Any]])
      let used = streams.filter { ($0["events"] as? Int ?? 0) > 0 }.compactMap { $0["cpu"] as? Int }
      #expect(
        !used.isEmpty && Set(used).isSubset(of: halves[(one.configuration + one.block) % 2]), "\(used)")
    }
  }

  /// Those that this process, and with it a sweep, may use.
  static var processors: [Int] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
    return line.split { $0 == ":" || $0 == "," }.dropFirst().flatMap { part -> [Int] in
      let bounds = part.split { !$0.isNumber }.compactMap { Int($0) }
      return bounds.isEmpty ? [] : Array(bounds[0]...bounds[bounds.count - 1])
    }
  }

  @Test("a run that is disturbed is made again, as often as was asked for, and the report says so")
  func repeated() throws {
    let directory = try TemporaryDirectory()
    // Another program has a processor to itself.
    let busy = try BusyLoop(cpu: BusyLoop.cpu)
    let (output, place) = try sweep(
      directory.url,
      "guests: [port-io iterations=20000]\noptions: {serial: none}\nfactors: {lock: [device, global]}\n"
        + "pairs: 1\nwarm-up: 0\nrepeat-disturbed: 2")
    withExtendedLifetime(busy) {}
    #expect(output.status == 0, "\(output.standardError)")
    let told = output.standardError.split(separator: "\n").filter {
      $0.contains("was disturbed and is made again")
    }
    #expect(told.count == 4, "\(output.standardError)")
    for name in try records(URL(fileURLWithPath: place)).keys {
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(place)/runs/\(name)/run.json"))
      let record = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(record["repeated"] as? Int == 2)
      // The last one stays, disturbed or not.
      #expect((record["disturbance"] as? [String: Any])?["isDisturbed"] as? Bool != nil)
    }
    let compared = try run(Tools.analyzer, ["compare", "--primary", "elapsed", place])
    #expect(compared.text.contains("made again, as they were disturbed"), "\(compared.text)")
  }

  @Test(
    "a run that is killed ends the sweep with the signal's name",
    arguments: [
      ("KILL", "SIGKILL (as the kernel does where memory is short)"),
      // Sent by somebody, which Swift's runtime would take for a fault, and go on after describing it.
      ("SEGV", "SIGSEGV"),
    ])
  func signalled(signal: String, words: String) throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("e.yaml"),
      place = directory.url.appendingPathComponent("s").path
    try "guests: [port-io iterations=1000000000]\noptions: {serial: none}\nwarm-up: 0".write(
      to: file, atomically: true, encoding: .utf8)
    let script = """
      "$1" sweep -o "$3" "$2" 2>"$3.log" & pid=$!
      for i in $(seq 1200); do
        found=$(pgrep -f "exeunt run .*--trace $3/runs/0001") && [ -e "$3/runs/"*/trace ] && break; sleep 0.05
      done
      kill -$4 $found; wait $pid; echo "status $?"; cat "$3.log"
      """
    let output = try run(
      URL(fileURLWithPath: "/bin/bash"), ["-c", script, "sh", Tools.exeunt.path, file.path, place, signal])
    #expect(
      output.text.contains("status 1") && output.text.contains("was killed by \(words)"), "\(output.text)")
  }
}
