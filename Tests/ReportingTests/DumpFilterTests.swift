import Analysis
import CTF
import Foundation
import Reports
import Testing

@testable import Dump
@testable import Reporting

/// Filters and tables of dumps, held against the JSON of the whole dump.
@Suite("A dump shows what is asked for")
struct DumpFilterTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent()

  private static let traces =
    ReportTests.names.map { "traces/\($0)" } + [
      "Tests/CTFTests/Fixtures/kinds", "Tests/CTFTests/Fixtures/barectf-big-packed",
      "Tests/CTFTests/Fixtures/pid",
    ]

  private static func open(_ name: String) throws -> Trace {
    try Trace(opening: [root.appendingPathComponent(name).path])
  }

  /// What a dump prints.
  private static func dump(
    _ trace: Trace, _ format: TraceDump.Format, _ filter: DumpFilter = DumpFilter(),
    window: Range<Int64>? = nil
  ) throws -> String {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "exeunt-dump-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let descriptor = Foundation.open(file.path, O_CREAT | O_RDWR, 0o600)
    defer { close(descriptor) }
    var dump = try TraceDump(
      trace, format: format, filter: filter, descriptor: descriptor, bigIntegers: .number)
    let (outcome, _) = dump.run(window: window) { _ in }
    #expect(outcome == .complete)
    return String(decoding: try Data(contentsOf: file), as: UTF8.self)
  }

  private static func events(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  /// The number, text or labels of a field, wherever it is.
  private static func field(_ event: [String: Any], _ name: String) -> Any? {
    for scope in ["fields", "event_context", "event_common_context", "packet_context"] {
      if let value = (event[scope] as? [String: Any])?[name] { return value }
    }
    return nil
  }

  private static func number(_ value: Any?) -> Double? {
    if let object = value as? [String: Any] { return number(object["value"]) }
    return (value as? NSNumber)?.doubleValue
  }

  private static func label(_ value: Any?) -> String? {
    ((value as? [String: Any])?["labels"] as? [String])?.first ?? value as? String
  }

  @Test(
    "conditions on fields are met by exactly those events whose JSON meets them", arguments: ReportTests.names
  )
  func conditions(_ name: String) throws {
    let trace = try Self.open("traces/\(name)")
    let lines = try Self.dump(trace, .json).split(separator: "\n")
    let events = try Self.events(lines.joined(separator: "\n"))
    let cases: [(String, ([String: Any]) -> Bool)] = [
      ("seq=5", { Self.number(Self.field($0, "seq")) == 5 }),
      ("seq>=5", { Self.number(Self.field($0, "seq")).map { $0 >= 5 } ?? false }),
      ("seq<3", { Self.number(Self.field($0, "seq")).map { $0 < 3 } ?? false }),
      ("reason=io", { Self.label(Self.field($0, "reason")) == "io" }),
      ("reason=2", { Self.number(Self.field($0, "reason")) == 2 }),
      ("reason=io,mmio", { ["io", "mmio"].contains(Self.label(Self.field($0, "reason")) ?? "") }),
      ("reason!=io", { Self.field($0, "reason") != nil && Self.label(Self.field($0, "reason")) != "io" }),
      ("reason=i*", { Self.label(Self.field($0, "reason"))?.hasPrefix("i") ?? false }),
      ("address=0x604", { Self.number(Self.field($0, "address")) == 0x604 }),
      ("name=*0", { (Self.field($0, "name") as? String)?.hasSuffix("0") ?? false }),
      ("line=-1", { Self.number(Self.field($0, "line")) == -1 }),
      ("packet_context.cpu_id=0", { Self.number(($0["packet_context"] as? [String: Any])?["cpu_id"]) == 0 }),
    ]
    for (text, holds) in cases {
      let condition = try #require(FieldCondition(text))
      let shown = try Self.dump(trace, .json, DumpFilter(conditions: [condition])).split(separator: "\n")
      let wanted = zip(lines, events).filter { holds($0.1) }.map(\.0)
      #expect(shown == wanted, "\(text)")
      if name == "mixed" { #expect(!wanted.isEmpty || text == "line=-1", "\(text)") }
    }
    let both = DumpFilter(
      conditions: [FieldCondition("reason=io"), FieldCondition("seq<100")].compactMap { $0 })
    let shown = try Self.events(try Self.dump(trace, .json, both))
    #expect(shown.allSatisfy { Self.label(Self.field($0, "reason")) == "io" })
  }

  @Test("names, threads, CPUs and times", arguments: ReportTests.names)
  func kinds(_ name: String) throws {
    let trace = try Self.open("traces/\(name)")
    let lines = try Self.dump(trace, .json).split(separator: "\n")
    let events = try Self.events(lines.joined(separator: "\n"))
    func check(_ filter: DumpFilter, _ holds: ([String: Any]) -> Bool) throws {
      let shown = try Self.dump(trace, .json, filter).split(separator: "\n")
      let wanted = zip(lines, events).filter { holds($0.1) }.map(\.0)
      #expect(shown == wanted && !wanted.isEmpty, "\(filter)")
    }
    try check(DumpFilter(events: ["vcpu_run_*"])) {
      ($0["name"] as? String)?.hasPrefix("exeunt:vcpu_run_") ?? false
    }
    try check(DumpFilter(events: ["exeunt:loop_wait", "vm_info"])) {
      ["exeunt:loop_wait", "exeunt:vm_info"].contains($0["name"] as? String)
    }
    try check(DumpFilter(cpus: [0])) { Self.number(($0["packet_context"] as? [String: Any])?["cpu_id"]) == 0 }
    // They tell of a thread, and happen on the main one.
    let aboutThreads = ["exeunt:thread_stats", "exeunt:event_totals"]
    let vcpu0 = { (event: [String: Any]) -> Bool in
      guard let name = event["name"] as? String, let fields = event["fields"] as? [String: Any] else {
        return false
      }
      if ["exeunt:vcpu_run_enter", "exeunt:vcpu_run_exit", "exeunt:guest_mark"].contains(name) {
        return Self.number(fields["vcpu"]) == 0
      }
      guard !aboutThreads.contains(name) else { return false }
      return Self.number(fields["thread_kind"]) == 0 && Self.number(fields["thread"]) == 0
    }
    try check(DumpFilter(rule: ThreadSelection(["vcpu0"], trace)), vcpu0)
    try check(DumpFilter(rule: ThreadSelection(["io0"], trace))) { event in
      guard let name = event["name"] as? String, let fields = event["fields"] as? [String: Any] else {
        return false
      }
      if fields["thread_kind"] != nil {
        guard !aboutThreads.contains(name) else { return false }
        return Self.number(fields["thread_kind"]) == 1 && Self.number(fields["thread"]) == 0
      }
      return Self.number(fields["loop"]) == 0 && !name.hasSuffix("_info")
    }
    // Each event belongs to one thread.
    let parts = try ["vcpu0", "vcpu1", "io0", "main"].map {
      try Self.dump(trace, .json, DumpFilter(rule: ThreadSelection([$0], trace))).split(separator: "\n").count
    }
    #expect(parts.reduce(0, +) == lines.count)
    // Parts of time that follow each other add up to the whole.
    let times = events.compactMap { ($0["timestamp"] as? NSNumber)?.int64Value }
    let cut = times[times.count / 3]
    let pieces = try [Int64.min..<cut, cut..<Int64.max].map { try Self.dump(trace, .json, window: $0) }
    #expect(pieces[0].split(separator: "\n").count == times.filter { $0 < cut }.count)
    #expect(pieces.joined().split(separator: "\n").sorted() == lines.sorted())
  }

  @Test("a table has what the JSON has, event by event", arguments: traces)
  func table(_ name: String) throws {
    let trace = try Self.open(name)
    let events = try Self.events(try Self.dump(trace, .json))
    let table = try Self.dump(trace, .csv)
    let rows = try #require(CSVReader.rows(table))
    let header = try #require(rows.first)
    #expect(rows.count == events.count + 1 && Set(header).count == header.count)
    for (row, event) in zip(rows.dropFirst(), events) {
      #expect(row.count == header.count)
      let cells = Dictionary(zip(header, row).filter { $0.1 != "" }, uniquingKeysWith: { first, _ in first })
      #expect(cells["event"] == event["name"] as? String)
      #expect(cells["timestamp"] == (event["timestamp"] as? NSNumber).map { "\($0)" })
      var count = ["timestamp", "trace", "stream", "event"].filter { cells[$0] != nil }.count
      func check(_ value: Any, _ column: String) {
        if let object = value as? [String: Any], object["labels"] == nil, object["flags"] == nil {
          for (key, value) in object { check(value, column + "." + key) }
          return
        }
        let name =
          column.hasPrefix("fields.")
            && !["fields.timestamp", "fields.event", "fields.stream", "fields.trace"]
              .contains(column)
          ? String(column.dropFirst(7)) : column
        guard let cell = cells[name] else {
          // An empty text is an empty cell, and what has no value has none.
          if (value as? String) != "", !(value is NSNull) { Issue.record("no \(name) of \(event)") }
          return
        }
        count += 1
        if let text = value as? String { #expect(cell == text, "\(name)") }
        if let object = value as? [String: Any] {
          let labels = object["labels"] as? [String] ?? []
          #expect(cell == labels.first ?? "\(object["value"] ?? "")", "\(name)")
        }
        if let number = value as? NSNumber, let double = Double(cell) {
          #expect(double == number.doubleValue, "\(name)")
        }
      }
      for scope in ["packet_context", "event_common_context", "event_context", "fields"] {
        if let body = event[scope] as? [String: Any] {
          for (key, value) in body { check(value, "\(scope).\(key)") }
        }
      }
      #expect(count == cells.count, "\(event)")
    }
  }

  @Test("the tables of reports have the numbers of their JSON", arguments: ReportTests.names)
  func reports(_ name: String) throws {
    let builder = try ReportTests.builder(name).1
    let exits = try #require(builder.exits(by: .address).exits)
    let table = try #require(builder.exits(by: .address).csv())
    let rows = try #require(CSVReader.rows(table))
    #expect(rows.count == exits.groups.count + 1)
    for (row, group) in zip(rows.dropFirst(), exits.groups) {
      let cells = Dictionary(zip(rows[0], row), uniquingKeysWith: { first, _ in first })
      #expect(cells["exits"] == group.label && cells["count"] == "\(group.exits.count)")
      #expect(cells["address"] == group.exits.address.map { "\($0)" } ?? "")
      let handling = group.exits.handling
      #expect(cells["handling_count"] == "\(handling.count)")
      if handling.count > 0 {
        #expect(
          cells["handling_p99_ns"] == "\(handling.p99)" && cells["handling_max_ns"] == "\(handling.maximum)")
      }
    }
    let paths = try #require(builder.paths().paths)
    let stageTable = try #require(builder.paths().csv())
    let stages = try #require(CSVReader.rows(stageTable))
    #expect(stages.count == paths.paths.reduce(1) { $0 + $1.stages.count })
    #expect(builder.summary().csv() == nil)
  }

  @Test("names, fields and threads that are not there are refused, with what may have been meant")
  func refused() throws {
    let trace = try Self.open("traces/mixed")
    for (filter, words) in [
      (DumpFilter(events: ["vcpu_run_exti"]), "vcpu_run_exit"),
      (DumpFilter(conditions: [try #require(FieldCondition("reson=io"))]), "reason"),
      (DumpFilter(conditions: [try #require(FieldCondition("reason=mmoi"))]), "mmio"),
      (DumpFilter(conditions: [try #require(FieldCondition("seq!=abc"))]), "abc"),
      (DumpFilter(cpus: [9]), "0, 1"),
    ] {
      let error = #expect(throws: FilterError.self) {
        _ = try TraceDump(trace, format: .json, filter: filter, descriptor: -1)
      }
      #expect("\(try #require(error))".contains(words))
    }
    let error = #expect(throws: FilterError.self) { _ = try ThreadSelection(["vcpuO"], trace) }
    #expect("\(try #require(error))".contains("vcpu0"))
  }

  @Test("what is no condition", arguments: ["", "reason", "=io", "a..b=1", "seq<x", "seq<1,2", ".a=1"])
  func noConditions(_ text: String) { #expect(FieldCondition(text) == nil) }

  @Test("a pattern matches what a plain search for it finds")
  func patterns() {
    /// By definition.
    func matches(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
      guard let first = pattern.first else { return text.isEmpty }
      if first == "*" {
        return (text.startIndex...text.endIndex).contains { matches(pattern.dropFirst(), text[$0...]) }
      }
      guard let letter = text.first, first == "?" || first == letter else { return false }
      return matches(pattern.dropFirst(), text.dropFirst())
    }
    for _ in 0..<20_000 {
      let pattern = (0..<Int.random(in: 0...6)).map { _ in "ab*?é".randomElement()! }
      let text = (0..<Int.random(in: 0...8)).map { _ in "abé".randomElement()! }
      #expect(
        GlobPattern(String(pattern)).matches(String(text)) == matches(pattern[...], text[...]),
        "\(pattern) \(text)")
    }
    // No pattern takes long.
    #expect(
      !GlobPattern(String(repeating: "a*", count: 200) + "b").matches(String(repeating: "a", count: 20_000)))
  }
}

/// Reads comma-separated values as RFC 4180 describes them.
enum CSVReader {
  /// The cells of each row; nil when the text is not of this form.
  static func rows(_ text: String) -> [[String]]? {
    var rows: [[String]] = []
    var row: [String] = []
    var cell = ""
    var isQuoted = false
    var scalars = Array(text.unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
      if isQuoted {
        guard scalar == "\"" else {
          cell.unicodeScalars.append(scalar)
          continue
        }
        if scalars.first == "\"" {
          cell.append("\"")
          scalars.removeFirst()
        } else {
          isQuoted = false
        }
      } else if scalar == "\"" {
        guard cell.isEmpty else { return nil }
        isQuoted = true
      } else if scalar == "," || scalar == "\r" {
        row.append(cell)
        cell = ""
        guard scalar == "\r" else { continue }
        guard scalars.popFirst() == "\n" else { return nil }
        rows.append(row)
        row = []
      } else {
        cell.unicodeScalars.append(scalar)
      }
    }
    return isQuoted || !cell.isEmpty || !row.isEmpty ? nil : rows
  }
}
