import Foundation
import Testing

/// The analyzer on things that are not, or not quite, traces. No KVM, no LTTng.
@Suite("Damaged and mistaken input")
struct DamagedTraceTests {
  private static let original = Tools.root.appendingPathComponent("traces/mixed/ust/uid/0/64-bit")
  private static let commands = [
    ["summary"], ["exits"], ["timeline"], ["paths"], ["dump"], ["dump", "--format", "none"],
  ]

  /// A copy of a recorded trace that a test may damage.
  private func copy(_ damage: (URL) throws -> Void) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.original.path) {
      try FileManager.default.copyItem(
        at: Self.original.appendingPathComponent(name), to: directory.url.appendingPathComponent(name))
    }
    try damage(directory.url)
    return directory
  }

  private func expectRefusal(_ path: String, _ arguments: [String], _ comment: Comment) throws {
    let output = try run(Tools.analyzer, arguments + [path])
    #expect(output.status == 3, comment)
    let message = output.standardError
    #expect(!message.isEmpty && message.split(separator: "\n").count == 1, "\(message)")
    #expect(
      message.contains(path) || message.contains(URL(fileURLWithPath: path).lastPathComponent), "\(message)")
  }

  @Test("what is no trace is refused with status 3 and one line that names it", arguments: commands)
  func noTrace(_ command: [String]) throws {
    let empty = try TemporaryDirectory()
    try expectRefusal(empty.url.path, command, "an empty directory")
    try expectRefusal(empty.url.path + "/absent", command, "nothing there")
    try expectRefusal("/dev/null", command, "a device")
    let text = try TemporaryDirectory()
    try Data("hello".utf8).write(to: text.url.appendingPathComponent("metadata"))
    try expectRefusal(text.url.path, command, "metadata that is none")
    let blank = try copy { try Data().write(to: $0.appendingPathComponent("metadata")) }
    try expectRefusal(blank.url.path, command, "empty metadata")
    withExtendedLifetime([empty, text, blank]) {}
  }

  @Test(
    "a stream that is cut off is read to the cut, and the damage named",
    arguments: [1, 17, 4095, 4097, 100_001])
  func truncated(_ cut: Int) throws {
    let whole = try run(Tools.analyzer, ["dump", Self.original.path]).lines.count
    let damaged = try copy { directory in
      for name in ["events_0", "events_1"] {
        let file = directory.appendingPathComponent(name)
        let data = try Data(contentsOf: file)
        guard data.count > cut else { continue }
        try data.dropLast(cut).write(to: file)
      }
    }
    let dump = try run(Tools.analyzer, ["dump", damaged.url.path])
    #expect(dump.status == 3)
    #expect(dump.lines.count > 0 && dump.lines.count <= whole)
    #expect(dump.standardError.contains("events_"))
    let summary = try run(Tools.analyzer, ["summary", damaged.url.path])
    #expect(summary.status == 3)
    #expect(
      summary.text.contains("PARTIAL:") && summary.text.contains("Where the time went"), "\(summary.text)")
    withExtendedLifetime(damaged) {}
  }

  @Test("flipped bits never crash it and never hang it", arguments: 0..<24)
  func flipped(_ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let damaged = try copy { directory in
      for name in ["metadata", "events_0", "events_1"] {
        // Metadata is damaged in a third of the cases only, or nothing else would ever be reached.
        if name == "metadata", seed % 3 != 0 { continue }
        let file = directory.appendingPathComponent(name)
        var data = try Data(contentsOf: file)
        guard !data.isEmpty else { continue }
        for _ in 0..<Int.random(in: 1...20, using: &random) {
          data[Int.random(in: 0..<data.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        try data.write(to: file)
      }
    }
    for command in Self.commands {
      let output = try run(
        URL(fileURLWithPath: "/usr/bin/timeout"), ["20", Tools.analyzer.path] + command + [damaged.url.path])
      #expect(
        [0, 1, 3].contains(output.status), "\(command): \(output.status) \(output.standardError.suffix(500))")
    }
    withExtendedLifetime(damaged) {}
  }

  @Test("what a damaged trace with losses says does not depend on the number of threads", arguments: 0..<4)
  func threads(_ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let source = Tools.root.appendingPathComponent("traces/lossy/ust/uid/0/64-bit")
    let directory = try TemporaryDirectory()
    for name in try FileManager.default.contentsOfDirectory(atPath: source.path) {
      var data = try Data(contentsOf: source.appendingPathComponent(name))
      if name != "metadata" {
        for _ in 0..<20 where data.count > 64 {
          let start = Int.random(in: 0..<data.count - 64, using: &random)
          data.replaceSubrange(start..<start + 64, with: Data(repeating: 0xff, count: 64))
        }
      }
      try data.write(to: directory.url.appendingPathComponent(name))
    }
    let one = try run(Tools.analyzer, ["summary", "--threads", "1", directory.url.path])
    let two = try run(Tools.analyzer, ["summary", "--threads", "2", directory.url.path])
    #expect(one.status == 3 && two.status == 3)
    #expect(one.text == two.text)
    withExtendedLifetime(directory) {}
  }

  @Test(
    "mistaken arguments are status 2",
    arguments: [["summary"], ["dump", "--format", "xml", "x"], ["nonsense", "x", "--y"]])
  func usage(_ arguments: [String]) throws {
    let output = try run(Tools.analyzer, arguments)
    #expect(output.status == 2, "\(output.standardError)")
    #expect(output.standardOutput.isEmpty)
  }
}

/// A small generator with a seed, so that a failure can be had again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
