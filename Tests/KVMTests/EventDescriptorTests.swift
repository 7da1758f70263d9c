import CTestGuests
import Engine
import GuestRAM
import KVM
import Platform
import Testing

@Suite("Eventfds between guest and VMM", .enabled(if: kvmIsUsable, kvmReason))
struct EventDescriptorTests {
  private let portKicks: [BareGuest.Access] = [
    .out(0x600, size: 4, [5, 0, 0, 0]), .out(0x600, size: 4, [6, 0, 0, 0]), .out(0x600, size: 2, [5, 0]),
    .out(0x600, size: 1, [5]),
  ]
  private let memoryKicks: [BareGuest.Access] = [
    .write(0x20000, [5, 0, 0, 0]), .write(0x20000, [6, 0, 0, 0]), .write(0x20000, [5, 0]),
    .write(0x20000, [5]),
  ]

  /// The kicks that exit, and how often the eventfd was signalled.
  private func run(_ address: IoEventFd.Address, size: UInt32, value: UInt64?) throws -> (
    [BareGuest.Access], UInt64
  ) {
    let guest = try BareGuest(exeunt_test_image_kicks())
    let event = try EventFD()
    try guest.machine.assign(IoEventFd(address: address, size: size, value: value, event: event))
    let accesses = try guest.runToHalt()
    return (accesses, event.consume())
  }

  private func isPort(_ access: BareGuest.Access) -> Bool {
    if case .out = access { true } else { false }
  }

  @Test("Only the value and the size asked for are consumed in the kernel")
  func matched() throws {
    let (port, portCount) = try run(.port(0x600), size: 4, value: 5)
    #expect(portCount == 1)
    #expect(port.filter(isPort) == Array(portKicks.dropFirst()))
    #expect(port.filter { !isPort($0) } == memoryKicks)
    let (memory, memoryCount) = try run(.memory(0x20000), size: 4, value: 6)
    #expect(memoryCount == 1)
    #expect(memory.filter { !isPort($0) } == [memoryKicks[0], memoryKicks[2], memoryKicks[3]])
    #expect(memory.filter(isPort) == portKicks)
  }

  @Test("Without a value every write of the size is consumed")
  func wildcard() throws {
    let (port, count) = try run(.port(0x600), size: 4, value: nil)
    #expect(count == 2)
    #expect(port.filter(isPort) == Array(portKicks.dropFirst(2)))
    let (narrow, narrowCount) = try run(.port(0x600), size: 1, value: nil)
    #expect(narrowCount == 1)
    #expect(narrow.filter(isPort) == Array(portKicks.dropLast()))
    let (elsewhere, none) = try run(.memory(0x20004), size: 4, value: nil)
    #expect(none == 0)
    #expect(elsewhere.count == 8)
  }

  @Test("Two values at one address have an eventfd each; the same value twice is refused")
  func severalValues() throws {
    let guest = try BareGuest(exeunt_test_image_kicks())
    let five = try EventFD()
    let six = try EventFD()
    try guest.machine.assign(IoEventFd(address: .port(0x600), size: 4, value: 5, event: five))
    try guest.machine.assign(IoEventFd(address: .port(0x600), size: 4, value: 6, event: six))
    let error = #expect(throws: KVMError.self) {
      try guest.machine.assign(IoEventFd(address: .port(0x600), size: 4, value: 6, event: five))
    }
    #expect(error?.errno == .fileExists)
    #expect(error?.description.contains("KVM_IOEVENTFD") == true)
    _ = try guest.runToHalt()
    #expect(five.consume() == 1)
    #expect(six.consume() == 1)
    #expect(throws: KVMError.self) {
      try guest.machine.assign(IoEventFd(address: .port(0x600), size: 3, value: nil, event: five))
    }
  }

  /// Runs until the guest writes to a port, for at most ten seconds.
  private func runToPort(_ port: UInt16, _ guest: BareGuest, whenStuck: () -> Void = {}) -> Bool {
    for _ in 0..<100 {
      switch guest.vcpu.enter() {
      case .port(let access) where access.port == port: return true
      case .port, .interrupted: continue
      case let other:
        Issue.record("unexpected exit \(other)")
        return false
      }
    }
    return false
  }

  @Test("An irqfd raises its line from outside, and so does the ioctl")
  func interrupts() throws {
    let guest = try BareGuest(exeunt_test_image_interrupts(), interruptControllers: true)
    let line = try IrqFd(line: 4)
    try guest.machine.assign(line)
    // The guest says that it is ready through port 0x81; after that HLT is handled in KVM and only an interrupt ends it.
    #expect(runToPort(0x81, guest))
    for _ in 0..<3 {
      line.raise()
      #expect(runToPort(0x80, guest))
    }
    for _ in 0..<3 {
      try guest.machine.setInterruptLine(4, high: true)
      try guest.machine.setInterruptLine(4, high: false)
      #expect(runToPort(0x80, guest))
    }
  }

  @Test("Routes: all 64, none, and lines that do not exist")
  func routes() throws {
    let machine = try KVMSystem().createVirtualMachine()
    try machine.createLocalControllers(lines: 24)
    _ = try machine.createVcpu(id: 0)
    let message = InterruptMessage(address: 0xfee0_0000, data: 0x31)
    try machine.setRoutes((0..<64).map { (line: UInt32($0), message: message) })
    try machine.setRoutes([])
    let error = #expect(throws: KVMError.self) { try machine.setRoutes([(line: 1 << 20, message: message)]) }
    #expect(error?.request == "KVM_SET_GSI_ROUTING")
  }
}
