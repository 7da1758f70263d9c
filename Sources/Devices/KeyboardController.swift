import GuestRAM

/// An 8042 keyboard controller (IBM PC/AT Technical Reference, "Keyboard Controller") with a keyboard on which nobody types, and
/// without a port for a mouse: systems probe it, switch address line 20 with it, and reset the machine through it.
///
/// It is never busy: what is written is done at once. Each byte for the guest is an edge on the interrupt line, where the guest
/// has asked for that.
public final class KeyboardController: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  /// The window of the command and status port, 0x64; the other is the data port, 0x60.
  public static let commandWindow = 1

  /// Bits of the status (port 0x64, read).
  private enum Status {
    static let outputFull: UInt8 = 1 << 0
    /// The self-test is passed: firmware has seen to it.
    static let systemFlag: UInt8 = 1 << 2
    /// The last write was a command.
    static let wasCommand: UInt8 = 1 << 3
    /// The keyboard is not locked with a key.
    static let unlocked: UInt8 = 1 << 4
  }

  /// Bits of the command byte, the first of the controller's RAM.
  private enum Mode {
    static let interrupt: UInt8 = 1 << 0
    static let systemFlag: UInt8 = 1 << 2
    static let isKeyboardOff: UInt8 = 1 << 4
    static let isMouseOff: UInt8 = 1 << 5
    static let translates: UInt8 = 1 << 6
    /// As PC firmware leaves it.
    static let powerOn = interrupt | systemFlag | isMouseOff | translates
  }

  /// Bits of the output port.
  private enum OutputPort {
    /// The reset line, active low.
    static let running: UInt8 = 1 << 0
    /// Never masked here, whatever is written.
    static let line20: UInt8 = 1 << 1
    static let outputFull: UInt8 = 1 << 4
    static let powerOn: UInt8 = 0b1100_1111
  }

  /// What the next byte at the data port is for.
  private enum Expected {
    case keyboard
    case ram(Int)
    case outputPort
    /// To be read back as if the keyboard had sent it.
    case keyboardOutput
    /// For a mouse that is not there.
    case mouse
  }

  private let control: any PowerControl
  private let interrupt: (any InterruptLine)?
  // Accessed under the device's lock.
  private var keyboard = Keyboard()
  /// The controller's own answer, which comes before what the keyboard has sent.
  private var answer: UInt8?
  /// What the data port read last: it reads so again while nothing is there.
  private var last: UInt8 = 0
  private var ram = [UInt8](repeating: 0, count: 32)
  private var port = OutputPort.powerOn
  private var expected = Expected.keyboard
  private var wasCommand = false

  /// Makes the controller.
  ///
  /// - Parameter interrupt: its line; nil where the board has given it to another device.
  public init(id: DeviceID, control: any PowerControl, interrupt: (any InterruptLine)?) {
    self.id = id
    self.control = control
    self.interrupt = interrupt
    ram[0] = Mode.powerOn
  }

  private var mode: UInt8 { ram[0] }
  private var isKeyboardOn: Bool { mode & Mode.isKeyboardOff == 0 }
  private var isOutputFull: Bool { answer != nil || isKeyboardOn && !keyboard.output.isEmpty }

  /// Reads the status, or takes the next byte for the guest.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    guard window != KeyboardController.commandWindow else { return UInt64(status) }
    if let answer {
      last = answer
      self.answer = nil
    } else if isKeyboardOn, !keyboard.output.isEmpty {
      last = keyboard.output.removeFirst()
    } else {
      return UInt64(last)
    }
    if isOutputFull { announce(by: thread) }
    return UInt64(last)
  }

  private var status: UInt8 {
    var status = Status.unlocked
    if mode & Mode.systemFlag != 0 { status |= Status.systemFlag }
    if wasCommand { status |= Status.wasCommand }
    if isOutputFull { status |= Status.outputFull }
    return status
  }

  /// Writes a command, or the data that the last one asked for, or a byte to the keyboard.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let wasFull = isOutputFull
    wasCommand = window == KeyboardController.commandWindow
    if wasCommand {
      command(UInt8(truncatingIfNeeded: value))
    } else {
      data(UInt8(truncatingIfNeeded: value))
    }
    if isOutputFull, !wasFull { announce(by: thread) }
  }

  private func announce(by thread: ThreadContext) {
    if mode & Mode.interrupt != 0 { interrupt?.pulse(by: thread) }
  }

  private func command(_ command: UInt8) {
    expected = .keyboard
    switch command {
    case 0x20...0x3f: answer = ram[Int(command & 0x1f)]
    case 0x60...0x7f: expected = .ram(Int(command & 0x1f))
    case 0xa7: ram[0] |= Mode.isMouseOff
    case 0xa8: ram[0] &= ~Mode.isMouseOff
    // There is no mouse's port to test: its clock line is stuck low.
    case 0xa9: answer = 0x01
    case 0xaa:
      keyboard.output = []
      ram[0] = Mode.powerOn
      answer = 0x55
    case 0xab: answer = 0x00
    case 0xad: ram[0] |= Mode.isKeyboardOff
    case 0xae: ram[0] &= ~Mode.isKeyboardOff
    // The input port: the keyboard is not locked.
    case 0xc0: answer = 0x80
    case 0xd0: answer = port | OutputPort.line20 | (isOutputFull ? OutputPort.outputFull : 0)
    case 0xd1: expected = .outputPort
    // Without a mouse's port what is to come from there comes as if from the keyboard, by which drivers see that there is none.
    case 0xd2, 0xd3: expected = .keyboardOutput
    case 0xd4: expected = .mouse
    // The test inputs: both lines low.
    case 0xe0: answer = 0x00
    // A pulse of output lines, where a bit is zero; the lowest is the reset line.
    case 0xf0...0xff: if command & OutputPort.running == 0 { control.reset() }
    default: break
    }
  }

  private func data(_ byte: UInt8) {
    defer { expected = .keyboard }
    switch expected {
    case .keyboard:
      // A byte for the keyboard switches it on.
      ram[0] &= ~Mode.isKeyboardOff
      keyboard.receive(byte, isTranslated: mode & Mode.translates != 0)
    case .ram(let index): ram[index] = byte
    case .outputPort:
      port = byte & ~OutputPort.outputFull
      if byte & OutputPort.running == 0 { control.reset() }
    case .keyboardOutput: answer = byte
    // Nobody is there to take it, or to answer.
    case .mouse: break
    }
  }

  /// Puts the device into its power-on state.
  public func reset() {
    keyboard = Keyboard()
    answer = nil
    last = 0
    ram = [UInt8](repeating: 0, count: 32)
    ram[0] = Mode.powerOn
    port = OutputPort.powerOn
    expected = .keyboard
    wasCommand = false
  }
}

/// A keyboard that answers what it is asked (IBM PC/AT Technical Reference, "Keyboard") and has no keys that anybody presses.
private struct Keyboard {
  private static let acknowledged: UInt8 = 0xfa
  private static let resend: UInt8 = 0xfe
  /// As many as the real one keeps; what does not fit is lost.
  private static let capacity = 16

  /// What it has sent and nobody has read.
  var output: [UInt8] = []
  private var scanCodeSet: UInt8 = 2
  /// The command that waits for its parameter.
  private var pending: UInt8?
  private var lastSent: UInt8 = 0xaa

  mutating func receive(_ byte: UInt8, isTranslated: Bool) {
    if let command = pending {
      pending = nil
      return finish(command, byte)
    }
    switch byte {
    // LEDs, scan code set, typematic rate: each with a parameter.
    case 0xed, 0xf0, 0xf3:
      pending = byte
      send([Keyboard.acknowledged])
    // Echo.
    case 0xee: send([0xee])
    // Its kind: an MF2 keyboard, which the controller's translation has other numbers for.
    case 0xf2: send([Keyboard.acknowledged, 0xab, isTranslated ? 0x41 : 0x83])
    // On, off, defaults, and which keys repeat.
    case 0xf4, 0xf5, 0xf7...0xfd: send([Keyboard.acknowledged])
    case 0xf6:
      scanCodeSet = 2
      send([Keyboard.acknowledged])
    case 0xfe: send([lastSent])
    // Reset: acknowledged, then the self-test is passed.
    case 0xff:
      scanCodeSet = 2
      output = []
      send([Keyboard.acknowledged, 0xaa])
    default: send([Keyboard.resend])
    }
  }

  private mutating func finish(_ command: UInt8, _ parameter: UInt8) {
    send([Keyboard.acknowledged])
    guard command == 0xf0 else { return }
    switch parameter {
    case 0: send([scanCodeSet])
    case 1...3: scanCodeSet = parameter
    default: break
    }
  }

  private mutating func send(_ bytes: [UInt8]) {
    for byte in bytes where output.count < Keyboard.capacity {
      output.append(byte)
      lastSent = byte
    }
  }
}
