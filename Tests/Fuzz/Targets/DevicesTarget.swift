import Devices
import GuestRAM
import Synchronization

/// A guest that does anything at all: any access of any device, with guest RAM holding whatever it wrote there.
///
/// A step is 16 bytes: what to do (1), which range or queue (1), the access's size (1), what to add to the address
/// (1), the address (4) and the value (8), all little-endian. Rows of zeros are steps as well.
enum DevicesTarget {
  private static let ramBytes: UInt64 = 1 << 20
  private static let vcpu = ThreadContext(kind: .vcpu, id: 0)
  /// Steps beyond these are not looked at: a hang must show as one step that does not end.
  private static let maximumSteps = 512

  private final class Quiet: InterruptLine, DeviceObserver, PowerControl, InterruptMessageSink, ByteSink,
    InterruptLevels, DeviceTimer
  {
    let wantsKickStamps: Bool
    init(wantsKickStamps: Bool) { self.wantsKickStamps = wantsKickStamps }
    func pulse(by thread: ThreadContext) {}
    func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {}
    func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {}
    func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {}
    func mark(_ value: UInt32, by thread: ThreadContext) {}
    func powerOff() {}
    func suspend() {}
    func sleep(type: UInt8) {}
    func reset() {}
    func debugExit(value: UInt32) {}
    func put(_ byte: UInt8) {}
    func set(line: UInt32, high: Bool, device: DeviceID, by thread: ThreadContext) {
      precondition(line < TestDevice.lineCount)
    }
    func set(_ moment: Int64?) {}
    func interruptEnded(line: UInt32) { precondition(line < IOAPIC.lineCount) }
    func routesChanged(_ routes: [IOAPIC.Route]) {
      precondition(routes.count <= IOAPIC.lineCount && routes.allSatisfy { $0.line < IOAPIC.lineCount })
    }
  }

  /// RAM is kept from one input to the next, but cleared.
  private static let memory = try? GuestMemory.allocate(
    bytes: ramBytes, backend: .anonymous, preallocate: false)

  static func run(_ input: [UInt8]) -> String? {
    guard let memory else { return "no guest RAM" }
    do {
      try memory.clear(count: Int(ramBytes), at: GuestAddress(0))
      let machine = try Board(memory, wantsKickStamps: input.count % 2 == 0)
      var place = 0
      for _ in 0..<maximumSteps where place + 16 <= input.count {
        if let complaint = machine.step(input[place..<place + 16]) { return complaint }
        place += 16
      }
    } catch {
      return "\(error)"
    }
    return nil
  }

  private final class HostTime: Sendable {
    let nanoseconds = Atomic<Int64>(1_795_525_629_000_000_000)
  }

  private final class Board {
    let memory: GuestMemory
    let bus: Bus
    let serial: Serial16550A
    let doorbell: Doorbell
    let ioapic: IOAPIC
    let clock: RealTimeClock
    let time = HostTime()

    init(_ memory: GuestMemory, wantsKickStamps: Bool) throws(BusError) {
      let quiet = Quiet(wantsKickStamps: wantsKickStamps)
      self.memory = memory
      serial = Serial16550A(id: DeviceID(1), interrupt: quiet, output: quiet)
      doorbell = Doorbell(
        id: DeviceID(2), interrupt: quiet, observer: quiet
      ) { 16...23 ~= $0 ? quiet : nil }
      ioapic = IOAPIC(id: DeviceID(3), sink: quiet)
      let events = PowerManagementEvents(id: DeviceID(11), line: 9, levels: quiet)
      clock = RealTimeClock(
        id: DeviceID(9), ramBelow4GiB: ramBytes, ramAbove4GiB: 0, interrupt: quiet, alarm: events,
        timer: quiet
      ) { [time] in time.nanoseconds.load(ordering: .relaxed) }
      let keyboard = KeyboardController(id: DeviceID(4), control: quiet, interrupt: quiet)
      let test = TestDevice(id: DeviceID(14), levels: quiet)
      bus = try Bus(
        name: "port", limit: 1 << 48,
        [
          .init(start: 0x70, length: 2, device: clock),
          .init(start: 0x4d0, length: 2, device: EdgeLevelControl(id: DeviceID(12))),
          .init(
            start: 0x510, length: 2,
            device: FirmwareConfiguration(id: DeviceID(13), ramBelow4GiB: ramBytes, vcpus: 2)),
          .init(start: 0x600, length: 4, device: events),
          .init(start: 0x608, length: 4, device: PowerManagementTimer(id: DeviceID(10)) { 1_795_525_629 }),
          .init(start: 0xe0, length: 16, device: test),
          .init(
            start: 0x2000, length: UInt64(TestDevice.lineCount), device: test, window: TestDevice.linesWindow),
          .init(start: 0x60, length: 1, device: keyboard),
          .init(start: 0x64, length: 1, device: keyboard, window: KeyboardController.commandWindow),
          .init(start: 0xcf9, length: 1, device: ResetControl(id: DeviceID(15), control: quiet)),
          .init(start: 0xf4, length: 4, device: DebugExitPort(id: DeviceID(5), control: quiet)),
          .init(start: 0x3f8, length: 8, device: serial),
          .init(start: 0x580, length: 4, device: MarkerPort(id: DeviceID(6), observer: quiet)),
          .init(start: 0x590, length: 8, device: ScratchRegister(id: DeviceID(7))),
          .init(start: 0x604, length: 2, device: PowerOffPort(id: DeviceID(8), control: quiet)),
          .init(start: 0xd00, length: 0x180, device: doorbell, window: 1),
          .init(start: 0xfec0_0000, length: 0x1000, device: ioapic),
        ])
    }

    func step(_ bytes: ArraySlice<UInt8>) -> String? {
      func number(_ offset: Int, _ count: Int) -> UInt64 {
        let start = bytes.startIndex + offset
        return bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      }
      let (kind, which, size) = (number(0, 1), Int(number(1, 1)), 1 << Int(number(2, 1) % 4))
      let (offset, address, value) = (number(3, 1), number(4, 4), number(8, 8))
      switch kind % 8 {
      case 0, 1:
        access(bus.ranges[which % bus.ranges.count].start &+ address % 0x1000 &+ offset, size, value, kind)
      case 2: access(address &+ offset, size, value, kind / 8)
      case 3: access(address << 32 | value, size, value, kind / 8)
      case 4: return store(value, at: GuestAddress(address &+ offset))
      // An eventfd's counter: a guest cannot make it larger than the kicks it did.
      case 5: doorbell.handleKicks(value % 4096, queue: which, memory: memory, by: vcpu)
      case 6: serial.receive([UInt8](repeating: UInt8(which), count: Int(address % 2048)), by: vcpu)
      default:
        if which % 8 == 0 { for range in bus.ranges { range.device.reset() } }
        if which % 8 == 1 {
          // Far or not so far, forward or back, between the years 1970 and 2116.
          let moved =
            time.nanoseconds.load(ordering: .relaxed) &+ Int64(bitPattern: value) >> Int64(address % 48)
          time.nanoseconds.store(moved & (1 << 62 - 1), ordering: .relaxed)
          clock.timerExpired(by: vcpu)
        }
        ioapic.endOfInterrupt(vector: UInt8(truncatingIfNeeded: value))
      }
      return serial.room < 0 ? "the serial port holds too many characters" : nil
    }

    private func access(_ address: UInt64, _ size: Int, _ value: UInt64, _ kind: UInt64) {
      guard let index = bus.find(address, size: size) else { return }
      let range = bus.ranges[index]
      let offset = UInt32(truncatingIfNeeded: address - range.start)
      let mask: UInt64 = size == 8 ? .max : 1 << (8 * UInt64(size)) - 1
      if kind % 2 == 0 {
        range.device.write(
          offset: offset, size: size, value: value & mask, window: range.window, memory: memory, by: vcpu)
      } else {
        _ = range.device.read(offset: offset, size: size, window: range.window, by: vcpu)
      }
    }

    private func store(_ value: UInt64, at address: GuestAddress) -> String? {
      let isInside = memory.contains(address, count: 8)
      let isTaken = (try? memory.write(value, at: address, .little)) != nil
      if isTaken != isInside || isTaken && address.value > ramBytes - 8 {
        return "a store at \(address) of \(ramBytes) bytes of RAM: taken \(isTaken)"
      }
      return nil
    }
  }
}
