import RingDriver
import Synchronization
import Testing

@testable import Devices

private final class RouteSink: InterruptMessageSink {
  private let storage = Mutex<[[IOAPIC.Route]]>([])
  var changes: [[IOAPIC.Route]] { storage.withLock { $0 } }
  func routesChanged(_ routes: [IOAPIC.Route]) { storage.withLock { $0.append(routes) } }
  private let ends = Mutex<[UInt32]>([])
  var ended: [UInt32] { ends.withLock { $0 } }
  func interruptEnded(line: UInt32) { ends.withLock { $0.append(line) } }
  func reset() {}
}

@Suite("The I/O APIC of --irqchip split")
struct IOAPICTests {
  private let sink = RouteSink()
  private let controller: IOAPIC

  init() { controller = IOAPIC(id: DeviceID(8), sink: sink) }

  private func setRegister(_ index: UInt64, _ value: UInt64) {
    controller.write(index, 0x00)
    controller.write(value, 0x10)
  }

  private func register(_ index: UInt64) -> UInt64 {
    controller.write(index, 0x00)
    #expect(controller.read(0x00) == index)
    return controller.read(0x10)
  }

  @Test("It says what it is, with every line masked")
  func identity() {
    #expect(register(0) == 0)
    #expect(register(1) == 0x0017_0020)
    setRegister(0, 0xffff_ffff)
    #expect(register(0) == 0x0f00_0000)
    #expect(register(2) == 0x0f00_0000)
    setRegister(1, 0)
    #expect(register(1) == 0x0017_0020)
    for line: UInt64 in 0..<24 {
      #expect(register(0x10 + 2 * line) == 0x1_0000)
      #expect(register(0x11 + 2 * line) == 0)
    }
    for index: UInt64 in [3, 0x0f, 0x40, 0xff] {
      setRegister(index, .max)
      #expect(register(index) == 0)
    }
    #expect(sink.changes.isEmpty)
  }

  /// Address and data as in the Intel SDM, volume 3, "Message Signalled Interrupts".
  @Test("An unmasked line is a message to its destination")
  func messages() {
    setRegister(0x11 + 2 * 4, 0x0300_0000)
    #expect(sink.changes.last == [])
    setRegister(0x10 + 2 * 4, 0x0024)
    #expect(sink.changes.last == [.init(line: 4, address: 0xfee0_3000, data: 0x24)])
    // Logical destination, lowest priority.
    setRegister(0x10 + 2 * 4, 0x0924)
    #expect(sink.changes.last == [.init(line: 4, address: 0xfee0_3004, data: 0x124)])
    // Level-triggered, beside an edge-triggered line.
    setRegister(0x10 + 2 * 5, 0x8031)
    #expect(
      sink.changes.last == [
        .init(line: 4, address: 0xfee0_3004, data: 0x124), .init(line: 5, address: 0xfee0_0000, data: 0xc031),
      ])
    setRegister(0x10 + 2 * 4, 0x1_0924)
    #expect(sink.changes.last?.map(\.line) == [5])
    let changes = sink.changes.count
    setRegister(0x10 + 2 * 5, 0x8031)
    #expect(sink.changes.count == changes, "nothing changed")
    controller.reset()
    #expect(sink.changes.last == [])
    #expect(register(0x10 + 2 * 5) == 0x1_0000)
  }

  @Test("Delivery status and remote IRR cannot be written")
  func readOnlyBits() {
    setRegister(0x10, 0xffff_ffff)
    #expect(register(0x10) == 0xffff_ffff & ~0x5000)
    controller.endOfInterrupt(vector: 0xff)
    controller.write(0xff, 0x40)
    #expect(register(0x10) == 0xffff_ffff & ~0x5000)
    // Of level-triggered lines with that vector the end is told, and of no others.
    setRegister(0x12, 0x00ff)
    setRegister(0x14, 0x80fe)
    controller.endOfInterrupt(vector: 0xff)
    #expect(sink.ended == [0, 0, 0])
  }

  @Test("Other offsets of its page are nothing")
  func otherOffsets() {
    for offset: UInt32 in [0x04, 0x08, 0x11, 0x20, 0xffc, .max] {
      controller.write(.max, offset)
      #expect(controller.read(offset) == 0)
    }
    #expect(sink.changes.isEmpty)
  }
}
