import Foundation
import GuestPrograms
import Reporting
import Reports
import Testing

/// `run --trace-rip`, held against the guest's own code.
@Suite("The guest's instruction pointer at exits", .serialized, .needsKVM("--trace-rip"), .needsTracing)
struct InstructionPointerTests {
  private struct Row: Decodable {
    let reason: String
    let direction: String?
    let device: String?
    let rip: UInt64?
  }

  private static func exits(_ trace: String) throws -> [Row] {
    let output = try run(Tools.analyzer, ["export", "--format", "jsonl", "--table", "exits", trace])
    try #require(output.status == 0, "\(output.standardError)")
    return try output.lines.map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
  }

  /// A guest's code, and where pointers are in it.
  private struct Code {
    let bytes: [UInt8]
    let start: UInt64

    init(_ program: GuestProgram) {
      bytes = Array(program.image)
      start = program.loadAddress
    }

    /// Where a pointer is in the code; fails where it is outside.
    func offset(_ row: Row) throws -> Int {
      let offset = Int(clamping: try #require(row.rip) &- start)
      try #require(offset > 2 && offset < bytes.count - 2, "\(row)")
      return offset
    }

    // IN and OUT by a port in DX are one byte, by an immediate one two (Intel SDM, volume 2); before them there may be an
    // operand size prefix.
    func isInput(at offset: Int) -> Bool { [0xe4, 0xe5, 0xec, 0xed].contains(opcode(offset)) }
    func isOutput(at offset: Int) -> Bool { [0xe6, 0xe7, 0xee, 0xef].contains(opcode(offset)) }
    func isOutput(before offset: Int) -> Bool {
      [0xee, 0xef].contains(bytes[offset - 1]) || [0xe6, 0xe7].contains(bytes[offset - 2])
    }

    private func opcode(_ offset: Int) -> UInt8 { bytes[bytes[offset] == 0x66 ? offset + 1 : offset] }
  }

  @Test(
    "an IN's pointer is at it; an OUT's is at it or behind it, the same way for all of a run",
    arguments: ["port-io", "doorbell", "serial"])
  func accesses(guest: String) throws {
    let recorded = try RecordedRun(guest, ["iterations=300"], flags: ["--trace-rip"])
    let code = Code(try GuestProgram.named(guest))
    let rows = try Self.exits(recorded.trace)
    #expect(rows.count == Int(recorded.result.exits.reduce(0, +)))
    let accesses = rows.filter { $0.reason == "io" }
    let inputs = try accesses.filter { $0.direction == "in" }.map(code.offset)
    let outputs = try accesses.filter { $0.direction == "out" }.map(code.offset)
    #expect(inputs.count + outputs.count == accesses.count && inputs.count >= 2 && outputs.count >= 3)
    #expect(inputs.allSatisfy(code.isInput(at:)), "\(Set(inputs).sorted())")
    #expect(
      outputs.allSatisfy(code.isOutput(at:)) || outputs.allSatisfy(code.isOutput(before:)),
      "\(Set(outputs).sorted())")
    // Each exit is in one row of the report, whichever way they are put together.
    for grouping in [["--by", "symbol"], ["--by", "address-range"], ["--by", "reason"]] {
      let output = try run(
        Tools.analyzer, ["exits", "--format", "json"] + grouping + [recorded.trace])
      try #require(output.status == 0, "\(output.standardError)")
      let groups = try #require(try Report(json: output.text).exits).groups
      #expect(groups.map(\.exits.count).reduce(0, +) == UInt64(rows.count))
      #expect(
        groups.allSatisfy { ($0.exits.place != nil) == (grouping[1] != "reason") }, "\(grouping)")
    }
  }

  @Test("a memory-mapped read's pointer is at it, a write's behind it")
  func memoryAccesses() throws {
    let recorded = try RecordedRun("mmio", ["iterations=300", "size=4"], flags: ["--trace-rip"])
    let code = Code(try GuestProgram.named("mmio"))
    let accesses = try Self.exits(recorded.trace).filter { $0.reason == "mmio" }
    let reads = try accesses.filter { $0.direction == "in" }.map(code.offset)
    let writes = try accesses.filter { $0.direction == "out" }.map(code.offset)
    #expect(accesses.count == 600 && reads.count == 300 && writes.count == 300)
    try #require(Set(reads).count == 1 && Set(writes).count == 1)
    // `mov (%edi),%eax` and `mov %ebx,(%edi)`.
    #expect(Array(code.bytes[reads[0]...].prefix(2)) == [0x8b, 0x07])
    #expect(Array(code.bytes[..<writes[0]].suffix(2)) == [0x89, 0x1f])
  }

  @Test("a HLT's pointer is behind it, in real mode as an offset", arguments: ["real", "protected", "long"])
  func halts(mode: String) throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin").path
    let trace = directory.url.appendingPathComponent("trace").path
    let before = 7
    // nop, …, hlt, nop, …
    let code = [UInt8](repeating: 0x90, count: before) + [0xf4] + [UInt8](repeating: 0x90, count: before)
    try Data(code).write(to: URL(fileURLWithPath: image))
    // Without interrupts the VMM is told of a HLT, and ends.
    let output = try run(
      Tools.exeunt,
      ["run", "--flat", image, "--mode", mode, "--irqchip", "none", "--trace-rip", "--trace", trace])
    try #require(output.status == 0, "\(output.standardError)")
    let halts = try Self.exits(trace).filter { $0.reason == "hlt" }
    #expect(halts.compactMap(\.rip) == [(mode == "real" ? 0 : 0x10000) + UInt64(before) + 1])
  }

  @Test("the same exits as without it, and the event is the other one")
  func without() throws {
    let plain = try RecordedRun("port-io", ["iterations=200"])
    let traced = try RecordedRun("port-io", ["iterations=200"], flags: ["--trace-rip"])
    #expect(plain.result.exits == traced.result.exits)
    #expect(traced.result.trace?.isComplete == true && plain.result.trace?.isComplete == true)
    #expect(try Self.exits(plain.trace).allSatisfy { $0.rip == nil })
    #expect(try Self.exits(traced.trace).allSatisfy { $0.rip != nil })
    let refused = try run(Tools.analyzer, ["exits", "--by", "symbol", plain.trace])
    #expect(refused.status == 2 && refused.standardError.contains("--trace-rip"), "\(refused.standardError)")
  }

  @Test("symbols name the functions, and the offset of the guest's is taken away")
  func symbols() throws {
    // So many that they weigh most, however often the host keeps the vCPU from running meanwhile.
    let iterations = 20_000
    let recorded = try RecordedRun("port-io", ["iterations=\(iterations)"], flags: ["--trace-rip"])
    let program = try GuestProgram.named("port-io")
    let pointers = Set(try Self.exits(recorded.trace).filter { $0.device == "scratch0" }.compactMap(\.rip))
      .sorted()
    try #require(pointers.count == 2)
    let offset: UInt64 = 0x1000
    // As nm writes them: a function that holds the loop, one before it and one behind it.
    let begin = UInt64(program.loadAddress)
    let names = [(begin, "startup"), (pointers[0] - 2, "hot_loop"), (pointers[1] + 1, "behind")]
    let text = names.map { String($0.0 - offset, radix: 16) + " T " + $0.1 + "\n" }.joined()
    let file = recorded.directory.url.appendingPathComponent("System.map")
    try Data(text.utf8).write(to: file)
    let output = try run(
      Tools.analyzer,
      [
        "exits", "--by", "symbol", "--symbols", file.path, "--kaslr-offset", "0x1000", "--format", "json",
        recorded.trace,
      ])
    try #require(output.status == 0, "\(output.standardError)")
    let report = try #require(try Report(json: output.text).exits)
    let hot = try #require(report.groups.first { $0.exits.place?.symbol == "hot_loop" })
    #expect(hot.exits.count == 2 * UInt64(iterations) && hot.exits.device == "scratch0")
    let elsewhere = try run(
      Tools.analyzer, ["exits", "--by", "symbol", "--symbols", file.path, recorded.trace])
    #expect(elsewhere.status == 0 && !elsewhere.text.contains("--kaslr-offset"))
    let missed = try run(
      Tools.analyzer,
      ["exits", "--by", "symbol", "--symbols", file.path, "--kaslr-offset", "0x10000000", recorded.trace])
    #expect(missed.status == 0 && missed.text.contains("(--kaslr-offset)"), "\(missed.text)")
    let explained = try run(
      Tools.analyzer,
      ["explain", "--symbols", file.path, "--kaslr-offset", "0x1000", "--format", "json", recorded.trace])
    let findings = try #require(try Report(json: explained.text).explain?.findings)
    let finding = try #require(findings.first { $0.kind == "small_accesses" })
    #expect(finding.subject == "scratch0" && finding.callers?.map(\.symbol) == ["hot_loop"])
    #expect(finding.callers?.map(\.count) == [2 * UInt64(iterations)])
    let unnamed = try run(Tools.analyzer, ["explain", recorded.trace])
    let places = pointers.map { "0x" + String($0, radix: 16) + " (20 000)" }.joined(separator: ", ")
    #expect(unnamed.text.contains("from the guest at \(places)"), "\(unnamed.text)")
    let page = try run(
      Tools.analyzer, ["report", "--symbols", file.path, "--kaslr-offset", "0x1000", recorded.trace])
    #expect(
      page.status == 0 && page.text.contains("Exits by the guest&#39;s functions")
        && page.text.contains(">hot_loop<"))
    let folded = try run(
      Tools.analyzer,
      [
        "export", "--format", "folded", "--symbols", file.path, "--kaslr-offset", "0x1000", recorded.trace,
      ])
    #expect(folded.status == 0 && folded.text.contains("hot_loop"), "\(folded.text)\(folded.standardError)")
  }

  @Test(
    "of a Linux boot, each exit comes from a function, and the serial port's from those that its driver has for it",
    .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"))
  func boot() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let booted = try GuestKernel.boot("vmlinux", ["--trace-rip", "--trace", trace])
    try #require(booted.status == 0, "\(booted.standardError)")
    func exits(_ arguments: String...) throws -> ExitsReport {
      let output = try run(Tools.analyzer, ["exits", "--format", "json"] + arguments + [trace])
      try #require(output.status == 0, "\(output.standardError)")
      return try #require(try Report(json: output.text).exits)
    }
    let report = try exits("--by", "symbol", "--symbols", GuestKernel.path("System.map"))
    let places = try #require(report.places)
    #expect(places.count > 1000 && places.named == places.count && places.without == 0)
    // drivers/tty/serial/8250/8250_port.c: what io_serial_in and io_serial_out do is one inb or outb each.
    let serial = try exits("--by", "device", "--device", "serial0").groups.map(\.exits.count).reduce(0, +)
    var found: UInt64 = 0
    for group in report.groups {
      let place = try #require(group.exits.place)
      for kind in place.kinds where kind.exits.contains(" serial0") {
        #expect(
          kind.exits.hasPrefix(place.symbol == "io_serial_out" ? "io out 0x3f" : "io in 0x3f"), "\(place)")
        #expect(["io_serial_in", "io_serial_out"].contains(place.symbol), "\(place)")
        found += kind.count
      }
    }
    #expect(found == serial && serial > 1000)
    let explained = try run(
      Tools.analyzer, ["explain", "--symbols", GuestKernel.path("System.map"), "--format", "json", trace])
    let findings = try #require(try Report(json: explained.text).explain?.findings)
    let small = findings.first { $0.kind == "small_accesses" && $0.subject == "serial0" }
    // A boot that waited for a processor most of the time has no other trouble that is worth telling.
    if small == nil, findings.first?.kind == "waiting_for_cpu" { return }
    let finding = try #require(small, "\(explained.text)")
    #expect(Set(finding.callers?.map(\.symbol) ?? []) == ["io_serial_in", "io_serial_out"])
    #expect(finding.callers?.reduce(0) { $0 + $1.count } == serial)
  }
}
