/// One 8259A (Intel data sheet 231468) as PCs have it: for 8086 processors, with each line's trigger mode in a register beside it
/// that chipsets added (ELCR). A value, under its owner's lock.
struct InterruptController8259 {
  /// What was asked for and not taken yet (IRR).
  private(set) var requested: UInt8 = 0
  /// What was taken and has not ended (ISR).
  private(set) var inService: UInt8 = 0
  /// Lines that are not looked at (IMR).
  private(set) var masked: UInt8 = 0
  /// What is at the lines now.
  private var levels: UInt8 = 0
  /// Lines whose level counts (ELCR).
  private(set) var levelTriggered: UInt8 = 0
  /// The line of the highest priority; the others follow in their order.
  private var first: UInt8 = 0
  /// Added to a line's number.
  private var vectors: UInt8 = 0

  /// The word of the initialisation that port 1 expects.
  private enum Step { case done, vectors, cascade, mode }
  private var step = Step.done
  private var expectsMode = false
  private var isSingle = false
  private var readsInService = false
  private var isPolled = false
  private var hasSpecialMask = false
  private var isSpecialFullyNested = false
  private var endsAutomatically = false
  private var rotatesAutomatically = false

  /// Lines that may be level-triggered: not those of devices on the board itself.
  private let levelCapable: UInt8
  /// Lines at which another controller is.
  private let cascaded: UInt8

  init(levelCapable: UInt8, cascaded: UInt8 = 0) {
    self.levelCapable = levelCapable
    self.cascaded = cascaded
  }

  // MARK: Lines

  /// Sets what is at a line, 0 to 7. An edge is kept until it is taken, also where the line falls before: devices here pulse theirs.
  mutating func setLine(_ line: UInt8, high: Bool) {
    let bit = UInt8(1) << line
    let wasHigh = levels & bit != 0
    levels = high ? levels | bit : levels & ~bit
    if (levelTriggered | cascaded) & bit != 0 {
      requested = high ? requested | bit : requested & ~bit
    } else if high, !wasHigh {
      requested |= bit
    }
  }

  /// Lines that may be level-triggered are set so (ELCR).
  mutating func setLevelTriggered(_ value: UInt8) {
    levelTriggered = value & levelCapable
    requested = requested & ~levelTriggered | levels & levelTriggered
  }

  /// The number of the highest priority in a set of lines.
  private func highest(_ lines: UInt8) -> UInt8? {
    guard lines != 0 else { return nil }
    let turned = lines >> first | lines << (8 - first)
    return (UInt8(turned.trailingZeroBitCount) + first) & 7
  }

  private func rank(_ line: UInt8) -> UInt8 { (line &- first) & 7 }

  /// The line that interrupts now.
  var pending: UInt8? {
    guard let line = highest(requested & ~masked) else { return nil }
    var holding = inService
    // Where the mask is special, what is in service and masked holds nothing back; from a fully nested one's own controllers more may come.
    if hasSpecialMask { holding &= ~masked }
    if isSpecialFullyNested { holding &= ~(cascaded & 1 << line) }
    guard let served = highest(holding) else { return line }
    return rank(line) < rank(served) ? line : nil
  }

  /// Hands the interrupt to the processor: the line, or 7 where it is gone by then, which leaves no trace.
  mutating func acknowledge() -> UInt8 {
    guard let line = pending else { return 7 }
    let bit = UInt8(1) << line
    if (levelTriggered | cascaded) & bit == 0 { requested &= ~bit }
    if endsAutomatically {
      if rotatesAutomatically { first = (line + 1) & 7 }
    } else {
      inService |= bit
    }
    return line
  }

  /// The vector of a line.
  func vector(of line: UInt8) -> UInt8 { vectors | line }

  // MARK: Ports

  /// Reads a port, 0 or 1.
  mutating func read(_ port: UInt8) -> UInt8 {
    if isPolled {
      isPolled = false
      return pending == nil ? 7 : acknowledge() | 0x80
    }
    if port == 1 { return masked }
    return readsInService ? inService : requested
  }

  /// Writes a port, 0 or 1.
  mutating func write(_ port: UInt8, _ value: UInt8) {
    switch (port, step) {
    case (0, _) where value & 0x10 != 0: initialize(value)
    case (0, _) where value & 0x08 != 0: setMode(value)
    case (0, _): end(value)
    case (_, .done): masked = value
    case (_, .vectors):
      vectors = value & 0xf8
      step = isSingle ? (expectsMode ? .mode : .done) : .cascade
    // Which line the other one is at is wired.
    case (_, .cascade): step = expectsMode ? .mode : .done
    case (_, .mode):
      endsAutomatically = value & 0x02 != 0
      isSpecialFullyNested = value & 0x10 != 0
      step = .done
    }
  }

  /// The first word of an initialisation.
  private mutating func initialize(_ word: UInt8) {
    // An edge before it is forgotten, and a line has to fall before its next one.
    requested &= levelTriggered | cascaded
    (inService, masked, first) = (0, 0, 0)
    (readsInService, isPolled, hasSpecialMask) = (false, false, false)
    rotatesAutomatically = false
    isSingle = word & 0x02 != 0
    expectsMode = word & 0x01 != 0
    if !expectsMode { (endsAutomatically, isSpecialFullyNested) = (false, false) }
    step = .vectors
  }

  /// The third operation command word.
  private mutating func setMode(_ word: UInt8) {
    if word & 0x04 != 0 { isPolled = true }
    if word & 0x02 != 0 { readsInService = word & 0x01 != 0 }
    if word & 0x40 != 0 { hasSpecialMask = word & 0x20 != 0 }
  }

  /// The second one: the ends of interrupts, and priorities.
  private mutating func end(_ word: UInt8) {
    let line = word & 7
    switch word >> 5 {
    case 0b000: rotatesAutomatically = false
    case 0b100: rotatesAutomatically = true
    case 0b001, 0b101:
      guard let served = highest(hasSpecialMask ? inService & ~masked : inService) else { return }
      inService &= ~(1 << served)
      if word & 0x80 != 0 { first = (served + 1) & 7 }
    case 0b011: inService &= ~(1 << line)
    case 0b110: first = (line + 1) & 7
    case 0b111:
      inService &= ~(1 << line)
      first = (line + 1) & 7
    default: break
    }
  }

  /// As a PC's firmware leaves it.
  mutating func setFirmwareState(vectors: UInt8, masked: UInt8) {
    self.vectors = vectors
    self.masked = masked
  }
}

/// The two of a PC: the second one's interrupts come through line 2 of the first.
struct InterruptController8259Pair {
  private static let cascade: UInt8 = 2
  private var primary = InterruptController8259(levelCapable: 0xf8, cascaded: 1 << cascade)
  private var secondary = InterruptController8259(levelCapable: 0xde)

  /// Whether the processor is to be interrupted.
  var hasRequest: Bool { primary.pending != nil }

  private mutating func connect() { primary.setLine(Self.cascade, high: secondary.pending != nil) }

  /// Sets what is at a line, 0 to 15; line 2 is wired.
  mutating func setLine(_ line: UInt8, high: Bool) {
    if line >= 8 {
      secondary.setLine(line & 7, high: high)
    } else if line != Self.cascade {
      primary.setLine(line, high: high)
    }
    connect()
  }

  /// Hands the interrupt to the processor.
  ///
  /// - Returns: its vector.
  mutating func acknowledge() -> UInt8 {
    let line = primary.acknowledge()
    guard line == Self.cascade else { return primary.vector(of: line) }
    let vector = secondary.vector(of: secondary.acknowledge())
    connect()
    return vector
  }

  /// Ports 0x20, 0x21, 0xa0, 0xa1, 0x4d0 and 0x4d1.
  static func has(port: UInt16) -> Bool { [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1].contains(port) }

  /// Reads a port.
  mutating func read(_ port: UInt16) -> UInt8 {
    defer { connect() }
    switch port {
    case 0x20, 0x21: return primary.read(UInt8(port & 1))
    case 0xa0, 0xa1: return secondary.read(UInt8(port & 1))
    case 0x4d0: return primary.levelTriggered
    case 0x4d1: return secondary.levelTriggered
    default: return 0xff
    }
  }

  /// Writes a port.
  mutating func write(_ port: UInt16, _ value: UInt8) {
    switch port {
    case 0x20, 0x21: primary.write(UInt8(port & 1), value)
    case 0xa0, 0xa1: secondary.write(UInt8(port & 1), value)
    case 0x4d0: primary.setLevelTriggered(value)
    case 0x4d1: secondary.setLevelTriggered(value)
    default: break
    }
    connect()
  }

  /// Vectors 8 and 0x70, with all masked but the timer and the second one.
  mutating func setFirmwareState() {
    primary.setFirmwareState(vectors: 0x08, masked: 0b1111_1010)
    secondary.setFirmwareState(vectors: 0x70, masked: 0b1111_1111)
  }
}
