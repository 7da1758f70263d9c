import Devices
import Engine
import GuestRAM
import Platform
import Synchronization

/// What KVM has in the kernel with `--irqchip kernel`, beside local APICs: two 8259s, an I/O APIC, and an 8254. Accesses to them
/// are no exits.
final class BoardControllers: @unchecked Sendable {
  /// Where the I/O APIC is.
  private static let ioapicPage: Range<UInt64> = 0xfec0_0000..<0xfec0_1000
  /// The timer's line: at the first 8259 and at the I/O APIC.
  private static let timerLine: UInt32 = 0
  /// The timer interrupts this often at the most: a guest can ask for half a million times a second.
  private static let shortestPeriod: UInt64 = 100_000

  /// What is to be done when the lock is free again.
  private struct Consequences {
    var messages: [InterruptMessage] = []
    var isRequesting = false
    var deadline: UInt64?
  }

  /// What the I/O APIC calls, with the lock held.
  private final class Sink: InterruptMessageSink, @unchecked Sendable {
    var lines = IOAPICLines()
    var due: [IOAPIC.Route] = []

    func routesChanged(_ routes: [IOAPIC.Route]) { due += lines.setRoutes(routes) }
    func interruptEnded(line: UInt32) { due += [lines.interruptEnded(line: line)].compactMap(\.self) }
    func reset() { lines.reset() }
  }

  /// Whose they are. Set before they are used.
  unowned var machine: TCGMachine!
  private let lock = Lock()
  // Under the lock.
  private var pair = InterruptController8259Pair()
  private var timer = Timer8254()
  private let sink = Sink()
  private let ioapic: IOAPIC
  private var observed: UInt64 = 0
  /// Whether the 8259s want to interrupt the processor.
  private let requesting = Atomic<Bool>(false)

  init() { ioapic = IOAPIC(id: .none, sink: sink) }

  /// Does something with the lock held, and what follows from it without.
  private func change<Result>(_ body: (_ now: UInt64) -> Result) -> Result {
    let now = Clock.monotonic
    let (result, consequences) = lock.withLock { () -> (Result, Consequences) in
      catchUp(now)
      let result = body(now)
      var consequences = Consequences()
      consequences.messages = sink.due.map { InterruptMessage(address: $0.address, data: $0.data) }
      sink.due = []
      consequences.isRequesting = pair.hasRequest
      requesting.store(consequences.isRequesting, ordering: .releasing)
      consequences.deadline = timer.nextInterrupt(after: now).map { max($0, now &+ Self.shortestPeriod) }
      return (result, consequences)
    }
    for message in consequences.messages { try? machine.signal(message) }
    if consequences.isRequesting { machine.requestExternalInterrupt() }
    machine.setBoardTimer(at: consequences.deadline)
    return result
  }

  /// Has the timer interrupt if it was to since the last look. Several times are one.
  private func catchUp(_ now: UInt64) {
    guard now > observed else { return }
    if let rise = timer.nextInterrupt(after: observed), rise <= now { raise(Self.timerLine) }
    observed = now
  }

  private func set(_ line: UInt32, high: Bool) {
    if line < 16 { pair.setLine(UInt8(line), high: high) }
    if let route = sink.lines.setLevel(of: line, high: high) { sink.due.append(route) }
  }

  private func raise(_ line: UInt32) {
    set(line, high: true)
    set(line, high: false)
  }

  // MARK: Interrupts

  /// Whether the 8259s want to interrupt the processor. From any thread.
  var hasRequest: Bool { requesting.load(ordering: .acquiring) }

  /// Hands out the vector of the 8259s' interrupt; nil where it is gone.
  func acknowledge() -> UInt8? {
    lock.withLock {
      guard pair.hasRequest else { return nil }
      let vector = pair.acknowledge()
      requesting.store(pair.hasRequest, ordering: .releasing)
      return vector
    }
  }

  /// Sets the level of a line, 0 to 23.
  func setLine(_ line: UInt32, high: Bool) { change { _ in set(line, high: high) } }

  /// Raises a line and lowers it again.
  func pulse(_ line: UInt32) { change { _ in raise(line) } }

  /// A level-triggered interrupt of a local APIC has ended.
  func interruptEnded(vector: UInt8) { change { _ in ioapic.endOfInterrupt(vector: vector) } }

  /// It may be time for the timer's interrupt.
  func timerExpired() { change { _ in } }

  /// Whether a line does what a vCPU with interrupts off notices, too.
  var hasUnmaskableLines: Bool {
    lock.withLock { sink.lines.routes.values.contains { InterruptMessage.isUnmaskable(data: $0.data) } }
  }

  // MARK: Accesses

  /// Whether an address is one of theirs.
  static func have(isPort: Bool, _ address: UInt64) -> Bool {
    guard isPort else { return ioapicPage.contains(address) }
    let port = UInt16(truncatingIfNeeded: address)
    return InterruptController8259Pair.has(port: port) || Timer8254.has(port: port)
  }

  private static let thread = ThreadContext(kind: .vcpu, id: 0)

  /// Reads. At ports byte for byte: what is beside them is not there.
  func read(isPort: Bool, _ address: UInt64, _ size: Int) -> UInt64 {
    change { now in
      guard isPort else {
        let offset = UInt32(truncatingIfNeeded: address - Self.ioapicPage.lowerBound)
        return ioapic.read(offset: offset, size: size, window: 0, by: Self.thread)
      }
      return (0..<UInt64(size)).reduce(0) { value, index in
        value | UInt64(readPort(UInt16(truncatingIfNeeded: address &+ index), now)) << (8 * index)
      }
    }
  }

  private func readPort(_ port: UInt16, _ now: UInt64) -> UInt8 {
    if InterruptController8259Pair.has(port: port) { return pair.read(port) }
    return Timer8254.has(port: port) ? timer.read(port, now: now) : 0xff
  }

  /// Writes.
  func write(isPort: Bool, _ address: UInt64, _ size: Int, _ value: UInt64) {
    change { now in
      guard isPort else {
        let offset = UInt32(truncatingIfNeeded: address - Self.ioapicPage.lowerBound)
        ioapic.write(
          offset: offset, size: size, value: value, window: 0, memory: machine.memory, by: Self.thread)
        return
      }
      for index in 0..<UInt64(size) {
        let port = UInt16(truncatingIfNeeded: address &+ index)
        let byte = UInt8(truncatingIfNeeded: value >> (8 * index))
        if InterruptController8259Pair.has(port: port) { pair.write(port, byte) }
        if Timer8254.has(port: port) { timer.write(port, byte, now: now) }
      }
    }
  }

  // MARK: Beginnings

  /// As a PC's firmware leaves them.
  func setFirmwareState() {
    change { now in
      pair.setFirmwareState()
      timer.setFirmwareState(now: now)
    }
  }

  /// As at power-on: nothing interrupts before it is programmed.
  func reset() {
    change { _ in
      pair = InterruptController8259Pair()
      timer = Timer8254()
      ioapic.reset()
      sink.due = []
    }
  }
}
