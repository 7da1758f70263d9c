import CTestGuests
import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("The serial console", .needsEngine)
struct ConsoleTests {
  enum Way: String, CaseIterable {
    case polling
    case interrupts
    var guest: TestGuest { self == .polling ? .echoPolling : .echoInterrupts }
  }

  private func text(_ count: Int) -> String {
    String(decoding: (0..<count).map { UInt8(ascii: "A") + UInt8($0 % 26) }, as: UTF8.self)
  }

  private func readAll(_ pipe: borrowing Pipe) -> String {
    var bytes: [UInt8] = []
    while true {
      let chunk = pipe.read(atMost: 65536)
      if chunk.isEmpty { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk
    }
  }

  @Test("Standard input from a pipe comes back, whole and in order", arguments: Way.allCases)
  func pipe(way: Way) throws {
    // More than the port holds, so that input must wait for the guest.
    let sent = text(3000)
    try Exeunt.withImage(way.guest) { image in
      var input = try Pipe()
      var output = try Pipe()
      let running = try RunningExeunt(
        ["run", "--flat", image], input: input.readEnd, output: output.writeEnd)
      output.closeWriteEnd()
      input.closeReadEnd()
      var all = sent + "q"
      all.withUTF8 { #expect(write(input.writeEnd, $0.baseAddress, $0.count) == $0.count) }
      #expect(readAll(output) == sent)
      #expect(running.exitStatus() == 0)
    }
  }

  @Test("Standard input from a file, which no event loop can wait for", arguments: Way.allCases)
  func file(way: Way) throws {
    let sent = text(2500)
    try withTemporaryDirectory { directory in
      try Data((sent + "q").utf8).write(to: URL(filePath: "\(directory)/input"))
      try Exeunt.withImage(way.guest) { image in
        var output = try Pipe()
        let input = try FileDescriptor.open("\(directory)/input", O_RDONLY)
        let running = try RunningExeunt(["run", "--flat", image], input: input.raw, output: output.writeEnd)
        output.closeWriteEnd()
        #expect(readAll(output) == sent)
        #expect(running.exitStatus() == 0)
      }
    }
  }

  enum Input: String, CaseIterable {
    case null
    case endedPipe
    case endedPipeFull
    case emptyFile
    case directory
  }

  @Test(
    "At the end of standard input the guest runs on and the input's thread sleeps", arguments: Input.allCases)
  func endOfInput(kind: Input) throws {
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(.halt) { image in
        var pipe = try Pipe()
        let null = try FileDescriptor.open("/dev/null", O_RDONLY)
        let empty = try FileDescriptor.open("\(directory)/empty", O_RDWR | O_CREAT)
        let folder = try FileDescriptor.open(directory, O_RDONLY)
        if kind == .endedPipeFull {
          // More than the port holds: nobody takes the rest, and there is no writer any more.
          var bytes = text(5000)
          bytes.withUTF8 { #expect(write(pipe.writeEnd, $0.baseAddress, $0.count) == $0.count) }
        }
        let input: CInt =
          switch kind {
          case .null: null.raw
          case .endedPipe, .endedPipeFull: pipe.readEnd
          case .emptyFile: empty.raw
          case .directory: folder.raw
          }
        let running = try RunningExeunt(["run", "--flat", image, "--timeout", "1200ms"], input: input)
        pipe.closeWriteEnd()
        #expect(running.waitForThread("vcpu0"))
        usleep(200_000)
        let before = running.processorTicks
        usleep(700_000)
        // A loop that never sleeps uses 70 ticks.
        #expect(running.processorTicks - before < 20)
        #expect(running.exitStatus() == 6)
      }
    }
  }

  @Test("Output goes to a file, or nowhere")
  func output() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/serial.txt"
      let toFile = try Exeunt.run(["run", "--guest", "serial", "iterations=41", "--serial", path])
      #expect(toFile.exitStatus == 0)
      #expect(toFile.standardOutput.isEmpty)
      #expect(
        try String(contentsOfFile: path, encoding: .utf8) == "They have their exits and their entrances")
      let toNowhere = try Exeunt.run(["run", "--guest", "serial", "--serial", "none"])
      #expect(toNowhere.exitStatus == 0)
      #expect(toNowhere.standardOutput.isEmpty)
      let toOutput = try Exeunt.run(["run", "--guest", "serial", "iterations=41"])
      #expect(toOutput.standardOutput == "They have their exits and their entrances")
    }
  }
}

@Suite("Output to a FIFO", .needsEngine)
struct FIFOTests {
  private static let guest = ["run", "--guest", "serial", "iterations=41"]

  @Test(
    "Without a reader nothing is run, and the message says what to do", arguments: ["--serial", "--result"])
  func nobody(option: String) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/fifo"
      #expect(mkfifo(path, 0o600) == 0)
      let outcome = try Exeunt.run(Self.guest + [option, path])
      #expect(outcome.exitStatus == 2)
      #expect(outcome.standardError.contains("\(option) \(path): cannot be written: nothing reads this FIFO"))
      #expect(outcome.standardOutput.isEmpty)
    }
  }

  @Test(
    "With a reader, who may come a little later, it gets everything", arguments: ["--serial", "--result"],
    [true, false])
  func reader(option: String, isLate: Bool) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/fifo"
      #expect(mkfifo(path, 0o600) == 0)
      let thread = try DedicatedThread(name: "reader") {
        if isLate { usleep(300_000) }
        guard let fifo = try? FileDescriptor.open(path, O_RDONLY) else { return }
        var bytes = Data()
        var chunk = [UInt8](repeating: 0, count: 4096)
        while let count = try? chunk.withUnsafeMutableBytes({ try fifo.read(into: $0) }), count > 0 {
          bytes += chunk[..<count]
        }
        try? bytes.write(to: URL(filePath: "\(directory)/copy"))
      }
      let outcome = try Exeunt.run(Self.guest + [option, path])
      #expect(outcome.exitStatus == 0)
      thread.join()
      let text = try String(contentsOfFile: "\(directory)/copy", encoding: .utf8)
      if option == "--serial" {
        #expect(text == "They have their exits and their entrances")
      } else {
        #expect(text.hasPrefix("{") && text.hasSuffix("}\n"))
      }
    }
  }
}

/// A pseudo-terminal; the program under test has the other side.
final class PseudoTerminal {
  let master: CInt
  let slave: CInt
  private var cooked = termios()

  init() throws {
    var other: CInt = -1
    master = exeunt_test_open_terminal(&other)
    slave = other
    guard master >= 0 else { throw Errno.current }
    tcgetattr(slave, &cooked)
  }

  deinit {
    close(master)
    close(slave)
  }

  var localFlags: tcflag_t {
    var attributes = termios()
    tcgetattr(slave, &attributes)
    return attributes.c_lflag
  }

  /// All flags, as numbers that can be compared.
  var attributes: [tcflag_t] {
    var attributes = termios()
    tcgetattr(slave, &attributes)
    return [attributes.c_iflag, attributes.c_oflag, attributes.c_cflag, attributes.c_lflag]
  }

  /// Puts it into the mode in which it was made.
  func makeCooked() {
    var attributes = cooked
    tcsetattr(slave, TCSANOW, &attributes)
  }

  /// Has a reader that has got one character wait for so many, or for so long a silence, in seconds up to 25; poll(2) asks for
  /// one only (termios(3), VMIN and VTIME).
  func collect(_ count: UInt8, within silence: UInt8) {
    var attributes = termios()
    tcgetattr(slave, &attributes)
    withUnsafeMutableBytes(of: &attributes.c_cc) {
      $0[Int(VMIN)] = count
      $0[Int(VTIME)] = silence * 10
    }
    tcsetattr(slave, TCSANOW, &attributes)
  }

  /// Where it can be opened.
  var slaveName: String? {
    var name = [CChar](repeating: 0, count: 64)
    guard ttyname_r(slave, &name, name.count) == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  var isRaw: Bool { localFlags & tcflag_t(ICANON | ECHO | ISIG) == 0 }

  func waitUntilRaw() -> Bool {
    for _ in 0..<10_000 {
      if isRaw { return true }
      usleep(1000)
    }
    return false
  }

  func type(_ bytes: [UInt8]) { _ = write(master, bytes, bytes.count) }

  /// What was printed, once so many bytes have been or nothing comes any more.
  func read(count: Int) -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count {
      var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 10_000) > 0 else { break }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let got = Glibc.read(master, &chunk, chunk.count)
      guard got > 0 else { break }
      all += chunk[..<got]
    }
    return all
  }
}

@Suite("The serial console on a terminal", .needsEngine)
struct TerminalTests {
  private func start(
    _ guest: TestGuest, _ arguments: [String] = [], _ body: (PseudoTerminal, RunningExeunt) throws -> Void
  )
    throws
  {
    try Exeunt.withImage(guest) { image in
      let terminal = try PseudoTerminal()
      let before = terminal.localFlags
      #expect(!terminal.isRaw)
      let running = try RunningExeunt(
        ["run", "--flat", image, "--mode", guest.mode.rawValue] + arguments, input: terminal.slave,
        output: terminal.slave)
      #expect(terminal.waitUntilRaw())
      try body(terminal, running)
      #expect(terminal.localFlags == before, "the terminal is as it was")
    }
  }

  @Test("Control-A x quits, and every other key is the guest's")
  func keys() throws {
    try start(.echoInterrupts) { terminal, running in
      let keys: [UInt8] = [0x61, 0x03, 0x1a, 0x1c, 0x04, 0x0d, 0x7f, 0x00, 0xff]
      terminal.type(keys)
      #expect(terminal.read(count: keys.count) == keys)
      // Control-A twice is one, and before another key it is itself.
      terminal.type([0x01, 0x01, 0x62])
      #expect(terminal.read(count: 2) == [0x01, 0x62])
      terminal.type([0x01])
      usleep(20_000)
      terminal.type([0x79])
      #expect(terminal.read(count: 2) == [0x01, 0x79])
      terminal.type([0x01])
      usleep(20_000)
      terminal.type([0x78])
      #expect(running.exitStatus() == 0)
    }
  }

  @Test(
    "The terminal is put back however the run ends", arguments: ["power-off", "crash", "timeout", "signal"])
  func restored(end: String) throws {
    switch end {
    case "power-off":
      try start(.echoPolling) { terminal, running in
        terminal.type([0x71])
        #expect(running.exitStatus() == 0)
      }
    case "crash":
      // The crash comes at once; whether the terminal was seen raw is of no importance.
      try Exeunt.withImage(.undefined) { image in
        let terminal = try PseudoTerminal()
        let before = terminal.localFlags
        let running = try RunningExeunt(
          ["run", "--flat", image, "--mode", "protected"], input: terminal.slave)
        #expect(running.exitStatus() == 4)
        #expect(terminal.localFlags == before)
      }
    case "timeout":
      try start(.spin, ["--timeout", "700ms"]) { _, running in #expect(running.exitStatus() == 6) }
    default:
      try start(.spin) { _, running in
        kill(running.process, SIGTERM)
        #expect(running.exitStatus() == 128 + SIGTERM)
      }
    }
  }

  @Test("RAM that is lost leaves no raw terminal behind")
  func restoredWhenMemoryIsLost() throws {
    try withTemporaryDirectory { directory in
      let ram = "\(directory)/ram"
      try start(.ringWalk, ["--mem-path", ram, "--ioeventfd", "off", "--timeout", "5s"]) { _, running in
        usleep(50_000)
        truncate(ram, 1 << 20)
        #expect(running.exitStatus() == 4)
      }
    }
  }

  @Test("A built-in guest reads nothing, and leaves the terminal and its interrupt key alone")
  func builtIn() throws {
    let terminal = try PseudoTerminal()
    let running = try RunningExeunt(["run", "--guest", "timer", "iterations=200"], input: terminal.slave)
    #expect(running.waitForThread("vcpu0"))
    #expect(!terminal.isRaw)
    #expect(running.exitStatus() == 0)
  }
}
