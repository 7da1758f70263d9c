import Synchronization

extension Trace {
  /// Decodes every field of every event and keeps nothing: what a reader is timed with.
  ///
  /// - Parameter threads: Packets are independent of each other; so many threads share them.
  /// - Returns: The number of events and what was wrong on the way.
  public func decodeAll(threads: Int) -> (events: UInt64, diagnostics: [Diagnostic]) {
    if let many { return decode(many, threads: threads) }
    let pieces = packetRanges(pieces: max(1, threads))
    let results = ResultList(count: pieces.count)
    let bytes = bufferBytes(readers: 1)
    if pieces.count == 1 {
      results.set(0, decode(pieces[0], bufferBytes: bytes))
    } else {
      Workers.perform(pieces.count) { piece in
        results.set(piece, self.decode(pieces[piece], bufferBytes: bytes))
      }
    }
    return results.sum
  }

  /// The same for very many streams, shared out by their numbers.
  private func decode(_ many: ManyStreams, threads: Int) -> (events: UInt64, diagnostics: [Diagnostic]) {
    let pieces = max(1, threads)
    let results = ResultList(count: pieces)
    Workers.perform(pieces) { piece in
      var events: UInt64 = 0
      var diagnostics: [Diagnostic] = []
      var tape = TapeOutput()
      defer { unsafe tape.deallocate() }
      for number in many.count * piece / pieces..<many.count * (piece + 1) / pieces {
        guard let record = self.record(number) else { continue }
        let cursor = EventCursor(record, bufferBytes: 16 << 10, window: nil)
        events += cursor.decodeAll(packets: 0..<Int.max, into: &tape)
        if diagnostics.count < TraceOpener.maximumDiagnostics { diagnostics += cursor.diagnostics }
      }
      results.set(piece, (events, diagnostics))
    }
    return results.sum
  }

  private func decode(
    _ ranges: [Range<Int>], bufferBytes: Int
  ) -> (events: UInt64, diagnostics: [Diagnostic]) {
    var events: UInt64 = 0
    var diagnostics: [Diagnostic] = []
    var tape = TapeOutput()
    defer { unsafe tape.deallocate() }
    for (record, range) in zip(records, ranges) where !range.isEmpty {
      let cursor = EventCursor(record, bufferBytes: bufferBytes, window: nil)
      events += cursor.decodeAll(packets: range, into: &tape)
      diagnostics += cursor.diagnostics
    }
    return (events, diagnostics)
  }

  /// The packets of each stream, cut into pieces of about the same number of bytes.
  private func packetRanges(pieces: Int) -> [[Range<Int>]] {
    let total = streams.reduce(0) { $0 + $1.byteCount }
    var result = [[Range<Int>]](repeating: [], count: pieces)
    var before = 0
    for record in records {
      var bounds = [0]
      for piece in 1..<max(2, pieces) where pieces > 1 {
        bounds.append(packet(of: record, at: total / pieces * piece - before))
      }
      let count = record.files.last.map { $0.firstPacket + $0.index.packetCount } ?? 0
      bounds.append(count)
      for piece in 0..<pieces { result[piece].append(bounds[piece]..<max(bounds[piece], bounds[piece + 1])) }
      before += record.files.reduce(0) { $0 + $1.size }
    }
    return result
  }

  /// The first packet with an index entry at or after a byte of the stream, its files taken as one.
  private func packet(of record: StreamRecord, at byte: Int) -> Int {
    var start = 0
    for file in record.files {
      if byte < start + file.size {
        if let entry = file.index.entries.firstIndex(where: { start + $0.offset - file.start >= byte }) {
          return file.firstPacket + entry * file.index.stride
        }
        return file.firstPacket + file.index.packetCount
      }
      start += file.size
    }
    return record.files.last.map { $0.firstPacket + $0.index.packetCount } ?? 0
  }
}

/// Results of threads, by number.
private final class ResultList: Sendable {
  typealias Result = (events: UInt64, diagnostics: [Diagnostic])

  private let results: Mutex<[Result]>

  init(count: Int) { results = Mutex([Result](repeating: (0, []), count: count)) }

  func set(_ index: Int, _ result: Result) { results.withLock { $0[index] = result } }

  var sum: Result {
    results.withLock { results in
      var sum: Result = (0, [])
      for result in results {
        sum.events += result.events
        sum.diagnostics += result.diagnostics
      }
      return sum
    }
  }
}
