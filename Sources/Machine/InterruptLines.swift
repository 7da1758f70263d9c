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
      throw MachineError("irqfd for interrupt line \(line)", error, advice: "try --irqfd off")
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
  let machine: any VirtualMachine
  private let lines = Mutex(IOAPICLines())

  init(machine: any VirtualMachine) { self.machine = machine }

  func message(of line: UInt32) -> InterruptMessage? { lines.withLock { $0.routes[line].map(\.message) } }

  /// Whether a line does what a vCPU with interrupts off notices, too.
  var hasUnmaskableLines: Bool {
    lines.withLock { lines in
      lines.routes.values.contains { InterruptMessage.isUnmaskable(data: $0.data) }
    }
  }

  /// Sets a line's level.
  ///
  /// - Returns: whether it interrupts now.
  func setLevel(of line: UInt32, high: Bool) -> Bool {
    guard let route = lines.withLock({ $0.setLevel(of: line, high: high) }) else { return false }
    send(route)
    return true
  }

  func routesChanged(_ routes: [IOAPIC.Route]) {
    let due = lines.withLock { $0.setRoutes(routes) }
    // The table holds at most the I/O APIC's 24 lines, which the kernel accepts; a message that it finds senseless
    // is the guest's doing and is not delivered.
    try? machine.setRoutes(routes.map { (line: $0.line, message: $0.message) })
    due.forEach(send)
  }

  func interruptEnded(line: UInt32) { lines.withLock { $0.interruptEnded(line: line) }.map(send) }

  func reset() { lines.withLock { $0.reset() } }

  /// Fails where the guest programmed a message that no vCPU takes; hardware would drop it as well.
  private func send(_ route: IOAPIC.Route) { try? machine.signal(route.message) }
}

extension IOAPIC.Route {
  fileprivate var message: InterruptMessage { InterruptMessage(address: address, data: data) }
}
