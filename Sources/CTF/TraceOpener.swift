/// Puts together what ``Trace`` holds: chunks into traces, files into streams.
struct TraceOpener {
  /// Directories of one trace, with its metadata.
  struct Group {
    var directories: [TraceFinder.Found]
    var model: TraceModel
    var file: String
    var metadataBytes: Int
  }

  private(set) var traces: [TraceInfo] = []
  private(set) var streams: [StreamInfo] = []
  private(set) var records: [StreamRecord] = []
  private(set) var diagnostics: [Diagnostic]
  private(set) var warnings: [Diagnostic]
  /// Whether there are files of which no packet can be read.
  private(set) var hasUnreadFiles: Bool
  private(set) var hasEmptyFiles = false
  /// Where streams are, instead of `streams` and `records`, when there are very many.
  private(set) var many: ManyStreams?
  /// What times count from.
  private(set) var times = TimeFrame()
  /// The earliest packet's begin, ns since the clocks' origin, when there are packets whose times cannot be told.
  private(set) var beyond: Int128?
  private var earliest: Int128?
  /// Packets that are in several files, and read once.
  private(set) var duplicates = 0
  private let buffer = PacketBuffer(capacity: 8192)
  private let isStrict: Bool
  private let isGrowing: Bool
  /// More problems than this are counted, not kept.
  static let maximumDiagnostics = 1000

  /// - Parameters:
  ///   - isMany: Whether to keep only where streams are.
  ///   - isStrict: Whether to refuse everything that the specification does not allow.
  ///   - isGrowing: Whether the files are still being written: packets that are not complete are not there yet.
  init(
    diagnostics: [Diagnostic] = [], warnings: [Diagnostic] = [], isMany: Bool, isStrict: Bool = false,
    isGrowing: Bool = false
  ) {
    self.isGrowing = isGrowing
    self.warnings = warnings
    self.diagnostics = diagnostics
    self.isStrict = isStrict
    hasUnreadFiles = !diagnostics.isEmpty
    many = isMany ? ManyStreams() : nil
  }

  /// What is to know about the files.
  var notes: [String] {
    guard duplicates > 0 else { return [] }
    let what = duplicates == 1 ? "1 packet is" : "\(duplicates) packets are"
    return [
      "\(what) in the files more than once, as in snapshots that overlap or in copies, and read only once"
    ]
  }

  /// What is known of a stream that is in one file.
  static func record(
    _ results: [FileIndexer.Result], _ plans: TracePlans, trace: Int, number: Int
  ) -> (StreamInfo, StreamRecord) {
    var opener = TraceOpener(isMany: false)
    opener.add(results, plans, trace: trace, number: number)
    return (opener.streams[0], opener.records[0])
  }

  /// Reads all metadata and groups directories by UUID. Fails only when none can be read.
  mutating func readMetadata(_ found: [TraceFinder.Found]) throws(TraceError) -> [Group] {
    var groups: [Group] = []
    var failures: [TraceError] = []
    for directory in found {
      let file = "\(directory.directory)/metadata"
      do throws(TraceError) {
        let isStrict = isStrict
        let read = try DeepStack.run { () throws(TraceError) in
          try MetadataReader.read(path: file, isStrict: isStrict)
        }
        let (model, bytes) = (read.model, read.bytes)
        if let damage = read.damage { diagnostics.append(damage) }
        warnings += read.warnings.prefix(max(0, Self.maximumDiagnostics - warnings.count))
        if let same = groups.firstIndex(where: { $0.model.isSameTrace(as: model) }) {
          groups[same].directories.append(directory)
          // Metadata only grows during a recording: the longest one knows all events.
          if bytes > groups[same].metadataBytes {
            groups[same].model = model
            groups[same].file = file
            groups[same].metadataBytes = bytes
          }
        } else {
          groups.append(Group(directories: [directory], model: model, file: file, metadataBytes: bytes))
        }
      } catch {
        failures.append(error)
      }
    }
    if groups.isEmpty, let failure = failures.first { throw failure }
    diagnostics += failures
    return groups
  }

  /// Indexes the files of traces and adds their streams.
  mutating func open(_ groups: [Group]) throws(TraceError) {
    times = TimeFrame(groups.flatMap(\.model.clocks))
    let fresh = self
    for group in groups { try open(group) }
    if let origin = beyond, times.origin == 0 {
      // Once more, from where the first packet begins.
      self = fresh
      times.origin = origin
      times.floor = TimeFrame.room
      for group in groups { try open(group) }
    }
    guard times.origin != 0, let first = groups.first else { return }
    warnings.append(
      TraceError(
        file: first.directories.first?.directory ?? first.file,
        message:
          "times are 2^63 ns (292 years) or more from the clock's origin; they are shown as if the trace began "
          + "there, and their differences are right"))
  }

  /// Indexes the files of a trace and adds its streams.
  private mutating func open(_ group: Group) throws(TraceError) {
    let plans = try DeepStack.run(levels: group.model.height, file: group.file) { () throws(TraceError) in
      try TracePlans(group.model, file: group.file, times: times)
    }
    var results: [FileIndexer.Result] = []
    for directory in group.directories {
      for name in directory.repeats {
        duplicates += FileIndexer.index(directory.path(name), plans, buffer).results.reduce(0) {
          $0 + $1.packetCount
        }
      }
      for (place, name) in directory.names.enumerated() {
        let path = directory.path(name)
        let (found, damage) = FileIndexer.index(path, plans, buffer, isGrowing: isGrowing)
        if let damage, diagnostics.count < Self.maximumDiagnostics { diagnostics.append(damage) }
        if found.isEmpty {
          if damage != nil { hasUnreadFiles = true } else { hasEmptyFiles = true }
        }
        for result in found { noteTimes(result, plans.streams[result.stream].clock) }
        if found.contains(where: \.hasOtherUUID), warnings.count < Self.maximumDiagnostics {
          warnings.append(TraceError(file: path, message: "packets carry another UUID than the metadata"))
        }
        if many != nil {
          for result in found { many?.add(result, place, directory, plans, trace: traces.count) }
        } else {
          // An empty file is a stream without packets.
          results += found
        }
      }
    }
    if let found = many?.removeDuplicates(plans, buffer) {
      duplicates += found.0
      diagnostics += found.1
    }
    many?.link()
    var removal = DuplicateRemoval(plans, buffer)
    results = removal.remove(from: results)
    duplicates += removal.duplicates
    diagnostics += removal.problems
    var members: [[FileIndexer.Result]] = []
    var places: [StreamKey: Int] = [:]
    for result in results {
      let key = result.instanceID.map { StreamKey(stream: result.stream, instance: $0) }
      if let key, let place = places[key] {
        members[place].append(result)
      } else {
        if let key { places[key] = members.count }
        members.append([result])
      }
    }
    for files in members { add(files, plans, trace: traces.count, number: records.count) }
    traces.append(
      TraceInfo(
        directories: group.directories.map { PathText.shown($0.directory) }, uuid: group.model.uuid,
        environment: group.model.environment.map { ($0.name, $0.value.text) }, clocks: group.model.clocks))
  }

  private mutating func noteTimes(_ result: FileIndexer.Result, _ clock: ClockConversion) {
    guard times.origin == 0, let begin = result.first.begin else { return }
    let time = clock.exact(begin)
    earliest = min(earliest ?? time, time)
    if clock.isBeyond(max(begin, result.last.begin ?? 0, result.last.end ?? 0)) || beyond != nil {
      beyond = earliest
    }
  }

  private struct StreamKey: Hashable {
    let stream: Int
    let instance: UInt64
  }

  private mutating func add(
    _ unsorted: [FileIndexer.Result], _ plans: TracePlans, trace: Int, number: Int
  ) {
    let results = unsorted.enumerated().sorted {
      ($0.element.begin ?? Int64.min, $0.offset) < ($1.element.begin ?? Int64.min, $1.offset)
    }.map(\.element)
    let plan = plans.streams[results[0].stream]
    var files: [StreamFile] = []
    var isOrdered = true
    var end: Int64?
    var packets = 0
    var ownPackets = 0
    var discarded: UInt64 = 0
    var lost: UInt64 = 0
    var previous: PacketHeader?
    for result in results {
      files.append(
        StreamFile(
          path: result.path, size: result.byteCount, firstPacket: packets,
          packetsBefore: result.firstPacket, index: result.index, isMixed: result.isMixed,
          isDamaged: result.isDamaged))
      packets += result.index.packetCount
      ownPackets += result.packetCount
      if !result.isOrdered { isOrdered = false }
      if let end, let begin = result.begin, begin < end { isOrdered = false }
      end = result.end.map { max(end ?? $0, $0) } ?? end
      let losses = StreamWalker.losses(previous, result.first, isFirst: previous == nil)
      discarded += losses.events
      lost += losses.packets
      discarded += result.discarded
      lost += result.lost
      previous = result.last
    }
    let cpu = results[0].cpu
    let isOneCPU = results.allSatisfy { !$0.hasSeveralCPUs && $0.cpu == cpu }
    records.append(
      StreamRecord(number: number, plans: plans, plan: plan, files: files, isOrdered: isOrdered))
    streams.append(
      StreamInfo(
        trace: trace, classID: plan.streamClass.id, instanceID: results[0].instanceID,
        cpu: isOneCPU ? cpu : nil, files: files.map { PathText.shown($0.path) }, packetCount: ownPackets,
        byteCount: files.reduce(0) { $0 + $1.size }, begin: results.compactMap(\.begin).min(), end: end,
        discardedEvents: discarded, lostPackets: lost, earlierPackets: results[0].first.sequence ?? 0,
        firstPacket: results[0].first.counters, lastPacket: (previous ?? results[0].last).counters,
        isDamaged: results.contains(where: \.isDamaged)))
  }
}
