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
    let begin: Int64
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
    guard let result = result(number) else { return nil }
    let source = sources[Int(entries[number].source)]
    return TraceOpener.record([result], source.plans, trace: source.trace, number: number)
  }

  /// The last packet of the file before this one in a rotated stream.
  func packet(before number: Int) -> PacketHeader? {
    let before = Int(entries[number].before)
    return before < 0 ? nil : result(before)?.last
  }

  private func result(_ number: Int) -> FileIndexer.Result? {
    let entry = entries[number]
    let source = sources[Int(entry.source)]
    let path = source.directory.path(source.directory.names[Int(entry.name)])
    return FileIndexer.index(path, source.plans, PacketWindow(capacity: 8192)).results
      .first { $0.stream == Int(entry.stream) }
  }
}
