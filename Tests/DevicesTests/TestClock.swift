import Devices
import RingDriver
import Synchronization

/// A real-time clock in a world of its own: a test moves the host's time, and the timer calls when its moment comes.
final class TestClock {
  private final class World: InterruptLine, DeviceTimer, AlarmObserver {
    let now: Mutex<Int64>
    let moment = Mutex<Int64?>(nil)
    let pulses = Mutex<[Int64]>([])
    let alarms = Mutex<[Int64]>([])
    func alarmWentOff(by thread: ThreadContext) {
      let now = now.withLock { $0 }
      alarms.withLock { $0.append(now) }
    }
    init(_ now: Int64) { self.now = Mutex(now) }
    func set(_ moment: Int64?) { self.moment.withLock { $0 = moment } }
    func pulse(by thread: ThreadContext) {
      let now = now.withLock { $0 }
      pulses.withLock { $0.append(now) }
    }
  }

  /// Places of registers.
  static let (statusA, statusB, statusC, statusD): (UInt8, UInt8, UInt8, UInt8) = (0x0a, 0x0b, 0x0c, 0x0d)

  private let world: World
  let device: RealTimeClock

  init(_ seconds: Int64, low: UInt64 = 64 << 20, high: UInt64 = 0) {
    let world = World(seconds &* 1_000_000_000)
    self.world = world
    device = RealTimeClock(
      id: DeviceID(9), ramBelow4GiB: low, ramAbove4GiB: high, interrupt: world, alarm: world, timer: world
    ) { world.now.withLock { $0 } }
  }

  /// The host's time, nanoseconds. Setting it is as if the host's clock were set: the timer says so.
  var now: Int64 {
    get { world.now.withLock { $0 } }
    set {
      world.now.withLock { $0 = newValue }
      if timer != nil { device.timerExpired(by: vcpu0) }
    }
  }
  /// What the timer is set to.
  var timer: Int64? { world.moment.withLock { $0 } }
  /// The moments of all interrupts so far.
  var pulses: [Int64] { world.pulses.withLock { $0 } }

  /// The moments at which the alarm was told of so far.
  var alarms: [Int64] { world.alarms.withLock { $0 } }

  subscript(register: UInt8) -> UInt8 {
    get {
      device.write(UInt64(register), 0, size: 1)
      return UInt8(device.read(1, size: 1))
    }
    set {
      device.write(UInt64(register), 0, size: 1)
      device.write(UInt64(newValue), 1, size: 1)
    }
  }

  /// Lets time pass up to a moment; the timer expires when it is due.
  ///
  /// - Parameter handler: runs after each interrupt.
  func pass(until end: Int64, handler: () -> Void = {}) {
    while let moment = timer, moment <= end {
      let before = pulses.count
      world.now.withLock { $0 = max($0, moment) }
      world.set(nil)
      device.timerExpired(by: vcpu0)
      if pulses.count > before { handler() }
    }
    world.now.withLock { $0 = end }
  }

  func pass(_ nanoseconds: Int64, handler: () -> Void = {}) {
    pass(until: now + nanoseconds, handler: handler)
  }
}

let millisecond: Int64 = 1_000_000
let second: Int64 = 1_000_000_000
