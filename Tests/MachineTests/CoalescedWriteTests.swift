import Engine
import Platform
import ScriptedEngine
import TestSupport
import Testing

@testable import Machine

@Suite("Coalesced writes")
struct CoalescedWriteTests {
  private func start(vcpus: Int = 1, _ change: (inout MachineConfiguration) -> Void = { _ in }) throws
    -> ScriptedRun
  {
    try ScriptedRun(features: [.ioEventFd, .irqFd, .coalescedWrites]) {
      $0.vcpus = vcpus
      $0.coalescedIO = true
      change(&$0)
    }
  }

  private func port(_ port: UInt64, _ value: UInt64, size: Int = 4) -> CoalescedWrite {
    CoalescedWrite(isPort: true, address: port, size: size, value: value)
  }

  private func number(_ bytes: [UInt8]) -> UInt64 {
    bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
  }

  @Test("The engine is asked to keep writes to registers that bear it, and only where that is wanted")
  func ranges() throws {
    let run = try start()
    #expect(
      run.board.coalesced == [
        CoalescedRange(isPort: true, start: 0x590, length: 8),
        CoalescedRange(isPort: false, start: 0xd000_1000, length: 8),
        CoalescedRange(isPort: true, start: 0x70, length: 1),
        CoalescedRange(isPort: true, start: 0x510, length: 2),
      ])
    _ = try run.powerOff()
    let other = try ScriptedRun(features: [.ioEventFd, .irqFd, .coalescedWrites])
    #expect(other.board.coalesced == [])
    _ = try other.powerOff()
  }

  @Test("An engine that keeps none is refused before anything runs")
  func refused() {
    let error = #expect(throws: MachineError.self) {
      try ScriptedRun { $0.coalescedIO = true }
    }
    #expect(error?.description.contains("--coalesced-io on: this host's script does not") == true)
    #expect(error?.description.contains("use --coalesced-io off") == true)
  }

  @Test("What was kept is carried out in order, at any exit, and before it", arguments: [1, 2])
  func order(vcpus: Int) throws {
    let run = try start(vcpus: vcpus)
    // Whichever vCPU exits first, and whatever for.
    let vcpu = run.vcpus[vcpus - 1]
    run.board.keep(port(0x590, 0x1111_1111))
    run.board.keep(port(0x590, 0x22, size: 1))
    run.board.keep(CoalescedWrite(isPort: false, address: 0xd000_1004, size: 4, value: 0x3333_3333))
    #expect(number(try vcpu.exit(.load(address: 0xd000_1000, size: 8))) == 0x3333_3333_1111_1122)
    #expect(run.board.keptWrites.isEmpty)
    // Its own write is the later one.
    run.board.keep(port(0x590, 5))
    try vcpu.exit(.write(port: 0x590, size: 4, bytes: [6, 0, 0, 0]))
    #expect(number(try run.vcpus[0].exit(.read(port: 0x590, size: 4, count: 1))) == 6)
    // An exit that is no access.
    run.board.keep(port(0x594, 7))
    try vcpu.exit(.other(.systemEvent(type: 1)))
    let summary = try run.end()
    #expect(run.board.keptWrites.isEmpty)
    #expect(summary.unclaimed.isEmpty)
  }

  @Test("The clock's index and fw_cfg's selector are kept until they matter")
  func indices() throws {
    let run = try start()
    let vcpu = run.vcpus[0]
    // Register 0x15 of the clock's memory: 640 KiB.
    run.board.keep(port(0x70, 0x0a, size: 1))
    run.board.keep(port(0x70, 0x15, size: 1))
    #expect(try vcpu.exit(.read(port: 0x71, size: 1, count: 1)) == [0x80])
    run.board.keep(port(0x510, 1, size: 2))
    run.board.keep(port(0x510, 0, size: 2))
    #expect(try vcpu.exit(.read(port: 0x511, size: 1, count: 4)) == Array("QEMU".utf8))
    _ = try run.powerOff()
  }

  @Test("Nothing is left at a reset, whose guest finds the registers as at power-on")
  func reset() throws {
    let run = try start()
    run.board.keep(port(0x590, 9))
    try run.vcpus[0].exit(Script.reset)
    #expect(number(try run.vcpus[0].exit(.read(port: 0x590, size: 4, count: 1))) == 0)
    #expect(run.board.keptWrites.isEmpty)
    #expect(try run.powerOff().resets == 1)
  }

  @Test("What no device claims is counted, and a damaged ring ends the run")
  func hostile() throws {
    let run = try start()
    run.board.keep(port(0x1234, 9))
    run.board.keep(CoalescedWrite(isPort: false, address: .max, size: 8, value: 1))
    try run.vcpus[0].exit(Script.look)
    run.board.damageKept()
    try run.vcpus[0].begin(Script.look)
    let summary = try run.end()
    #expect(summary.outcome.crashText?.contains("ring of coalesced writes is damaged") == true)
    #expect(summary.outcome.exitStatus == 4)
    #expect(summary.unclaimed.reduce(0) { $0 + $1.count } == 2)
  }

  /// Each vCPU has bytes of the register for itself and reads back what it wrote last, while all carry out each other's writes.
  @Test("Several vCPUs each find their last write", arguments: [1, 2] as [UInt64])
  func several(seed: UInt64) throws {
    let run = try start(vcpus: 4)
    let (board, vcpus) = (run.board, run.vcpus)
    try withThreads(4) { index in
      var generator = SeededGenerator(seed: seed + UInt64(index) * 100)
      for _ in 0..<200 {
        var last: UInt64?
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          let value = UInt64.random(in: 0...0xffff, using: &generator)
          board.keep(port(0x590 + 2 * UInt64(index), value, size: 2))
          last = value
        }
        let found = try vcpus[index].exit(.read(port: 0x590 + 2 * UInt16(index), size: 2, count: 1))
        #expect(number(found) == last)
      }
    }
    #expect(try run.powerOff().unclaimed.isEmpty)
  }

  private func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let threads = try (0..<count).map { index in
      try DedicatedThread(name: "script\(index)") {
        do { try body(index) } catch { Issue.record(error) }
      }
    }
    for thread in threads { thread.join() }
  }
}
