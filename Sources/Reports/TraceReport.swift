/// What was read, and what was lost.
package struct TraceReport: Codable, Equatable, Sendable {
  /// Directories as given.
  package var paths: [String]
  /// Time of the first event; nil without events.
  package var begin: Int64?
  /// Time of the last event.
  package var end: Int64?
  /// The time analysed: of the window, or `end - begin`.
  package var duration: Int64
  /// Whether timestamps count from the Unix epoch.
  package var isUnixTime: Bool
  /// The part of the trace that was analysed; nil: all of it.
  package var window: WindowReport?
  /// Events of `exeunt` analysed.
  package var events: UInt64
  /// Events of other providers, not analysed.
  package var otherEvents: UInt64
  /// Events that the tracer had no room for in the whole recording, exact.
  package var discardedEvents: UInt64
  /// Packets that are missing in the whole recording; how many events they held is not known.
  package var lostPackets: UInt64
  /// Events of vCPUs and loops beyond the number that is analysed; nil: none.
  package var unanalysedEvents: UInt64?
  /// Whether anything is lost, damaged or not understood.
  package var isPartial: Bool
  /// Whether events may be missing: some are, or it is not proven that none is.
  package var mayLackEvents: Bool { isPartial || check?.isWhole == false || isLimited }

  /// Whether the run went on when its trace was as large as it may be.
  package var isLimited: Bool { check?.isLimited == true }
  /// Whether events are missing in what was analysed.
  package var hasLosses: Bool { isPartial || window?.gaps ?? 0 > 0 }
  /// Whether the recording is whole, by the totals that it ends with; nil: nobody looked, as for a window.
  package var check: CheckReport?
  /// Streams in the order of the trace.
  package var streams: [StreamReport]
  /// Events by name, most frequent first; of all providers when the trace has no event of `exeunt`.
  package var eventsByName: [NamedCount]
  /// What was wrong in the files, but survivable.
  package var diagnostics: [String]
  /// What a reader of the report should know.
  package var notes: [String]

  package init(
    paths: [String], begin: Int64? = nil, end: Int64? = nil, duration: Int64, isUnixTime: Bool,
    window: WindowReport? = nil, events: UInt64, otherEvents: UInt64, discardedEvents: UInt64,
    lostPackets: UInt64, unanalysedEvents: UInt64? = nil, isPartial: Bool, check: CheckReport? = nil,
    streams: [StreamReport], eventsByName: [NamedCount], diagnostics: [String], notes: [String]
  ) {
    self.paths = paths
    self.begin = begin
    self.end = end
    self.duration = duration
    self.isUnixTime = isUnixTime
    self.window = window
    self.events = events
    self.otherEvents = otherEvents
    self.discardedEvents = discardedEvents
    self.lostPackets = lostPackets
    self.unanalysedEvents = unanalysedEvents
    self.isPartial = isPartial
    self.check = check
    self.streams = streams
    self.eventsByName = eventsByName
    self.diagnostics = diagnostics
    self.notes = notes
  }
}

/// A part of a trace.
package struct WindowReport: Codable, Equatable, Sendable {
  /// First instant.
  package var begin: Int64
  /// Last instant.
  package var end: Int64
  /// Gaps, places where events are lost, that begin in it. Losses are counted for the whole recording only. nil
  /// in a report of an early build, which did not say it: not 0.
  package var gaps: UInt64?

  package init(begin: Int64, end: Int64, gaps: UInt64? = nil) {
    self.begin = begin
    self.end = end
    self.gaps = gaps
  }
}

/// A stream of a trace: for LTTng what one CPU recorded.
package struct StreamReport: Codable, Equatable, Sendable {
  /// File, or `FILE …` for a stream in several.
  package var name: String
  /// The CPU, when the stream says so.
  package var cpu: UInt64?
  /// Events of `exeunt` in it.
  package var events: UInt64
  /// Events of others.
  package var otherEvents: UInt64
  /// Events that the tracer had no room for.
  package var discardedEvents: UInt64
  /// Packets that are missing.
  package var lostPackets: UInt64
  /// Whether some of it could not be read.
  package var isDamaged: Bool
  /// Size in bytes.
  package var bytes: Int

  package init(
    name: String, cpu: UInt64? = nil, events: UInt64, otherEvents: UInt64, discardedEvents: UInt64,
    lostPackets: UInt64, isDamaged: Bool, bytes: Int
  ) {
    self.name = name
    self.cpu = cpu
    self.events = events
    self.otherEvents = otherEvents
    self.discardedEvents = discardedEvents
    self.lostPackets = lostPackets
    self.isDamaged = isDamaged
    self.bytes = bytes
  }
}

/// How many there are of something.
package struct NamedCount: Codable, Equatable, Sendable {
  /// Of what.
  package var name: String
  /// How many.
  package var count: UInt64

  package init(name: String, count: UInt64) {
    self.name = name
    self.count = count
  }
}
