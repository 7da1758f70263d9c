import Testing

@testable import CTF

/// Traces of so many files that only the places of streams are kept: nothing but the memory may differ.
@Suite struct ManyStreamsTests {
  private struct Loss: Hashable {
    let kind: GapKind
    let begin: Int64
    let end: Int64
    let count: UInt64
  }

  /// All timestamps, and what was lost, with how often.
  private func read(_ trace: Trace, _ window: Range<Int64>? = nil) -> (times: [Int64], losses: [Loss: Int]) {
    var events = MergedEvents(trace, window: window)
    var times: [Int64] = []
    var losses: [Loss: Int] = [:]
    func add(_ gaps: [EventGap]) {
      for gap in gaps {
        losses[Loss(kind: gap.kind, begin: gap.begin, end: gap.end, count: gap.count), default: 0] += 1
      }
    }
    while let event = events.next() {
      times.append(event.timestamp)
      add(events.takeGaps())
    }
    add(events.takeGaps())
    return (times, losses)
  }

  private func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Rotated streams of two classes and several instances, each with packets missing and events discarded everywhere.
  private func rotated(_ random: inout Random, hasSequence: Bool) throws -> TemporaryTrace {
    let fields =
      "u16 content_size; u16 packet_size; t64 timestamp_begin; t64 timestamp_end; u32 events_discarded;"
      + (hasSequence ? " u32 packet_seq_num;" : "")
    let metadata =
      HandmadeTraceTests.head + """
        trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u8 stream_id; u8 stream_instance_id; }; };
        clock { name = c; freq = 1000000000; };
        typealias integer { size = 64; map = clock.c.value; } := t64;
        stream { id = 0; packet.context := struct { \(fields) }; event.header := struct { t64 t; }; };
        stream { id = 1; packet.context := struct { \(fields) }; event.header := struct { t64 t; }; };
        event { stream_id = 0; name = e; fields := struct { u8 x; }; };
        event { stream_id = 1; name = e; fields := struct { u8 x; }; };
        """
    let directory = try TemporaryTrace(metadata: Array(metadata.utf8), files: [:])
    for stream in 0..<2 {
      for instance in 0..<3 {
        var time = 1000 + random.below(1000)
        var discarded = random.below(3)
        var sequence = random.below(2)
        for file in 0..<4 {
          var bytes: [UInt8] = []
          for _ in 0..<1 + random.below(3) {
            let events = random.below(3)
            let size = (2 + 24 + (hasSequence ? 4 : 0) + 9 * events) * 8
            let begin = time
            var body: [UInt8] = []
            for _ in 0..<events {
              time += 1 + random.below(50)
              body += number(time, 8) + [7]
            }
            time += 1 + random.below(50)
            if random.below(2) == 0 { discarded += random.below(5) }
            bytes += [UInt8(stream), UInt8(instance)] + number(size, 2) + number(size, 2) + number(begin, 8)
            bytes += number(time, 8) + number(discarded, 4) + (hasSequence ? number(sequence, 4) : []) + body
            sequence += 1 + (random.below(3) == 0 ? 1 + random.below(3) : 0)
            time += 1
          }
          // The files' names are in no order.
          try directory.write("s\(stream)\(instance)_\((file * 3 + 1) % 4)", bytes)
        }
      }
    }
    return directory
  }

  @Test(arguments: [true, false])
  func lossesBetweenRotatedFilesAreCounted(hasSequence: Bool) throws {
    for seed in 0..<20 {
      var random = Random(seed: UInt64(4000 + seed))
      let directory = try rotated(&random, hasSequence: hasSequence)
      let few = try Trace(opening: [directory.path])
      let many = try Trace(opening: [directory.path], manyBeyond: 0)
      #expect(few.streamCount == 6 && many.streamCount == 24)
      let whole = read(few)
      let placed = read(many)
      #expect(whole.times == placed.times)
      #expect(whole.losses == placed.losses)
      let discarded = whole.losses.reduce(0) {
        $0 + ($1.key.kind == .discardedEvents ? $1.key.count : 0) * UInt64($1.value)
      }
      #expect(discarded == few.streams.reduce(0) { $0 + $1.discardedEvents })
      for _ in 0..<10 {
        let begin = Int64(900 + random.below(1800))
        let window = begin..<begin + Int64(random.below(900))
        let (part, place) = (read(few, window), read(many, window))
        #expect((part.times == place.times) == true)
        #expect((part.losses == place.losses) == true, "seed \(seed), \(window)")
      }
    }
  }

  @Test(arguments: ["lossy", "rotated-files", "snapshot"])
  func recordedTracesAreTheSame(name: String) throws {
    let (whole, placed) = (
      read(try Trace(opening: [fixture(name)])), read(try Trace(opening: [fixture(name)], manyBeyond: 0))
    )
    #expect(whole.times == placed.times && !whole.times.isEmpty)
    #expect(whole.losses == placed.losses)
  }
}
