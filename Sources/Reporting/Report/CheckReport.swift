/// Whether a recording is whole: what its threads say that they emitted, beside what was read. Also the contents of
/// `check`.
public struct CheckReport: Codable, Equatable, Sendable {
  /// What is there of the totals with which a run ends: `present`; `missing`, the recording ended before the run did
  /// or is cut; or `not_recorded`, it does not have such events at all.
  public var end: String
  /// Whether it is proven that nothing is missing, and nothing is damaged.
  public var isWhole: Bool
  /// Events of `exeunt` that should be there, from `since` on; nil: not known.
  public var emitted: UInt64?
  /// All events of `exeunt` that were read.
  public var recorded: UInt64
  /// Events that the tracer counted as having no room for, of all providers.
  public var discarded: UInt64
  /// Packets missing by their sequence numbers.
  public var lostPackets: UInt64
  /// `exeunt`'s events that should be there and are not, discarded ones included; nil: not known.
  public var missing: UInt64?
  /// At most so many more are missing: those about the moment of the first reading; nil: none.
  public var unaccounted: UInt64?
  /// Events read that nobody emitted: something was read twice; nil: none.
  public var excess: UInt64?
  /// The first reading of a session that attached to a running VMM: before it, what is missing is not known. nil: all
  /// is known from the beginning.
  public var since: Int64?
  /// By thread.
  public var threads: [ThreadCheckReport]
  /// Why it is not whole, in sentences.
  public var reasons: [String]
}

/// What one thread emitted, and what was read of it.
public struct ThreadCheckReport: Codable, Equatable, Sendable {
  /// `vcpu`, `loop`, `main`, or `other` for all threads beyond the number that is told apart.
  public var kind: String
  /// Its id.
  public var id: Int
  /// Its name.
  public var name: String
  /// Events that it emitted; nil: not known.
  public var emitted: UInt64?
  /// Events that were read.
  public var recorded: UInt64
}
