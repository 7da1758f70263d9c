import Foundation
import Platform
import Testing

/// `exeunt-analyze export` as users call it: what is exported adds up to what the summary says. No KVM, no LTTng.
@Suite("export")
struct ExportTests {
  static let names = ["mixed", "doorbell-ioeventfd", "doorbell-exits", "polling-loop", "whole", "lossy"]

  typealias Row = [String: Any]

  /// All rows of runs, by table.
  static func rows(_ names: [String], _ options: [String] = []) throws -> [String: [Row]] {
    let output = try run(
      Tools.analyzer, ["export", "--format", "jsonl"] + options + names.map(AnalyzeCommandTests.trace))
    #expect(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    var rows: [String: [Row]] = [:]
    for line in output.lines {
      let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Row)
      rows[try #require(row["table"] as? String), default: []].append(row)
    }
    return rows
  }

  static func sum(_ rows: [Row], _ column: String) -> Int {
    rows.reduce(0) { $0 + ($1[column] as? Int ?? 0) }
  }

  static func summary(_ name: String, _ options: [String] = []) throws -> Row {
    let output = try run(
      Tools.analyzer, ["summary", "--format", "json"] + options + [AnalyzeCommandTests.trace(name)])
    let report = try #require(try JSONSerialization.jsonObject(with: output.standardOutput) as? Row)
    return report
  }

  @Test("rows add up to the summary", arguments: names)
  func sums(_ name: String) throws {
    try check(try Self.rows([name]), try Self.summary(name), isLossy: name == "lossy")
  }

  /// Parts of a recording: at its edges, in its middle, and one that has few events.
  static let parts: [(from: Double?, to: Double?)] = [
    (0.3, 0.7), (nil, 0.5), (0.5, nil), (0.9, 2), (0.499, 0.501), (0.25, 0.2501),
  ]

  /// The options for a part, whose ends are parts of the recording's duration.
  static func options(_ part: (from: Double?, to: Double?), of name: String) throws -> [String] {
    let trace = try #require(try summary(name)["trace"] as? Row)
    let duration = Double(try #require(trace["duration"] as? Int))
    func moment(_ name: String, _ part: Double?) -> [String] {
      part.map { [name, String(format: "%.0fns", duration * $0)] } ?? []
    }
    return moment("--from", part.from) + moment("--to", part.to)
  }

  @Test("rows of a part add up to the summary of the part", arguments: names, 0..<6)
  func sums(ofPart name: String, _ part: Int) throws {
    let options = try Self.options(Self.parts[part], of: name)
    let (rows, report) = (try Self.rows([name], options), try Self.summary(name, options))
    try check(rows, report, isLossy: name == "lossy", isPart: true)
    let trace = try #require(report["trace"] as? Row)
    // Text, as it is beyond what doubles hold.
    func moment(_ value: Any?) -> Int? { (value as? String).flatMap { Int($0) } ?? value as? Int }
    let (begin, whole) = (moment((trace["window"] as? Row)?["begin"]), moment(trace["begin"]))
    let from = try #require(begin) - #require(whole)
    #expect(rows["runs"]?.first?["part_at"] as? Int == from)
    let all = try Self.rows([name])
    let to = from + (try #require(trace["duration"] as? Int))
    for (table, column) in [("interrupts", "at"), ("marks", "at"), ("requests", "begun_at"), ("exits", "at")]
    {
      let inside = (all[table] ?? []).count {
        guard let at = $0[column] as? Int else { return false }
        // What ends with the last event has it.
        return at >= from && (at < to || (Self.parts[part].to ?? 2 > 1 && at == to))
      }
      #expect(rows[table]?.count ?? 0 == inside, "\(table)")
    }
  }

  private func check(
    _ rows: [String: [Row]], _ report: Row, isLossy: Bool, isPart: Bool = false
  ) throws {
    let summary = try #require(report["summary"] as? Row)
    let runs = rows["runs"] ?? []
    #expect(
      runs.count == 1 && runs[0]["duration_ns"] as? Int == (report["trace"] as? Row)?["duration"] as? Int)
    #expect(runs[0]["guest"] as? String == (report["machine"] as? Row)?["guest"] as? String)
    let exits = rows["exits"] ?? []
    let all = try #require(summary["allExits"] as? Row)
    #expect(exits.count == all["count"] as? Int)
    #expect(Self.sum(exits, "in_kvm_run_ns") == (all["inKvmRun"] as? Row)?["total"] as? Int)
    #expect(Self.sum(exits, "handling_ns") == (all["handling"] as? Row)?["total"] as? Int)
    for kind in try #require(summary["exits"] as? [Row]) {
      let device = kind["device"] as? String
      let own = exits.filter {
        $0["reason"] as? String == kind["reason"] as? String
          && $0["direction"] as? String == kind["direction"] as? String && $0["device"] as? String == device
          && (device != nil && device != "unclaimed" || $0["address"] as? Int == kind["address"] as? Int)
      }
      #expect(own.count == kind["count"] as? Int, "\(kind)")
    }
    try checkTimes(rows["intervals"] ?? [], summary)
    let wakeups = rows["wakeups"] ?? []
    for loop in try #require(summary["loops"] as? [Row]) {
      let own = wakeups.filter { $0["thread"] as? String == loop["name"] as? String }
      #expect(own.count { $0["after"] as? String == "wait" } == loop["wakeups"] as? Int)
      #expect(Self.sum(own, "slept_ns") == (loop["sleeps"] as? Row)?["total"] as? Int)
      // A part can begin between a wakeup and what it brought.
      if !isLossy, !isPart { #expect(Self.sum(own, "kicks") == loop["kicks"] as? Int) }
    }
    for request in summary["requests"] as? [Row] ?? [] {
      let own = (rows["requests"] ?? []).filter { row in
        ["device", "kind"].allSatisfy { row[$0] as? String == request[$0] as? String }
          && row["queue"] as? Int == request["queue"] as? Int
      }
      #expect(own.count == request["count"] as? Int)
      #expect(Self.sum(own, "bytes") == request["bytes"] as? Int)
      #expect(Self.sum(own, "duration_ns") == (request["duration"] as? Row)?["total"] as? Int)
    }
    if !isPart { #expect(((rows["gaps"] ?? []).count > 0) == isLossy) }
  }

  private func checkTimes(_ intervals: [Row], _ summary: Row) throws {
    let states = [
      "inKvmRun": ["in_kvm_run"], "dispatch": ["dispatch"], "handling": ["handling"], "asleep": ["asleep"],
      "polling": ["polling"], "lockWait": ["lock_wait"], "other": ["other"], "unknown": ["unknown"],
    ]
    for (kind, threads) in [("vcpu", "vcpus"), ("loop", "loops")] {
      for thread in try #require(summary[threads] as? [Row]) {
        let own = intervals.filter { $0["thread"] as? String == thread["name"] as? String }
        #expect(own.allSatisfy { $0["kind"] as? String == kind })
        for (name, names) in states {
          guard let time = thread[name] as? Int else { continue }
          let found = own.filter { names.contains($0["state"] as? String ?? "") }
          #expect(Self.sum(found, "duration_ns") == time, "\(thread["name"] ?? "") \(name)")
        }
      }
    }
  }

  @Test("csv has the rows of each table of several runs")
  func csv() throws {
    let runs = ["mixed", "lossy"]
    let rows = try Self.rows(runs)
    for (table, rows) in rows {
      let output = try run(
        Tools.analyzer,
        ["export", "--format", "csv", "--table", table] + runs.map(AnalyzeCommandTests.trace))
      #expect(output.status == 0)
      // None of these texts has commas but the configuration.
      let lines = output.text.split(separator: "\r\n")
      #expect(lines.count == rows.count + 1, "\(table)")
      guard table != "runs" else { continue }
      let columns = lines[0].split(separator: ",").map(String.init)
      for (line, row) in zip(lines.dropFirst(), rows) {
        let cells = line.split(separator: ",", omittingEmptySubsequences: false)
        let expected = columns.map { row[$0].map { "\($0)" } ?? "" }
        #expect(cells.map(String.init) == expected, "\(table)")
      }
    }
    let exits = try run(Tools.analyzer, ["export", "--format", "csv", AnalyzeCommandTests.trace("mixed")])
    #expect(exits.lines.first?.hasPrefix("run,vcpu,seq,at,reason") == true)
    #expect(rows["exits"]?.contains { $0["run"] as? Int == 2 } == true)
  }

  @Test("a file is there whole or not at all")
  func files() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("out.jsonl").path
    let trace = AnalyzeCommandTests.trace("mixed")
    func export(_ output: String) throws -> Output {
      try run(Tools.analyzer, ["export", "--format", "jsonl", "-o", output, trace])
    }
    func contents() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    }
    #expect(try export(file).status == 0)
    let whole = try String(contentsOfFile: file, encoding: .utf8)
    #expect(try run(Tools.analyzer, ["export", "--format", "jsonl", trace]).text == whole)
    for (place, reason) in [
      (directory.url.path, "Is a directory"), (file + "/none", "Not a directory"), ("/dev/full", "No space"),
    ] {
      let output = try export(place)
      #expect(output.status == 1 && output.standardError.contains(reason), "\(output.standardError)")
    }
    let limited = try run(
      URL(fileURLWithPath: "/bin/bash"),
      [
        "-c", "ulimit -f 1; exec \"$0\" export --format jsonl -o \"$1\" \"$2\"", Tools.analyzer.path, file,
        trace,
      ])
    #expect(limited.status == 1 && limited.standardError.contains("File too large"))
    #expect(try contents() == ["out.jsonl"])
    #expect(try String(contentsOfFile: file, encoding: .utf8) == whole)
  }

  @Test("nothing is left where a signal ends it", arguments: [SIGINT, SIGTERM])
  func signals(_ number: Int32) throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("out.csv")
    // So many runs that there is time to send it.
    let runs = Array(repeating: AnalyzeCommandTests.trace("mixed"), count: 5000)
    // Without the signals that the test runner blocks.
    let process = try Subprocess.spawn(
      Tools.analyzer.path, ["export", "--format", "csv", "-o", file.path] + runs)
    let deadline = Clock.monotonic + 60_000_000_000
    while try FileManager.default.contentsOfDirectory(atPath: directory.url.path).isEmpty,
      Clock.monotonic < deadline
    {
      usleep(1000)
    }
    #expect(kill(process, number) == 0)
    #expect(Subprocess.wait(for: process, until: deadline) == number)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == [])
  }

  @Test("mistaken arguments and traces that cannot be read")
  func mistakes() throws {
    let trace = AnalyzeCommandTests.trace("mixed")
    for (arguments, status) in [
      ([trace], 2), (["--format", "csv", "--table", "exits", "--table", "gaps", trace], 2),
      (["--format", "csv", "--table", "none", trace], 2), (["--format", "csv", trace + "/none"], 3),
      (["--format", "csv", "--from", "10s", trace], 2), (["--format", "csv", "--from", "mark=99", trace], 2),
      (["--format", "csv", "--from", "2ms", "--to", "1ms", trace], 2),
      (["--format", "csv", "--around", "1ms", "--to", "1ms", trace], 2),
    ] as [([String], Int32)] {
      let output = try run(Tools.analyzer, ["export"] + arguments)
      #expect(output.status == status && output.standardOutput.isEmpty, "\(arguments)")
    }
  }

  @Test("docs/export.md has every table and column")
  func documented() throws {
    let page = try String(contentsOf: Tools.root.appendingPathComponent("docs/export.md"), encoding: .utf8)
    let sections = page.components(separatedBy: "\n### ").dropFirst()
    let help = try run(Tools.analyzer, ["export", "--help"]).text
    var found = 0
    for section in sections {
      let table = String(section.prefix { $0 != "\n" })
      #expect(help.contains(table))
      let output = try run(
        Tools.analyzer, ["export", "--format", "csv", "--table", table, AnalyzeCommandTests.trace("mixed")])
      for column in try #require(output.text.split(separator: "\r\n").first).split(separator: ",") {
        #expect(section.contains("`\(column)`"), "\(table): \(column)")
        found += 1
      }
    }
    #expect(sections.count == 8 && found > 60)
  }
}
