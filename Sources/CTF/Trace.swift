/// One or several traces of CTF 1.8 or CTF 2, opened and indexed; reading the events is up to ``MergedRows`` and
/// ``MergedEvents``.
///
/// Chunks of one recording (session rotation: same UUID) are one trace; files of one stream (tracefile rotation: same
/// stream and instance id) are one stream.
public final class Trace: Sendable {
  /// The traces found, in the order of their paths.
  public let members: [TraceInfo]
  /// The streams of all traces; none when it was opened for very many streams and has them: see ``stream(_:)``.
  public let streams: [StreamInfo]
  /// The number of streams.
  public let streamCount: Int
  /// What was wrong but survivable so far; readers add what they find in packets.
  public let diagnostics: [Diagnostic]
  /// Whether there are files of which nothing can be read: at any time events can be missing.
  public let hasUnreadFiles: Bool
  /// Whether there are files without a packet: streams of which nothing was written, not even that they were empty.
  public let hasEmptyFiles: Bool
  /// What is odd, but no reason to doubt that everything was read.
  public let warnings: [Diagnostic]
  /// What is to know about the files, and nothing to worry about.
  public let notes: [String]
  /// Whether times count from the begin of the trace and not from its clock's origin, which is too far away.
  public let hasOwnOrigin: Bool
  let records: [StreamRecord]
  let many: ManyStreams?
  private let bufferMemory: Int

  /// Opens traces and indexes their packets.
  ///
  /// - Parameters:
  ///   - paths: Directories, searched recursively for `metadata`.
  ///   - allowsMany: Whether the caller does without ``streams`` where there are thousands of files. Memory stays flat
  ///     then: ``MergedEvents`` opens streams when their time has come.
  ///   - isStrict: Whether to refuse metadata in which anything is not allowed by the specification; otherwise what
  ///     can mean only one thing is read, with a warning.
  ///   - isGrowing: Whether the trace is still being written. Packets that are not complete are not there yet, which is no
  ///     damage; opened again later, it has what was written until then.
  /// - Throws: When a path holds no trace, its metadata is invalid or nothing in it can be read.
  public convenience init(
    opening paths: [String], allowsMany: Bool = false, isStrict: Bool = false, isGrowing: Bool = false
  ) throws(TraceError) {
    try self.init(
      opening: paths, manyBeyond: allowsMany ? ManyStreams.threshold : Int.max, isStrict: isStrict,
      isGrowing: isGrowing)
  }

  /// - Parameters:
  ///   - threshold: With more files only the places of streams are kept.
  ///   - bufferMemory: How many bytes the buffers of all readers may have together, as long as nothing is larger.
  init(
    opening paths: [String], manyBeyond threshold: Int, bufferMemory: Int = 16 << 20, isStrict: Bool = false,
    isGrowing: Bool = false
  ) throws(TraceError) {
    self.bufferMemory = bufferMemory
    var finder = TraceFinder()
    for path in paths { try finder.search(path) }
    finder.finish()
    let files = finder.found.reduce(0) { $0 + $1.names.count }
    var opener = TraceOpener(
      diagnostics: finder.diagnostics, warnings: finder.warnings, isMany: files > threshold,
      isStrict: isStrict, isGrowing: isGrowing)
    try opener.open(opener.readMetadata(finder.found))
    guard threshold < Int.max || opener.records.count <= Row.maximumStreams else {
      throw TraceError(
        file: paths.first ?? "",
        message: "\(opener.records.count) streams; at most \(Row.maximumStreams) can be analyzed")
    }
    many = opener.many
    streamCount = opener.many?.count ?? opener.records.count
    if streamCount == 0, let reason = opener.diagnostics.first { throw reason }
    members = opener.traces
    streams = opener.streams
    records = opener.records
    diagnostics = opener.diagnostics
    hasUnreadFiles = opener.hasUnreadFiles
    hasEmptyFiles = opener.hasEmptyFiles
    warnings = opener.warnings
    notes = opener.notes
    hasOwnOrigin = opener.times.origin != 0
  }

  /// The environment of the first trace.
  public var environment: [(name: String, value: String)] { members.first?.environment ?? [] }
  /// The first packet's begin in ns since the clock's origin.
  public var beginTimestamp: Int64? { streams.lazy.compactMap(\.begin).min() }
  /// The last packet's end in ns since the clock's origin.
  public var endTimestamp: Int64? { streams.lazy.compactMap(\.end).max() }

  /// The moment up to which all streams have been written, ns since the clock's origin: what a stream still gets comes at or
  /// after it. nil: some stream has no packet yet, or one without times.
  public var completeUpTo: Int64? {
    guard !hasEmptyFiles, !hasUnreadFiles, !streams.isEmpty, streams.allSatisfy({ $0.end != nil }),
      records.allSatisfy(\.isOrdered)
    else { return nil }
    return streams.lazy.compactMap(\.end).min()
  }

  /// Cuts the time of the trace into at most `count` half-open slices with about the same amount of data, for
  /// readers that work in parallel; the first begins at `Int64.min`, the last ends at `Int64.max`.
  public func timeSlices(_ count: Int) -> [Range<Int64>] {
    var pieces: [(begin: Int64, bytes: Int)] = []
    for record in records {
      for file in record.files {
        let entries = file.index.entries
        for (number, entry) in entries.enumerated() where entry.begin > Int64.min {
          let next = number + 1 < entries.count ? entries[number + 1].offset : file.start + file.size
          pieces.append((entry.begin, next - entry.offset))
        }
      }
    }
    pieces.sort { $0.begin < $1.begin }
    let total = pieces.reduce(0) { $0 + $1.bytes }
    var cuts: [Int64] = []
    var sum = 0
    for piece in pieces {
      if cuts.count + 1 < count, sum >= total / max(1, count) * (cuts.count + 1),
        piece.begin > cuts.last ?? Int64.min,
        sum > 0
      {
        cuts.append(piece.begin)
      }
      sum += piece.bytes
    }
    let bounds = [Int64.min] + cuts + [Int64.max]
    return zip(bounds, bounds.dropFirst()).map { $0..<$1 }
  }

  /// Where a packet of a stream is; nil when there is no such packet.
  public func location(stream: Int, packet: Int) -> PacketLocation? {
    guard records.indices.contains(stream), packet >= 0 else { return nil }
    let record = records[stream]
    guard let file = record.files.last(where: { $0.firstPacket <= packet }),
      packet - file.firstPacket < file.index.packetCount
    else { return nil }
    let number = packet - file.firstPacket
    var offset = file.index.entries[number / file.index.stride].offset
    var rest = number % file.index.stride
    let buffer = PacketBuffer(capacity: 8192)
    var state = DecodeState(record.plans)
    defer { unsafe state.deallocate() }
    var nothing = NoOutput()
    while rest > 0 {
      guard (try? buffer.open(file.path)) != nil,
        let header = try? record.plans.readHeader(
          buffer, at: offset, index: file.packetsBefore + number - rest, expected: nil, &state,
          context: &nothing)
      else { return nil }
      offset += header.packetBits / 8
      rest -= 1
    }
    return PacketLocation(
      file: PathText.shown(file.path), packet: file.packetsBefore + number, byteOffset: offset)
  }

  /// The number that a packet of a stream carries (`packet_seq_num`); nil when it has none, or there is no such packet.
  public func sequence(stream: Int, packet: Int) -> UInt64? {
    guard let place = location(stream: stream, packet: packet) else { return nil }
    let record = records[stream]
    let buffer = PacketBuffer(capacity: 8192)
    var state = DecodeState(record.plans)
    defer { unsafe state.deallocate() }
    var nothing = NoOutput()
    guard let file = record.files.last(where: { $0.firstPacket <= packet }),
      (try? buffer.open(file.path)) != nil
    else { return nil }
    return try? record.plans.readHeader(
      buffer, at: place.byteOffset, index: place.packet, expected: nil, &state, context: &nothing
    ).sequence
  }

  /// What is known of a stream; nil when there is none of this number, or its file is gone.
  public func stream(_ number: Int) -> StreamInfo? {
    guard number >= 0, number < streamCount else { return nil }
    return many.map { $0.open(number)?.0 } ?? streams[number]
  }

  /// What is needed to read a stream.
  func record(_ number: Int) -> StreamRecord? {
    many.map { $0.open(number)?.1 } ?? records[number]
  }

  /// The size of the buffer of each stream's reader, so that all together stay small.
  func bufferBytes(readers: Int = 1) -> Int {
    let share = bufferMemory / max(1, streamCount * readers)
    return max(8 << 10, min(256 << 10, share))
  }
}
