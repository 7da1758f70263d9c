import Foundation
import TestSupport
import Testing

/// `exeunt sweep`, with real runs.
@Suite("Sweeps", .serialized, .needsEngine, .needsTracing)
struct SweepCommandTests {
  struct Plan: Decodable, Equatable {
    struct Run: Decodable, Equatable {
      let number, block, configuration: Int
    }
    struct Configuration: Decodable, Equatable {
      let label: String
    }
    let runs: [Run]
    let configurations: [Configuration]
  }
  struct Record: Decodable, Equatable {
    let number: Int
    let began, duration: Double
  }

  static let experiment = """
    guests: [port-io iterations=200]
    options: {serial: none}
    factors: {lock: [device, global]}
    pairs: 4
    """

  func plan(_ directory: URL) throws -> Plan {
    try JSONDecoder().decode(Plan.self, from: Data(contentsOf: directory.appendingPathComponent("plan.json")))
  }

  func records(_ directory: URL) throws -> [String: Record] {
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
    // The analyzer takes no plan that the sweep would not go on with.
    for (key, value) in [
      ("block\" : 3", "block\" : 8"), ("warmUps\" : 1", "warmUps\" : 99"), ("seed\" :", "seed\" : -"),
    ] {
      let other = json.replacing("\"" + key, with: "\"" + value)
      #expect(other != json)
      try other.write(toFile: damaged.path + "/plan.json", atomically: true, encoding: .utf8)
      let told = try run(Tools.exeunt, ["sweep", "--plan", "-o", damaged.path, file.path])
      #expect(told.status == 1, "\(told.standardError)")
      let read = try run(Tools.analyzer, ["compare", damaged.path])
      #expect(read.status == 3 && read.standardError.contains("plan.json"), "\(key): \(read.standardError)")
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
  func check(_ trace: String) throws -> String? {
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
      mkdir -p "$3/t"; dd if=/dev/zero of="$3/rest" bs=4096 2>/dev/null || true
      set +e; "$1" sweep -o "$3/t" "$2" 2>&1 >/dev/null; echo "full $?"; set -e
      rm "$3/filler" "$3/rest"; mount -o remount,size=200M none "$3"
      "$1" sweep -o "$3/s" "$2" 2>&1; ls "$3"/s/runs/0*/run.json | wc -l
      """
    let output = try run(
      URL(fileURLWithPath: "/usr/bin/unshare"),
      ["-m", "/bin/bash", "-c", script, "sh", Tools.exeunt.path, file.path, directory.url.path + "/small"])
    #expect(output.status == 0, "\(output.text)\(output.standardError)")
    #expect(output.text.contains("status 1") && output.text.contains("are free in"), "\(output.text)")
    #expect(output.lines.last == "8", "\(output.text)")
    // Not even the plan finds room.
    #expect(
      output.text.contains("No space left on device; make room, and the same command goes on")
        && output.text.contains("full 1"), "\(output.text)")
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

  func sweep(_ directory: URL, _ text: String, _ more: String...) throws -> (
    output: Output, place: String
  ) {
    let file = directory.appendingPathComponent("\(UUID().uuidString).yaml")
    try text.write(to: file, atomically: true, encoding: .utf8)
    let place = file.deletingPathExtension().path
    return (try run(Tools.exeunt, ["sweep", "-o", place, file.path] + more), place)
  }

  func compared(_ place: String, _ metric: String = "elapsed") throws -> [String: Any] {
    let output = try run(Tools.analyzer, ["compare", "--format", "json", "--primary", metric, place])
    try #require(output.status == 0, "\(output.standardError)")
    let report = try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any]
    return try #require(report?["sweep"] as? [String: Any])
  }

  @Test("every ready experiment runs, cut down, and what it says can be read")
  func ready() throws {
    let directory = try TemporaryDirectory()
    let experiments = Tools.root.appendingPathComponent("analysis/experiments")
    let names = try FileManager.default.contentsOfDirectory(atPath: experiments.path).filter {
      $0.hasSuffix(".yaml")
    }
    #expect(names.count >= 7)
    for name in names {
      let text = try String(contentsOf: experiments.appendingPathComponent(name), encoding: .utf8)
      #expect(text.contains("question: ") && text.contains("?"), "\(name) says what it answers")
      let small = text.replacing(/iterations=\d+/, with: "iterations=40").replacing(
        /pairs: \d+/, with: "pairs: 1\nwarm-up: 0")
      let (output, place) = try sweep(directory.url, small)
      if name == "coalesced.yaml", !HostEngine.hasKVM {
        // Nothing is run of what only KVM has.
        let said = output.standardError
        #expect(output.status == 2 && said.contains("--coalesced-io on"), "\(said)")
        #expect(!FileManager.default.fileExists(atPath: place), "\(said)")
        continue
      }
      #expect(output.status == 0, "\(name): \(output.standardError)")
      let found = try compared(place)
      #expect(found["blocks"] as? Int == 1 && found["missing"] as? Int == 0, "\(name)")
      #expect(((found["effects"] as? [Any])?.count ?? 0) > 0)
    }
  }

  @Test("several machines run at the same time, and traces give way to what was found in them")
  func machines() throws {
    let directory = try TemporaryDirectory()
    let text = """
      guests: [port-io iterations=3000]
      options: {serial: none}
      factors: {machines: [1, 2]}
      pairs: 2
      warm-up: 0
      keep: analysis
      """
    let (output, place) = try sweep(directory.url, text)
    #expect(output.status == 0, "\(output.standardError)")
    for (name, record) in try records(URL(fileURLWithPath: place)) {
      let files = Set(try FileManager.default.contentsOfDirectory(atPath: "\(place)/runs/\(name)"))
      let states = Set(files.filter { $0.contains("trace") })
      #expect(
        states == (name.hasSuffix("machines=2") ? ["trace.state", "trace-2.state"] : ["trace.state"]),
        "\(files)")
      #expect(record.duration > 0)
      guard name.hasSuffix("machines=2") else { continue }
      // Both ran when the other one did.
      let spans = try states.map { state -> ClosedRange<Double> in
        let summary = try run(
          Tools.analyzer, ["summary", "--format", "json", "\(place)/runs/\(name)/\(state)"])
        let report = try JSONSerialization.jsonObject(with: summary.standardOutput) as? [String: Any]
        let trace = try #require(report?["trace"] as? [String: Any])
        func time(_ key: String) throws -> Double { try #require(Double("\(trace[key] ?? "")")) }
        return try time("begin")...time("end")
      }
      #expect(spans.count == 2 && abs(spans[0].lowerBound - spans[1].lowerBound) < 5e9)
    }
    let found = try compared(place)
    #expect(found["blocks"] as? Int == 2)
    // What is named is what is there.
    let effect = try #require((found["effects"] as? [[String: Any]])?.first)
    let runs = try #require((effect["evidence"] as? [String: Any])?["a"] as? [[String: Any]])
    for one in runs {
      let path = try #require(one["path"] as? String)
      #expect(path.hasSuffix(".state") && FileManager.default.fileExists(atPath: path), "\(path)")
    }
    let (planned, _) = try sweep(directory.url, text, "--plan")
    #expect(
      planned.text.split(separator: "\n").filter { $0.hasSuffix(", 2 machines at the same time") }.count == 1,
      "\(planned.text)")
  }

  @Test("looks are made where they were declared, and end a sweep that knows enough")
  func until() throws {
    let directory = try TemporaryDirectory()
    let text = """
      guests: [port-io iterations=2000]
      options: {serial: none}
      factors: {lock: [device, global]}
      pairs: 10
      warm-up: 0
      """
    // As wide as all that can be said: the first look is enough.
    let (output, place) = try sweep(
      directory.url, text, "--until", "exits/io out port-io.p50 ±100%", "--most-pairs", "40")
    if output.status != 0 {
      #expect(output.standardError.contains("no run has the metric"), "\(output.standardError)")
    }
    let (wide, enough) = try sweep(directory.url, text, "--until", "cpu ±100%", "--most-pairs", "40")
    #expect(wide.status == 0, "\(wide.standardError)")
    #expect(
      wide.standardError.contains("look after 10 blocks") && wide.standardError.contains("that is enough"))
    #expect(try records(URL(fileURLWithPath: enough)).count == 20)
    let found = try compared(enough, "cpu")
    let looks = try #require(found["looks"] as? [String: Any])
    #expect(
      looks["looks"] as? [Int] == [10, 20, 40] && looks["blocks"] as? Int == 10
        && looks["isNarrow"] as? Bool == true)
    #expect(found["missing"] as? Int == 0)
    let effect = try #require((found["effects"] as? [[String: Any]])?.first)
    let level = try #require((effect["evidence"] as? [String: Any])?["level"] as? Double)
    #expect(abs(level - 0.01 / 3) < 1e-9)
    // Without its tenth block it is not looked at.
    let plan = try self.plan(URL(fileURLWithPath: enough))
    let last = try #require(plan.runs.first { $0.block == 9 })
    let names = try FileManager.default.contentsOfDirectory(atPath: enough + "/runs")
    let name = try #require(names.first { $0.hasPrefix(String(format: "%04d-", last.number)) })
    try FileManager.default.removeItem(atPath: "\(enough)/runs/\(name)/run.json")
    let early = try run(Tools.analyzer, ["compare", enough])
    #expect(
      early.status == 2
        && early.standardError.contains("the first look at this sweep is after 10 blocks, and 9 are made"))
    _ = place
    // A metric that no run has is told as soon as each configuration has run, also in a warm-up.
    for warmUps in [0, 1] {
      let (unknown, made) = try sweep(
        directory.url, text.replacing("warm-up: 0", with: "warm-up: \(warmUps)"), "--until",
        "handlin.p50 ±1%")
      #expect(
        unknown.status == 1
          && unknown.standardError.contains(
            "--until: no run has the metric 'handlin.p50'; did you mean 'handling.p50'?"),
        "\(unknown.standardError)")
      #expect(try records(URL(fileURLWithPath: made)).count <= 1)
    }
    for (more, words) in [
      (["--until", "cpu 1%"], "is no metric with a width"),
      (["--until", "cpu ±1%", "--most-pairs", "9"], "--most-pairs has to be"),
      (["--most-pairs", "40"], "--most-pairs goes with --until"),
    ] {
      let file = directory.url.appendingPathComponent("w.yaml")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let refused = try run(Tools.exeunt, ["sweep", "--plan"] + more + [file.path])
      #expect(refused.status == 2 && refused.standardError.contains(words), "\(refused.standardError)")
    }
  }

  @Test("files that are not those of the plan are refused")
  func foreign() throws {
    let directory = try TemporaryDirectory()
    let (output, place) = try sweep(directory.url, Self.experiment.replacing("pairs: 4", with: "pairs: 2"))
    #expect(output.status == 0, "\(output.standardError)")
    let names = try FileManager.default.contentsOfDirectory(atPath: place + "/runs").filter {
      $0.hasPrefix("0")
    }.sorted()
    func refused(_ words: String, _ change: () throws -> Void) throws {
      try change()
      let told = try run(Tools.analyzer, ["compare", "--primary", "elapsed", place])
      #expect(told.status == 3 && told.standardError.contains(words), "\(told.standardError)")
    }
    let manager = FileManager.default
    let records = names.map { "\(place)/runs/\($0)/run.json" },
      traces = names.map { "\(place)/runs/\($0)/trace" }
    try manager.moveItem(atPath: traces[1], toPath: place + "/kept")
    try refused("another run of this sweep has the same recording") {
      try manager.copyItem(atPath: traces[0], toPath: traces[1])
    }
    try manager.removeItem(atPath: traces[1])
    try refused("was not recorded when this run was made") {
      try manager.copyItem(atPath: Tools.root.appendingPathComponent("traces/mixed").path, toPath: traces[1])
    }
    try manager.removeItem(atPath: traces[1])
    try manager.moveItem(atPath: place + "/kept", toPath: traces[1])
    // Each in place of the other; then with the times exchanged as well, so that the machines alone tell. The two runs of a block
    // are of different configurations.
    func exchange() throws {
      try manager.moveItem(atPath: traces[0], toPath: place + "/kept")
      try manager.moveItem(atPath: traces[1], toPath: traces[0])
      try manager.moveItem(atPath: place + "/kept", toPath: traces[1])
    }
    try refused("was not recorded when this run was made") { try exchange() }
    let first = try String(contentsOfFile: records[0], encoding: .utf8)
    let second = try String(contentsOfFile: records[1], encoding: .utf8)
    func line(_ key: String, _ text: String) throws -> String {
      String(try #require(text.split(separator: "\n").first { $0.contains("\"\(key)\"") }))
    }
    try refused("its machine is not that of other runs of the same configuration") {
      for (record, own, other) in [(records[0], first, second), (records[1], second, first)] {
        let text = try ["began", "duration"].reduce(own) {
          $0.replacing(try line($1, own), with: try line($1, other))
        }
        try text.write(to: URL(fileURLWithPath: record), atomically: true, encoding: .utf8)
      }
    }
    try first.write(to: URL(fileURLWithPath: records[0]), atomically: true, encoding: .utf8)
    try exchange()
    try refused("it is that of another run") {
      try manager.removeItem(atPath: records[1])
      try manager.copyItem(atPath: records[0], toPath: records[1])
    }
  }

  @Test("what cannot have been written of a run is made again, and the rest is left as it is")
  func impossible() throws {
    let directory = try TemporaryDirectory()
    let text = Self.experiment.replacing("pairs: 4", with: "pairs: 2")
    let (output, place) = try sweep(directory.url, text)
    #expect(output.status == 0, "\(output.standardError)")
    let runs = try FileManager.default.contentsOfDirectory(atPath: place + "/runs").filter {
      $0.hasPrefix("0")
    }
    .sorted().map { "\(place)/runs/\($0)/run.json" }
    let before = try runs.map { try String(contentsOfFile: $0, encoding: .utf8) }
    // A long time, no time, another number, and no trace.
    for (place, damage) in [("duration", "1e308"), ("duration", "-5"), ("number", "7")].enumerated() {
      let line = try #require(before[place].split(separator: "\n").first { $0.contains("\"\(damage.0)\"") })
      let isLast = !line.hasSuffix(",")
      try before[place].replacing(line, with: "  \"\(damage.0)\" : \(damage.1)\(isLast ? "" : ",")")
        .write(to: URL(fileURLWithPath: runs[place]), atomically: true, encoding: .utf8)
    }
    let again = try run(Tools.exeunt, ["sweep", "-o", place, place + ".yaml"])
    #expect(again.status == 0, "\(again.standardError)")
    let after = try runs.map { try String(contentsOfFile: $0, encoding: .utf8) }
    #expect(zip(before, after).map { $0 == $1 } == [false, false, false, true])
    let told = try run(Tools.analyzer, ["compare", "--primary", "elapsed", place])
    #expect(told.status == 0, "\(told.standardError)")
    let (refused, _) = try sweep(directory.url, text.replacing("serial: none", with: "check: true"), "--plan")
    #expect(refused.status == 2 && refused.standardError.contains("check"), "\(refused.standardError)")
  }

  @Test("a run ends with its sweep, also where that is killed")
  func killed() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("e.yaml"),
      place = directory.url.appendingPathComponent("s").path
    try "guests: [port-io iterations=1000000000]\noptions: {serial: none}\nwarm-up: 0".write(
      to: file, atomically: true, encoding: .utf8)
    // The run is found by its trace's place, which nobody else has.
    let script = """
      "$1" sweep -o "$3" "$2" 2>/dev/null & pid=$!
      run() { pgrep -f "exeunt run .*--trace $3/runs/0001" || true; }
      for i in $(seq 400); do [ -n "$(run "$@")" ] && break; sleep 0.05; done
      sleep 1; found=$(run "$@"); kill -KILL $pid; wait $pid 2>/dev/null
      for i in $(seq 400); do [ -z "$(run "$@")" ] && break; sleep 0.05; done
      echo "found ${found:+yes} left $(run "$@")"
      """
    let output = try run(
      URL(fileURLWithPath: "/bin/bash"), ["-c", script, "sh", Tools.exeunt.path, file.path, place])
    #expect(output.text.contains("found yes left"), "\(output.text)\(output.standardError)")
    #expect(
      output.text.split(separator: "\n").last.map { $0.hasSuffix("left ") || $0.hasSuffix("left") } == true,
      "\(output.text)")
  }
}
