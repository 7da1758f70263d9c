import Foundation
import Testing

@Suite(
  "Queues that a guest breaks", .needsEngine,
  .needsTracing)
struct BrokenQueueTests {
  /// A flat image of 32-bit code that writes registers of disk0 and switches the machine off.
  private static func image(_ writes: [(register: UInt32, value: UInt32)]) -> Data {
    var code = Data()
    for write in writes {
      // mov dword [address], value
      code += [0xc7, 0x05]
      for word in [0xd010_0000 + write.register, write.value] {
        code += withUnsafeBytes(of: word.littleEndian, Array.init)
      }
    }
    // mov dx, 0x604; mov ax, 0x2000; out dx, ax; hlt
    return code + [0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef, 0xf4]
  }

  /// A reset, the features agreed on, and queue 0 chosen (virtio 1.2, sections 3.1.1 and 4.2.2).
  private static let beginning: [(UInt32, UInt32)] = [
    (0x70, 0), (0x70, 1), (0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11), (0x30, 0),
  ]
  /// Three entries are no power of two.
  private static let wrongSize = beginning + [(0x38, 3), (0x44, 1), (0x44, 1)]
  /// A descriptor table has to be at a multiple of 16.
  private static let misaligned = beginning + [(0x38, 16), (0x80, 8), (0x44, 1)]

  @Test("Each is an event, a line in the report and one at the end of the run, whole and cut")
  func broken() throws {
    let directory = try TemporaryDirectory()
    func path(_ name: String) -> String { directory.url.appendingPathComponent(name).path }
    let (wrong, odd) = (BrokenQueueTests.wrongSize, BrokenQueueTests.misaligned)
    try BrokenQueueTests.image(wrong + odd + wrong).write(to: URL(fileURLWithPath: path("image")))
    try Data(count: 1 << 20).write(to: URL(fileURLWithPath: path("disk")))
    let output = try run(
      Tools.exeunt,
      [
        "run", "--flat", path("image"), "--mode", "protected", "--disk", path("disk"), "--trace",
        path("trace"),
      ])
    #expect(output.status == 0, "\(output.standardError)")
    #expect(
      output.standardError.components(separatedBy: "disk0: the guest broke queue 0").count == 4,
      "\(output.standardError)")

    let events = try run(try #require(Tools.find("babeltrace2")), [path("trace")]).lines.map(OracleEvent.init)
    let broken = events.filter { $0.name == "queue_broken" }
    #expect(broken.map { $0.label("fault") } == ["size", "misaligned", "size"])
    let report = try AnalyzerReport(["summary"], path("trace"))
    let queues = try #require(report.summary?.brokenQueues)
    #expect(queues.map(\.device) == ["disk0", "disk0"])
    #expect(queues.map(\.fault) == ["size", "misaligned"])
    #expect(queues.map(\.count) == [2, 1])
    #expect(queues.map(\.queue) == [0, 0])

    // What is kept of the run in a state says the same.
    let state = try run(Tools.analyzer, ["state", "-o", path("state"), path("trace")])
    #expect(state.status == 0, "\(state.standardError)")
    #expect(try AnalyzerReport(["summary"], path("state")).summary?.brokenQueues == queues)
    // And so do its parts, cut where the second one is, put together.
    let second = queues[1].first
    let moment = "[\(second.dropLast(9)).\(second.suffix(9))]"
    for (option, name) in [("--to", "a"), ("--from", "b")] {
      let part = try run(Tools.analyzer, ["state", option, moment, "-o", path(name), path("trace")])
      #expect(part.status == 0, "\(part.standardError)")
    }
    #expect(try AnalyzerReport(["summary"], path("a")).summary?.brokenQueues?.map(\.count) == [1])
    let merged = try run(Tools.analyzer, ["merge", "-o", path("merged"), path("b"), path("a")])
    #expect(merged.status == 0, "\(merged.standardError)")
    #expect(try AnalyzerReport(["summary"], path("merged")).summary?.brokenQueues == queues)
    let text = try run(Tools.analyzer, [path("trace")]).text
    #expect(text.contains("Queues that the guest broke"), "\(text)")
    #expect(text.contains("disk0 q0: size · 2 times, first @"), "\(text)")
  }
}
