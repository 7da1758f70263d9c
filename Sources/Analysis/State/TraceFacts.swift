import CTF

/// What a report says of the files that an analysis read: all that is not in the events. A value of its own, so that a
/// report needs the files no more.
package struct TraceFacts: Sendable, Equatable {
  /// A recording, whatever directories it is in.
  package struct Recording: Sendable, Equatable {
    /// Directories, more than one for a rotated session.
    package var directories: [String]
    /// The trace's UUID; empty: it has none.
    package var uuid: [UInt8]
  }

  /// A stream.
  package struct Stream: Sendable, Equatable {
    /// Index into ``TraceFacts/recordings``.
    package var recording: Int
    /// The id of its class.
    package var classID: UInt64
    /// The id that the tracer gave it within its class.
    package var instanceID: UInt64?
    /// The CPU that all packets name.
    package var cpu: UInt64?
    /// Paths of the data files in time order.
    package var files: [String]
    /// Begin of the first packet in ns since the clock's origin.
    var begin: Int64?
    /// Size of all files in bytes.
    package var byteCount: Int
    /// Events of `exeunt` that were read.
    package var events: UInt64
    /// Events of others.
    package var otherEvents: UInt64
    /// Events that the tracer had no room for.
    package var discardedEvents: UInt64
    /// Packets missing between those that are there.
    package var lostPackets: UInt64
    /// Packets that the tracer made before the first one that is here.
    package var earlierPackets: UInt64
    /// Whether some of it could not be read.
    package var isDamaged: Bool
    /// The counters of the first packet.
    var firstPacket: PacketCounters
    /// The counters of the last packet.
    var lastPacket: PacketCounters
  }

  /// How many events of a name there are.
  package struct Census: Sendable, Equatable {
    /// The name.
    package var name: String
    /// How many.
    package var count: UInt64
  }

  /// The recordings that were read together.
  package var recordings: [Recording]
  /// Their streams.
  package var streams: [Stream]
  /// Whether timestamps count from the Unix epoch.
  package var isUnixTime: Bool
  /// What was wrong in the files, but survivable.
  package var problems: [String]
  /// What is odd, but no reason to doubt that everything was read.
  package var warnings: [String]
  /// What is to know about the files, and nothing to worry about.
  package var notes: [String]
  /// Fields that the recording's events lack, as `event.field`.
  package var missingFields: [String]
  /// Events that the recording does not declare.
  package var unknownEvents: [String]
  /// Events by name, most frequent first: those of `exeunt` that this build does not know; all where it knows none.
  package var census: [Census] = []
}

extension TraceFacts {
  /// What is to say of a trace that was analysed.
  package init(_ trace: Trace, _ analysis: TraceAnalysis) {
    recordings = trace.members.map { Recording(directories: $0.directories, uuid: $0.uuid ?? []) }
    streams = trace.streams.enumerated().map { number, stream in
      func count(_ counts: [UInt64]) -> UInt64 { number < counts.count ? counts[number] : 0 }
      return Stream(
        recording: stream.trace, classID: stream.classID, instanceID: stream.instanceID, cpu: stream.cpu,
        files: stream.files, begin: stream.begin, byteCount: stream.byteCount,
        events: count(analysis.deliveredEvents),
        otherEvents: count(analysis.otherEvents), discardedEvents: stream.discardedEvents,
        lostPackets: stream.lostPackets, earlierPackets: stream.earlierPackets, isDamaged: stream.isDamaged,
        firstPacket: stream.firstPacket, lastPacket: stream.lastPacket)
    }
    isUnixTime =
      trace.members.first?.clocks.first.map {
        ($0.isAbsolute || $0.name == "monotonic") && !trace.hasOwnOrigin
      } ?? false
    problems = []
    warnings = trace.warnings.map(\.description)
    notes = trace.notes
    missingFields = analysis.missingFields
    unknownEvents = analysis.unknownEvents
    census = analysis.newerEvents
    add(problems: trace.diagnostics + analysis.diagnostics)
  }

  /// Adds what was wrong and is not known yet.
  package mutating func add(problems found: [Diagnostic]) { problems.add(found.map(\.description)) }

  /// The events of `exeunt` that were read of each recording.
  package var eventsByRecording: [UInt64] {
    streams.reduce(into: Array(repeating: 0, count: recordings.count)) {
      if $0.indices.contains($1.recording) { $0[$1.recording] &+= $1.events }
    }
  }

  /// Events of `exeunt` that this build does not know, by name.
  package var newerEvents: [Census] {
    census.filter { event in
      event.name.hasPrefix("exeunt:") && !EventTag.allCases.contains { $0.qualifiedName == event.name }
    }
  }

  /// Streams that begin in the middle of a recording.
  package var continuedStreams: Int { streams.count { $0.earlierPackets > 0 } }

  /// The trace that each stream belongs to, as ``Configuration/runs`` has it.
  var runs: [Int] { recordings.count > 1 ? streams.map(\.recording) : [] }
}

extension [String] {
  /// Adds those that are not there yet.
  fileprivate mutating func add(_ texts: [String]) {
    var known = Set(self)
    for text in texts where known.insert(text).inserted { append(text) }
  }
}

// MARK: What comes next in time

extension TraceFacts {
  /// Adds what is known of the next part of the same recordings, whether that is in the same files or in later ones.
  ///
  /// - Parameter isChunk: Whether its files are other ones.
  /// - Returns: The number here of each of its streams.
  mutating func add(_ next: TraceFacts, isChunk: Bool) throws(StateError) -> [Int] {
    var recording: [Int] = []
    for other in next.recordings {
      guard let place = recordings.firstIndex(where: { $0.isSame(as: other) }) else {
        throw StateError("it is of another recording; --machines keeps different recordings apart")
      }
      recording.append(place)
      recordings[place].directories.add(other.directories)
    }
    guard recording.count == recordings.count else {
      throw StateError("it is of other recordings; --machines keeps different recordings apart")
    }
    var places: [Int] = []
    for var stream in next.streams {
      stream.recording = recording[stream.recording]
      if let known = streams.firstIndex(where: { $0.isSame(as: stream) }) {
        places.append(known)
        try streams[known].add(stream, isChunk: isChunk)
      } else {
        places.append(streams.count)
        streams.append(stream)
      }
    }
    guard streams.count <= Row.maximumStreams else { throw StateError("there are too many streams") }
    problems.add(next.problems)
    warnings.add(next.warnings)
    notes.add(next.notes)
    missingFields.add(next.missingFields)
    unknownEvents.removeAll { !next.unknownEvents.contains($0) }
    for name in next.census {
      if let known = census.firstIndex(where: { $0.name == name.name }) {
        census[known].count &+= name.count
      } else {
        census.append(name)
      }
    }
    census.sort { ($1.count, $0.name) < ($0.count, $1.name) }
    return places
  }
}

extension TraceFacts.Recording {
  fileprivate func isSame(as other: TraceFacts.Recording) -> Bool {
    uuid == other.uuid && (!uuid.isEmpty || directories == other.directories)
  }
}

extension TraceFacts.Stream {
  func isSame(as other: TraceFacts.Stream) -> Bool {
    guard recording == other.recording, classID == other.classID, instanceID == other.instanceID else {
      return false
    }
    // Without an id a CPU has one stream of a class; what has neither is known by its files.
    if instanceID != nil { return true }
    return cpu != nil ? cpu == other.cpu : files == other.files
  }

  /// Adds what comes next: later events of the same files, or later files.
  fileprivate mutating func add(_ next: TraceFacts.Stream, isChunk: Bool) throws(StateError) {
    events &+= next.events
    otherEvents &+= next.otherEvents
    isDamaged = isDamaged || next.isDamaged
    guard isChunk else { return }
    let losses = try next.firstPacket.losses(since: lastPacket)
    files += next.files
    byteCount += next.byteCount
    discardedEvents &+= next.discardedEvents &+ losses.events
    lostPackets &+= next.lostPackets &+ losses.packets
    lastPacket = next.lastPacket
  }
}

extension PacketCounters {
  /// What was lost between two packets that follow each other in a stream.
  fileprivate func losses(
    since last: PacketCounters
  ) throws(StateError) -> (packets: UInt64, events: UInt64) {
    var (packets, events): (UInt64, UInt64) = (0, 0)
    if let before = last.sequence, let now = sequence {
      guard now > before else {
        throw StateError("its packets do not come after those of the part before")
      }
      packets = now - before - 1
    }
    if let now = discarded {
      let before = last.discarded ?? 0
      // A counter that went back was reset.
      events = now >= before ? now - before : now
    }
    return (min(packets, 1 << 40), min(events, 1 << 40))
  }
}

// MARK: Kept in a file

extension TraceFacts {
  /// So many texts of a kind are kept.
  private static let mostTexts = 4096

  static var blank: TraceFacts {
    TraceFacts(
      recordings: [], streams: [], isUnixTime: false, problems: [], warnings: [], notes: [],
      missingFields: [], unknownEvents: [])
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&recordings, limit: Row.maximumStreams, "a list of recordings")
    try coder.code(&streams, limit: Row.maximumStreams, "a list of streams")
    let recordings = 0..<recordings.count
    try coder.require(streams.allSatisfy { recordings.contains($0.recording) }, "a recording's number")
    try coder.code(&isUnixTime)
    for texts in [\TraceFacts.problems, \.warnings, \.notes, \.missingFields, \.unknownEvents] {
      if !coder.isReading { self[keyPath: texts] = Array(self[keyPath: texts].prefix(Self.mostTexts)) }
      try coder.code(&self[keyPath: texts], limit: Self.mostTexts, "a list of texts")
    }
    try coder.code(&census, limit: 1 << 16, "a list of events")
  }
}

extension TraceFacts.Recording: StateCoded {
  static var blank: TraceFacts.Recording { TraceFacts.Recording(directories: [], uuid: []) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&directories, limit: 1 << 16, "a list of directories")
    try coder.code(&uuid, limit: 16, "a UUID")
  }
}

extension TraceFacts.Stream: StateCoded {
  static var blank: TraceFacts.Stream {
    TraceFacts.Stream(
      recording: 0, classID: 0, instanceID: nil, cpu: nil, files: [], begin: nil, byteCount: 0, events: 0,
      otherEvents: 0,
      discardedEvents: 0, lostPackets: 0, earlierPackets: 0, isDamaged: false, firstPacket: PacketCounters(),
      lastPacket: PacketCounters())
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&recording, below: Row.maximumStreams, "a recording's number")
    try coder.code(&classID)
    try coder.code(&instanceID)
    try coder.code(&cpu)
    try coder.code(&files, limit: 1 << 20, "a list of files")
    try coder.code(&begin, 0) { (begin, coder) throws(StateError) in try coder.code(moment: &begin) }
    try coder.code(&byteCount, below: Int(StateCoder.mostCounted), "a size of")
    try coder.code(count: &events)
    try coder.code(count: &otherEvents)
    try coder.code(count: &discardedEvents)
    try coder.code(count: &lostPackets)
    try coder.code(&earlierPackets)
    try coder.code(&isDamaged)
    try firstPacket.code(&coder)
    try lastPacket.code(&coder)
  }
}

extension TraceFacts.Census: StateCoded {
  static var blank: TraceFacts.Census { TraceFacts.Census(name: "", count: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&name)
    try coder.code(count: &count)
  }
}

extension PacketCounters {
  fileprivate mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&sequence)
    try coder.code(&discarded)
  }
}
