/// The streams of traces with very many files: only where they are. What else there is to know is read again when it
/// is needed, so that a stream takes a few dozen bytes.
///
/// Each file is a stream of its own here, also those of one rotated stream.
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
  }

  /// A directory and how its files are decoded.
  private struct Source {
    let directory: TraceFinder.Found
    let plans: TracePlans
    let trace: Int
  }

  private var entries: [Entry] = []
  private var sources: [Source] = []

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
  }

  func begin(_ number: Int) -> Int64 { entries[number].begin }

  func plan(_ number: Int) -> StreamPlan {
    sources[Int(entries[number].source)].plans.streams[Int(entries[number].stream)]
  }

  func trace(_ number: Int) -> Int { sources[Int(entries[number].source)].trace }

  /// What is known of a stream; nil when its file can no longer be read.
  func open(_ number: Int) -> (StreamInfo, StreamRecord)? {
    let entry = entries[number]
    let source = sources[Int(entry.source)]
    let path = source.directory.path(source.directory.names[Int(entry.name)])
    let (results, _) = FileIndexer.index(path, source.plans, PacketWindow(capacity: 8192))
    guard let result = results.first(where: { $0.stream == Int(entry.stream) }) else { return nil }
    return TraceOpener.record([result], source.plans, trace: source.trace, number: number)
  }
}
