/// The streams of traces with very many files: only where they are. What else there is to know is read again when it
/// is needed, so that a stream takes a few dozen bytes.
///
/// Each file is a stream of its own here, also those of one rotated stream; of these, each knows the one before it, so that
/// what was lost between the two is counted.
struct ManyStreams: Sendable {
  /// With so many files or fewer, everything about them is kept in memory.
  static let threshold = 2048

  private struct Entry {
    /// The least timestamp of its events, as far as packets tell.
    var begin: Int64
    let source: Int32
    /// Index into the names of the source's directory.
    let name: Int32
    /// Index into the plans' streams.
    let stream: Int32
    /// The entry of the file before this one in a rotated stream, or -1.
    var before: Int32 = -1
  }

  /// What tells which files belong to one stream, while a trace is opened.
  private struct Member {
    let instance: UInt64
    let entry: Int32
  }

  /// What tells which files may share packets, while a trace is opened.
  private struct Candidate {
    /// Of what the files may be the same: only those of one group, as far as a hash tells.
    let group: UInt32
    let entry: Int32
    /// The first packet and the last one, by time or sequence number.
    let first: UInt64
    let last: UInt64
  }

  /// Packets of one file of an entry that is not just one whole file.
  private struct Part {
    let source: Int32
    let name: Int32
    let packets: Range<Int>
  }

  /// A directory and how its files are decoded.
  private struct Source {
    let directory: TraceFinder.Found
    let plans: TracePlans
    let trace: Int
  }

  private var entries: [Entry] = []
  private var sources: [Source] = []
  /// The entries of the trace that is being opened whose packets have an instance id and counters.
  private var members: [Member] = []
  private var candidates: [Candidate] = []
  /// Entries that are not just one whole file.
  private var parts: [Int32: [Part]] = [:]

  var count: Int { entries.count }

  mutating func add(
    _ result: FileIndexer.Result, _ name: Int, _ directory: TraceFinder.Found, _ plans: TracePlans, trace: Int
  ) {
    if sources.last?.directory.directory != directory.directory {
      sources.append(Source(directory: directory, plans: plans, trace: trace))
    }
    let plan = plans.streams[result.stream]
    entries.append(
      Entry(
        begin: plan.hasClock ? result.begin ?? Int64.min : plan.clock(0), source: Int32(sources.count - 1),
        name: Int32(name), stream: Int32(result.stream)))
    if let instance = result.instanceID, result.last.sequence != nil || result.last.discarded != nil {
      members.append(Member(instance: instance, entry: Int32(entries.count - 1)))
    }
    addCandidate(result)
  }

  private mutating func addCandidate(_ result: FileIndexer.Result) {
    let order: PacketOrder = result.isIn(.time) ? .time : .sequence
    guard result.isIn(order), let first = order.key(result.first), let last = order.key(result.last) else {
      return
    }
    var hasher = Hasher()
    hasher.combine(order)
    hasher.combine(result.stream)
    hasher.combine(result.instanceID)
    if result.instanceID == nil, result.hasOneCPU { hasher.combine(result.cpu) }
    candidates.append(
      Candidate(
        group: UInt32(truncatingIfNeeded: hasher.finalize()), entry: Int32(entries.count - 1),
        first: first.first,
        last: last.first))
  }

  /// Leaves out packets that are in several files, when all of a trace were added.
  ///
  /// - Returns: How many, and why some files are read as they are.
  mutating func removeDuplicates(_ plans: TracePlans, _ buffer: PacketBuffer) -> (Int, [TraceError]) {
    candidates.sort { ($0.group, $0.first, $0.entry) < ($1.group, $1.first, $1.entry) }
    var removal = DuplicateRemoval(plans, buffer)
    var removed: Set<Int32> = []
    var begin = 0
    while begin < candidates.count {
      var end = begin + 1
      var last = candidates[begin].last
      while end < candidates.count, candidates[end].group == candidates[begin].group,
        candidates[end].first <= last
      {
        last = max(last, candidates[end].last)
        end += 1
      }
      if end - begin > 1 {
        let places = candidates[begin..<end].map(\.entry).sorted()
        remove(places, &removal, buffer, &removed)
      }
      begin = end
    }
    candidates = []
    if !removed.isEmpty { drop(removed) }
    return (removal.duplicates, removal.problems)
  }

  private mutating func remove(
    _ places: [Int32], _ removal: inout DuplicateRemoval, _ buffer: PacketBuffer, _ removed: inout Set<Int32>
  ) {
    var files: [String: Int32] = [:]
    var results: [FileIndexer.Result] = []
    for place in places {
      guard let result = self.results(Int(place), buffer).first else { continue }
      files[result.path] = place
      results.append(result)
    }
    let before = removal.duplicates
    let found = removal.remove(from: results)
    guard removal.duplicates > before || found.count != results.count else { return }
    let isOneStream = results.allSatisfy { $0.instanceID != nil && $0.instanceID == results[0].instanceID }
    var new: [Int32: [Part]] = [:]
    for result in found {
      guard let file = files[result.path] else { continue }
      let entry = entries[Int(file)]
      let packets = result.firstPacket..<result.firstPacket + result.index.packetCount
      new[isOneStream ? places[0] : file, default: []].append(
        Part(source: entry.source, name: entry.name, packets: packets))
    }
    for place in places { if new[place] == nil { removed.insert(place) } }
    if isOneStream {
      entries[Int(places[0])].begin = places.map { entries[Int($0)].begin }.min() ?? Int64.min
    }
    parts.merge(new) { $1 }
  }

  /// Forgets entries; the others get new numbers.
  private mutating func drop(_ removed: Set<Int32>) {
    var numbers: [Int32] = []
    var kept: [Entry] = []
    for number in entries.indices {
      numbers.append(Int32(kept.count))
      if !removed.contains(Int32(number)) { kept.append(entries[number]) }
    }
    entries = kept
    members = members.filter { !removed.contains($0.entry) }
      .map { Member(instance: $0.instance, entry: numbers[Int($0.entry)]) }
    parts = Dictionary(uniqueKeysWithValues: parts.map { (numbers[Int($0.key)], $0.value) })
  }

  /// Finds the order of files that belong to one stream, when all of a trace were added.
  mutating func link() {
    members.sort {
      let (a, b) = (entries[Int($0.entry)], entries[Int($1.entry)])
      return (a.stream, $0.instance, a.begin, $0.entry) < (b.stream, $1.instance, b.begin, $1.entry)
    }
    for (member, next) in zip(members, members.dropFirst())
    where member.instance == next.instance
      && entries[Int(member.entry)].stream == entries[Int(next.entry)].stream
    {
      entries[Int(next.entry)].before = member.entry
    }
    members = []
  }

  func begin(_ number: Int) -> Int64 { entries[number].begin }

  func plan(_ number: Int) -> StreamPlan {
    sources[Int(entries[number].source)].plans.streams[Int(entries[number].stream)]
  }

  func trace(_ number: Int) -> Int { sources[Int(entries[number].source)].trace }

  /// What is known of a stream; nil when its file can no longer be read.
  func open(_ number: Int) -> (StreamInfo, StreamRecord)? {
    let results = results(number, PacketBuffer(capacity: 8192))
    guard !results.isEmpty else { return nil }
    let source = sources[Int(entries[number].source)]
    return TraceOpener.record(results, source.plans, trace: source.trace, number: number)
  }

  /// The last packet of the file before this one in a rotated stream.
  func packet(before number: Int) -> PacketHeader? {
    let before = Int(entries[number].before)
    return before < 0 ? nil : results(before, PacketBuffer(capacity: 8192)).last?.last
  }

  /// What is in the file of an entry, or in its files; nothing when they can no longer be read.
  private func results(_ number: Int, _ buffer: PacketBuffer) -> [FileIndexer.Result] {
    let entry = entries[number]
    guard let parts = parts[Int32(number)] else {
      return result(entry.source, entry.name, entry, buffer).map { [$0] } ?? []
    }
    return parts.flatMap { part in
      result(part.source, part.name, entry, buffer).flatMap {
        FileIndexer.index($0, [part.packets], sources[Int(part.source)].plans, buffer)
      } ?? []
    }
  }

  private func result(
    _ source: Int32, _ name: Int32, _ entry: Entry, _ buffer: PacketBuffer
  ) -> FileIndexer.Result? {
    let source = sources[Int(source)]
    let path = source.directory.path(source.directory.names[Int(name)])
    return FileIndexer.index(path, source.plans, buffer).results.first { $0.stream == Int(entry.stream) }
  }
}
