/// Exits of one kind: reason, direction and address, and the vCPU if the analysis separates vCPUs.
package struct ExitResult: Sendable, Equatable {
  /// nil: all vCPUs.
  package let vcpu: Int?
  /// KVM_EXIT_*.
  package let reason: UInt8
  /// `direction` of the catalogue.
  package let direction: UInt8
  /// Port, guest physical address, MSR, or 0.
  package let address: UInt64
}

/// Statistics of one kind of exit.
struct ExitSite: KeyedStatistics {
  var count: UInt64 = 0
  /// Time in KVM_RUN before the exit.
  let inKvmRun: LatencyHistogram
  /// Time from the exit to the next enter.
  let handling: LatencyHistogram
  /// The same before, between and after the guest's marks.
  var parts = ExitParts()

  init() {
    inKvmRun = LatencyHistogram()
    handling = LatencyHistogram()
  }

  func free() {
    inKvmRun.free()
    handling.free()
  }

  mutating func add(_ other: ExitSite) {
    count &+= other.count
    parts.add(other.parts, all, other.all)
    inKvmRun.add(other.inKvmRun)
    handling.add(other.handling)
  }

  /// The vCPU is 65535 where vCPUs are not told apart.
  @inline(__always)
  static func key(vcpu: UInt64, reason: UInt64, direction: UInt64, address: UInt64) -> Key {
    Key(high: vcpu << 16 | reason << 8 | direction, low: address)
  }
}

/// The exits of one kind in a part of the trace: those whose time in KVM_RUN is known, and those whose handling is.
package struct ExitPart: Sendable, Equatable {
  /// Exits whose time in KVM_RUN is known.
  package var entered: UInt64 = 0
  /// Their time in KVM_RUN, ns.
  package var inKvmRun: Int64 = 0
  /// Exits whose handling is known.
  package var handled: UInt64 = 0
  /// Their handling, ns.
  package var handling: Int64 = 0

  /// Whether there is nothing in it.
  package var isEmpty: Bool { entered == 0 && handled == 0 }

  mutating func add(_ elapsed: Int64, isExit: Bool) {
    if isExit {
      entered &+= 1
      inKvmRun &+= elapsed
    } else {
      handled &+= 1
      handling &+= elapsed
    }
  }

  static func + (left: ExitPart, right: ExitPart) -> ExitPart {
    ExitPart(
      entered: left.entered &+ right.entered, inKvmRun: left.inKvmRun &+ right.inKvmRun,
      handled: left.handled &+ right.handled, handling: left.handling &+ right.handling)
  }

  static func - (left: ExitPart, right: ExitPart) -> ExitPart {
    ExitPart(
      entered: left.entered &- right.entered, inKvmRun: left.inKvmRun &- right.inKvmRun,
      handled: left.handled &- right.handled, handling: left.handling &- right.handling)
  }
}

/// The longest handling in a part of the trace; of equals the earliest.
struct LongestHandling: Equatable {
  var time: Int64 = -1
  var timestamp: Int64 = 0
  var location: UInt64 = 0

  mutating func raise(_ other: LongestHandling) {
    guard other.time >= time else { return }
    if other.time == time, (timestamp, location) < (other.timestamp, other.location) { return }
    self = other
  }
}

/// What there was of a kind of exits before the guest's first mark, between marks, and since the latest one.
///
/// The number of marks that were written before an event is its epoch. Parts are told apart by epochs alone, so they add
/// up in whatever slices and order the events come. Only what a kind does in its latest epoch is open: everything else
/// is closed sums, so that a mark costs each kind next to nothing, however many there are.
struct ExitParts {
  /// The latest epoch with an event of this kind.
  var epoch: UInt64 = 0
  /// All before `epoch`.
  var earlier = ExitPart()
  /// Epoch 0, when it is before `epoch`.
  var first = ExitPart()
  /// The longest handling in `epoch`.
  var longest = LongestHandling()
  /// The longest handling in epoch 0, when it is before `epoch`.
  var firstLongest = LongestHandling()
  /// The longest handling in epochs between the two.
  var middleLongest = LongestHandling()
  /// First KVM_RUNs of vCPUs, and those that began before the window analysed, in epoch 0, and in later ones.
  var setup = ExitPart()
  var laterSetup = ExitPart()

  /// Begins a later epoch.
  ///
  /// - Parameter all: What all epochs so far add up to.
  @inline(never)
  mutating func turn(to later: UInt64, _ all: ExitPart) {
    if epoch == 0 {
      first = all
      firstLongest = longest
    } else {
      middleLongest.raise(longest)
    }
    earlier = all
    longest = LongestHandling()
    epoch = later
  }

  /// Notes an event of an epoch that is over: a pair that a cut between slices parted.
  mutating func addLate(_ elapsed: Int64, _ step: ExitStep, _ handled: LongestHandling) {
    earlier.add(elapsed, isExit: step.isExit)
    if step.epoch == 0 {
      first.add(elapsed, isExit: step.isExit)
      if !step.isExit { firstLongest.raise(handled) }
    } else if !step.isExit {
      middleLongest.raise(handled)
    }
  }

  /// Moves everything behind so many marks that were written before.
  ///
  /// - Parameter all: What all epochs add up to.
  mutating func shift(by marks: UInt64, _ all: ExitPart) {
    // What has nothing in any epoch is as it began.
    guard marks > 0, !all.isEmpty else { return }
    if epoch > 0 {
      middleLongest.raise(firstLongest)
      first = ExitPart()
      firstLongest = LongestHandling()
    }
    epoch &+= marks
    laterSetup = laterSetup + setup
    setup = ExitPart()
  }

  /// Adds parts whose epochs have the same numbers.
  ///
  /// - Parameters:
  ///   - all: What this adds up to.
  ///   - otherAll: What the other adds up to.
  mutating func add(_ other: ExitParts, _ all: ExitPart, _ otherAll: ExitPart) {
    var other = other
    if epoch < other.epoch { turn(to: other.epoch, all) }
    if other.epoch < epoch { other.turn(to: epoch, otherAll) }
    earlier = earlier + other.earlier
    first = first + other.first
    longest.raise(other.longest)
    firstLongest.raise(other.firstLongest)
    middleLongest.raise(other.middleLongest)
    setup = setup + other.setup
    laterSetup = laterSetup + other.laterSetup
  }
}

extension ExitSite {
  /// What all epochs add up to.
  var all: ExitPart {
    ExitPart(entered: inKvmRun.count, inKvmRun: inKvmRun.sum, handled: handling.count, handling: handling.sum)
  }

  /// Has the parts ready for an event that is not of their epoch, or that is a vCPU's first exit.
  @inline(never)
  ///
  /// - Parameter isFirst: It is an exit, the first one of its vCPU that begins in what is analysed.
  mutating func prepare(
    _ elapsed: Int64, _ step: ExitStep, _ handled: LongestHandling, isFirst: Bool = false
  ) {
    if step.epoch > parts.epoch {
      parts.turn(to: step.epoch, all)
    } else if step.epoch < parts.epoch {
      parts.addLate(elapsed, step, handled)
    }
    guard isFirst else { return }
    if step.epoch == 0 {
      parts.setup.add(elapsed, isExit: true)
    } else {
      parts.laterSetup.add(elapsed, isExit: true)
    }
  }
}

extension ExitSite {
  /// Notes an exit whose enter is known.
  @inline(__always)
  mutating func entered(_ elapsed: Int64, _ step: ExitStep, isFirst: Bool) {
    if step.epoch != parts.epoch || isFirst {
      prepare(max(elapsed, 0), step, LongestHandling(), isFirst: isFirst)
    }
    inKvmRun.record(elapsed, timestamp: step.timestamp, location: step.location)
  }

  /// Notes how long an exit was handled.
  ///
  /// - Parameters:
  ///   - exit: The exit.
  ///   - step: The enter that follows.
  @inline(__always)
  mutating func handled(_ elapsed: Int64, _ exit: ExitStep, _ step: ExitStep) {
    let longest = LongestHandling(time: elapsed, timestamp: exit.timestamp, location: exit.location)
    if step.epoch != parts.epoch { prepare(max(elapsed, 0), step, longest) }
    handling.record(elapsed, timestamp: exit.timestamp, location: exit.location)
    if elapsed >= parts.longest.time, step.epoch == parts.epoch { parts.longest.raise(longest) }
  }
}

// MARK: Kept in a file

extension ExitSite {
  static let size = MemoryLayout<ExitSite>.stride + 2 * LatencyHistogram.size

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &count)
    try inKvmRun.code(&coder)
    try handling.code(&coder)
    try parts.code(&coder)
  }
}

extension ExitPart {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &entered)
    try coder.code(&inKvmRun)
    try coder.code(count: &handled)
    try coder.code(&handling)
  }
}

extension LongestHandling {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&time)
    guard time >= 0 else { return }
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, lasts: time)
  }
}

extension ExitParts {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &epoch)
    try earlier.code(&coder)
    try first.code(&coder)
    try setup.code(&coder)
    try laterSetup.code(&coder)
    try longest.code(&coder)
    try firstLongest.code(&coder)
    try middleLongest.code(&coder)
  }
}
