import Devices
import RingDriver
import TestSupport
import Testing

@Suite("The keyboard controller")
struct KeyboardControllerTests {
  private let control = RecordingControl()
  private let line = CountingLine()
  private let controller: KeyboardController

  init() { controller = KeyboardController(id: DeviceID(5), control: control, interrupt: line) }

  private func command(_ value: UInt8) {
    controller.write(UInt64(value), 0, size: 1, window: KeyboardController.commandWindow)
  }
  private func send(_ value: UInt8) { controller.write(UInt64(value), 0, size: 1) }
  private var status: UInt8 { UInt8(controller.read(0, size: 1, window: KeyboardController.commandWindow)) }
  private var isFull: Bool { status & 1 != 0 }
  /// All that waits to be read.
  private func take() -> [UInt8] {
    var bytes: [UInt8] = []
    while isFull, bytes.count < 100 { bytes.append(UInt8(controller.read(0, size: 1))) }
    return bytes
  }

  @Test("It answers commands, and is never busy")
  func commands() {
    #expect(status == 0x14)
    let answers: [(UInt8, [UInt8])] = [
      (0xaa, [0x55]), (0xab, [0x00]), (0x20, [0x65]), (0x3f, [0x00]), (0xa9, [0x01]), (0xc0, [0x80]),
      (0xe0, [0x00]),
      (0xad, []), (0x20, [0x75]), (0xae, []), (0x20, [0x65]), (0xa8, []), (0x20, [0x45]), (0xa7, []),
      (0xd0, [0xcf]),
      (0x00, []), (0x80, []), (0xac, []), (0xdd, []), (0xdf, []), (0xff, []), (0xf1, []),
    ]
    for (value, answer) in answers {
      command(value)
      #expect(status & 0b1010 == 0b1000)
      #expect(take() == answer, "\(value)")
    }
    #expect(control.requests.isEmpty)
    // Each of its 32 bytes of RAM, written and read.
    for index: UInt8 in 0..<32 {
      command(0x60 + index)
      send(0xe0 | index)
      #expect(status & 0b1000 == 0)
    }
    for index: UInt8 in 0..<32 {
      command(0x20 + index)
      #expect(take() == [0xe0 | index])
    }
    // The system flag of the command byte is the status's.
    #expect(status & 4 == 0)
    command(0x60)
    send(0x04)
    #expect(status & 4 == 4)
    // What was read last reads again.
    command(0xaa)
    #expect(take() == [0x55])
    #expect(controller.read(0, size: 1) == 0x55)
    #expect(!isFull)
  }

  @Test("Address line 20 is never masked; a zero at the reset line resets, by port, by pulse")
  func outputPort() {
    for value: UInt8 in [0xdf, 0xdd, 0x01] {
      command(0xd1)
      send(value)
      command(0xd0)
      #expect(take()[0] & 3 == 3)
    }
    send(0xfe)
    command(0xd1)
    command(0xae)
    send(0xee)
    #expect(control.requests.isEmpty)
    command(0xd1)
    send(0xde)
    command(0xfe)
    command(0xf0)
    command(0xff)
    #expect(control.requests == [.reset, .reset, .reset])
  }

  @Test("The keyboard answers, in order, through its controller's translation or not")
  func keyboard() {
    let exchanges: [([UInt8], [UInt8])] = [
      ([0xff], [0xfa, 0xaa]), ([0xf2], [0xfa, 0xab, 0x41]), ([0xee], [0xee]), ([0xed, 0x07], [0xfa, 0xfa]),
      ([0xf3, 0x20], [0xfa, 0xfa]), ([0xf0, 0], [0xfa, 0xfa, 2]),
      ([0xf0, 1, 0xf0, 0], [0xfa, 0xfa, 0xfa, 0xfa, 1]),
      ([0xf6, 0xf0, 0], [0xfa, 0xfa, 0xfa, 2]), ([0xf4], [0xfa]), ([0xf5], [0xfa]), ([0xfa], [0xfa]),
      ([0xee], [0xee]), ([0xfe], [0xee]), ([0x00], [0xfe]), ([0xef], [0xfe]),
    ]
    for (sent, answer) in exchanges {
      for byte in sent { send(byte) }
      #expect(take() == answer, "\(sent)")
    }
    command(0x60)
    send(0x25)
    send(0xf2)
    #expect(take() == [0xfa, 0xab, 0x83])
    // Without a mouse's port what would come from there comes as the keyboard's, and nobody takes what is for it.
    for loop: UInt8 in [0xd2, 0xd3] {
      command(loop)
      send(0x5a)
      #expect(status & 0x20 == 0)
      #expect(take() == [0x5a])
    }
    command(0xd4)
    send(0xff)
    #expect(take() == [])
  }

  @Test("A keyboard that is switched off keeps what it has; a byte for it switches it on")
  func disabled() {
    send(0xff)
    command(0xad)
    #expect(!isFull)
    command(0xab)
    #expect(take() == [0])
    command(0xae)
    #expect(take() == [0xfa, 0xaa])
    command(0xad)
    send(0xee)
    #expect(take() == [0xee])
  }

  @Test("An interrupt for each byte that comes into sight, where they are asked for")
  func interrupts() {
    send(0xff)
    #expect(line.pulses == 1)
    #expect(controller.read(0, size: 1) == 0xfa)
    #expect(line.pulses == 2)
    #expect(controller.read(0, size: 1) == 0xaa)
    _ = controller.read(0, size: 1)
    #expect(line.pulses == 2)
    command(0x60)
    send(0x24)
    send(0xff)
    #expect(take() == [0xfa, 0xaa])
    #expect(line.pulses == 2)
    // A board may have no line for it.
    let mute = KeyboardController(id: DeviceID(5), control: control, interrupt: nil)
    mute.write(0xff, 0, size: 1)
    #expect(mute.read(0, size: 1) == 0xfa)
  }

  @Test("Whatever comes is bounded, and a reset of the machine forgets it")
  func hostile() {
    var generator = SeededGenerator(seed: 8042)
    for _ in 0..<50_000 {
      let byte = UInt8.random(in: .min ... .max, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: command(byte)
      case 1, 2: send(byte)
      default: _ = controller.read(0, size: 1)
      }
    }
    // Sixteen of the keyboard's and one of the controller's.
    for _ in 0..<1000 { send(0xf2) }
    command(0xae)
    command(0xab)
    #expect(take().count <= 17)
    send(0xed)
    command(0x60)
    controller.reset()
    #expect(status == 0x14)
    send(0xee)
    #expect(take() == [0xee])
    command(0x20)
    #expect(take() == [0x65])
  }
}
