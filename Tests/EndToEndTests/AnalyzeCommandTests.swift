import Foundation
import Testing

/// The analyzer's commands on recorded traces, as users call them. No KVM, no LTTng.
@Suite("exeunt-analyze")
struct AnalyzeCommandTests {
  static func trace(_ name: String) -> String { Tools.root.appendingPathComponent("traces/\(name)").path }

  func analyze(_ arguments: String...) throws -> Output { try run(Tools.analyzer, arguments) }

  @Test("the summary is the default")
  func summary() throws {
    let output = try analyze(Self.trace("mixed"))
    #expect(output.status == 0)
    #expect(output.standardError.isEmpty)
    for words in [
      "Where the time went", "Userspace exits", "I/O paths", "Event loops", "Phases", "KVM's own",
    ] {
      #expect(output.text.contains(words), "\(words)")
    }
    #expect(try analyze("summary", Self.trace("mixed")).text == output.text)
  }

  @Test("JSON of every command", arguments: ["summary", "explain", "exits", "timeline", "paths"])
  func json(_ command: String) throws {
    let output = try analyze(command, "--format", "json", Self.trace("mixed"))
    #expect(output.status == 0)
    let report = try #require(try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any])
    #expect(report["command"] as? String == command)
    #expect(report[command] is [String: Any])
  }

  @Test("two recordings side by side, each on its own")
  func compare() throws {
    let names = ["doorbell-ioeventfd", "doorbell-exits"].map(Self.trace)
    let output = try analyze("compare", names[0], names[1])
    #expect(output.status == 0)
    #expect(output.text.contains("\nB: "))
    #expect(!output.text.contains("several VMMs"))
    let json = try analyze("compare", "--format", "json", names[0], names[1])
    let report = try #require(try JSONSerialization.jsonObject(with: json.standardOutput) as? [String: Any])
    #expect(report["command"] as? String == "compare")
    let trace = try #require(report["trace"] as? [String: Any])
    let other = try #require((report["compare"] as? [String: Any])?["other"] as? [String: Any])
    #expect(trace["paths"] as? [String] == [names[0]] && other["paths"] as? [String] == [names[1]])
    for directories in [[names[0]], names + names] {
      let output = try run(Tools.analyzer, ["compare"] + directories)
      #expect(output.status == 2 && output.standardOutput.isEmpty)
    }
    #expect(try analyze("compare", names[0], names[1] + "/nothing").status == 3)
    #expect(try analyze("compare", "--fail-on-loss", names[0], Self.trace("lossy")).status == 1)
  }

  @Test("runs of two configurations are judged, limits need evidence, and mistakes are told")
  func runs() throws {
    let (on, off) = (Self.trace("doorbell-ioeventfd"), Self.trace("doorbell-exits"))
    // Parts of a recording in place of runs: of A 8 ms each, of B 10 ms.
    let directory = try TemporaryDirectory()
    func parts(_ trace: String, _ length: Int) throws -> [String] {
      try (0..<5).map { number in
        let file = directory.url.appendingPathComponent("\(length)-\(number)").path
        let (from, to) = (number * 11, number * 11 + length)
        let made = try run(
          Tools.analyzer, ["state", trace, "--from", "\(from)ms", "--to", "\(to)ms", "-o", file])
        #expect(made.status == 0, "\(made.standardError)")
        return file
      }
    }
    let (several, others) = (try parts(on, 8), try parts(off, 10))
    func evidence(_ arguments: [String]) throws -> (status: Int32, [String: Any]) {
      let output = try run(Tools.analyzer, ["compare", "--format", "json"] + arguments)
      let report = try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any]
      return (
        output.status, try #require((report?["compare"] as? [String: Any])?["evidence"] as? [String: Any])
      )
    }
    let (status, both) = try evidence(several + ["--primary", "elapsed", "--against"] + others)
    #expect(status == 0 && both["design"] as? String == "sides")
    let elapsed = try #require((both["primary"] as? [[String: Any]])?.first)
    let ratio = try #require(elapsed["ratio"] as? Double)
    #expect(elapsed["verdict"] as? String == "worse" && abs(ratio - 1.25) < 0.02)
    let direction = ["> +20%", "> +30%"]
    #expect(
      try evidence(several + ["--fail-if", "elapsed \(direction[0])", "--against"] + others).status == 1)
    #expect(
      try evidence(several + ["--fail-if", "elapsed \(direction[1])", "--against"] + others).status == 0)
    let (one, single) = try evidence([on, off, "--fail-if", "elapsed \(direction[0])"])
    #expect(one == 0 && single["design"] as? String == "one_each")
    for mistake in [
      [on, "--paired", "--against", off, off], [on, "--paired", "--unpaired", "--against", off],
      [on, off, "--fail-if", "p99 over 10%"], [on, off, "--equivalence", "0"],
      [on, off, "--equivalence", "x"],
      // A test takes runs for independent.
      several + ["--against"] + others.dropLast() + [others[0]],
      several + ["--against"] + others + [several[2]],
      [on, "--against", on, off],
      // Nothing would be judged.
      [on, off, "--fail-if", "elapsde > +1%"], several + ["--primary", "foo", "--against"] + others,
      several + ["--fail-if", "kick_to_interrupt.p60 > +1%", "--against"] + others,
    ] {
      let output = try run(Tools.analyzer, ["compare"] + mistake)
      #expect(output.status == 2 && output.standardOutput.isEmpty, "\(mistake)")
    }
  }

  @Test("filters narrow exits down")
  func filters() throws {
    let output = try analyze(
      "exits", "--reason", "io", "--address", "0x3f8", "--format", "json", Self.trace("mixed"))
    let report = try #require(try JSONSerialization.jsonObject(with: output.standardOutput) as? [String: Any])
    let groups = try #require((report["exits"] as? [String: Any])?["groups"] as? [[String: Any]])
    #expect(groups.map { $0["label"] as? String } == ["io out 0x3f8 serial0"])
    #expect(try analyze("exits", "--reason", "hypercall", Self.trace("mixed")).text.contains("no such exits"))
  }

  @Test("check tells by its status whether a recording is whole, and --fail-on-loss asks for proof")
  func wholeness() throws {
    let whole = Self.trace("whole")
    let output = try analyze("check", whole)
    #expect(output.status == 0 && output.text.contains("none lost"))
    #expect(try analyze("--fail-on-loss", whole).status == 0)
    #expect(try analyze("exits", "--fail-on-loss", "--from", "0.001", whole).status == 0)
    // Recorded before programs wrote totals; damaged; without one of its files.
    #expect(try analyze("check", Self.trace("mixed")).status == 1)
    #expect(try analyze("--fail-on-loss", Self.trace("mixed")).status == 1)
    #expect(try analyze(Self.trace("mixed")).status == 0)
    for (name, status) in [("events_0", Int32(3)), ("events_1", 1)] {
      let directory = try TemporaryDirectory()
      let copy = directory.url.appendingPathComponent("copy")
      try FileManager.default.copyItem(at: URL(fileURLWithPath: whole), to: copy)
      let file = copy.appendingPathComponent("ust/uid/0/64-bit/\(name)")
      if status == 3 {
        try Data(contentsOf: file).dropLast(5_000).write(to: file)
      } else {
        try FileManager.default.removeItem(at: file)
      }
      let less = try analyze("check", copy.path)
      #expect(less.status == status && !less.text.contains("none lost"), "\(less.text)")
      withExtendedLifetime(directory) {}
    }
  }

  @Test("vCPUs beyond the number that is analysed leave a part, which is status 3")
  func vcpusBeyond() throws {
    let directory = try TemporaryDirectory()
    try """
    /* CTF 1.8 */
    typealias integer { size = 16; align = 8; } := u16;
    typealias integer { size = 32; align = 8; } := u32;
    trace { major = 1; minor = 8; byte_order = le; };
    clock { name = monotonic; freq = 1000000000; };
    typealias integer { size = 64; align = 8; map = clock.monotonic.value; } := time;
    stream { event.header := struct { u16 id; time timestamp; }; };
    event { name = "exeunt:vcpu_run_enter"; id = 1; fields := struct { u16 vcpu; u32 seq; }; };

    """.write(to: directory.url.appendingPathComponent("metadata"), atomically: true, encoding: .utf8)
    func bytes(_ value: some FixedWidthInteger) -> Data {
      withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
    func events(_ vcpus: [UInt16]) -> Data {
      vcpus.enumerated().reduce(into: Data()) {
        $0 += bytes(UInt16(1)) + bytes(UInt64($1.offset + 1)) + bytes($1.element) + bytes(UInt32(7))
      }
    }
    let file = directory.url.appendingPathComponent("stream")
    try events([0, 511, 512, 4095]).write(to: file)
    let all = try analyze("--format", "json", directory.url.path)
    #expect(all.status == 0)
    let report = try #require(try JSONSerialization.jsonObject(with: all.standardOutput) as? [String: Any])
    let vcpus = try #require((report["summary"] as? [String: Any])?["vcpus"] as? [[String: Any]])
    #expect(vcpus.compactMap { $0["id"] as? Int } == [0, 511, 512, 4095])
    try events([0, 4096]).write(to: file)
    let part = try analyze(directory.url.path)
    #expect(part.status == 3 && part.text.contains("PARTIAL"))
    #expect(part.standardError.contains("1 events are of vCPUs"))
    withExtendedLifetime(directory) {}
  }

  @Test("a finding that was asked for is status 1")
  func findings() throws {
    #expect(try analyze("--fail-on-loss", Self.trace("lossy")).status == 1)
    #expect(try analyze("--fail-on-loss", "--from", "0.001", Self.trace("lossy")).status == 1)
    #expect(try analyze(Self.trace("lossy")).status == 0)
    #expect(try analyze("--fail-if-over", "reason=io,p50=1ns", Self.trace("mixed")).status == 1)
    let passed = try analyze("--fail-if-over", "reason=io,max=1000s", Self.trace("mixed"))
    #expect(passed.status == 0)
    #expect(passed.text.contains("limit: reason io, max at most 1000 s: "))
    let json = try analyze(
      "--format", "json", "--fail-if-over", "reason=io,p50=1ns", "--fail-if-over", "max=1000s",
      Self.trace("mixed"))
    let report = try #require(try JSONSerialization.jsonObject(with: json.standardOutput) as? [String: Any])
    let limits = try #require(report["limits"] as? [[String: Any]])
    #expect(limits.map { $0["limit"] as? Int } == [1, 1_000_000_000_000])
    #expect((limits[0]["over"] as? [Any])?.count == (report["findings"] as? [Any])?.count)
    #expect((limits[1]["over"] as? [Any])?.isEmpty == true)
    #expect(try analyze("exits", "--fail-if-over", "max=1ns", Self.trace("mixed")).text.contains("FOUND"))
  }

  @Test("output that cannot be written is status 1")
  func fullDisk() throws {
    for command in ["summary", "summary --format json", "exits", "dump"] {
      let script = "exec '\(Tools.analyzer.path)' \(command) '\(Self.trace("mixed"))' > /dev/full"
      let output = try run(URL(fileURLWithPath: "/bin/sh"), ["-c", script])
      #expect(output.status == 1, "\(command)")
      #expect(output.standardError.contains("cannot write the output"))
    }
  }

  @Test("a directory that is named twice, or within another, counts once")
  func repeatedDirectory() throws {
    let mixed = Self.trace("mixed")
    let once = try analyze("summary", "--format", "json", mixed).text
    for directories in [[mixed, mixed], [mixed, mixed + "/ust"], [mixed + "/ust", mixed + "/"]] {
      let output = try run(Tools.analyzer, ["summary", "--format", "json"] + directories)
      let events = { (text: String) in text.split(separator: "\n").filter { $0.contains("\"events\"") } }
      #expect(output.status == 0)
      #expect(events(output.text) == events(once))
    }
  }

  @Test("what a report names can be asked for")
  func names() throws {
    let output = try analyze("exits", "--device", "unclaimed", Self.trace("lossy"))
    #expect(output.text.contains("io out 0x80 unclaimed"))
    #expect(try analyze("paths", "--device", "control", Self.trace("mixed")).status == 0)
  }

  @Test(
    "mistakes are status 2 with a message",
    arguments: [
      ["exits", "--reason", "nonsense"], ["exits", "--device", "nonsense"],
      ["exits", "--fail-if-over", "device=nonsense,max=1s"],
      ["summary", "--fail-if-over", "device=nonsense,max=1s"],
      ["exits", "--by", "vcpu", "--fail-if-over", "reason=io,max=1ns"],
      ["exits", "--by", "reason", "--fail-if-over", "device=serial0,max=1ns"],
      ["summary", "--from", "99999"], ["exits", "--from", "99999"], ["paths", "--from", "99999"],
      ["exits", "--from", "0.02", "--to", "0.01"], ["paths", "--from", "0.02", "--to", "0.01"],
      ["exits", "--address", "0xzz"],
      ["paths", "--device", "nonsense"], ["timeline", "--around", "nonsense"],
      ["timeline", "--around", "99999"],
      ["timeline", "--around", "1", "--from", "2"], ["timeline", "--from", "0.02", "--to", "0.01"],
      ["timeline", "--width", "3"], ["summary", "--fail-if-over", "p42=1us"], ["summary", "--threads", "0"],
      ["summary", "--from", "1h"],
    ])
  func mistakes(_ arguments: [String]) throws {
    let output = try run(Tools.analyzer, arguments + [Self.trace("mixed")])
    #expect(output.status == 2)
    #expect(output.standardOutput.isEmpty)
    #expect(output.standardError.contains(arguments[2].prefix(8)) || output.standardError.count > 20)
  }

  @Test(
    "moments by what happened",
    arguments: ["slowest", "mark=3", "vcpu0:5", "guest_mark", "interrupt", "10ms", "0.01", "5000us"])
  func around(_ moment: String) throws {
    let output = try analyze("timeline", "--around", moment, "--window", "100us", Self.trace("mixed"))
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.text.contains("vcpu0"))
  }

  @Test("what the reader warns of is said once")
  func warnings() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace")
    try FileManager.default.copyItem(atPath: Self.trace("mixed"), toPath: trace.path)
    let file = trace.appendingPathComponent("ust/uid/0/64-bit/events_1")
    var bytes = try Data(contentsOf: file)
    // The UUID stands behind the packet's magic number.
    bytes[4] ^= 0xff
    try bytes.write(to: file)
    let output = try analyze("summary", "--width", "1000", trace.path)
    #expect(output.lines.filter { $0.contains("another UUID") }.count == 1, "\(output.text)")
  }

  @Test("a CTF trace of something else: its events by name, status 0")
  func foreign() throws {
    let directory = try TemporaryDirectory()
    let metadata = """
      /* CTF 1.8 */
      trace { major = 1; minor = 8; byte_order = le; };
      event { name = "hello"; fields := struct { integer { size = 8; align = 8; } x; }; };
      """
    try Data(metadata.utf8).write(to: directory.url.appendingPathComponent("metadata"))
    try Data([1, 2, 3]).write(to: directory.url.appendingPathComponent("stream"))
    let output = try analyze(directory.url.path)
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.text.contains("hello") && output.text.contains("3"))
    for command in ["exits", "timeline", "paths"] {
      #expect(try analyze(command, directory.url.path).status == 0)
    }
    withExtendedLifetime(directory) {}
  }

  @Test("several directories are one analysis")
  func several() throws {
    let output = try analyze("--format", "json", Self.trace("mixed"), Self.trace("polling-loop"))
    #expect(output.status == 0)
    #expect(output.text.contains("several runs were read together"))
  }
}
