import Foundation
import GuestPrograms
import TestSupport
import Testing

/// The built-in guest `net` on a tap of its own, and the host asking it.
@Suite(
  "The guest on a network answers, and the trace has each packet", .serialized,
  .needsEngine, .needsTracing,
  .enabled(if: NetworkNamespace.isPossible, "needs root, /dev/net/tun, ip and ping"))
struct NetGuestTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let depth: Int
    let wait: String
    let ioeventfd: Bool
    /// What I/O threads wait with.
    var loops = "epoll"
    var engine = "auto"
    var testDescription: String {
      "--engine \(engine) depth=\(depth) wait=\(wait) --ioeventfd \(ioeventfd ? "on" : "off") --wait \(loops)"
    }
  }

  private static let hardware = "52:54:00:77:00:03"

  @Test(
    "pings and datagrams: what the host sent, the tap counted, the guest answered, and the trace has",
    arguments: [
      Case(depth: 32, wait: "poll", ioeventfd: true), Case(depth: 32, wait: "interrupt", ioeventfd: false),
      Case(depth: 1, wait: "interrupt", ioeventfd: true), Case(depth: 1, wait: "poll", ioeventfd: false),
      Case(depth: 32, wait: "interrupt", ioeventfd: true, loops: "select"),
      Case(depth: 32, wait: "interrupt", ioeventfd: true, loops: "io_uring"),
      Case(depth: 32, wait: "interrupt", ioeventfd: true, engine: "tcg"),
      Case(depth: 1, wait: "poll", ioeventfd: false, engine: "tcg"),
    ])
  func answers(_ testCase: Case) throws {
    let namespace = try NetworkNamespace()
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let resultFile = directory.url.appendingPathComponent("result.json")
    let (pings, datagrams) = (20, 40)
    let settings = [
      "iterations=\(1 + 2 * pings + datagrams)", "address=\(NetworkNamespace.guest)",
      "depth=\(testCase.depth)",
      "wait=\(testCase.wait)",
    ]
    let process = try namespace.start(
      Tools.exeunt,
      ["run", "--guest", "net"] + settings + [
        "--net", "tap:tap0,mac=\(Self.hardware)", "--ioeventfd", testCase.ioeventfd ? "on" : "off",
        "--engine", testCase.engine, "--irqchip", "kernel", "--wait", testCase.loops, "--trace", trace,
        "--result", resultFile.path,
        "--serial", "none",
        "--timeout", "120s",
      ])
    defer { process.terminate() }
    try namespace.waitForCarrier(of: process)
    // The host finds the guest by ARP, and asks no more: what comes when all is answered is nobody's.
    try namespace.ping(1, size: 56)
    try namespace.settleNeighbour(Self.hardware)
    for size in [0, 1472] { try namespace.ping(pings, size: size) }
    var random = SeededGenerator(seed: UInt64(testCase.depth))
    let socket = try namespace.datagrams(toPort: 7)
    for number in 0..<datagrams {
      let sent = (0..<Int.random(in: 1...1472, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      #expect(send(socket.fileDescriptor, sent, sent.count, 0) == sent.count)
      var received = [UInt8](repeating: 0, count: 2000)
      let count = recv(socket.fileDescriptor, &received, received.count, 0)
      try #require(count == sent.count, "datagram \(number) of \(sent.count) bytes: \(count)")
      #expect(Array(received.prefix(count)) == sent, "datagram \(number)")
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)

    let result = try JSONDecoder().decode(RecordedRun.RunResult.self, from: Data(contentsOf: resultFile))
    #expect(result.trace?.eventsLost == 0)
    let guest = try #require(result.guest)
    let program = try GuestProgram.named("net")
    let expectation = try program.expectation(program.arguments(settings), on: GuestMachine())
    let (received, sent) = (try #require(guest.received), try #require(guest.sent))
    #expect(expectation.received.contains(received) && expectation.sent.contains(sent))
    #expect(expectation.virtioKicks.contains(guest.kicks))
    #expect(guest.completions == received + sent)
    // The one answer beside those that are counted is that to the host's ARP request.
    #expect(sent == expectation.iterations + 1)
    let counted = try namespace.packets()
    #expect(counted.fromGuest == Int(sent))
    #expect(counted.toGuest == Int(received))

    let tally = try OracleTally(trace)
    let device = try RequestTally(trace, of: "net0")
    #expect(device.begun == ["receive": received, "transmit": sent])
    #expect(device.failed == 0)
    #expect(device.queues[0]?.ended == Array(0..<received))
    #expect(device.queues[1]?.ended == Array(0..<sent))
    #expect(device.queues[1]?.stamped == Array(0..<sent))
    #expect(device.queues[0]?.stamped == [])
    #expect(device.kicks == (testCase.ioeventfd ? guest.kicks : 0))
    #expect(device.exitKicks == (testCase.ioeventfd ? 0 : guest.kicks))
    #expect(
      tally.exits == expectation.exits(ioeventfd: testCase.ioeventfd, (guest.kicks, guest.interrupts)))
    let interrupts = tally.interrupts.values.reduce(0, +)
    #expect(guest.interrupts <= interrupts)
    #expect((interrupts > 0) == (testCase.wait == "interrupt"))

    let summary = try #require(try AnalyzerReport(["summary"], trace).summary)
    let paths = summary.paths.filter { $0.device == "net0" }
    // Also those that took no request, such as that for the first buffers.
    let kicks = paths.reduce(0) { $0 + $1.kicks }
    #expect(kicks == guest.kicks)
    #expect(paths.filter { $0.queue == 1 }.reduce(0) { $0 + $1.requests } == sent, "\(paths)")
    #expect(paths.allSatisfy { $0.kicks == 0 || $0.kind == (testCase.ioeventfd ? "ioeventfd" : "exit") })
    let requests = summary.requests.filter { $0.device == "net0" }
    #expect(
      Dictionary(requests.map { ($0.kind, $0.count) }, uniquingKeysWith: +)
        == ["receive": received, "transmit": sent])
  }
}
