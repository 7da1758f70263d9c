import Engine

/// To whom an interrupt is sent.
struct InterruptDestination: Sendable {
  /// The identity, or a set of bits.
  var target: UInt8
  var isLogical: Bool

  init(target: UInt8, isLogical: Bool) {
    self.target = target
    self.isLogical = isLogical
  }

  /// A message's (Intel SDM volume 3, section 11.11.1).
  init(_ message: InterruptMessage) {
    target = UInt8(truncatingIfNeeded: message.address >> 12)
    isLogical = message.address >> 2 & 1 != 0
  }
}

/// What is sent.
struct InterruptCommand: Sendable {
  static let fixed: UInt8 = 0
  static let lowestPriority: UInt8 = 1
  static let nonMaskable: UInt8 = 4
  static let initialize: UInt8 = 5
  static let startUp: UInt8 = 6
  static let external: UInt8 = 7

  var vector: UInt8
  /// The delivery mode.
  var mode: UInt8
  var isLevel = false
}

/// A local APIC (Intel SDM volume 3, chapter 11), in its first form: a page of registers, 8 bits of identity. A value, under its
/// owner's lock; time is given to it.
struct LocalAPIC {
  /// What a write to a register asks of the owner.
  enum Effect: Equatable {
    case none
    /// An interrupt is to be sent: destination shorthand (0 to 3), then as in the command register.
    case send(shorthand: UInt8, target: UInt8, isLogical: Bool, vector: UInt8, mode: UInt8)
    /// A level-triggered interrupt has ended.
    case ended(vector: UInt8)
    /// The timer's next time has changed.
    case timer
  }

  static let base: UInt64 = 0xfee0_0000
  static let length: UInt64 = 0x1000
  /// The offset of the task priority register, which CR8 is, too.
  static let taskPriority = Place.taskPriority

  private let identity: UInt32
  private var registers: [Int: UInt32] = [:]
  private var inService = [UInt32](repeating: 0, count: 8)
  private var triggerMode = [UInt32](repeating: 0, count: 8)
  private var requested = [UInt32](repeating: 0, count: 8)
  private var errors: UInt32 = 0
  private var pendingErrors: UInt32 = 0
  /// When the timer was set, and when it is due: nanoseconds of CLOCK_MONOTONIC.
  private var timerBegin: UInt64 = 0
  private(set) var deadline: UInt64?
  /// IA32_TSC_DEADLINE, in ticks of the time stamp counter; 0: none is set (section 11.5.4.1).
  private(set) var timeStampDeadline: UInt64 = 0
  /// What the pin of the non-maskable interrupt has latched.
  var hasNonMaskable = false

  private enum Place {
    static let identity = 0x20
    static let version = 0x30
    static let taskPriority = 0x80
    static let processorPriority = 0xa0
    static let endOfInterrupt = 0xb0
    static let logicalDestination = 0xd0
    static let destinationFormat = 0xe0
    static let spurious = 0xf0
    static let inService = 0x100
    static let triggerMode = 0x180
    static let requested = 0x200
    static let errors = 0x280
    static let commandLow = 0x300
    static let commandHigh = 0x310
    static let timer = 0x320
    static let external = 0x350
    static let lastLocal = 0x370
    static let initialCount = 0x380
    static let currentCount = 0x390
    static let divide = 0x3e0
  }
  private static let masked: UInt32 = 1 << 16

  /// Whether it is on (`APICBase`): otherwise it has no part in anything.
  let isOn: Bool

  /// - Parameter takesExternal: whether its first pin leads to the 8259s, as firmware leaves it.
  init(identity: UInt32, takesExternal: Bool = false, isOn: Bool = true) {
    self.identity = identity
    self.isOn = isOn
    for place in stride(from: Place.timer, through: Place.lastLocal, by: 0x10) {
      registers[place] = Self.masked
    }
    registers[Place.spurious] = 0xff
    registers[Place.destinationFormat] = .max
    if takesExternal { registers[Place.external] = UInt32(InterruptCommand.external) << 8 }
  }

  /// Whether the processor takes interrupts of the 8259s through the first pin.
  var takesExternal: Bool {
    self[Place.external] & (Self.masked | 0x700) == UInt32(InterruptCommand.external) << 8
  }

  private var isEnabled: Bool { self[Place.spurious] & 1 << 8 != 0 }

  private subscript(_ place: Int) -> UInt32 {
    get { registers[place] ?? 0 }
    set { registers[place] = newValue }
  }

  private static func highest(_ bits: [UInt32]) -> UInt8? {
    for (index, word) in bits.enumerated().reversed() where word != 0 {
      return UInt8(index * 32 + 31 - word.leadingZeroBitCount)
    }
    return nil
  }

  private var processorPriority: UInt8 {
    let task = UInt8(truncatingIfNeeded: self[Place.taskPriority])
    let service = (Self.highest(inService) ?? 0) & 0xf0
    return task & 0xf0 >= service ? task : service
  }

  /// The vector that the processor would take now, with interrupts on.
  var pending: UInt8? {
    guard let vector = Self.highest(requested), vector & 0xf0 > processorPriority & 0xf0 else { return nil }
    return vector
  }

  /// Hands that vector to the processor.
  mutating func acknowledge() -> UInt8? {
    guard let vector = pending else { return nil }
    let (word, bit) = (Int(vector >> 5), UInt32(1) << (vector & 31))
    requested[word] &= ~bit
    inService[word] |= bit
    return vector
  }

  /// Takes a fixed interrupt. Vectors below 16 are an error; a disabled APIC takes none.
  mutating func request(_ vector: UInt8, isLevel: Bool) {
    guard isEnabled, isOn else { return }
    guard vector >= 16 else {
      pendingErrors |= 1 << 6
      return
    }
    let (word, bit) = (Int(vector >> 5), UInt32(1) << (vector & 31))
    requested[word] |= bit
    triggerMode[word] = isLevel ? triggerMode[word] | bit : triggerMode[word] & ~bit
  }

  /// Whether an interrupt is for this one (section 11.6.2).
  func isMeant(by destination: InterruptDestination) -> Bool {
    guard isOn else { return false }
    if !destination.isLogical { return destination.target == 0xff || UInt32(destination.target) == identity }
    let own = UInt8(truncatingIfNeeded: self[Place.logicalDestination] >> 24)
    if self[Place.destinationFormat] >> 28 == 0 {
      return destination.target >> 4 == own >> 4 && destination.target & own & 0xf != 0
    }
    return destination.target & own != 0
  }

  func read(_ offset: Int, now: UInt64) -> UInt32 {
    switch offset & ~0xf {
    case Place.identity: return identity << 24
    case Place.version: return 0x0005_0014
    case Place.processorPriority: return UInt32(processorPriority)
    case Place.inService..<Place.triggerMode: return inService[(offset - Place.inService) >> 4]
    case Place.triggerMode..<Place.requested: return triggerMode[(offset - Place.triggerMode) >> 4]
    case Place.requested..<Place.errors: return requested[(offset - Place.requested) >> 4]
    case Place.errors: return errors
    case Place.currentCount: return currentCount(now)
    case Place.endOfInterrupt: return 0
    case let place: return self[place]
    }
  }

  mutating func write(_ offset: Int, _ value: UInt32, now: UInt64) -> Effect {
    switch offset & ~0xf {
    case Place.taskPriority: self[Place.taskPriority] = value & 0xff
    case Place.endOfInterrupt: return endInterrupt()
    case Place.logicalDestination: self[Place.logicalDestination] = value & 0xff00_0000
    case Place.destinationFormat: self[Place.destinationFormat] = value | 0x0fff_ffff
    case Place.spurious:
      self[Place.spurious] = value & 0x1ff
      // What is disabled has its local interrupts masked (section 11.4.7.2).
      if !isEnabled {
        for place in stride(from: Place.timer, through: Place.lastLocal, by: 0x10) {
          self[place] |= Self.masked
        }
      }
    case Place.errors: (errors, pendingErrors) = (pendingErrors, 0)
    case Place.commandLow:
      self[Place.commandLow] = value & ~(1 << 12)
      // INIT with a level of zero is of processors long gone.
      guard value >> 8 & 7 != 5 || value >> 14 & 1 != 0 else { return .none }
      return .send(
        shorthand: UInt8(value >> 18 & 3), target: UInt8(self[Place.commandHigh] >> 24),
        isLogical: value >> 11 & 1 != 0, vector: UInt8(truncatingIfNeeded: value), mode: UInt8(value >> 8 & 7)
      )
    case Place.commandHigh: self[Place.commandHigh] = value & 0xff00_0000
    case Place.timer...Place.lastLocal:
      let hadDeadline = hasDeadlineMode
      self[offset & ~0xf] = value & 0x7_f7ff | (isEnabled ? 0 : Self.masked)
      // Between a count and a deadline the timer is disarmed.
      if hasDeadlineMode != hadDeadline {
        (deadline, timeStampDeadline) = (nil, 0)
        return .timer
      }
    case Place.initialCount:
      guard !hasDeadlineMode else { break }
      self[Place.initialCount] = value
      timerBegin = now
      deadline = value == 0 ? nil : now &+ period
      return .timer
    case Place.divide:
      self[Place.divide] = value & 0xb
      if deadline != nil {
        timerBegin = now
        deadline = now &+ period
        return .timer
      }
    default: break
    }
    return .none
  }

  private var hasDeadlineMode: Bool { self[Place.timer] >> 17 & 3 == 2 }

  /// Sets IA32_TSC_DEADLINE; 0 disarms.
  ///
  /// - Parameter due: when that is, in nanoseconds of CLOCK_MONOTONIC.
  /// - Returns: false where the timer counts instead: nothing has changed.
  mutating func setDeadline(_ value: UInt64, due: UInt64) -> Bool {
    guard hasDeadlineMode else { return false }
    timeStampDeadline = value
    deadline = value == 0 ? nil : due
    return true
  }

  private mutating func endInterrupt() -> Effect {
    guard let vector = Self.highest(inService) else { return .none }
    let (word, bit) = (Int(vector >> 5), UInt32(1) << (vector & 31))
    inService[word] &= ~bit
    return triggerMode[word] & bit != 0 ? .ended(vector: vector) : .none
  }

  /// Nanoseconds a tick: the timer counts nanoseconds at a divisor of 1, as KVM's does.
  private var divisor: UInt64 {
    let value = self[Place.divide]
    return 1 << UInt64(((value & 3 | value >> 1 & 4) + 1) & 7)
  }

  private var period: UInt64 { UInt64(self[Place.initialCount]) * divisor }

  private func currentCount(_ now: UInt64) -> UInt32 {
    guard let deadline, now < deadline else { return 0 }
    return UInt32(clamping: (deadline - now + divisor - 1) / divisor)
  }

  /// The timer was due: requests its vector, and says when it is due again. Periods that were missed are one.
  mutating func timerExpired(now: UInt64) {
    guard let due = deadline, due <= now else { return }
    let entry = self[Place.timer]
    if entry & Self.masked == 0 { request(UInt8(truncatingIfNeeded: entry), isLevel: false) }
    guard entry >> 17 & 3 == 1, period > 0 else {
      (deadline, timeStampDeadline) = (nil, 0)
      return
    }
    timerBegin = due
    deadline = due &+ period * (1 + (now - due) / period)
  }
}
