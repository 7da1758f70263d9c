import CTracepoints
import Devices
import Engine
import Platform
import Synchronization

/// How an interrupt is raised; the raw values are those of `mechanism` in the event catalogue.
enum InterruptMechanism: UInt8 {
  case irqfd = 0
  case irqLine = 1
  case signalMSI = 2
}

/// A line that an eventfd raises, without an ioctl: any thread, one write.
final class IrqFdLine: InterruptLine {
  private let device: DeviceID
  private let interrupt: IrqFd

  init(device: DeviceID, line: UInt32, machine: any VirtualMachine) throws(MachineError) {
    self.device = device
    interrupt = try IrqFdLine.make(line, machine)
  }

  private static func make(_ line: UInt32, _ machine: any VirtualMachine) throws(MachineError) -> IrqFd {
    do {
      let interrupt = try IrqFd(line: line)
      try machine.assign(interrupt)
      return interrupt
    } catch {
      throw MachineError("irqfd for interrupt line \(line): \(error); try --irqfd off")
    }
  }

  func pulse(by thread: ThreadContext) {
    exeunt_trace_interrupt(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, interrupt.line,
      InterruptMechanism.irqfd.rawValue)
    interrupt.raise()
  }
}

/// A line that two requests to the engine raise and lower: KVM_IRQ_LINE.
final class IoctlLine: InterruptLine {
  private let device: DeviceID
  private let line: UInt32
  private let machine: any VirtualMachine

  init(device: DeviceID, line: UInt32, machine: any VirtualMachine) {
    self.device = device
    self.line = line
    self.machine = machine
  }

  func pulse(by thread: ThreadContext) {
    exeunt_trace_interrupt(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, line,
      InterruptMechanism.irqLine.rawValue)
    // The requests fail only for a line that does not exist, and this one was made with the machine.
    try? machine.setInterruptLine(line, high: true)
    try? machine.setInterruptLine(line, high: false)
  }
}

/// A line of the I/O APIC in this process, delivered by KVM_SIGNAL_MSI.
final class MessageLine: InterruptLine {
  private let device: DeviceID
  private let line: UInt32
  private let routes: InterruptRoutes

  init(device: DeviceID, line: UInt32, routes: InterruptRoutes) {
    self.device = device
    self.line = line
    self.routes = routes
  }

  func pulse(by thread: ThreadContext) {
    guard let message = routes.message(of: line) else { return }
    exeunt_trace_interrupt(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, line,
      InterruptMechanism.signalMSI.rawValue)
    // Fails where the guest programmed a message that no vCPU takes; hardware would drop it as well.
    try? routes.machine.signal(message)
  }
}

/// A line that leads nowhere: there is no interrupt controller.
final class UnconnectedLine: InterruptLine {
  func pulse(by thread: ThreadContext) {}
}

/// Lines whose levels are set: through KVM_IRQ_LINE, or, where the I/O APIC is in this process, as messages.
final class LineLevels: InterruptLevels {
  private let machine: any VirtualMachine
  private let routes: InterruptRoutes?
  private let isConnected: Bool

  init(machine: any VirtualMachine, routes: InterruptRoutes?, isConnected: Bool) {
    self.machine = machine
    self.routes = routes
    self.isConnected = isConnected
  }

  func set(line: UInt32, high: Bool, device: DeviceID, by thread: ThreadContext) {
    guard isConnected else { return }
    if let routes {
      if routes.setLevel(of: line, high: high) {
        exeunt_trace_interrupt(
          thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, line,
          InterruptMechanism.signalMSI.rawValue)
      }
      return
    }
    if high {
      exeunt_trace_interrupt(
        thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, line,
        InterruptMechanism.irqLine.rawValue)
    }
    // Fails only for a line that does not exist; the controllers have all of the test device's.
    try? machine.setInterruptLine(line, high: high)
  }
}

/// What the I/O APIC in this process makes of its lines. The kernel is told too, for lines that eventfds raise.
final class InterruptRoutes: InterruptMessageSink {
  private struct Lines {
    var messages: [UInt32: InterruptMessage] = [:]
    /// Lines whose level is high, of those that have one.
    var high: Set<UInt32> = []
    /// Level-triggered lines whose message was sent, and whose interrupt has not ended yet (Remote IRR).
    var inService: Set<UInt32> = []

    /// The message of a level-triggered line that is high, if it is time for one.
    mutating func due(_ line: UInt32) -> InterruptMessage? {
      guard high.contains(line), let message = messages[line], message.isLevelTriggered,
        inService.insert(line).inserted
      else { return nil }
      return message
    }
  }

  let machine: any VirtualMachine
  private let lines = Mutex(Lines())

  init(machine: any VirtualMachine) { self.machine = machine }

  func message(of line: UInt32) -> InterruptMessage? { lines.withLock { $0.messages[line] } }

  /// Whether a line does what a vCPU with interrupts off notices, too.
  var hasUnmaskableLines: Bool {
    lines.withLock { lines in
      lines.messages.values.contains { InterruptMessage.isUnmaskable(data: $0.data) }
    }
  }

  /// Sets a line's level. A level-triggered line interrupts for as long as it is high; what an edge-triggered one does while it is masked
  /// is lost.
  ///
  /// - Returns: whether it interrupts now.
  func setLevel(of line: UInt32, high: Bool) -> Bool {
    let message = lines.withLock { lines -> InterruptMessage? in
      guard high else {
        lines.high.remove(line)
        return nil
      }
      guard lines.high.insert(line).inserted else { return nil }
      guard let message = lines.messages[line], !message.isLevelTriggered else { return lines.due(line) }
      return message
    }
    guard let message else { return false }
    send(message)
    return true
  }

  func routesChanged(_ routes: [IOAPIC.Route]) {
    let table = routes.map { (line: $0.line, message: InterruptMessage(address: $0.address, data: $0.data)) }
    let due = lines.withLock { lines in
      lines.messages = Dictionary(uniqueKeysWithValues: table.map { ($0.line, $0.message) })
      // A line that is made edge-triggered has nothing to end.
      lines.inService = lines.inService.filter { lines.messages[$0].map(\.isLevelTriggered) ?? true }
      return table.compactMap { lines.due($0.line) }
    }
    // The table holds at most the I/O APIC's 24 lines, which the kernel accepts; a message that it finds senseless
    // is the guest's doing and is not delivered.
    try? machine.setRoutes(table)
    due.forEach(send)
  }

  func interruptEnded(line: UInt32) {
    let message = lines.withLock { lines in
      lines.inService.remove(line)
      return lines.due(line)
    }
    message.map(send)
  }

  func reset() {
    lines.withLock { lines in
      lines.high = []
      lines.inService = []
    }
  }

  /// Fails where the guest programmed a message that no vCPU takes; hardware would drop it as well.
  private func send(_ message: InterruptMessage) { try? machine.signal(message) }
}

extension InterruptMessage {
  /// Bit 15 of the data (Intel SDM volume 3, section 11.11.2).
  fileprivate var isLevelTriggered: Bool { data & 1 << 15 != 0 }
}
