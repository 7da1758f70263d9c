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

  init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  /// Reads all metadata and groups directories by UUID. Fails only when none can be read.
  mutating func readMetadata(_ found: [TraceFinder.Found]) throws(TraceError) -> [Group] {
    var groups: [Group] = []
    var failures: [TraceError] = []
    for directory in found {
      let file = "\(directory.directory)/metadata"
      do throws(TraceError) {
        let (model, bytes) = try DeepStack.run { () throws(TraceError) in
          try MetadataReader.read(path: file)
        }
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

  /// Indexes the files of a trace and adds its streams.
  mutating func open(_ group: Group) throws(TraceError) {
    let plans = try DeepStack.run(levels: group.model.height) { () throws(TraceError) in
      try TracePlans(group.model, file: group.file)
    }
    var results: [FileIndexer.Result] = []
    for path in group.directories.flatMap(\.dataFiles) {
      let result = FileIndexer.index(path, plans)
      if let damage = result.damage { diagnostics.append(damage) }
      // An empty file is a stream without packets.
      if result.first != nil { results.append(result) }
    }
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
    for files in members { add(files, plans) }
    traces.append(
      TraceInfo(
        directories: group.directories.map(\.directory), uuid: group.model.uuid,
        environment: group.model.environment.map { ($0.name, $0.value.text) }, clocks: group.model.clocks))
  }

  private struct StreamKey: Hashable {
    let stream: Int
    let instance: UInt64
  }

  private mutating func add(_ unsorted: [FileIndexer.Result], _ plans: TracePlans) {
    let results = unsorted.enumerated().sorted {
      ($0.element.begin ?? Int64.min, $0.offset) < ($1.element.begin ?? Int64.min, $1.offset)
    }.map(\.element)
    let plan = plans.streams[results[0].stream]
    var files: [StreamFile] = []
    var isOrdered = true
    var end: Int64?
    var packets = 0
    var discarded: UInt64 = 0
    var lost: UInt64 = 0
    var previous: PacketHeader?
    for result in results {
      files.append(
        StreamFile(path: result.path, size: result.size, firstPacket: packets, index: result.index))
      packets += result.index.packetCount
      if !result.isOrdered { isOrdered = false }
      if let end, let begin = result.begin, begin < end { isOrdered = false }
      end = result.end.map { max(end ?? $0, $0) } ?? end
      if let first = result.first {
        let losses = StreamWalker.losses(previous, first, isFirst: previous == nil)
        discarded += losses.events
        lost += losses.packets
      }
      discarded += result.discarded
      lost += result.lost
      previous = result.last
    }
    let cpu = results[0].cpu
    let isOneCPU = results.allSatisfy { !$0.hasSeveralCPUs && $0.cpu == cpu }
    records.append(
      StreamRecord(number: records.count, plans: plans, plan: plan, files: files, isOrdered: isOrdered))
    streams.append(
      StreamInfo(
        trace: traces.count, classID: plan.streamClass.id, instanceID: results[0].instanceID,
        cpu: isOneCPU ? cpu : nil, files: files.map(\.path), packetCount: packets,
        byteCount: files.reduce(0) { $0 + $1.size }, begin: results.compactMap(\.begin).min(), end: end,
        discardedEvents: discarded, lostPackets: lost, earlierPackets: results[0].first?.sequence ?? 0,
        isDamaged: results.contains { $0.damage != nil }))
  }
}
