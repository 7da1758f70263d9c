// What KVM and the host had counted; emitted by the main thread.

/// `kvm_stats`.
struct KvmStats: Event {
  static let tag = EventTag.kvmStats
  let scope: UInt64
  let id: UInt64
  let moment: UInt64
  let known: UInt32
  /// In the order of ``KvmCounter``; good while the row is.
  let counters: UnsafeBufferPointer<UInt64>

  @inline(__always)
  init(_ fields: inout EventFields) {
    (scope, id, moment, known) = (fields.next(), fields.next(), fields.next(), fields.next())
    counters = fields.next(KvmCounter.allCases.count)
  }
}

/// `kvm_counter`.
struct KvmCounterEvent: Event {
  static let tag = EventTag.kvmCounter
  let scope: UInt64
  let id: UInt64
  let moment: UInt64
  let counter: UInt64
  let element: UInt64
  let value: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    scope = fields.next()
    id = fields.next()
    moment = fields.next()
    counter = fields.next()
    element = fields.next()
    value = fields.next()
  }
}

/// `thread_stats`.
struct ThreadStats: Event {
  static let tag = EventTag.threadStats
  let threadKind: UInt64
  let thread: UInt64
  let moment: UInt64
  let known: UInt64
  let runNs: UInt64
  let waitNs: UInt64
  let voluntarySwitches: UInt64
  let involuntarySwitches: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    moment = fields.next()
    known = fields.next()
    runNs = fields.next()
    waitNs = fields.next()
    voluntarySwitches = fields.next()
    involuntarySwitches = fields.next()
  }
}

/// `event_totals`.
struct EventTotalsEvent: Event {
  static let tag = EventTag.eventTotals
  let threadKind: UInt64
  let thread: UInt64
  let moment: UInt64
  let threads: UInt64
  let emitted: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    moment = fields.next()
    threads = fields.next()
    emitted = fields.next()
  }
}
