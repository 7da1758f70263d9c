import Devices
import Glibc
import GuestRAM
import Platform
import Testing

@testable import Machine

/// Serial output whose reader does not read: the guest waits, and nobody else.
@Suite("Slow readers of the serial port's output")
struct SlowOutputTests {
  private static let line = UnconnectedLine()

  /// A port with a pipe behind it that takes nothing more.
  private func withFullPipe(
    _ body: (_ dispatcher: Dispatcher, _ serial: Serial16550A, _ output: SerialOutput, borrowing Pipe) throws
      -> Void
  ) throws {
    try DedicatedThread.prepareInterrupts()
    let pipe = try Pipe()
    let flags = fcntl(pipe.writeEnd, F_GETFL)
    _ = fcntl(pipe.writeEnd, F_SETFL, flags | O_NONBLOCK)
    let zeros = [UInt8](repeating: 0, count: 4096)
    while write(pipe.writeEnd, zeros, zeros.count) > 0 {}
    _ = fcntl(pipe.writeEnd, F_SETFL, flags)
    let output = SerialOutput(descriptor: pipe.writeEnd)
    let serial = Serial16550A(id: DeviceID(1), interrupt: Self.line, output: output)
    let ports = try Bus(
      name: "port", limit: 1 << 16, [Bus.Range(start: 0x3f8, length: 8, device: serial, window: 0)])
    let memory = try Bus(name: "memory", limit: 1 << 52, [])
    let guestMemory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let dispatcher = Dispatcher(
      ports: ports, memory: memory, guestMemory: guestMemory, locked: [(serial, 1)], tracesFreeLocks: false)
    try body(dispatcher, serial, output, pipe)
  }

  private func send(
    _ text: String, _ dispatcher: Dispatcher, _ serial: Serial16550A, by thread: ThreadContext
  ) {
    for byte in text.utf8 {
      dispatcher.withDevice(serial, offset: 0, by: thread) {
        serial.write(
          offset: 0, size: 1, value: UInt64(byte), window: 0, memory: dispatcher.guestMemory, by: thread)
      }
    }
  }

  /// What is in the pipe, without the zeros that filled it.
  private func drain(_ pipe: borrowing Pipe) -> [UInt8] {
    var bytes: [UInt8] = []
    var waiting = pollfd(fd: pipe.readEnd, events: Int16(POLLIN), revents: 0)
    while poll(&waiting, 1, 0) > 0 { bytes += pipe.read(atMost: 65536) }
    return bytes.filter { $0 != 0 }
  }

  private final class Flag: @unchecked Sendable {
    private let lock = Lock()
    private var count = 0
    func add() { lock.withLock { count += 1 } }
    var value: Int { lock.withLock { count } }
  }

  @Test(
    "The port's lock is free while a vCPU waits for the reader, and a signal ends the wait; nothing is lost")
  func lockIsFree() throws {
    try withFullPipe { dispatcher, serial, output, pipe in
      let done = Flag()
      let writers = try (0..<2).map { number in
        try DedicatedThread(name: "writer\(number)") {
          send(
            number == 0 ? "a" : "b", dispatcher, serial, by: ThreadContext(kind: .vcpu, id: UInt16(number)))
          done.add()
        }
      }
      usleep(50_000)
      #expect(done.value == 0, "the reader holds them back")
      // An I/O thread gets at the port, and does not wait for the reader either.
      let loop = ThreadContext(kind: .loop, id: 0)
      let other = try DedicatedThread(name: "loop") {
        dispatcher.withDevice(serial, offset: 0, by: loop) { serial.receive([0x41], by: loop) }
        done.add()
      }
      let deadline = Clock.monotonic + 60_000_000_000
      while done.value == 0, Clock.monotonic < deadline { usleep(1000) }
      #expect(done.value == 1)
      while done.value < 3, Clock.monotonic < deadline {
        for writer in writers { writer.interrupt() }
        usleep(1000)
      }
      #expect(done.value == 3)
      guard done.value == 3 else { return }
      for thread in writers + [other] { thread.join() }
      // Interrupted, but not forgotten.
      var all = drain(pipe)
      output.finish()
      all += drain(pipe)
      #expect(all.sorted() == Array("ab".utf8))
      #expect(output.complaint == nil)
    }
  }

  @Test("What a reader has no room for when the run ends is counted")
  func untaken() throws {
    try withFullPipe { dispatcher, serial, output, pipe in
      let done = Flag()
      let writer = try DedicatedThread(name: "writer") {
        send("abc", dispatcher, serial, by: ThreadContext(kind: .vcpu, id: 0))
        done.add()
      }
      let deadline = Clock.monotonic + 60_000_000_000
      while done.value == 0, Clock.monotonic < deadline {
        writer.interrupt()
        usleep(1000)
      }
      try #require(done.value == 1)
      writer.join()
      #expect(output.complaint == nil)
      output.finish()
      #expect(output.complaint?.contains(": 3 bytes") == true, "\(output.complaint ?? "")")
      #expect(drain(pipe).isEmpty)
    }
  }

  @Test(
    "A time limit ends a run whose output nobody reads", .needsEngine,
    arguments: [1, 2])
  func timeout(vcpus: Int) throws {
    try Exeunt.withImage(.serialFlood) { image in
      let pipe = try Pipe()
      let running = try RunningExeunt(
        ["run", "--flat", image, "--cpus", "\(vcpus)", "--timeout", "700ms"], output: pipe.writeEnd)
      #expect(running.exitStatus(within: 8) == 6)
    }
  }

  @Test("A run can be ended while nobody reads what it says at its end", .needsEngine)
  func messages() throws {
    let pipe = try Pipe()
    let flags = fcntl(pipe.writeEnd, F_GETFL)
    _ = fcntl(pipe.writeEnd, F_SETFL, flags | O_NONBLOCK)
    let zeros = [UInt8](repeating: 0, count: 4096)
    while write(pipe.writeEnd, zeros, zeros.count) > 0 {}
    _ = fcntl(pipe.writeEnd, F_SETFL, flags)
    let running = try RunningExeunt(["run", "--guest", "port-io", "iterations=5"], error: pipe.writeEnd)
    #expect(running.waitUntil { TextFile.read("/proc/\($0)/syscall")?.hasPrefix("1 0x2 ") == true })
    kill(running.process, SIGTERM)
    #expect(running.exitStatus(within: 5) == 128 + SIGTERM)
  }
}
