import Foundation
import TestSupport
import Testing

/// `exeunt sweep`, with real runs.
@Suite("Sweeps", .serialized, .enabled(if: Tools.canRecord))
struct SweepCommandTests {
  private struct Plan: Decodable, Equatable {
    struct Run: Decodable, Equatable {
      let number, block, configuration: Int
    }
    struct Configuration: Decodable, Equatable {
      let label: String
    }
    let runs: [Run]
    let configurations: [Configuration]
  }
  private struct Record: Decodable, Equatable {
    let number: Int
    let began, duration: Double
  }

  private static let experiment = """
    guests: [port-io iterations=200]
    options: {serial: none}
    factors: {lock: [device, global]}
    pairs: 4
    """

  private func plan(_ directory: URL) throws -> Plan {
    try JSONDecoder().decode(Plan.self, from: Data(contentsOf: directory.appendingPathComponent("plan.json")))
  }

  private func records(_ directory: URL) throws -> [String: Record] {
    let runs = directory.appendingPathComponent("runs")
    var found: [String: Record] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: runs.path) {
      guard
        let data = FileManager.default.contents(atPath: runs.appendingPathComponent("\(name)/run.json").path)
      else { continue }
      found[name] = try JSONDecoder().decode(Record.self, from: data)
    }
    return found
  }

  @Test("one that is interrupted goes on where it was, and ends with the same runs")
  func resumed() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("e.yaml"),
      place = directory.url.appendingPathComponent("s")
    try Self.experiment.write(to: file, atomically: true, encoding: .utf8)
    // Killed, as by a reboot, when two runs are finished; then interrupted, as by Control-C, at five.
    for (count, signal, status) in [(2, "KILL", 137), (5, "INT", 130)] as [(Int, String, Int32)] {
      let script = """
        "$1" sweep -o "$3" "$2" 2>"$3.log" & pid=$!
        for i in $(seq 600); do
          [ "$(ls "$3"/runs/0*/run.json 2>/dev/null | wc -l)" -ge \(count) ] && break
          sleep 0.05
        done
        kill -\(signal) $pid; wait $pid; exit $?
        """
      let output = try run(
        URL(fileURLWithPath: "/bin/bash"), ["-c", script, "sh", Tools.exeunt.path, file.path, place.path])
      #expect(output.status == status)
      let log = try String(contentsOfFile: place.path + ".log", encoding: .utf8)
      #expect(signal == "KILL" || log.contains("the same command goes on with the rest"), "\(log)")
    }
    let (first, before) = (try plan(place), try records(place))
    #expect((5..<8).contains(before.count))
    let output = try run(Tools.exeunt, ["sweep", "-o", place.path, file.path])
    #expect(output.status == 0, "\(output.standardError)")
    let after = try records(place)
    #expect(try plan(place) == first && first.runs.count == 8)
    #expect(after.values.map(\.number).sorted() == Array(1...8))
    // What was finished was not made again.
    for (name, record) in before { #expect(after[name] == record) }
    for run in first.runs {
      let label = first.configurations[run.configuration].label
      let name = try #require(after.keys.first { $0.hasPrefix("000\(run.number)-") })
      #expect(name.hasSuffix("-\(label)"))
      let check = try self.check(place.appendingPathComponent("runs/\(name)/trace").path)
      #expect(check == (label == "lock=global" ? "global" : "device"))
    }
    // Nothing else is left.
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path + "/runs").count == 8)
    let again = try run(Tools.exeunt, ["sweep", "-o", place.path, file.path])
    #expect(again.status == 0)
    #expect(try records(place) == after)
    try #require(again.text.contains("exeunt-analyze compare"))
    let compared = try run(
      Tools.analyzer, ["compare", "--format", "json", "--primary", "elapsed", place.path])
    #expect(compared.status == 0, "\(compared.standardError)")
    let report = try JSONSerialization.jsonObject(with: compared.standardOutput) as? [String: Any]
    let sweep = try #require(report?["sweep"] as? [String: Any])
    #expect(sweep["blocks"] as? Int == 4 && sweep["missing"] as? Int == 0)
    let effect = try #require((sweep["effects"] as? [[String: Any]])?.first)
    #expect(effect["from"] as? String == "device" && effect["to"] as? String == "global")
    for command in [["compare", place.path, place.path], ["report", place.path, place.path]] {
      let refused = try run(Tools.analyzer, command)
      #expect(refused.status == 2 && refused.standardError.contains("is a sweep"), "\(refused.standardError)")
    }
    let page = try run(Tools.analyzer, ["report", "--primary", "elapsed", place.path])
    #expect(page.status == 0 && page.text.hasSuffix("</html>\n"), "\(page.standardError)")
    #expect(page.text.contains("lock: B global against A device") && page.text.contains("too few blocks"))
    // Beside another one nothing is run, and a plan that cannot be one is told.
    let script =
      "exec 9<'\(place.path)/runs'; flock -n 9 || exit 99; '\(Tools.exeunt.path)' sweep -o '\(place.path)' '\(file.path)'"
    let beside = try run(URL(fileURLWithPath: "/bin/bash"), ["-c", script])
    #expect(
      beside.status == 1 && beside.standardError.contains("another sweep is at work"),
      "\(beside.standardError)")
    let damaged = directory.url.appendingPathComponent("damaged")
    try FileManager.default.createDirectory(at: damaged, withIntermediateDirectories: true)
    let json = try String(contentsOfFile: place.path + "/plan.json", encoding: .utf8)
    for block in ["9223372036854775807", "-1"] {
      try json.replacing("\"block\" : 3", with: "\"block\" : \(block)").write(
        toFile: damaged.path + "/plan.json", atomically: true, encoding: .utf8)
      let told = try run(Tools.exeunt, ["sweep", "--plan", "-o", damaged.path, file.path])
      #expect(told.status == 1 && told.standardError.contains("is damaged"), "\(told.standardError)")
    }
    let unknown = try run(Tools.analyzer, ["compare", "--primary", "none", place.path])
    #expect(unknown.status == 2 && unknown.standardError.contains("no run has the metric 'none'"))
    try Self.experiment.replacingOccurrences(of: "pairs: 4", with: "pairs: 5").write(
      to: file, atomically: true, encoding: .utf8)
    let other = try run(Tools.exeunt, ["sweep", "-o", place.path, file.path])
    #expect(other.status == 2 && other.standardError.contains("another experiment"))
    #expect(try records(place) == after)
  }

  /// A run's lock model by its trace, which is whole.
  private func check(_ trace: String) throws -> String? {
    let output = try run(Tools.analyzer, ["summary", "--fail-on-loss", "--format", "json", trace])
    #expect(output.status == 0, "\(output.standardError)")
    let report = try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any]
    let text = (report?["machine"] as? [String: Any])?["configuration"] as? String ?? "{}"
    return (try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])?["lock"] as? String
  }

  @Test("a full disk ends it with a message, finished runs stay, and it goes on when there is room")
  func fullDisk() throws {
    try #require(geteuid() == 0, "mounts a small file system in a namespace of its own")
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("e.yaml")
    try Self.experiment.write(to: file, atomically: true, encoding: .utf8)
    let script = """
      set -e
      mkdir "$3"; mount -t tmpfs -o size=24M none "$3"
      dd if=/dev/zero of="$3/filler" bs=1M count=10 2>/dev/null
      set +e; "$1" sweep -o "$3/s" "$2" 2>&1; echo "status $?"; set -e
      ls "$3"/s/runs/0*/run.json 2>/dev/null | wc -l
      rm "$3/filler"; mount -o remount,size=200M none "$3"
      "$1" sweep -o "$3/s" "$2" 2>&1; ls "$3"/s/runs/0*/run.json | wc -l
      """
    let output = try run(
      URL(fileURLWithPath: "/usr/bin/unshare"),
      ["-m", "/bin/bash", "-c", script, "sh", Tools.exeunt.path, file.path, directory.url.path + "/small"])
    #expect(output.status == 0, "\(output.text)\(output.standardError)")
    #expect(output.text.contains("status 1") && output.text.contains("are free in"), "\(output.text)")
    #expect(output.lines.last == "8", "\(output.text)")
  }

  @Test("mistakes are told before anything is measured")
  func mistakes() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("e.yaml"),
      place = directory.url.appendingPathComponent("s").path
    func sweep(_ text: String, _ more: String...) throws -> Output {
      try text.write(to: file, atomically: true, encoding: .utf8)
      return try run(Tools.exeunt, ["sweep", "-o", place, file.path] + more)
    }
    let planned = try sweep(Self.experiment, "--plan", "--seed", "3")
    #expect(planned.status == 0 && planned.text.contains("8 runs; order by seed 3"))
    #expect(!FileManager.default.fileExists(atPath: place))
    let wrong = try sweep("guests: [port-io]\npairs: none")
    #expect(
      wrong.status == 2 && wrong.standardError.contains("e.yaml: line 2, column 8: "),
      "\(wrong.standardError)")
    let unknown = try sweep("guests: [port-io]\noptions: {cpu: 2}")
    #expect(
      unknown.status == 2 && unknown.standardError.contains("Unknown option '--cpu'"),
      "\(unknown.standardError)"
    )
    // Nothing was run, so the file can be mended.
    #expect(try sweep("guests: [port-io iterations=5]\npairs: 1").status == 0)
    #expect(try run(Tools.exeunt, ["sweep", directory.url.path + "/none.yaml"]).status == 2)
    #expect(try run(Tools.exeunt, ["sweep", "-o", directory.url.path, file.path]).status == 1)
  }
}
