import Foundation
import Testing

/// Guests under strace(1), recorded and not: what each kind of thread asks the kernel for while the guest runs is what
/// `docs/security.md` says.
@Suite(
  "System calls once the guest runs", .enabled(if: Tools.canRecord, "needs /dev/kvm, LTTng and babeltrace2"),
  .enabled(if: Tools.find("strace") != nil, "needs strace"))
struct SystemCallTests {
  /// A run: its arguments, the exit status that it should have, and what is typed while it goes on.
  private struct Case {
    var arguments: [String]
    var status: Int32 = 0
    var isTypedTo = false

    init(_ arguments: String) {
      self.arguments = arguments.split(separator: " ").map(String.init)
    }

    init(image: [UInt8], named name: String, in directory: URL, status: Int32, isTypedTo: Bool = false) throws
    {
      let file = directory.appendingPathComponent(name)
      try Data(image).write(to: file)
      arguments = ["--flat", file.path] + (status == 6 ? ["--timeout", isTypedTo ? "2s" : "1s"] : [])
      self.status = status
      self.isTypedTo = isTypedTo
    }
  }

  private static func cases(in directory: URL) throws -> [Case] {
    let disk = directory.appendingPathComponent("disk")
    try Data(count: 4 << 20).write(to: disk)
    let workers = "--drive file=\(disk.path),id=d,aio=threads --device virtio-blk-device,drive=d"
    var cases = [
      Case("--guest doorbell iterations=30"),
      Case("--guest doorbell iterations=30 wait=interrupt --ioeventfd off --irqfd off"),
      Case("--guest doorbell iterations=30 wait=interrupt --irqfd off --trace-locks"),
      Case("--guest doorbell iterations=30 wait=interrupt --iothread-poll 50us --stats-interval 5ms"),
      Case("--guest doorbell iterations=30 wait=interrupt --irqchip split"),
      Case("--guest doorbell iterations=30 wait=interrupt --irqchip split --irqfd off"),
      Case(
        "--guest doorbell iterations=30 wait=interrupt --irqchip split --irqfd off --ioeventfd off"),
      Case("--guest mixed iterations=200 --cpus 2 --iothreads 2 --serial \(directory.path)/serial"),
      Case("--guest blk iterations=60 depth=8 flush=5 wait=interrupt"),
      Case("--guest blk iterations=60 depth=8 flush=5 wait=interrupt --ioeventfd off --irqfd off"),
      Case("--guest blk iterations=60 depth=8 flush=5 wait=interrupt \(workers)"),
      Case("--guest blk iterations=60 depth=8 flush=5 wait=interrupt \(workers),num-queues=2,ioeventfd=off"),
      // mov $0xfe,%al; out %al,$0x64: resets, again and again, until the time limit.
      try Case(image: [0xb0, 0xfe, 0xe6, 0x64], named: "resets", in: directory, status: 6),
      // ud2, with no interrupt vectors: crashes.
      try Case(image: [0x0f, 0x0b], named: "crashes", in: directory, status: 4),
      // The real-time clock's periodic interrupt, 1024 Hz, which is taken back by reading register C for ever.
      try Case(
        image: [
          0xb0, 0x0a, 0xe6, 0x70, 0xb0, 0x26, 0xe6, 0x71, 0xb0, 0x0b, 0xe6, 0x70, 0xb0, 0x42, 0xe6, 0x71,
          0xb0, 0x0c, 0xe6, 0x70, 0xe4, 0x71, 0xeb, 0xf8,
        ], named: "clock", in: directory, status: 6, isTypedTo: true),
    ]
    if GuestKernel.isBuilt {
      var linux = Case("--timeout 8s")
      linux.arguments += [
        "--kernel", GuestKernel.path("vmlinux"), "--initrd", GuestKernel.path("initrd"), "--append",
        GuestKernel.commandLine,
      ]
      linux.status = 6
      cases.append(linux)
    }
    return cases
  }

  /// Runs everything once.
  ///
  /// - Parameter isRecorded: whether each run is recorded, through a session daemon that runs already: with one of its own the VMM
  ///   would execute itself anew, where strace leaves those that it is not to follow.
  private func runAll(isRecorded: Bool) throws -> SystemCallLog {
    let directory = try TemporaryDirectory()
    var all: SystemCallLog?
    for (number, item) in try Self.cases(in: directory.url).enumerated() {
      let log = directory.url.appendingPathComponent("log\(number)")
      // Programs that are executed are others': the recorder's.
      let command =
        ["strace", "-f", "-Y", "-s", "16", "-b", "execve", "-o", log.path, Tools.exeunt.path, "run"]
        + item.arguments
        + (isRecorded ? ["--trace", directory.url.appendingPathComponent("trace\(number)").path] : [])
      let words = command.map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }.joined(separator: " ")
      let typing = item.isTypedTo ? "while printf x; do sleep 0.3; done | " : ""
      // A pipeline's status is its last command's.
      let output =
        isRecorded
        ? try runBesideDaemon(directory, "\(typing)\(words); echo \"status $?\" >&2")
        : try run(
          URL(fileURLWithPath: "/bin/sh"), ["-c", "\(typing)\(words); echo \"status $?\" >&2"])
      #expect(output.standardError.hasSuffix("status \(item.status)\n"), "\(output.standardError)")
      if isRecorded { #expect(output.standardError.contains(" none lost, in "), "\(output.standardError)") }
      let seen = try SystemCallLog(log)
      #expect(seen.sawGuest, "\(words)")
      if all == nil { all = seen } else { all?.merge(seen) }
    }
    return try #require(all)
  }

  @Test("are those of the list, and the list has no others")
  func areThoseOfTheList() throws {
    let list = try SystemCallList()
    let plain = try runAll(isRecorded: false)
    let recorded = try runAll(isRecorded: true)
    for log in [plain, recorded] {
      #expect(log.others.isEmpty, "threads or processes that should not be there")
    }
    for role in SystemCallLog.Role.allCases {
      let listed = try #require(list.calls[role], "docs/security.md has no table for \(role)")
      func calls(_ occasions: SystemCallList.Occasion...) -> Set<String> {
        Set(listed.filter { occasions.contains($0.value) }.keys)
      }
      func explain(_ calls: Set<String>, _ log: SystemCallLog) -> String {
        "\(role.rawValue): "
          + calls.map { log.examples["\(role): \($0)"] ?? $0 }.sorted().joined(separator: "\n")
      }
      let (seen, seenRecorded) = (plain.calls[role] ?? [], recorded.calls[role] ?? [])
      let unlisted = seen.subtracting(calls(.any, .seldom))
      #expect(
        unlisted.isEmpty, "not in the list, or there for recorded runs only: \(explain(unlisted, plain))")
      let unlistedRecorded = seenRecorded.subtracting(calls(.any, .recorded, .seldom))
      #expect(unlistedRecorded.isEmpty, "not in the list: \(explain(unlistedRecorded, recorded))")
      let missing = calls(.any).subtracting(seen)
      #expect(missing.isEmpty, "listed, and never made: \(role.rawValue)")
      let missingRecorded = calls(.recorded).subtracting(seenRecorded)
      #expect(missingRecorded.isEmpty, "listed, and never made in recorded runs: \(role.rawValue)")
    }
  }

  /// The main thread then tells what it knows of all threads, and must not have to look for it.
  @Test("are the same when somebody begins to record a run that goes on already")
  func whenASessionBegins() throws {
    let directory = try TemporaryDirectory()
    _ = try runBesideDaemon(
      directory,
      """
      strace -f -Y -s 16 -b execve -o "$2/log" "$1" run --guest port-io iterations=100000000 --serial none \\
        --timeout 5s --stats-interval 50ms &
      until grep -q KVM_RUN "$2/log" 2>/dev/null; do sleep 0.05; done
      lttng create mine --output="$2/trace" && lttng enable-event --userspace 'exeunt:*' && lttng start
      sleep 2
      lttng stop && lttng destroy
      wait $!
      """)
    let log = try SystemCallLog(directory.url.appendingPathComponent("log"))
    let list = try SystemCallList()
    #expect(log.others.isEmpty)
    for role in SystemCallLog.Role.allCases {
      let unlisted = (log.calls[role] ?? []).subtracting((list.calls[role] ?? [:]).keys)
      #expect(unlisted.isEmpty, "not in the list for \(role.rawValue)")
    }
    let recorded = try AnalyzerReport(["summary"], directory.url.appendingPathComponent("trace").path)
    #expect(recorded.trace.events > 0)
    #expect(log.calls[.main]?.contains("clock_gettime") == true, "the threads' times were not read")
  }
}
