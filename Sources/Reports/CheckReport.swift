/// Whether a recording is whole: what its threads say that they emitted, beside what was read. Also the contents of
/// `check`.
package struct CheckReport: Codable, Equatable, Sendable {
  /// What is there of the totals with which a run ends: `present`; `missing`, the recording ended before the run did
  /// or is cut; or `not_recorded`, it does not have such events at all.
  package var end: String
  /// Whether it is proven that nothing is missing, and nothing is damaged.
  package var isWhole: Bool
  /// Events of `exeunt` that should be there, from `since` on; nil: not known.
  package var emitted: UInt64?
  /// All events of `exeunt` that were read.
  package var recorded: UInt64
  /// Events that the tracer counted as having no room for, of all providers.
  package var discarded: UInt64
  /// Packets missing by their sequence numbers.
  package var lostPackets: UInt64
  /// `exeunt`'s events that should be there and are not, discarded ones included; nil: not known.
  package var missing: UInt64?
  /// At most so many more are missing: those about the moment of the first reading; nil: none.
  package var unaccounted: UInt64?
  /// Events read that nobody emitted: something was read twice; nil: none.
  package var excess: UInt64?
  /// The first reading of a session that attached to a running VMM: before it, what is missing is not known. nil: all
  /// is known from the beginning.
  package var since: Int64?
  /// The run went on when the trace was as large as it may be (`--trace-limit`), and nothing after that was emitted; nil: no.
  package var isLimited: Bool?
  /// By thread.
  package var threads: [ThreadCheckReport]
  /// Why it is not whole, in sentences.
  package var reasons: [String]

  package init(
    end: String, isWhole: Bool, emitted: UInt64? = nil, recorded: UInt64, discarded: UInt64,
    lostPackets: UInt64, missing: UInt64? = nil, unaccounted: UInt64? = nil, excess: UInt64? = nil,
    since: Int64? = nil, isLimited: Bool? = nil, threads: [ThreadCheckReport], reasons: [String]
  ) {
    self.end = end
    self.isWhole = isWhole
    self.emitted = emitted
    self.recorded = recorded
    self.discarded = discarded
    self.lostPackets = lostPackets
    self.missing = missing
    self.unaccounted = unaccounted
    self.excess = excess
    self.since = since
    self.isLimited = isLimited
    self.threads = threads
    self.reasons = reasons
  }
}

/// What one thread emitted, and what was read of it.
package struct ThreadCheckReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// `vcpu`, `loop`, `main`, or `other` for all threads beyond the number that is told apart.
  package var kind: String
  /// Its id.
  package var id: Int
  /// Its name.
  package var name: String
  /// Events that it emitted; nil: not known.
  package var emitted: UInt64?
  /// Events that were read.
  package var recorded: UInt64

  package init(
    machine: String? = nil, kind: String, id: Int, name: String, emitted: UInt64? = nil, recorded: UInt64
  ) {
    self.machine = machine
    self.kind = kind
    self.id = id
    self.name = name
    self.emitted = emitted
    self.recorded = recorded
  }
}
