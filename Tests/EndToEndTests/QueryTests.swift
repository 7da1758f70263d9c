import Foundation
import Platform
import Testing

/// `exeunt-analyze export --format sqlite` and `query`. No KVM, no LTTng.
@Suite("Databases and queries")
struct QueryTests {
  typealias Row = ExportTests.Row

  /// A database of some runs.
  private static func database(_ names: [String]) throws -> (directory: TemporaryDirectory, path: String) {
    let directory = try TemporaryDirectory()
    let path = directory.url.appendingPathComponent("runs.sqlite").path
    let output = try run(
      Tools.analyzer,
      ["export", "--format", "sqlite", "-o", path] + names.map(AnalyzeCommandTests.trace))
    #expect(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    return (directory, path)
  }

  /// Rows of a query.
  private static func query(_ sql: [String], _ path: String) throws -> [Row] {
    let output = try run(Tools.analyzer, ["query", "--format", "jsonl"] + sql + [path])
    #expect(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    return try output.lines.map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? Row)
    }
  }

  @Test(
    "Python's sqlite3 finds a sound database with the rows of JSON lines, which add up to the summary",
    .enabled(if: Tools.find("python3") != nil, "python3 is not installed"), arguments: ExportTests.names)
  func python(_ name: String) throws {
    let (directory, path) = try Self.database([name])
    let script = """
      import json, sqlite3, sys
      db = sqlite3.connect(sys.argv[1])
      assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
      assert db.execute("PRAGMA application_id").fetchone()[0] == 0x65786e74
      db.row_factory = sqlite3.Row
      for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
          for row in db.execute(f"SELECT * FROM {table}"):
              print(json.dumps({"table": table} | {key: row[key] for key in row.keys() if row[key] is not None}))
      print(json.dumps({"table": "sums", "exits": list(db.execute(
          "SELECT count(*), sum(in_kvm_run_ns), sum(handling_ns) FROM exits").fetchone())}))
      """
    let output = try run(try #require(Tools.find("python3")), ["-c", script, path])
    #expect(output.status == 0, "\(output.standardError)")
    var found: [String: [Row]] = [:]
    for line in output.lines {
      let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Row)
      found[row["table"] as? String ?? "", default: []].append(row)
    }
    let summary = try #require(try ExportTests.summary(name)["summary"] as? Row)
    let all = try #require(summary["allExits"] as? Row)
    let sums = found.removeValue(forKey: "sums")?.first?["exits"] as? [Int]
    let totals = [all["count"], (all["inKvmRun"] as? Row)?["total"], (all["handling"] as? Row)?["total"]]
    #expect(sums == totals.compactMap { $0 as? Int })
    let expected = try ExportTests.rows([name], ["--big-integers", "number"])
    #expect(Set(found.keys) == Set(expected.keys))
    for (table, rows) in expected {
      #expect(found[table].map { $0 as NSArray } == rows as NSArray, "\(table)")
    }
    withExtendedLifetime(directory) {}
  }

  @Test("ready queries have answers, those that the summary has, and of a recording as of its database")
  func readyQueries() throws {
    let (directory, path) = try Self.database(["mixed", "doorbell-exits"])
    let queries = Tools.root.appendingPathComponent("analysis/queries")
    let files = try FileManager.default.contentsOfDirectory(atPath: queries.path).filter {
      $0.hasSuffix(".sql")
    }
    #expect(files.count >= 7)
    for file in files {
      let query = queries.appendingPathComponent(file).path
      let arguments = ["query", "--format", "csv", "--file", query]
      let output = try run(Tools.analyzer, arguments + [path])
      #expect(
        output.status == 0 && output.text.split(separator: "\r\n").count > 1,
        "\(file): \(output.standardError)")
      let direct = try run(
        Tools.analyzer, arguments + ["mixed", "doorbell-exits"].map(AnalyzeCommandTests.trace))
      #expect(direct.status == 0 && direct.text == output.text, "\(file): \(direct.standardError)")
    }
    let byDevice = queries.appendingPathComponent("exits-by-device.sql").path
    let rows = try Self.query(["--file", byDevice], path).filter { $0["run"] as? Int == 1 }
    let summary = try #require(try ExportTests.summary("mixed")["summary"] as? Row)
    let known = Set(
      try #require(summary["exits"] as? [Row]).map {
        "\($0["reason"] ?? "") \($0["direction"] ?? "") \($0["device"] ?? "") \($0["count"] ?? "")"
          + " \(($0["handling"] as? Row)?["total"] ?? "")"
      })
    let found = rows.map {
      "\($0["reason"] ?? "") \($0["direction"] ?? "") \($0["device"] ?? "") \($0["exits"] ?? "")"
        + " \($0["handling_ns"] ?? 0)"
    }
    #expect(Set(found) == known)
    withExtendedLifetime(directory) {}
  }

  @Test("of a part of a recording, here or in a database, the answers are those of its summary")
  func parts() throws {
    let directory = try TemporaryDirectory()
    let path = directory.url.appendingPathComponent("part.sqlite").path
    let trace = AnalyzeCommandTests.trace("mixed")
    for part in [["--from", "mark=2", "--to", "mark=3"], ["--around", "slowest"]] {
      let output = try run(
        Tools.analyzer, ["export", "--format", "sqlite", "-o", path] + part + [trace])
      #expect(output.status == 0, "\(output.standardError)")
      let sql = "SELECT count(*) AS exits, sum(in_kvm_run_ns) AS run, sum(handling_ns) AS handling FROM exits"
      let answer = try #require(try Self.query([sql], path).first)
      #expect(try Self.query(part + [sql], trace).first as NSDictionary? == answer as NSDictionary)
      let all = try #require(
        (try ExportTests.summary("mixed", part)["summary"] as? Row)?["allExits"] as? Row)
      #expect(answer["exits"] as? Int == all["count"] as? Int && answer["exits"] as? Int ?? 0 > 0)
      #expect(answer["run"] as? Int ?? 0 == (all["inKvmRun"] as? Row)?["total"] as? Int)
      #expect(answer["handling"] as? Int ?? 0 == (all["handling"] as? Row)?["total"] as? Int)
    }
  }

  @Test("formats, several statements, and values that JSON and terminals do not take as they are")
  func formats() throws {
    let (directory, path) = try Self.database(["mixed"])
    let awkward = """
      SELECT 'a,"b' AS "x,y", 1.5 AS r, NULL AS n, x'00ff' AS blob, 9007199254740993 AS big, char(27, 10) AS c; -- and
      SELECT 2 AS two, 3 AS two;
      """
    func text(_ format: String) throws -> String {
      try run(Tools.analyzer, ["query", "--format", format, awkward, path]).text
    }
    #expect(
      try text("csv")
        == "\"x,y\",r,n,blob,big,c\r\n\"a,\"\"b\",1.5,,00ff,9007199254740993,\"\u{1b}\n\"\r\ntwo,two\r\n2,3\r\n"
    )
    #expect(
      try text("jsonl")
        == #"{"x,y":"a,\"b","r":1.5,"blob":"00ff","big":"9007199254740993","c":"\u001b\n"}"# + "\n"
        + #"{"two":2,"two_2":3}"# + "\n")
    let table = try text("text")
    #expect(table.contains("␛␊") || table.contains("??"))
    #expect(!table.contains("\u{1b}") && table.hasSuffix("two  two\n  2    3\n"))
    withExtendedLifetime(directory) {}
  }

  @Test("mistakes are told, and a database is only read")
  func mistakes() throws {
    let (directory, path) = try Self.database(["mixed"])
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let trace = AnalyzeCommandTests.trace("mixed")
    for (arguments, status, words) in [
      (["SELEC", path], 2, "syntax error"), (["SELECT no_such FROM exits", trace], 2, "no such column"),
      (["DELETE FROM exits", path], 2, "readonly"), (["SELECT 1"], 2, "a database or directories"),
      (["SELECT 1", path + "/none"], 3, "cannot read"), (["--file", path + ".none", path], 2, "cannot read"),
      (["SELECT 1", path, trace], 3, "give the directory"),
      (["--from", "1ms", "SELECT 1", path], 2, "need the recording"),
    ] as [([String], Int32, String)] {
      let output = try run(Tools.analyzer, ["query"] + arguments)
      #expect(output.status == status && output.standardError.contains(words), "\(output.standardError)")
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    var damaged = before
    damaged.replaceSubrange(4096..<damaged.count, with: Data(repeating: 0xa5, count: damaged.count - 4096))
    try damaged.write(to: URL(fileURLWithPath: path))
    #expect(try run(Tools.analyzer, ["query", "SELECT * FROM intervals", path]).status == 3)
    withExtendedLifetime(directory) {}
  }

  @Test("a database is there whole or not at all, and a temporary one is never left")
  func files() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("out.sqlite").path
    let trace = AnalyzeCommandTests.trace("mixed")
    func contents() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    }
    let limited = try run(
      URL(fileURLWithPath: "/bin/bash"),
      [
        "-c", "ulimit -f 20; exec \"$0\" export --format sqlite -o \"$1\" \"$2\"", Tools.analyzer.path, file,
        trace,
      ])
    #expect(limited.status == 1 && limited.standardError.contains("cannot write"), "\(limited.standardError)")
    #expect(try run(Tools.analyzer, ["export", "--format", "sqlite", "-o", "/dev/null", trace]).status == 1)
    #expect(try run(Tools.analyzer, ["export", "--format", "sqlite", trace]).status == 2)
    let asked = try run(
      Tools.analyzer, ["query", "SELECT count(*) FROM exits", trace],
      environment: ["TMPDIR": directory.url.path])
    #expect(asked.status == 0)
    #expect(try contents() == [])
    // Neither changes the database that is asked, both would make a file.
    for statement in ["VACUUM INTO", "ATTACH"] {
      let end = statement == "ATTACH" ? " AS other" : ""
      let refused = try run(
        Tools.analyzer, ["query", "\(statement) '\(directory.url.path)/other'\(end)", trace],
        environment: ["TMPDIR": directory.url.path])
      #expect(refused.status == 2 && refused.standardOutput.isEmpty, "\(refused.standardError)")
    }
    #expect(try contents() == [])
    // A query that does not end.
    let process = try Subprocess.spawn(
      Tools.analyzer.path,
      [
        "query", "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        trace,
      ], environment: ["TMPDIR": directory.url.path])
    let deadline = Clock.monotonic + 60_000_000_000
    while try contents().isEmpty, Clock.monotonic < deadline { usleep(1000) }
    #expect(kill(process, SIGINT) == 0)
    #expect(Subprocess.wait(for: process, until: deadline) == SIGINT)
    #expect(try contents() == [])
  }
}
