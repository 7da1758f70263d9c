import CTF

/// The analysis of a recording, or of a part of it, that needs the recording's files no more: it can be written to a file, merged
/// with the part that comes next in time, and reported.
package struct SavedRecording: Sendable {
  /// What it is called where several machines' recordings are kept side by side; empty: it stands alone.
  package var label = ""
  /// Directories as the user gave them.
  package private(set) var paths: [String]
  /// What is known of the files.
  package private(set) var facts: TraceFacts
  /// The time that it is about, ns since the clock's origin; a whole recording has no ends.
  package private(set) var part: Range<Int64>
  /// From here on events may be missing although no packet tells of it; see ``TraceAnalysis/doubtFrom``.
  package private(set) var doubtFrom: Int64?
  /// Where packets are, by stream and number.
  private var places: [UInt64: PacketPlace]
  private var slice: SliceAnalysis

  /// Whether the two are about the same recording, or about parts of it: not whether their times overlap.
  package func sharesRecording(with other: SavedRecording) -> Bool {
    facts.recordings.contains { one in
      !one.uuid.isEmpty && other.facts.recordings.contains { $0.uuid == one.uuid }
    }
  }

  /// Reads a trace or a part of it so that what comes before and what comes after can be added.
  ///
  /// The whole trace is read first: where events are missing that no packet tells of is known at its end only, and a part
  /// has to know of gaps that reach into it.
  ///
  /// - Parameters:
  ///   - trace: The trace.
  ///   - paths: As the user gave them.
  ///   - part: The instants that it is to be about.
  ///   - workers: Threads to read with; nil: one for each processor.
  ///   - progress: As of ``TraceAnalysis``.
  /// - Throws: When a part of a damaged trace is wanted, as its parts would not add up to the whole; and when something is so
  ///   large that a state cannot hold it.
  package init(
    _ trace: Trace, paths: [String], part: Range<Int64> = Int64.min..<Int64.max, workers: Int? = nil,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws(StateError) {
    let analysis = try TraceAnalysis.read(trace, part: part, workers: workers, progress: progress)
    try self.init(trace, paths: paths, analysis: analysis, part: part)
  }

  /// Keeps what was found in a trace or a part of it, such that what comes before can be added.
  init(_ trace: Trace, paths: [String], analysis: TraceAnalysis, part: Range<Int64>) throws(StateError) {
    self.paths = paths
    self.part = part
    facts = TraceFacts(trace, analysis)
    if facts.streams.allSatisfy({ $0.events == 0 }) {
      facts.census = EventCensus.read(trace).counts.map { TraceFacts.Census(name: $0.name, count: $0.count) }
    }
    doubtFrom = analysis.doubtFrom
    var first = StateCoder()
    first.places = PlaceTable()
    try analysis.models.write(&first)
    var table = first.places ?? PlaceTable()
    table.resolve(trace)
    var second = StateCoder()
    second.places = table
    try analysis.models.write(&second)
    places = table.places
    var reader = StateCoder(reading: second.bytes)
    slice = try SliceAnalysis.read(&reader, runs: facts.runs)
  }

  /// Adds what was wrong in the files.
  mutating func add(_ problem: Diagnostic) { facts.add(problems: [problem]) }

  /// Whether it comes before another part.
  package func precedes(_ other: SavedRecording) -> Bool {
    (part.lowerBound, slice.state.pointee.begin) < (other.part.lowerBound, other.slice.state.pointee.begin)
  }

  /// Whether it is about all of a recording.
  package var isWhole: Bool { part.lowerBound == .min && part.upperBound == .max }

  /// How guest stamps were placed on the clock; nil: they could not be.
  package var calibration: ClockCalibration? { slice.state.pointee.configuration.calibration }

  /// What was found: what waited for a part before is taken as the beginning.
  package func models() throws(StateError) -> SliceAnalysis {
    let begin = part.lowerBound == .min ? facts.completeFrom : .min
    let models = SliceAnalysis(slice.state.pointee.configuration, gapEnd: begin)
    models.merge(try slice.copy(runs: facts.runs))
    return models
  }

  /// Where an event is.
  package func location(_ exemplar: Exemplar) -> PacketLocation? {
    let key = exemplar.location & 0xffff_ffff_ffff
    guard let place = places[key], facts.streams.indices.contains(exemplar.stream) else { return nil }
    let files = facts.streams[exemplar.stream].files
    guard files.indices.contains(place.file) else { return nil }
    return PacketLocation(
      file: files[place.file], packet: place.packet, byteOffset: place.byteOffset)
  }
}

// MARK: Reading a part

extension TraceAnalysis {
  fileprivate static func read(
    _ trace: Trace, part: Range<Int64>, workers: Int?, progress: (@Sendable (Double) -> Void)?
  ) throws(StateError) -> TraceAnalysis {
    let whole = read(
      trace, workers: workers, isContinuable: true, progress: progress)
    if part.lowerBound == .min && part.upperBound == .max { return whole }
    guard !whole.isUnordered, whole.diagnostics.isEmpty, trace.diagnostics.isEmpty else {
      throw StateError(
        "the recording is damaged: its parts would not add up to it; keep the state of all of it")
    }
    var configuration = Configuration()
    configuration.doubtFrom = whole.doubtFrom
    func readSlices(_ part: Range<Int64>, after before: Int64) -> TraceAnalysis {
      let slices = split(
        trace.timeSlices(whole.workers == 1 ? 1 : whole.workers * 4), at: whole.doubtFrom ?? .min)
      return read(
        trace, configuration: configuration,
        slices: slices.map { $0.clamped(to: part) }.filter { !$0.isEmpty }, workers: whole.workers,
        after: before, progress: progress)
    }
    guard part.lowerBound > .min else { return readSlices(part, after: trace.completeFrom) }
    let before = readSlices(Int64.min..<part.lowerBound, after: trace.completeFrom)
    return readSlices(part, after: before.models.gapEnd)
  }
}

// MARK: What comes next in time

extension SavedRecording {
  /// Adds the part that comes next: then this holds the same as if both had been analysed together.
  package mutating func append(_ next: SavedRecording) throws(StateError) {
    let (left, right) = (slice.state.pointee.configuration, next.slice.state.pointee.configuration)
    guard left.hasSameQuestions(as: right) else {
      throw StateError("it was made with another choice of exits")
    }
    // Chunks are not cut at one moment, but each stream where it was at the time.
    let isChunk = part.upperBound == .max && next.part.lowerBound == .min
    if !isChunk, part.upperBound != next.part.lowerBound {
      throw StateError(
        part.upperBound > next.part.lowerBound
          ? "it is about a time that another one is about" : "the time before it is missing")
    }
    var facts = facts
    let places = try facts.add(next.facts, isChunk: isChunk)
    if isChunk { try slice.checkOrder(next.slice) }
    let copy = try next.slice.copy(runs: facts.runs, streams: places)
    add(places: next, places)
    if isChunk { slice.endDoubt(at: next.facts.completeFrom) }
    slice.merge(copy)
    try slice.checkTimes()
    doubtFrom = doubtFrom == .min ? .min : next.doubtFrom
    part = part.lowerBound..<next.part.upperBound
    paths += next.paths.filter { !paths.contains($0) }
    self.facts = facts
  }

  /// Adds where packets of the next part are.
  private mutating func add(places next: SavedRecording, _ numbers: [Int]) {
    for (key, place) in next.places {
      let stream = Int(key & 0xffff)
      guard numbers.indices.contains(stream) else { continue }
      let (files, number) = (next.facts.streams[stream].files, numbers[stream])
      var place = place
      if number < facts.streams.count, facts.streams[number].files != files {
        place.file += facts.streams[number].files.count
      }
      places[key & ~0xffff | UInt64(number)] = place
    }
  }
}

// MARK: Of a recording that grows

extension SavedRecording {
  /// Whether another part is of the same streams, in the same order; there may be more of them.
  func hasStreams(of next: SavedRecording) -> Bool {
    let (known, later) = (facts.streams, next.facts.streams)
    return known.count <= later.count && zip(known, later).allSatisfy { $0.isSame(as: $1) }
  }

  /// Takes what is known of the files from a later look at them, as they have grown since.
  mutating func grow(to next: SavedRecording) {
    var facts = next.facts
    for place in facts.streams.indices {
      let known = self.facts.streams.indices.contains(place) ? self.facts.streams[place] : nil
      facts.streams[place].events = known?.events ?? 0
      facts.streams[place].otherEvents = known?.otherEvents ?? 0
    }
    self.facts = facts
    paths = next.paths
  }

  /// Places guest stamps otherwise, where none was placed yet.
  mutating func calibrate(_ calibration: ClockCalibration?) {
    slice.state.pointee.configuration.calibration = calibration
  }

  /// End of the latest gap so far.
  var gapEnd: Int64 { slice.gapEnd }

  /// The last event, ns since the clock's origin.
  var end: Int64 { slice.state.pointee.end }
}

extension SliceAnalysis {
  /// An analysis of its own that holds the same.
  ///
  /// - Parameters:
  ///   - runs: The trace that each stream belongs to.
  ///   - streams: The numbers that streams get; nil: those that they have.
  fileprivate func copy(runs: [Int], streams: [Int]? = nil) throws(StateError) -> SliceAnalysis {
    var writer = StateCoder()
    try write(&writer)
    var reader = StateCoder(reading: writer.bytes)
    reader.streams = streams
    return try SliceAnalysis.read(&reader, runs: runs)
  }

  /// Ends what was not known because nobody said how the recording goes on.
  fileprivate func endDoubt(at moment: Int64) { state.pointee.gapEnd = min(state.pointee.gapEnd, moment) }

  /// Throws where a thread's events in the next chunk do not all come after those in this one: it moved between two CPUs while their
  /// streams were switched.
  fileprivate func checkOrder(_ next: SliceAnalysis) throws(StateError) {
    guard state.pointee.begin <= next.state.pointee.begin else {
      throw StateError("it begins before the chunk that it should follow")
    }
    for index in 0..<AnalysisState.threadCount {
      guard let left = state.pointee.threads[index]?.pointee.clock, left.started,
        let right = next.state.pointee.threads[index]?.pointee.clock, right.started, right.first < left.last
      else { continue }
      throw StateError(
        "a thread's events are in this chunk and the one before by turns; keep the state of both chunks together"
      )
    }
  }

  /// Throws where merging hostile states led to times that do not add up.
  fileprivate func checkTimes() throws(StateError) {
    for index in 0..<AnalysisState.threadCount {
      guard let thread = state.pointee.threads[index]?.pointee, thread.clock.started else { continue }
      var rest = thread.clock.last - thread.clock.first
      for category in 0..<TimeCategory.count {
        rest = rest.subtractingReportingOverflow(thread.totals.times[category]).partialValue
        guard rest >= 0 else { throw StateError("its times do not follow those of the part before") }
      }
    }
  }
}

extension Configuration {
  /// Whether slices can be merged, as far as what was asked for is concerned.
  fileprivate func hasSameQuestions(as other: Configuration) -> Bool {
    vcpus == other.vcpus && reasons == other.reasons && addresses == other.addresses
      && separatesVcpus == other.separatesVcpus
  }
}

extension TraceFacts {
  /// The moment from which on all streams are there, as that of a ``CTF/Trace``.
  fileprivate var completeFrom: Int64 {
    guard recordings.count == 1 else { return .min }
    return streams.lazy.filter { $0.earlierPackets > 0 }.compactMap(\.begin).max() ?? .min
  }
}

// MARK: Kept in a file

extension SavedRecording {
  mutating func write(_ coder: inout StateCoder) throws(StateError) {
    try codeFacts(&coder)
    try slice.write(&coder)
  }

  init(reading coder: inout StateCoder) throws(StateError) {
    facts = .blank
    (paths, part, places) = ([], 0..<0, [:])
    slice = SliceAnalysis()
    try codeFacts(&coder)
    slice = try SliceAnalysis.read(&coder, runs: facts.runs)
  }

  private mutating func codeFacts(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&label, limit: 1 << 10)
    try coder.code(&paths, limit: 1 << 16, "a list of directories")
    var (begin, end) = (part.lowerBound, part.upperBound)
    try coder.code(moment: &begin)
    try coder.code(moment: &end)
    try coder.require(begin < end, "a time that ends before it begins")
    part = begin..<end
    var doubt = doubtFrom ?? .max
    try coder.code(moment: &doubt)
    doubtFrom = doubt == .max ? nil : doubt
    try facts.code(&coder)
    try coder.code(&places, limit: 1 << 24, "a list of packets")
    coder.streams = coder.isReading ? Array(0..<facts.streams.count) : nil
  }
}
