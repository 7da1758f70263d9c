// KVM's own counters beside what the trace had counted, first and last.

/// KVM's counters at one moment, with what the trace had counted until then.
package struct KvmSample: Sendable, Equatable {
  /// ns since the clock's origin.
  package internal(set) var timestamp: Int64
  /// Bit for each counter that this kernel offers.
  package internal(set) var known: UInt32
  /// Values in the order of ``KvmCounter``.
  package internal(set) var values: [UInt64]
  /// What the trace had counted: of that vCPU, or of all for the scope vm.
  package var counts: ExitCounts

  /// A counter, nil when the kernel does not offer it.
  package subscript(_ counter: KvmCounter) -> UInt64? {
    known & (1 << UInt32(counter.rawValue)) != 0 ? values[counter.rawValue] : nil
  }
}

/// The first and the last sample of one set of KVM's counters.
package struct KvmSamples: Sendable, Equatable {
  /// Number of samples.
  package var count: UInt64
  /// The earliest.
  package var first: KvmSample
  /// The latest.
  package var last: KvmSample
}

/// What a set of KVM's counters is about.
package struct KvmScope: Sendable, Hashable, Comparable {
  /// Of a vCPU rather than of the VM.
  package internal(set) var isVcpu: Bool
  /// Id of the vCPU or VM.
  package internal(set) var id: Int

  /// A scope.
  package init(isVcpu: Bool, id: Int) { (self.isVcpu, self.id) = (isVcpu, id) }

  /// The VM before vCPUs, then by id.
  package static func < (left: KvmScope, right: KvmScope) -> Bool {
    (left.isVcpu ? 1 : 0, left.id) < (right.isVcpu ? 1 : 0, right.id)
  }
}

/// `stats_moment` of the catalogue.
enum StatisticsMoment {
  static let start: UInt64 = 0
  static let end: UInt64 = 2
  static let limit: UInt64 = 3
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func statistics(_ at: EventPlace, _ event: KvmStats) {
    let isVcpu = event.scope == 1
    let id = Int(event.id & 0xffff)
    if event.moment == StatisticsMoment.end { pointee.hasEnd = true }
    var counts = pointee.counts
    if isVcpu {
      guard let thread = vcpu(event.id) else { return }
      counts = ExitCounts()
      counts.exits = thread.pointee.exitTotals.exits
      counts.io = thread.pointee.reasons[Int(ExitReason.io)]
      counts.mmio = thread.pointee.reasons[Int(ExitReason.mmio)]
      counts.hlt = thread.pointee.reasons[Int(ExitReason.hlt)]
    } else if id > 15 {
      return
    }
    let sample = KvmSample(
      timestamp: at.timestamp, known: event.known, values: Array(event.counters), counts: counts)
    let scope = KvmScope(isVcpu: isVcpu, id: id)
    if var samples = pointee.samples[scope] {
      samples.count += 1
      samples.last = sample
      pointee.samples[scope] = samples
    } else {
      pointee.samples[scope] = KvmSamples(count: 1, first: sample, last: sample)
    }
  }
}

extension AnalysisState {
  /// Adds KVM's counters of the slice that follows; has to come before its exits are counted.
  mutating func addKvm(_ other: AnalysisState) {
    for (scope, samples) in other.samples {
      var before = counts
      if scope.isVcpu {
        before = ExitCounts()
        if let thread = threads[scope.id] {
          before.exits = thread.pointee.exitTotals.exits
          before.io = thread.pointee.reasons[Int(ExitReason.io)]
          before.mmio = thread.pointee.reasons[Int(ExitReason.mmio)]
          before.hlt = thread.pointee.reasons[Int(ExitReason.hlt)]
        }
      }
      var added = samples
      added.first.counts += before
      added.last.counts += before
      if let known = self.samples[scope] {
        added.count += known.count
        added.first = known.first
      }
      self.samples[scope] = added
    }
    counters.merge(other.counters) { left, right in
      var sum = left
      sum.add(right)
      return sum
    }
  }
}

// MARK: Kept in a file

extension KvmSample {
  static var blank: KvmSample {
    KvmSample(
      timestamp: 0, known: 0, values: Array(repeating: 0, count: KvmCounter.allCases.count),
      counts: ExitCounts())
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(&known)
    for counter in values.indices { try coder.code(&values[counter]) }
    try counts.code(&coder)
  }
}

extension KvmSamples: StateCoded {
  static var blank: KvmSamples { KvmSamples(count: 0, first: .blank, last: .blank) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &count)
    try first.code(&coder)
    try last.code(&coder)
  }
}

extension KvmScope: StateCoded {
  /// The most scopes that there can be.
  static let most = Limits.vcpus + machines
  /// VMs of a process that are told apart.
  static let machines = 16

  static var blank: KvmScope { KvmScope(isVcpu: false, id: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&isVcpu)
    try coder.code(&id, below: isVcpu ? Limits.vcpus : Self.machines, "the number of a vCPU or VM")
  }
}
