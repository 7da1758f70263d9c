/// What the host knew of a thread (`thread_stats`) between its first and its last reading; times in ns.
package struct SchedulingReport: Codable, Equatable, Sendable {
  /// Time of the first reading.
  package var begin: Int64
  /// Time of the last reading.
  package var end: Int64
  /// Number of readings.
  package var samples: UInt64
  /// Time between two readings, on average.
  package var interval: Int64
  /// On a CPU; nil: the host does not say, here and below.
  package var running: Int64?
  /// Runnable, but waiting for a CPU.
  package var waiting: Int64?
  /// Neither: the rest of the time between the readings.
  package var asleep: Int64?
  /// Times that it gave its CPU up.
  package var voluntarySwitches: UInt64?
  /// Times that its CPU was taken from it.
  package var involuntarySwitches: UInt64?

  package init(
    begin: Int64, end: Int64, samples: UInt64, interval: Int64, running: Int64? = nil, waiting: Int64? = nil,
    asleep: Int64? = nil, voluntarySwitches: UInt64? = nil, involuntarySwitches: UInt64? = nil
  ) {
    self.begin = begin
    self.end = end
    self.samples = samples
    self.interval = interval
    self.running = running
    self.waiting = waiting
    self.asleep = asleep
    self.voluntarySwitches = voluntarySwitches
    self.involuntarySwitches = involuntarySwitches
  }
}

/// What a vCPU's time in KVM_RUN was, as far as counters can tell: the parts that are known and the rest,
/// `guestOrKvm`, add up to it exactly.
package struct KvmRunReport: Codable, Equatable, Sendable {
  /// The guest, or KVM working for it: what is left.
  package var guestOrKvm: Int64
  /// The guest had halted, and its thread slept; nil: nobody counted it, here and below.
  package var halted: Int64?
  /// The thread slept in KVM for another reason, such as waiting for the guest to start the vCPU: no less than this.
  package var asleep: Int64?
  /// The guest had halted, and KVM polled for its wakeup.
  package var haltPolling: Int64?
  /// The thread was runnable, but waiting for a CPU: at most so long.
  package var waiting: Int64?
  /// No less than this of `waiting` was in KVM_RUN: the rest may have been in userspace.
  package var waitingAtLeast: Int64?
  /// Before the first and after the last reading, so not split.
  package var unread: Int64

  package init(
    guestOrKvm: Int64, halted: Int64? = nil, asleep: Int64? = nil, haltPolling: Int64? = nil,
    waiting: Int64? = nil, waitingAtLeast: Int64? = nil, unread: Int64
  ) {
    self.guestOrKvm = guestOrKvm
    self.halted = halted
    self.asleep = asleep
    self.haltPolling = haltPolling
    self.waiting = waiting
    self.waitingAtLeast = waitingAtLeast
    self.unread = unread
  }
}
