import GuestRAM

/// Where the characters go that a guest sends through a serial port.
public protocol ByteSink: Backlog {
  /// Takes one character, without blocking: called with the port's lock held.
  func put(_ byte: UInt8)
}

extension ByteSink {
  /// Nothing is left to be done.
  public func workOff(by thread: ThreadContext) {}
}

/// A 16550A serial port (National Semiconductor PC16550D): eight registers, FIFOs, one interrupt line.
///
/// Sending takes no time: the holding register is empty again when the write returns. Receiving is held back rather
/// than overrun: whoever feeds the port asks how much room there is, and is told when there is room again. What waits in
/// the port beyond the chip's own 16 characters is still on the line: clearing the FIFO does not touch it.
public final class Serial16550A: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  private let interrupt: any InterruptLine
  private let output: any ByteSink
  /// Writing what was sent.
  public var backlog: (any Backlog)? { output }
  /// Called, with the device's lock held, when a full receive queue has been emptied by the guest.
  public var onRoom: (@Sendable () -> Void)?

  /// Characters that wait for the guest at the most.
  public static let receiveCapacity = 1024

  // Registers, named as in the data sheet; all under the device's lock.
  private var interruptEnable: UInt8 = 0
  private var lineControl: UInt8 = 0
  private var modemControl: UInt8 = 0
  private var scratch: UInt8 = 0
  private var divisor: UInt16 = 1
  private var fifoEnabled = false
  private var transmitterEmptyPending = false
  private var received = ReceiveQueue()
  // How many of those the chip has: the rest is on its way over the line, and comes when the guest next looks.
  private var held = 0
  private var wasFull = false
  private var causes: Causes = []

  private struct Causes: OptionSet {
    let rawValue: UInt8
    static let received = Causes(rawValue: 1)
    static let transmitterEmpty = Causes(rawValue: 2)
  }

  /// Makes a port at rest.
  public init(id: DeviceID, interrupt: any InterruptLine, output: any ByteSink) {
    self.id = id
    self.interrupt = interrupt
    self.output = output
  }

  /// Characters that the chip has room for: its FIFO's, or without one its holding register's.
  private var depth: Int { fifoEnabled ? 16 : 1 }

  private var divisorLatch: Bool { lineControl & 0x80 != 0 }
  private var loopback: Bool { modemControl & 0x10 != 0 }
  /// OUT2 gates the interrupt line on a PC, and in loopback the pin is at rest.
  private var isLineConnected: Bool { modemControl & 0x08 != 0 && !loopback }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    UInt64(readRegister(offset, by: thread))
  }

  private func readRegister(_ offset: UInt32, by thread: ThreadContext) -> UInt8 {
    switch offset {
    case 0 where divisorLatch: return UInt8(truncatingIfNeeded: divisor)
    case 1 where divisorLatch: return UInt8(truncatingIfNeeded: divisor >> 8)
    case 0:
      fill()
      let byte = received.pop() ?? 0
      held = max(held - 1, 0)
      update(by: thread)
      tellOfRoom()
      return byte
    case 1: return interruptEnable
    case 2: return interruptIdentification(by: thread)
    case 3: return lineControl
    case 4: return modemControl
    // THRE and TEMT: sending takes no time. DR: something was received.
    case 5:
      fill()
      return 0x60 | (received.isEmpty ? 0 : 1)
    // In loopback the modem inputs are wired to the outputs; else the other side is there and ready.
    case 6: return loopback ? loopbackModemStatus : 0xb0
    case 7: return scratch
    default: return 0
    }
  }

  private var loopbackModemStatus: UInt8 {
    let dtr = modemControl & 1
    let rts = modemControl >> 1 & 1
    let out1 = modemControl >> 2 & 1
    let out2 = modemControl >> 3 & 1
    return rts << 4 | dtr << 5 | out1 << 6 | out2 << 7
  }

  /// The most urgent cause. Reading it while the transmitter is the cause takes that cause away.
  private func interruptIdentification(by thread: ThreadContext) -> UInt8 {
    let fifo: UInt8 = fifoEnabled ? 0xc0 : 0
    if causes.contains(.received) { return fifo | 0x04 }
    if causes.contains(.transmitterEmpty) {
      transmitterEmptyPending = false
      update(by: thread)
      return fifo | 0x02
    }
    return fifo | 0x01
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let byte = UInt8(truncatingIfNeeded: value)
    switch offset {
    case 0 where divisorLatch: divisor = divisor & 0xff00 | UInt16(byte)
    case 1 where divisorLatch: divisor = divisor & 0x00ff | UInt16(byte) << 8
    case 0:
      if loopback {
        take(byte)
        fill()
      } else {
        output.put(byte)
      }
      // The cause is a new one each time: the register was filled and is empty again.
      causes.remove(.transmitterEmpty)
      transmitterEmptyPending = true
      update(by: thread)
    case 1:
      // Enabling the transmitter's interrupt while it is empty interrupts at once.
      if byte & 2 != 0, interruptEnable & 2 == 0 { transmitterEmptyPending = true }
      interruptEnable = byte & 0x0f
      update(by: thread)
    case 2:
      let isEnabled = byte & 1 != 0
      // Changing between the two modes clears the FIFOs as well (PC16550D, section 8.4).
      if byte & 2 != 0 || isEnabled != fifoEnabled { clearReceiver() }
      fifoEnabled = isEnabled
      update(by: thread)
      tellOfRoom()
    case 3: lineControl = byte
    case 4:
      let wasConnected = isLineConnected
      modemControl = byte & 0x1f
      // A cause that was there while the line was not connected interrupts now.
      if isLineConnected, !wasConnected { causes = [] }
      update(by: thread)
    case 7: scratch = byte
    default: break
    }
  }

  /// Puts the device into its power-on state. What has not come over the line yet goes on coming.
  public func reset() {
    clearReceiver()
    interruptEnable = 0
    lineControl = 0
    modemControl = 0
    scratch = 0
    divisor = 1
    fifoEnabled = false
    transmitterEmptyPending = false
    causes = []
    tellOfRoom()
  }

  /// How many characters can be received now.
  public var room: Int { Serial16550A.receiveCapacity - received.count }

  /// Receives characters; those beyond `room` are dropped. To be called with the device's lock held.
  public func receive(_ bytes: some Sequence<UInt8>, by thread: ThreadContext) {
    for byte in bytes where !take(byte) { break }
    update(by: thread)
  }

  /// Says whether there was room. Whoever finds the queue full waits for `onRoom`, however it became full.
  @discardableResult
  private func take(_ byte: UInt8) -> Bool {
    let taken = received.push(byte)
    if room == 0 { wasFull = true }
    return taken
  }

  /// Has what is on the line come into the chip, as far as that has room: the guest looks.
  private func fill() { held = min(received.count, max(held, depth)) }

  /// Empties the chip. What comes over the line afterwards is a cause of its own.
  private func clearReceiver() {
    received.removeFirst(held)
    held = 0
    causes.remove(.received)
  }

  /// Tells the port's feeder once the guest has made enough room for it to be worth a wakeup.
  private func tellOfRoom() {
    guard wasFull, received.count <= Serial16550A.receiveCapacity / 2 else { return }
    wasFull = false
    onRoom?()
  }

  /// Finds the causes anew and pulses the line for each one that was not there before.
  private func update(by thread: ThreadContext) {
    var now: Causes = []
    if interruptEnable & 1 != 0, !received.isEmpty {
      fill()
      now.insert(.received)
    }
    if interruptEnable & 2 != 0, transmitterEmptyPending { now.insert(.transmitterEmpty) }
    let fresh = now.subtracting(causes)
    causes = now
    if !fresh.isEmpty, isLineConnected { interrupt.pulse(by: thread) }
  }
}

/// Characters on their way to the guest, first in, first out.
private struct ReceiveQueue {
  private var bytes = [UInt8](repeating: 0, count: Serial16550A.receiveCapacity)
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// Says whether there was room.
  mutating func push(_ byte: UInt8) -> Bool {
    guard count < bytes.count else { return false }
    bytes[(head + count) % bytes.count] = byte
    count += 1
    return true
  }

  mutating func pop() -> UInt8? {
    guard count > 0 else { return nil }
    defer {
      head = (head + 1) % bytes.count
      count -= 1
    }
    return bytes[head]
  }

  /// Drops the next so many, which are there.
  mutating func removeFirst(_ number: Int) {
    head = (head + number) % bytes.count
    count -= number
  }
}
