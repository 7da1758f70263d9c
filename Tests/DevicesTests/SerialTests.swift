import Devices
import RingDriver
import TestSupport
import Testing

/// Register offsets and bits of the PC16550D's data sheet.
private enum Register {
  static let data: UInt32 = 0
  static let interruptEnable: UInt32 = 1
  static let interruptIdentification: UInt32 = 2
  static let fifoControl: UInt32 = 2
  static let lineControl: UInt32 = 3
  static let modemControl: UInt32 = 4
  static let lineStatus: UInt32 = 5
  static let modemStatus: UInt32 = 6
  static let scratch: UInt32 = 7
}

private enum Identification {
  static let none: UInt64 = 0x01
  static let transmitterEmpty: UInt64 = 0x02
  static let received: UInt64 = 0x04
}

@Suite("The 16550A serial port")
struct SerialTests {
  private let line = CountingLine()
  private let sink = CollectingSink()
  private let serial: Serial16550A

  init() {
    serial = Serial16550A(id: DeviceID(1), interrupt: line, output: sink)
  }

  private func read(_ register: UInt32) -> UInt64 { serial.read(register, size: 1) }
  private func write(_ value: UInt64, _ register: UInt32) { serial.write(value, register, size: 1) }
  private var identification: UInt64 { read(Register.interruptIdentification) }
  private let gate: UInt64 = 0x0b

  @Test("At power-on, and after a reset, all registers are as in the data sheet")
  func powerOn() {
    func check() {
      #expect(read(Register.interruptEnable) == 0)
      #expect(identification == Identification.none)
      #expect(read(Register.lineControl) == 0)
      #expect(read(Register.modemControl) == 0)
      #expect(read(Register.lineStatus) == 0x60)
      #expect(read(Register.data) == 0)
    }
    check()
    for register: UInt32 in 1...7 { write(0x5f, register) }
    serial.receive([1, 2, 3], by: vcpu0)
    serial.reset()
    check()
  }

  @Test("Registers keep the bits that exist, and the scratch register keeps all")
  func bits() {
    for value: UInt64 in [0x00, 0xff, 0xa5, 0x5a] {
      write(value, Register.interruptEnable)
      #expect(read(Register.interruptEnable) == value & 0x0f)
      write(value, Register.modemControl)
      #expect(read(Register.modemControl) == value & 0x1f)
      write(value, Register.scratch)
      #expect(read(Register.scratch) == value)
      write(value, Register.lineControl)
      #expect(read(Register.lineControl) == value)
      write(0, Register.lineControl)
    }
  }

  @Test("DLAB puts the divisor latch in place of data and interrupt enable, and of nothing else")
  func divisorLatch() {
    write(0x0d, Register.interruptEnable)
    write(0x83, Register.lineControl)
    write(0x34, Register.data)
    write(0x12, Register.interruptEnable)
    #expect(read(Register.data) == 0x34)
    #expect(read(Register.interruptEnable) == 0x12)
    serial.receive([0x77], by: vcpu0)
    #expect(read(Register.data) == 0x34)
    write(0x03, Register.lineControl)
    #expect(read(Register.interruptEnable) == 0x0d)
    #expect(read(Register.data) == 0x77)
    #expect(sink.bytes.isEmpty)
  }

  @Test("FIFO bits of the identification follow the FIFO's enable")
  func fifoBits() {
    #expect(identification == Identification.none)
    write(0x01, Register.fifoControl)
    #expect(identification == 0xc0 | Identification.none)
    write(0x00, Register.fifoControl)
    #expect(identification == Identification.none)
  }

  @Test("Received data outranks the empty transmitter, and reading the identification clears only the latter")
  func priorities() {
    write(gate, Register.modemControl)
    serial.receive([0x41], by: vcpu0)
    write(0x03, Register.interruptEnable)
    #expect(identification == Identification.received)
    #expect(identification == Identification.received)
    #expect(read(Register.lineStatus) == 0x61)
    #expect(read(Register.data) == 0x41)
    #expect(read(Register.lineStatus) == 0x60)
    #expect(identification == Identification.transmitterEmpty)
    #expect(identification == Identification.none)
    write(0x42, Register.data)
    #expect(sink.bytes == [0x42])
    #expect(identification == Identification.transmitterEmpty)
  }

  @Test("Each cause is one edge: enabling, sending, receiving into an empty queue")
  func edges() {
    write(gate, Register.modemControl)
    var expected = 0
    func expectPulses(_ more: Int, _ comment: Comment) {
      expected += more
      #expect(line.pulses == expected, comment)
    }
    serial.receive([1], by: vcpu0)
    write(1, Register.data)
    expectPulses(0, "nothing is enabled")
    write(0x01, Register.interruptEnable)
    expectPulses(1, "data was there when its interrupt was enabled")
    serial.receive([2], by: vcpu0)
    expectPulses(0, "the cause was there already")
    _ = read(Register.data)
    _ = read(Register.data)
    serial.receive([3], by: vcpu0)
    expectPulses(1, "data in an empty queue")
    write(0x03, Register.interruptEnable)
    expectPulses(1, "the transmitter is empty when its interrupt is enabled")
    write(0x03, Register.interruptEnable)
    expectPulses(0, "it was enabled already")
    write(1, Register.data)
    write(1, Register.data)
    expectPulses(2, "each byte empties the transmitter anew")
    write(0x00, Register.interruptEnable)
    write(0x02, Register.interruptEnable)
    expectPulses(1, "enabled anew")
    write(0x02, Register.fifoControl)
    #expect(read(Register.lineStatus) == 0x60)
    expectPulses(0, "clearing the queue takes causes away")
  }

  @Test("Without OUT2, and in loopback, the line is not connected; what is pending interrupts when it is")
  func lineGate() {
    write(0x03, Register.modemControl)
    write(0x01, Register.interruptEnable)
    serial.receive([1], by: vcpu0)
    #expect(identification == Identification.received)
    #expect(line.pulses == 0)
    write(0x0b, Register.modemControl)
    #expect(line.pulses == 1)
    write(0x1b, Register.modemControl)
    _ = read(Register.data)
    serial.receive([2], by: vcpu0)
    #expect(line.pulses == 1)
    write(0x0b, Register.modemControl)
    #expect(line.pulses == 2)
    write(0x0b, Register.modemControl)
    #expect(line.pulses == 2)
  }

  @Test("In loopback, data come back and modem outputs are modem inputs")
  func loopback() {
    #expect(read(Register.modemStatus) == 0xb0)
    for outputs: UInt64 in 0..<16 {
      write(0x10 | outputs, Register.modemControl)
      let dtr = outputs & 1
      let rts = outputs >> 1 & 1
      let out1 = outputs >> 2 & 1
      let out2 = outputs >> 3 & 1
      // CTS is RTS, DSR is DTR, RI is OUT1, DCD is OUT2.
      #expect(read(Register.modemStatus) == rts << 4 | dtr << 5 | out1 << 6 | out2 << 7)
    }
    for byte: UInt64 in [0x00, 0xff, 0x55] {
      write(byte, Register.data)
      #expect(read(Register.lineStatus) == 0x61)
      #expect(read(Register.data) == byte)
    }
    #expect(sink.bytes.isEmpty)
  }

  @Test("Wide accesses and registers beyond the eighth are harmless")
  func oddAccesses() {
    serial.write(0x1122_3344_5566_7788, 0, size: 8)
    #expect(sink.bytes == [0x88])
    for offset: UInt32 in [8, 9, 0xffff_ffff] {
      serial.write(0xff, offset, size: 4)
      #expect(serial.read(offset, size: 4) == 0)
    }
  }

  @Test("Input waits in the port up to its capacity; the rest is dropped")
  func capacity() {
    #expect(serial.room == Serial16550A.receiveCapacity)
    let bytes = (0..<Serial16550A.receiveCapacity + 10).map { UInt8(truncatingIfNeeded: $0) }
    serial.receive(bytes, by: vcpu0)
    #expect(serial.room == 0)
    let seen = (0..<Serial16550A.receiveCapacity).map { _ in UInt8(read(Register.data)) }
    #expect(seen == Array(bytes.prefix(Serial16550A.receiveCapacity)))
    #expect(read(Register.lineStatus) == 0x60)
  }

  /// What empties a full queue, and so must wake whoever feeds the port.
  enum Emptying: CaseIterable {
    case reading
    case clearingTheFIFO
    case resettingTheMachine
  }

  /// What fills it.
  enum Filling: CaseIterable {
    case receiving
    case loopback
  }

  @Test(
    "Whoever found the port full is told when there is room",
    arguments: Filling.allCases, Emptying.allCases)
  func roomIsTold(filling: Filling, emptying: Emptying) {
    let told = CountingLine()
    serial.onRoom = { told.pulse(by: vcpu0) }
    switch filling {
    case .receiving: serial.receive(Array(repeating: 1, count: Serial16550A.receiveCapacity), by: vcpu0)
    case .loopback:
      write(0x10, Register.modemControl)
      for _ in 0..<Serial16550A.receiveCapacity { write(1, Register.data) }
      write(0x00, Register.modemControl)
    }
    #expect(serial.room == 0)
    #expect(told.pulses == 0)
    // The FIFO's 16 at a time, each time that the guest has looked.
    var times = 0
    while read(Register.lineStatus) & 1 != 0 {
      times += 1
      switch emptying {
      case .reading: _ = read(Register.data)
      case .clearingTheFIFO: write(0x03, Register.fifoControl)
      case .resettingTheMachine: serial.reset()
      }
    }
    #expect(serial.room == Serial16550A.receiveCapacity)
    #expect(told.pulses == 1)
    // The first clearing switches the FIFO on: what there was then is one.
    #expect(times == (emptying == .clearingTheFIFO ? 65 : 1024))
  }

  @Test("Clearing the FIFO takes what the chip has, and not what is still on the line")
  func clearing() {
    let script = Array("a script of fifty-nine bytes that is there at the beginning".utf8)
    func rest() -> [UInt8] {
      var bytes: [UInt8] = []
      while read(Register.lineStatus) & 1 != 0 { bytes.append(UInt8(read(Register.data))) }
      return bytes
    }
    // As often as it likes before it has looked at all: nothing has come yet.
    serial.receive(script, by: vcpu0)
    for value: UInt64 in [0x01, 0x07, 0x00, 0x07] { write(value, Register.fifoControl) }
    #expect(rest() == script)
    // What has come is gone, the FIFO's 16 at the most, and once however often it is cleared.
    serial.receive(script, by: vcpu0)
    #expect(read(Register.lineStatus) == 0x61)
    for _ in 0..<3 { write(0x07, Register.fifoControl) }
    #expect(rest() == Array(script.dropFirst(16)))
    // Without FIFOs it is one; switching them on clears.
    write(0x00, Register.fifoControl)
    serial.receive(script, by: vcpu0)
    #expect(read(Register.lineStatus) == 0x61)
    write(0x01, Register.fifoControl)
    #expect(rest() == Array(script.dropFirst()))
    // A reset of the machine is no more than that.
    serial.receive(script, by: vcpu0)
    #expect(read(Register.lineStatus) == 0x61)
    serial.reset()
    #expect(rest() == Array(script.dropFirst(16)))
  }

  @Test("After clearing, what comes next from the line interrupts anew")
  func clearingInterrupts() {
    write(gate, Register.modemControl)
    write(0x07, Register.fifoControl)
    write(0x01, Register.interruptEnable)
    serial.receive([UInt8](repeating: 1, count: 17), by: vcpu0)
    #expect(line.pulses == 1)
    write(0x07, Register.fifoControl)
    #expect(line.pulses == 2)
    #expect(identification == 0xc0 | Identification.received)
    #expect(read(Register.data) == 1)
    #expect(identification == 0xc0 | Identification.none)
  }

  /// A driver for an edge-triggered line, as Linux's: it handles causes until none is left, and only when the line was
  /// pulsed. If a single edge were missing, it would wait for ever.
  @Test("An interrupt-driven driver gets every byte and sends every byte", arguments: 0..<30)
  func interruptDrivenDriver(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var toReceive = (0..<3000).map { _ in UInt8(truncatingIfNeeded: random.next()) }[...]
    var toSend = (0..<1000).map { _ in UInt8(truncatingIfNeeded: random.next()) }[...]
    let allReceived = Array(toReceive)
    let allSent = Array(toSend)
    var received: [UInt8] = []
    var handled = 0

    func serviceInterrupt() {
      while identification & 1 == 0 {
        while read(Register.lineStatus) & 1 != 0 { received.append(UInt8(read(Register.data))) }
        if identification & 0x0f == Identification.transmitterEmpty || !toSend.isEmpty {
          for byte in toSend.prefix(16) { write(UInt64(byte), Register.data) }
          toSend = toSend.dropFirst(16)
          // As Linux does when it has nothing left to send.
          if toSend.isEmpty { write(0x01, Register.interruptEnable) }
        }
      }
    }

    write(0x07, Register.fifoControl)
    write(0x0b, Register.modemControl)
    write(0x03, Register.interruptEnable)
    var idle = 0
    while idle < 3 {
      idle += 1
      if Bool.random(using: &random), !toReceive.isEmpty {
        let count = min(Int.random(in: 1...600, using: &random), serial.room)
        serial.receive(toReceive.prefix(count), by: vcpu0)
        toReceive = toReceive.dropFirst(count)
        idle = 0
      }
      if line.pulses != handled {
        handled = line.pulses
        serviceInterrupt()
        idle = 0
      }
      if !toReceive.isEmpty { idle = 0 }
    }
    #expect(received == allReceived)
    #expect(sink.bytes == allSent)
  }
}
