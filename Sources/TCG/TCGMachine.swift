import Devices
import Engine
import Glibc
import GuestRAM
import Platform
import Synchronization

/// A machine under the translator: its vCPUs, the kicks that it matches, and the eventfds that interrupt it.
public final class TCGMachine: VirtualMachine {
  let memory: GuestMemory
  let hasLocalControllers: Bool
  let processor: ProcessorDescription
  let clock = ParavirtualClock(began: Clock.monotonic)
  let turns: TranslationTurns
  let code: TranslatedCode
  private let ticker: Ticker
  /// What `--irqchip kernel` has beside local APICs.
  let board: BoardControllers?

  private let kicks = KickTable()
  private let vcpus = Mutex<[TCGVcpu]>([])
  private let routes = Mutex<[UInt32: InterruptMessage]>([:])

  init(_ requirements: MachineRequirements, memory: GuestMemory) throws {
    self.memory = memory
    hasLocalControllers = requirements.interruptControllers != .none
    processor = ProcessorDescription(
      vcpus: UInt32(clamping: requirements.vcpus), hasLocalControllers: hasLocalControllers)
    do {
      let ticker = try Ticker()
      self.ticker = ticker
      turns = TranslationTurns { [weak ticker] in ticker?.wakeUp() }
      code = try TranslatedCode(memory)
      ticker.turns = turns
      board = requirements.interruptControllers == .all ? BoardControllers() : nil
      board?.machine = self
      // Its thread ends before anything of the machine does (`deinit`), during which a safe reference would trap.
      ticker.onTimer(Self.boardTimer) { [unowned(unsafe) self] _ in board?.timerExpired() }
      memory.onDeviceWrite = { [turns, code] offset, count in
        guard code.isAt(offset, count: count) else { return }
        turns.take(nil)
        code.forget(offset, count: count)
        turns.give()
      }
      memory.onFence = try ProcessFence.make()
      try ticker.start { [unowned(unsafe) self] line in pulse(line) }
    } catch let error as Errno {
      // Who is told knows what helps.
      throw error
    } catch {
      throw TCGError("the thread of timers and eventfds: \(error)")
    }
  }

  deinit {
    memory.onDeviceWrite = nil
    memory.onFence = nil
    ticker.stop()
    for vcpu in vcpus.withLock({ $0 }) { vcpu.close() }
  }

  /// The guest reads the host's counter, of which nobody says the frequency: it is measured once, for 10 ms.
  public var timeStampCounterKHz: UInt32? { Self.measuredFrequency }

  private static let measuredFrequency: UInt32? = {
    let begin = Clock.correlate()
    usleep(10_000)
    let end = Clock.correlate()
    guard end.monotonic > begin.monotonic else { return nil }
    let ticks = Double(end.timeStampCounter &- begin.timeStampCounter)
    return UInt32(exactly: (ticks * 1e6 / Double(end.monotonic - begin.monotonic)).rounded())
  }()

  /// Makes a vCPU.
  public func makeVcpu(id: UInt32) throws -> TCGVcpu {
    let vcpu = try TCGVcpu(id: id, machine: self)
    vcpus.withLock { $0.append(vcpu) }
    return vcpu
  }

  /// Has writes at an address signal an eventfd.
  public func assign(_ event: borrowing IoEventFd) throws { kicks.add(event) }

  /// Signals the eventfd that waits for a write.
  ///
  /// - Returns: false where none does: it is an exit.
  func kick(isPort: Bool, address: UInt64, size: UInt32, value: UInt64) -> Bool {
    kicks.signal(isPort: isPort, address: address, size: size, value: value)
  }

  /// Has an eventfd raise a line.
  public func assign(_ interrupt: borrowing IrqFd) throws {
    do {
      try ticker.add(interrupt.event.descriptor.raw, line: interrupt.line)
    } catch {
      throw TCGError("waiting for the eventfd of line \(interrupt.line): \(error)")
    }
  }

  private func pulse(_ line: UInt32) {
    if let board { return board.pulse(line) }
    if let message = routes.withLock({ $0[line] }) { deliver(message) }
  }

  /// Sets a line of the 8259s and the I/O APIC.
  public func setInterruptLine(_ line: UInt32, high: Bool) throws {
    guard let board, line < IOAPIC.lineCount else {
      throw TCGError("interrupt line \(line): this machine's engine has no controller with that line")
    }
    board.setLine(line, high: high)
  }

  /// Sends a message to the local APICs.
  public func signal(_ message: InterruptMessage) throws { deliver(message) }

  /// Says what the lines of eventfds send.
  public func setRoutes(_ messages: [(line: UInt32, message: InterruptMessage)]) throws {
    routes.withLock { $0 = Dictionary(messages.map { ($0.line, $0.message) }) { $1 } }
  }

  private func deliver(_ message: InterruptMessage) {
    let destination = InterruptDestination(message)
    send(
      destination,
      command: InterruptCommand(
        vector: UInt8(truncatingIfNeeded: message.data),
        mode: UInt8(message.data >> 8 & 7), isLevel: message.data >> 15 & 1 != 0))
  }

  /// Sends an interrupt to whom it is for (Intel SDM volume 3, section 11.6.2). Lowest priority goes to the first of them.
  func send(_ destination: InterruptDestination, command: InterruptCommand, except sender: UInt32? = nil) {
    let all = vcpus.withLock { $0 }
    for vcpu in all where vcpu.id != sender && vcpu.isMeant(by: destination) {
      vcpu.accept(command)
      if command.mode == InterruptCommand.lowestPriority { return }
    }
  }

  /// Has whoever takes interrupts of the 8259s look at them.
  func requestExternalInterrupt() {
    for vcpu in vcpus.withLock({ $0 }) { vcpu.externalInterruptRequested() }
  }

  /// Leaves the 8259s and the timer as firmware does.
  public func setFirmwareInterrupts() throws { board?.setFirmwareState() }

  /// With local APICs.
  public var haltsInGuestMode: Bool { hasLocalControllers }

  /// Of the engine's I/O APIC.
  public func hasUnmaskableLines() throws -> Bool { board?.hasUnmaskableLines ?? false }

  /// It is always the same.
  public func keepPowerOnState() throws {}

  /// Forgets the routes, and puts the controllers back.
  public func reset() throws {
    routes.withLock { $0 = [:] }
    board?.reset()
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }

  /// Stands for the 8254 among the vCPUs' timers.
  private static let boardTimer = UInt32.max
  /// Says when the 8254 is due, or never.
  func setBoardTimer(at deadline: UInt64?) { ticker.setTimer(Self.boardTimer, at: deadline) }
  /// Has something called at a time of CLOCK_MONOTONIC, or never.
  func setTimer(of vcpu: UInt32, at deadline: UInt64?) { ticker.setTimer(vcpu, at: deadline) }
  /// Says what a vCPU's timer calls.
  func onTimer(of vcpu: UInt32, _ body: @escaping @Sendable (UInt64) -> Void) { ticker.onTimer(vcpu, body) }
}
