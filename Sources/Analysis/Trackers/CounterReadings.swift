/// What a counter of KVM is (`kvm_counter_info`): `value` times base to the power of exponent of its unit.
package struct CounterInfo: Sendable, Equatable {
  /// What its values mean.
  package enum Kind: Int, Sendable {
    // As `counter_type` of the catalogue counts them.
    case cumulative, instant, peak, linearHistogram, logarithmicHistogram
  }

  /// KVM's name for it.
  package internal(set) var name: String
  /// What its values mean; nil: something newer than this program.
  package internal(set) var kind: Kind?
  /// `counter_unit` of the catalogue.
  package internal(set) var unit: Int
  /// Base of the factor, 10 or 2.
  package internal(set) var base: Int
  /// Exponent of the factor.
  package internal(set) var exponent: Int
  /// Number of values.
  package internal(set) var size: Int
  /// Width of a linear histogram's buckets.
  package internal(set) var bucketSize: UInt32

  /// Whether its values are buckets.
  package var isHistogram: Bool { kind == .linearHistogram || kind == .logarithmicHistogram }
}

/// A counter of the machine's or of vCPUs' counters.
package struct CounterName: Sendable, Hashable, Comparable {
  /// Of a vCPU rather than of the VM.
  package internal(set) var isVcpu: Bool
  /// Place in the kernel's table.
  package internal(set) var counter: Int

  /// A counter.
  package init(isVcpu: Bool, counter: Int) { (self.isVcpu, self.counter) = (isVcpu, counter) }

  /// By scope and number.
  package static func < (left: CounterName, right: CounterName) -> Bool {
    (left.isVcpu ? 1 : 0, left.counter) < (right.isVcpu ? 1 : 0, right.counter)
  }
}

/// The first and the last value of an element of a counter.
package struct CounterValues: Sendable, Equatable {
  /// The earliest.
  package var first: UInt64
  /// The latest.
  package var last: UInt64
}

/// Values of KVM's other counters of one scope, by counter and element.
package struct CounterReadings: Sendable, Equatable {
  private var values: [UInt16: CounterValues] = [:]

  mutating func add(_ other: CounterReadings) {
    values.merge(other.values) { CounterValues(first: $0.first, last: $1.last) }
  }

  mutating func add(counter: UInt64, element: UInt64, _ value: UInt64) {
    // Caps depend on ids alone. Today's kernels have some 60 counters, and histograms of 32 buckets.
    guard counter < UInt64(Limits.counters), element < UInt64(Limits.counterElements) else { return }
    let key = UInt16(counter << 6 | element)
    values[key, default: CounterValues(first: value, last: value)].last = value
  }

  /// Counters with a value.
  package var counters: [Int] { Set(values.keys.map { Int($0 >> 6) }).sorted() }

  /// An element's values; nil: not recorded.
  package subscript(counter: Int, element: Int) -> CounterValues? {
    guard (0..<Limits.counters).contains(counter), (0..<Limits.counterElements).contains(element) else {
      return nil
    }
    return values[UInt16(counter << 6 | element)]
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func counter(_ event: KvmCounterEvent) {
    let isVcpu = event.scope == 1
    guard event.id < (isVcpu ? UInt64(Limits.vcpus) : 16) else { return }
    let scope = KvmScope(isVcpu: isVcpu, id: Int(clamping: event.id))
    pointee.counters[scope, default: CounterReadings()].add(
      counter: event.counter, element: event.element, event.value)
  }
}

// MARK: Kept in a file

extension CounterInfo: StateCoded {
  static var blank: CounterInfo {
    CounterInfo(name: "", kind: nil, unit: 0, base: 0, exponent: 0, size: 0, bucketSize: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&name)
    var number = kind.map { $0.rawValue + 1 } ?? 0
    try coder.code(&number, below: Kind.logarithmicHistogram.rawValue + 2, "a kind of counter")
    kind = Kind(rawValue: number - 1)
    // As wide as the event's fields.
    try coder.code(&unit, below: 1 << 8, "a unit of")
    try coder.code(&base, below: 1 << 8, "a base of")
    var power = Int16(clamping: exponent)
    try coder.code(&power)
    exponent = Int(power)
    try coder.code(&size, below: 1 << 16, "a counter with values")
    try coder.code(&bucketSize)
  }
}

extension CounterName: StateCoded {
  static var blank: CounterName { CounterName(isVcpu: false, counter: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&isVcpu)
    try coder.code(&counter, below: Limits.counters, "a counter's number")
  }
}

extension CounterValues: StateCoded {
  static var blank: CounterValues { CounterValues(first: 0, last: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&first)
    try coder.code(&last)
  }
}

extension CounterReadings: StateCoded {
  static var blank: CounterReadings { CounterReadings() }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&values, limit: Limits.counters * Limits.counterElements, "readings of counters")
    try coder.require(
      values.keys.allSatisfy {
        $0 >> 6 < UInt16(Limits.counters) && $0 & 63 < UInt16(Limits.counterElements)
      }, "a counter's number")
  }
}
