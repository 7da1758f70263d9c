import GuestRAM

/// Something that calls a device at a moment of the device's own clock.
public protocol DeviceTimer: AnyObject, Sendable {
  /// Sets the moment at which the device wants to be called, nanoseconds, instead of any set before; nil: not at all.
  func set(_ moment: Int64?)
}

/// A PC's real-time clock and the memory that its battery keeps: Motorola's MC146818A at ports 0x70 and 0x71.
///
/// It tells the host's time as UTC until the guest sets another. Registers and flags are brought up to date when
/// somebody looks; a timer is needed only while the interrupt line is low and an enabled interrupt will make it high.
/// So a guest gets at most one interrupt for each time that it reads register C, whatever the rate.
public final class RealTimeClock: BusDevice, @unchecked Sendable {
  private typealias Place = ClockRegisters.Place

  /// The flags of register C; the bits of register B that enable their interrupts are the same.
  private struct Flags: OptionSet {
    let rawValue: UInt8
    static let periodic = Flags(rawValue: 1 << 6)
    static let alarm = Flags(rawValue: 1 << 5)
    static let updateEnded = Flags(rawValue: 1 << 4)
    static let all: Flags = [.periodic, .alarm, .updateEnded]
  }

  /// How long before its end an update is announced, nanoseconds: 244 µs, and 1984 µs that the update takes.
  private static let updateLength: Int64 = 2_228_000

  /// The number in the trace.
  public let id: DeviceID
  private let interrupt: any InterruptLine
  private let alarm: (any AlarmObserver)?
  private let timer: any DeviceTimer
  private let now: @Sendable () -> Int64
  private let powerOn: ClockRegisters
  // Everything below is accessed under the device's lock.
  private var index = 0
  private var registers: ClockRegisters
  private var chain = DividerChain()
  private var flags: Flags = []
  private var isLineHigh = false
  private var isAlarming = false
  // What the timer is set to.
  private var wakeup: Int64?
  // Up to where updates and periods have been counted.
  private var lastSecond: Int64
  private var lastPeriod: Int64 = 0

  /// Makes a clock.
  ///
  /// - Parameters:
  ///   - ramBelow4GiB: bytes of RAM from 0 on and, in `ramAbove4GiB`, from 4 GiB on: firmware leaves both in the memory.
  ///   - alarm: told when the alarm goes off.
  ///   - timer: calls `timerExpired`.
  ///   - now: nanoseconds since 1970 by the host; it may be set forward or back.
  public init(
    id: DeviceID, ramBelow4GiB: UInt64, ramAbove4GiB: UInt64, interrupt: any InterruptLine,
    alarm: (any AlarmObserver)? = nil, timer: any DeviceTimer, now: @escaping @Sendable () -> Int64
  ) {
    self.id = id
    self.interrupt = interrupt
    self.alarm = alarm
    self.timer = timer
    self.now = now
    var registers = ClockRegisters()
    registers.bytes[Place.statusA] = 0x26  // 32 768 Hz, periods of 1024 Hz
    registers.bytes[Place.statusB] = ClockRegisters.Control.hours24.rawValue
    registers.bytes[Place.statusD] = 0x80  // the battery is good
    func put(_ value: UInt64, _ place: Int, _ count: Int) {
      for byte in 0..<count {
        registers.bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
      }
    }
    let beyond1MiB = ramBelow4GiB - min(ramBelow4GiB, 1 << 20)
    let beyond16MiB = ramBelow4GiB - min(ramBelow4GiB, 16 << 20)
    put(640, 0x15, 2)  // KiB of base memory
    put(min(beyond1MiB >> 10, 0xffff), 0x17, 2)  // KiB above 1 MiB
    put(min(beyond1MiB >> 10, 0xffff), 0x30, 2)
    put(min(beyond16MiB >> 16, 0xffff), 0x34, 2)  // 64 KiB above 16 MiB
    put(min(ramAbove4GiB >> 16, 0xff_ffff), 0x5b, 3)  // 64 KiB above 4 GiB
    powerOn = registers
    let host = now()
    lastSecond = chain.position(at: host).second
    registers.seconds = lastSecond
    self.registers = registers
    lastPeriod = period(at: host)
  }

  /// Reads a register: the index port is write-only.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    guard offset == 1, size == 1 else { return 0xff }
    let host = catchUp()
    let value: UInt8
    switch index {
    case Place.statusA: value = registers.bytes[index] | (isUpdateNear(at: host) ? 0x80 : 0)
    case Place.statusC:
      value = flags.rawValue | (flags.isDisjoint(with: enabled) ? 0 : 0x80)
      // A flag that nobody had noticed has made the line high before it is read, and low now.
      settle(by: thread)
      flags = []
    default: value = registers.bytes[index]
    }
    settle(by: thread)
    return UInt64(value)
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if offset == 0 {
      // Bit 7 masks non-maskable interrupts, of which there are none.
      index = Int(value & 0x7f)
      if size == 1 { return }
    }
    let byte = UInt8(truncatingIfNeeded: offset == 0 ? value >> 8 : value)
    let host = catchUp()
    switch index {
    case Place.statusA: setStatusA(byte & 0x7f, at: host)
    case Place.statusB: setStatusB(ClockRegisters.Control(rawValue: byte))
    case Place.statusC, Place.statusD: break
    default: registers.bytes[index] = byte
    }
    settle(by: thread)
  }

  /// The timer's moment has come, or the host's clock was set. To be called with the device's lock held.
  public func timerExpired(by thread: ThreadContext) {
    wakeup = nil
    _ = catchUp()
    settle(by: thread)
  }

  /// Puts the registers into their power-on state, as firmware leaves them. Battery and time go on.
  public func reset() {
    let host = catchUp()
    index = 0
    flags = []
    isLineHigh = false
    isAlarming = false
    wakeup = nil
    timer.set(nil)
    setStatusA(powerOn.bytes[Place.statusA], at: host)
    registers.convertTime(to: powerOn.control)
  }

  private func setStatusA(_ byte: UInt8, at host: Int64) {
    let wasDividing = registers.isDividing
    registers.bytes[Place.statusA] = byte
    if registers.isDividing, !wasDividing { chain.restart(at: host) }
    // Seconds and periods may have other numbers now; none of them has passed.
    lastSecond = chain.position(at: host).second
    lastPeriod = period(at: host)
  }

  private func setStatusB(_ control: ClockRegisters.Control) {
    var control = control
    if control.contains(.set) {
      control.remove(.updateInterrupt)
      registers.bytes[Place.statusB] = control.rawValue
    } else if registers.control.contains(.set) {
      // Where numbers are written otherwise now, the guest has just written them.
      registers.bytes[Place.statusB] = control.rawValue
    } else {
      registers.convertTime(to: control)
    }
  }

  // MARK: Time

  /// Brings time and flags up to the present, and says when that is.
  private func catchUp() -> Int64 {
    let host = now()
    let second = chain.position(at: host).second
    let seconds = second &- lastSecond
    lastSecond = second
    if registers.isUpdating, seconds != 0 { update(seconds) }
    let period = period(at: host)
    if registers.isDividing, period > lastPeriod { flags.insert(.periodic) }
    lastPeriod = period
    return host
  }

  /// Updates the time, a number of seconds at once; the host's clock may have been set back.
  private func update(_ seconds: Int64) {
    if seconds > 0 {
      flags.insert(.updateEnded)
      if let alarm = registers.secondsToAlarm, alarm <= seconds { flags.insert(.alarm) }
    }
    registers.seconds = registers.seconds &+ seconds
  }

  /// Periods of the rate in register A so far.
  private func period(at host: Int64) -> Int64 {
    registers.periodShift.map { chain.oscillations(at: host) >> $0 } ?? 0
  }

  private func isUpdateNear(at host: Int64) -> Bool {
    registers.isUpdating && chain.position(at: host).rest >= 1_000_000_000 - RealTimeClock.updateLength
  }

  // MARK: Interrupts

  private var enabled: Flags { Flags(rawValue: registers.bytes[Place.statusB]).intersection(.all) }

  /// Makes the line what flags and enable bits make it, and sets the timer to when that will change.
  private func settle(by thread: ThreadContext) {
    let isHigh = !flags.isDisjoint(with: enabled)
    if isHigh, !isLineHigh { interrupt.pulse(by: thread) }
    isLineHigh = isHigh
    let hasAlarm = flags.intersection(enabled).contains(.alarm)
    if hasAlarm, !isAlarming { alarm?.alarmWentOff(by: thread) }
    isAlarming = hasAlarm
    // The alarm is told of beside the line, which may be high for something else.
    let next = isHigh ? nextAlarm : nextInterrupt
    guard next != wakeup else { return }
    wakeup = next
    timer.set(next)
  }

  /// When the first of the enabled interrupts comes, none of which has its flag set.
  private var nextInterrupt: Int64? {
    guard !enabled.isEmpty else { return nil }
    var moments: [Int64] = []
    if enabled.contains(.periodic), registers.isDividing, let shift = registers.periodShift {
      moments.append(chain.moment(ofOscillation: (lastPeriod &+ 1) << shift))
    }
    if registers.isUpdating, enabled.contains(.updateEnded) { moments.append(moment(inSeconds: 1)) }
    if let nextAlarm { moments.append(nextAlarm) }
    return moments.min()
  }

  /// When the alarm goes off, if it has not yet; nil: it does not, or nobody is told.
  private var nextAlarm: Int64? {
    guard registers.isUpdating, enabled.contains(.alarm), !flags.contains(.alarm) else { return nil }
    return registers.secondsToAlarm.map(moment(inSeconds:))
  }

  private func moment(inSeconds seconds: Int64) -> Int64 {
    chain.moment(ofOscillation: (lastSecond &+ seconds) &* DividerChain.frequency)
  }

  /// When the alarm goes off that the guest has enabled, nanoseconds since 1970 by the host; nil: it does not. To be called with the
  /// device's lock held.
  public func alarmMoment() -> Int64? {
    _ = catchUp()
    return nextAlarm
  }
}
