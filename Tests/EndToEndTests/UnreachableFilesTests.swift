import Foundation
import Testing

/// The analyzer on traces some of whose files have strange names, several names, or cannot be reached.
@Suite("Files that are hard to reach, or reached twice")
struct UnreachableFilesTests {
  private static let original = Tools.root.appendingPathComponent("traces/mixed/ust/uid/0/64-bit")

  /// A copy of a recorded trace in a directory called `trace`.
  private func copy(_ change: (String) throws -> Void) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace")
    try FileManager.default.createDirectory(at: trace, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.original.path) where name != "index"
    {
      try FileManager.default.copyItem(
        at: Self.original.appendingPathComponent(name), to: trace.appendingPathComponent(name))
    }
    try change(trace.path)
    return directory
  }

  private func shell(_ script: String, _ directory: String) throws {
    let output = try run(URL(fileURLWithPath: "/bin/sh"), ["-ec", script, "sh", directory])
    #expect(output.status == 0, "\(output.standardError)")
  }

  private func events(_ path: String) throws -> [Substring] {
    let output = try run(Tools.analyzer, ["dump", path])
    #expect(output.status == 0, "\(output.standardError)")
    return output.lines
  }

  @Test("names that are not UTF-8 are names like others") func strangeNames() throws {
    let directory = try copy { try shell("mv $1/events_0 \"$(printf '%s/\\351vents' $1)\"", $0) }
    #expect(try events(directory.url.path).count == events(Self.original.path).count)
    let summary = try run(Tools.analyzer, ["summary", "--format", "json", directory.url.path])
    #expect(summary.status == 0 && summary.text.contains("trace/\\\\xe9vents\""))
    try shell("printf x >> \"$(printf '%s/trace/\\351vents' $1)\"", directory.url.path)
    let damaged = try run(Tools.analyzer, ["dump", directory.url.path])
    #expect(damaged.status == 3 && damaged.standardError.contains("trace/\\xe9vents: packet"))
  }

  @Test("nor need names be UTF-8 that are given") func strangeArguments() throws {
    let directory = try copy { _ in }
    let script = """
      cd $1; e=$(printf '\\351'); [ -e run$e ] || mv trace run$e; printf '1000 T f\\n' > map$e; shift
      for word; do set -- "$@" "$(printf %s "$word" | sed "s/@/$e/g")"; shift; done
      "$@"
      """
    /// The analyzer's answer, where `@` stands for the byte 0xe9.
    func analyze(_ arguments: String...) throws -> Output {
      try run(
        URL(fileURLWithPath: "/bin/sh"),
        ["-c", script, "sh", directory.url.path, Tools.analyzer.path] + arguments)
    }
    let summary = try analyze("summary", "--format", "json", "run@")
    #expect(summary.status == 0 && summary.text.contains("\"run\\\\xe9\""), "\(summary.standardError)")
    let text = try analyze("run@")
    #expect(text.status == 0 && text.text.contains("run\\xe9"))
    let folded = try analyze("export", "--format", "folded", "--symbols", "map@", "run@")
    #expect(folded.status == 0 && !folded.lines.isEmpty)
    // The symbols are read; the trace has no instruction pointers to look up.
    let told = folded.standardError
    #expect(told.split(separator: "\n").count == 1 && told.contains("exits of run\\xe9 have no"), "\(told)")
    let state = try analyze("state", "-o", "@.state", "run@")
    #expect(state.status == 0, "\(state.standardError)")
    let kept = try analyze("@.state")
    #expect(kept.status == 0 && kept.text.contains("run\\xe9"), "\(kept.standardError)")
    // Messages name the file in characters that there are.
    let symbols = try analyze("export", "--format", "folded", "--symbols", "no@", "run@")
    #expect(symbols.status == 2)
    #expect(
      symbols.standardError == "exeunt-analyze: --symbols no\\xe9: \(String(cString: strerror(ENOENT)))\n")
    let trace = try analyze("summary", "no@")
    #expect(trace.status == 3 && trace.standardError.contains("no\\xe9"), "\(trace.standardError)")
    let option = try analyze("summary", "--no@", "run@")
    #expect(option.status == 2 && option.standardError.contains("--no\\xe9"), "\(option.standardError)")
  }

  @Test("a file with several names, and a copy of it, count once, with a note") func severalNames() throws {
    let directory = try copy {
      try shell(
        "cd $1; ln events_0 hard; ln -s events_1 soft; cp events_0 copy; cp -r ../trace ../again; ln -s .. up; ln -s / all",
        $0)
    }
    #expect(try events(directory.url.path) == events(Self.original.path))
    let report = try run(Tools.analyzer, ["summary", "--format", "json", directory.url.path])
    #expect(report.status == 0)
    #expect(report.text.contains("read only once"))
    #expect(report.text.contains("is not followed"))
    let two = try run(Tools.analyzer, ["dump", directory.url.path + "/trace", directory.url.path + "/again"])
    #expect(two.lines == (try events(Self.original.path)))
    #expect(two.standardError.contains("NOTE: "))
  }

  @Test("what cannot be reached is damage", arguments: ["dump", "summary"]) func links(_ command: String)
    throws
  {
    for script in ["ln -s nowhere $1/events_9", "ln -s loop $1/loop"] {
      let directory = try copy { try shell(script, $0) }
      let output = try run(Tools.analyzer, [command, directory.url.path])
      #expect(output.status == 3, "\(script)")
      #expect(output.standardError.contains("the link cannot be followed"), "\(output.standardError)")
      let failing = try run(Tools.analyzer, ["summary", "--fail-on-loss", directory.url.path])
      #expect(failing.status == 1 && failing.text.contains("PARTIAL"))
    }
  }

  @Test(
    "a directory that may be listed and not entered is damage",
    .enabled(if: getuid() != 0 || Tools.find("setpriv") != nil))
  func withoutSearchPermission() throws {
    let directory = try copy {
      try shell("cp -r $1 $1/../second; chmod -R a+rX $1/..; chmod a+x $1/..; chmod 444 $1/../second", $0)
    }
    defer { try? shell("chmod 755 $1/second", directory.url.path) }
    let arguments = ["summary", "--format", "json", "--fail-on-loss", directory.url.path]
    let output =
      getuid() != 0
      ? try run(Tools.analyzer, arguments)
      : try run(
        #require(Tools.find("setpriv")),
        ["--reuid=65534", "--regid=65534", "--clear-groups", Tools.analyzer.path] + arguments)
    #expect(output.status == 1, "\(output.standardError)")
    #expect(output.text.contains("cannot examine the file: Permission denied"), "\(output.text)")
  }

  @Test("a trace whose packets do not tell their times has the same timeline")
  func withoutPacketTimes() throws {
    let directory = try copy {
      try shell(
        "sed -i 's/timestamp_begin/timestamp_bexin/g; s/timestamp_end/timestamp_exd/g' $1/metadata", $0)
    }
    let original = try run(Tools.analyzer, ["timeline", "--width", "60", Self.original.path])
    let output = try run(Tools.analyzer, ["timeline", "--width", "60", directory.url.path])
    #expect(output.status == 0, "\(output.standardError)")
    func drawing(_ text: String) -> [Substring] {
      text.split(separator: "\n").filter { $0.contains("vcpu0") || $0.contains("io0") }
    }
    #expect(drawing(output.text) == drawing(original.text) && !drawing(output.text).isEmpty)
  }

  @Test("more files than there may be descriptors", arguments: ["dump --format none", "dump", "summary"])
  func fewDescriptors(_ command: String) throws {
    let directory = try TemporaryDirectory()
    let metadata = """
      /* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; };
      clock { name = c; freq = 1000000000; };
      stream { event.header := struct { integer { size = 64; map = clock.c.value; } t; }; };
      event { name = e; fields := struct { integer { size = 8; } x; }; };
      """
    try Data(metadata.utf8).write(to: directory.url.appendingPathComponent("metadata"))
    for file in 0..<200 {
      let stamps: [UInt8] = (0..<20).flatMap { [UInt8(file), UInt8($0), 0, 0, 0, 0, 0, 0, 7] as [UInt8] }
      try Data(stamps).write(to: directory.url.appendingPathComponent("s\(file)"))
    }
    let script = "ulimit -n 40; exec \"$0\" \(command) \"$1\""
    let output = try run(
      URL(fileURLWithPath: "/bin/sh"), ["-c", script, Tools.analyzer.path, directory.url.path])
    #expect(output.status == 0, "\(output.standardError.prefix(500))")
    #expect(!output.standardError.contains("Too many"))
  }

  @Test("types nested deeper than there is memory for are refused with a message, not a crash")
  func littleMemory() throws {
    let directory = try TemporaryDirectory()
    let (open, close) = (String(repeating: "struct { ", count: 4000), String(repeating: " } a;", count: 4000))
    let metadata =
      "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; }; stream { };\n"
      + "event { name = e; fields := struct { \(open) integer { size = 8; } x; \(close) }; };"
    try Data(metadata.utf8).write(to: directory.url.appendingPathComponent("metadata"))
    try Data([7]).write(to: directory.url.appendingPathComponent("s"))
    for command in ["dump", "summary"] {
      let script = "ulimit -v 150000; exec \"$0\" \(command) \"$1\""
      let output = try run(
        URL(fileURLWithPath: "/bin/sh"), ["-c", script, Tools.analyzer.path, directory.url.path])
      #expect(output.status == 3, "\(output.standardError.prefix(500))")
      #expect(output.standardError.contains("levels deep"))
    }
  }
}
