import Foundation
import GuestPrograms
import Platform
import Testing

/// A run of a guest with a virtio driver, and how the machine serves its device.
struct VirtioCase: Sendable, CustomTestStringConvertible {
  var guest = "blk"
  var parameters: [String] = []
  var irqchip = "kernel"
  var ioeventfd = true
  var irqfd = true
  /// How the disk's requests are carried out; nil: as the machine likes best.
  var aio: String?
  var lock = "device"
  var threads = "iothread"
  var wait = "epoll"
  var engine = "auto"

  var flags: [String] {
    ["--engine", engine] + [
      "--ioeventfd", ioeventfd ? "on" : "off", "--irqfd", irqfd ? "on" : "off", "--lock", lock, "--threads",
      threads, "--wait", wait,
    ]
  }

  var testDescription: String {
    ([guest] + parameters + flags + ["--irqchip \(irqchip)"] + (aio.map { ["aio=\($0)"] } ?? []))
      .joined(separator: " ")
  }

  /// What the guest's device is called in the trace.
  var device: String { ["blk": "disk0", "rng": "rng0", "console": "console0"][guest] ?? "" }

  /// Requests at once.
  var depth: Int {
    parameters.first { $0.hasPrefix("depth=") }.flatMap { Int($0.dropFirst(6)) } ?? 1
  }

  static let all: [VirtioCase] = {
    var cases: [VirtioCase] = []
    for depth in [1, 32] {
      for wait in ["poll", "interrupt"] {
        for ioeventfd in [true, false] {
          cases.append(
            VirtioCase(
              parameters: ["iterations=300", "places=64", "depth=\(depth)", "wait=\(wait)", "flush=20"],
              ioeventfd: ioeventfd))
        }
      }
    }
    return cases + [
      VirtioCase(
        parameters: [
          "iterations=200", "order=random", "depth=16", "batch=8", "size=16384", "wait=interrupt",
        ],
        irqchip: "split", irqfd: false),
      VirtioCase(parameters: ["iterations=100", "reads=100", "places=20", "size=512"], irqchip: "none"),
      VirtioCase(parameters: ["iterations=100", "reads=0", "places=3", "depth=8", "flush=1"], irqfd: false),
      VirtioCase(parameters: ["iterations=200", "places=64", "queues=4", "wait=interrupt"]),
      VirtioCase(
        parameters: ["iterations=200", "places=64", "depth=8", "queues=4", "wait=interrupt"], lock: "global"),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "queues=8", "order=random"], ioeventfd: false),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "queues=2", "wait=interrupt"], aio: "threads"),
      VirtioCase(
        parameters: ["iterations=200", "places=64", "queues=4", "flush=10"], ioeventfd: false, aio: "threads"),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "size=512"], aio: "io_uring,cache=none"),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "queues=2", "flush=10"], aio: "threads,cache=none"),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "wait=interrupt", "flush=10"],
        aio: "io_uring,cache=writethrough"),
      VirtioCase(guest: "rng", parameters: ["iterations=200"]),
      VirtioCase(guest: "rng", parameters: ["iterations=200", "wait=interrupt"], ioeventfd: false),
      VirtioCase(
        guest: "rng", parameters: ["iterations=300", "wait=interrupt", "depth=32", "size=512"],
        irqchip: "split"),
      VirtioCase(
        guest: "rng", parameters: ["iterations=300", "depth=64", "batch=16", "size=8"], ioeventfd: false,
        irqfd: false),
      VirtioCase(guest: "console", parameters: ["iterations=201"]),
      VirtioCase(guest: "console", parameters: ["iterations=200", "wait=interrupt"], ioeventfd: false),
      VirtioCase(
        guest: "console", parameters: ["iterations=301", "wait=interrupt", "depth=32", "size=512"],
        irqchip: "split"),
      // More under way than the sockets between the ports hold.
      VirtioCase(
        guest: "console", parameters: ["iterations=300", "depth=64", "batch=16", "size=4096"],
        ioeventfd: false,
        irqfd: false),
    ] + single + waiting
  }()

  /// Under the translator: each driver, kicks and interrupts in all their ways.
  static let translated = [
    VirtioCase(parameters: ["iterations=300", "places=64", "flush=20"]),
    VirtioCase(parameters: ["iterations=300", "places=64", "flush=20", "wait=interrupt"], ioeventfd: false),
    VirtioCase(
      parameters: ["iterations=300", "places=64", "depth=32", "wait=interrupt", "flush=20"], irqfd: false),
    VirtioCase(
      parameters: [
        "iterations=200", "order=random", "depth=16", "batch=8", "size=16384", "wait=interrupt",
      ],
      irqchip: "split", irqfd: false),
    VirtioCase(parameters: ["iterations=100", "reads=100", "places=20", "size=512"], irqchip: "none"),
    VirtioCase(
      parameters: ["iterations=200", "places=64", "depth=8", "queues=4", "wait=interrupt"], lock: "global"),
    VirtioCase(
      parameters: ["iterations=300", "places=64", "depth=32", "queues=2", "wait=interrupt"],
      irqchip: "split", aio: "threads"),
    VirtioCase(
      parameters: ["iterations=200", "places=64", "depth=8", "wait=interrupt"], threads: "single"),
    VirtioCase(
      parameters: ["iterations=300", "places=64", "depth=32", "size=512"], aio: "io_uring,cache=none",
      wait: "io_uring"),
    VirtioCase(guest: "rng", parameters: ["iterations=200"]),
    VirtioCase(
      guest: "rng", parameters: ["iterations=300", "wait=interrupt", "depth=32", "size=512"],
      irqchip: "split"),
    VirtioCase(
      guest: "rng", parameters: ["iterations=300", "depth=64", "batch=16", "size=8"], ioeventfd: false,
      irqfd: false),
    VirtioCase(guest: "console", parameters: ["iterations=200", "wait=interrupt"], ioeventfd: false),
    VirtioCase(
      guest: "console", parameters: ["iterations=301", "wait=interrupt", "depth=32", "size=512"],
      irqchip: "split"),
    VirtioCase(guest: "console", parameters: ["iterations=301", "depth=64", "batch=16", "size=4096"]),
  ].map { guest in
    var guest = guest
    guest.engine = "tcg"
    return guest
  }

  /// The vCPU's thread runs the event loop, too.
  private static let single = [
    VirtioCase(parameters: ["iterations=300", "places=64", "flush=20"]),
    VirtioCase(
      parameters: ["iterations=300", "places=64", "depth=32", "wait=interrupt", "flush=20"]),
    VirtioCase(
      parameters: ["iterations=300", "places=64", "depth=32", "queues=8", "wait=interrupt"], ioeventfd: false,
      aio: "threads"),
    VirtioCase(
      parameters: ["iterations=200", "depth=16", "wait=interrupt"], irqchip: "split", irqfd: false),
    VirtioCase(guest: "rng", parameters: ["iterations=200", "wait=interrupt"]),
    VirtioCase(
      guest: "rng", parameters: ["iterations=300", "depth=64", "batch=16", "size=8"], ioeventfd: false),
    VirtioCase(guest: "console", parameters: ["iterations=301", "wait=interrupt", "depth=32", "size=512"]),
    VirtioCase(guest: "console", parameters: ["iterations=200"], ioeventfd: false),
  ].map { guest in
    var guest = guest
    guest.threads = "single"
    return guest
  }

  /// What I/O threads wait with; with io_uring also in the ring of the disk's requests.
  private static let waiting = ["select", "io_uring"].flatMap { wait in
    [
      VirtioCase(parameters: ["iterations=300", "places=64", "wait=interrupt", "flush=20"], wait: wait),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "wait=poll", "flush=20"], wait: wait),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "wait=interrupt", "flush=20"],
        ioeventfd: false,
        wait: wait),
      VirtioCase(
        parameters: ["iterations=200", "places=64", "depth=8", "queues=4", "wait=interrupt"],
        irqchip: "split",
        wait: wait),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "size=512"], aio: "io_uring,cache=none",
        wait: wait),
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "queues=2", "wait=interrupt"], aio: "threads",
        wait: wait),
      // With a ring of its own beside the loop's.
      VirtioCase(
        parameters: ["iterations=300", "places=64", "depth=32", "queues=2", "wait=interrupt", "flush=20"],
        aio: "io_uring,latency=300us", wait: wait),
      VirtioCase(
        guest: "rng", parameters: ["iterations=300", "depth=64", "batch=16", "size=8"], ioeventfd: false,
        wait: wait),
      VirtioCase(
        guest: "console", parameters: ["iterations=301", "wait=interrupt", "depth=32", "size=512"], wait: wait
      ),
    ]
  }
}

extension VirtioCase {
  /// Requests to each queue that takes any, as far as they are the guest's doing alone.
  func requestsByQueue(_ expectation: GuestExpectation) -> [UInt64: UInt64] {
    guard guest == "console" else {
      return Dictionary(
        uniqueKeysWithValues: expectation.virtioQueues.enumerated().map { (UInt64($0.offset), $0.element) })
    }
    // What it writes goes to port 0 and port 1 in turn.
    let sent = expectation.sent.lowerBound
    return [1: (sent + 1) / 2, 5: sent / 2]
  }
}

@Suite(
  "The recorded trace, and the analyzer's report, are what guests with a virtio driver did", .serialized,
  .needsEngine, .needsTracing)
struct VirtioGuestTests {
  @Test("requests by kind, kicks, interrupts and exits", arguments: VirtioCase.all)
  func exact(_ testCase: VirtioCase) throws { try hold(testCase) }

  @Test("the same under the translator", .needsTranslator, arguments: VirtioCase.translated)
  func translated(_ testCase: VirtioCase) throws { try hold(testCase) }

  private func hold(_ testCase: VirtioCase) throws {
    let directory = try TemporaryDirectory()
    var flags = testCase.flags
    if let aio = testCase.aio {
      let disk = directory.url.appendingPathComponent("disk").path
      #expect(FileManager.default.createFile(atPath: disk, contents: Data(count: 1 << 20)))
      flags += [
        "--drive", "file=\(disk),if=none,id=d0,format=raw,aio=\(aio)",
        "--device", "virtio-blk-device,drive=d0,num-queues=8",
      ]
    }
    let recorded = try RecordedRun(
      testCase.guest, testCase.parameters, flags: flags, irqchip: testCase.irqchip)
    let expectation = recorded.expectation
    let guest = try #require(recorded.result.guest)
    let known = expectation.diskRequests
    let (received, sent) = (guest.received ?? 0, guest.sent ?? 0)
    #expect(expectation.received.contains(received) && expectation.sent.contains(sent))
    let total = known.total + expectation.entropyRequests + received + sent
    #expect(guest.diskRequests ?? DiskRequests() == known)
    #expect(guest.completions == total)
    #expect(expectation.virtioKicks.contains(guest.kicks))

    let tally = try OracleTally(recorded.trace)
    let device = try RequestTally(recorded.trace, of: testCase.device)
    let kinds = [
      "read": known.reads, "write": known.writes, "flush": known.flushes,
      "entropy": expectation.entropyRequests,
      "receive": received, "transmit": sent,
    ]
    .filter { $0.value > 0 }
    #expect(device.begun == kinds)
    #expect(device.failed == 0)
    let counts = testCase.requestsByQueue(expectation)
    let receiving = testCase.guest == "console" ? [0, 4] as Set<UInt64> : []
    #expect(Set(device.queues.keys) == Set(counts.keys).union(receiving))
    #expect(
      device.queues.filter { receiving.contains($0.key) }.values.reduce(0) { $0 + $1.ended.count } == received
    )
    for (number, queue) in device.queues {
      let count = counts[number] ?? UInt64(queue.ended.count)
      #expect(queue.ended.count == Int(count))
      #expect(Set(queue.ended) == Set(0..<count))
      // Each request is taken with its own stamp, in the order in which the guest showed them; what is received has none.
      #expect(queue.stamped == (receiving.contains(number) ? [] : Array(0..<count)))
      #expect(zip(queue.stamps, queue.stamps.dropFirst()).allSatisfy { $0 <= $1 })
    }
    #expect(
      tally.exits == expectation.exits(ioeventfd: testCase.ioeventfd, (guest.kicks, guest.interrupts)))
    #expect(device.kicks == (testCase.ioeventfd ? guest.kicks : 0))
    #expect(device.exitKicks == (testCase.ioeventfd ? 0 : guest.kicks))
    #expect(tally.marks == expectation.marks)
    // One that is pending hides the next from the guest; no other is lost.
    let interrupts = tally.interrupts.values.reduce(0, +)
    #expect(expectation.deviceInterrupts.contains(interrupts))
    #expect(guest.interrupts <= interrupts)
    if expectation.deviceInterrupts.lowerBound == expectation.deviceInterrupts.upperBound {
      #expect(guest.interrupts == interrupts)
    }
    #expect(recorded.result.trace?.eventsLost == 0)

    let summary = try #require(try AnalyzerReport(["summary"], recorded.trace).summary)
    let paths = summary.paths.filter { $0.device == testCase.device }
    #expect(paths.allSatisfy { $0.kind == (testCase.ioeventfd ? "ioeventfd" : "exit") || $0.kicks == 0 })
    // Also those that took no request. What is received comes by itself.
    let kicks = paths.reduce(0) { $0 + $1.kicks }
    #expect(kicks == guest.kicks)
    #expect(paths.reduce(0) { $0 + $1.requests } == total - received)
    #expect(paths.reduce(0) { $0 + $1.stamps } == total - received)
    let reported = summary.requests.filter { $0.device == testCase.device }
    #expect(Dictionary(reported.map { ($0.kind, $0.count) }, uniquingKeysWith: +) == kinds)
    if testCase.guest != "console" { try holdStages(testCase, recorded.trace, device) }
    withExtendedLifetime(recorded) {}
  }
}

@Suite("The disk's guest finds what is wrong", .needsEngine)
struct DiskGuestFailureTests {
  @Test("A disk that is too small, read-only, or not there is said before or by the guest")
  func unsuitable() throws {
    let directory = try TemporaryDirectory()
    let disk = directory.url.appendingPathComponent("disk").path
    #expect(FileManager.default.createFile(atPath: disk, contents: Data(count: 4096)))
    let small = try run(Tools.exeunt, ["run", "--guest", "blk", "places=2", "--disk", disk])
    #expect(small.status == 8 << 1 | 1)
    #expect(
      small.standardError.contains("FAILED: disk too small for size × places (it has 8 sectors)"),
      "\(small.standardError)")
    let readOnly = try run(Tools.exeunt, ["run", "--guest", "blk", "--disk", disk + ",readonly=on"])
    #expect(readOnly.status == 2)
    #expect(readOnly.standardError.contains("leave readonly=on away"), "\(readOnly.standardError)")
    let nowhere = try run(
      Tools.exeunt, ["run", "--guest", "blk"], environment: ["TMPDIR": directory.url.path + "/missing"])
    #expect(nowhere.status == 2)
    #expect(nowhere.standardError.contains("set TMPDIR to a directory"), "\(nowhere.standardError)")
    withExtendedLifetime(directory) {}
  }

  @Test("Sectors that are not what was written, and requests that fail, end the run with a code of their own")
  func damaged() throws {
    try damaged(cut: false, status: 1 << 1 | 1, "wrong value read")
    try damaged(cut: true, status: 7 << 1 | 1, "request ended with an error")
  }

  /// Somebody else cuts the file, or writes to it, while the guest runs.
  private func damaged(cut isCut: Bool, status: CInt, _ message: String) throws {
    let directory = try TemporaryDirectory()
    let disk = directory.url.appendingPathComponent("disk")
    #expect(FileManager.default.createFile(atPath: disk.path, contents: Data(count: 64 << 12)))
    let guest = try AnnouncingGuest(disk, ["iterations=1000000", "places=64", "reads=99", "flush=1"])
    // The write that is flushed is one of a hundred requests; reads follow.
    _ = guest.awaitFlushes(1)
    let file = try FileHandle(forWritingTo: disk)
    if isCut {
      try file.truncate(atOffset: 512)
    } else {
      // The last sector's last bytes, until the guest has seen it: it writes there itself now and then.
      while guest.process.isRunning {
        try file.seek(toOffset: UInt64(64 << 12 - 8))
        try file.write(contentsOf: Data(count: 8))
      }
    }
    _ = guest.awaitFlushes(.max)
    guest.process.waitUntilExit()
    #expect(guest.process.terminationStatus == status)
    #expect(guest.diagnostics.contains(message), "\(guest.diagnostics)")
    withExtendedLifetime(directory) {}
  }
}

/// A run of `blk` that tells of each flush.
final class AnnouncingGuest {
  let process = Process()
  private let output = Foundation.Pipe()
  private let errors = Foundation.Pipe()
  private var flushes = 0

  init(_ disk: URL, _ parameters: [String], keys: String = "", flags: [String] = []) throws {
    process.executableURL = Tools.exeunt
    process.arguments =
      ["run", "--guest", "blk", "announce=flushes"] + parameters + [
        "--disk", disk.path + keys, "--timeout", "60s",
      ]
      + flags
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  /// Waits until so many have completed, or the program has closed its output.
  ///
  /// - Returns: how many have, of which the program has told so far.
  func awaitFlushes(_ count: Int) -> Int {
    while flushes < count {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      flushes += data.count { $0 == UInt8(ascii: ".") }
    }
    return flushes
  }

  var diagnostics: String {
    String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }
}
