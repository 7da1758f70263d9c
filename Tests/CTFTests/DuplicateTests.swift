import Foundation
import Testing

@testable import CTF

/// Packets that are in several files: whatever is where, what is read is what one file with each packet once gives.
@Suite struct DuplicateTests {
  /// How packets are told apart.
  enum Kind: CaseIterable {
    /// UUID, instance and sequence number, as LTTng writes them.
    case named
    /// The same without the UUID: contents have to be compared.
    case anonymous
    /// Instances and times.
    case timed
    /// Times only: each file is a stream of its own.
    case bare

    var hasInstance: Bool { self != .bare }
    var hasSequence: Bool { self == .named || self == .anonymous }
  }

  private static let uuid: [UInt8] = (0..<16).map { 0xa0 + $0 }

  private func metadata(_ kind: Kind) -> String {
    let uuid = kind == .named ? "uuid = \"a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf\";" : ""
    return HandmadeTraceTests.head + """
      trace { major = 1; minor = 8; byte_order = le; \(uuid)
        packet.header := struct { \(kind == .named ? "u8 uuid[16];" : "") \(kind.hasInstance ? "u8 stream_instance_id;" : "u8 other;") }; };
      clock { name = c; freq = 1000000000; };
      typealias integer { size = 64; map = clock.c.value; } := t64;
      stream { packet.context := struct { u16 content_size; u16 packet_size; t64 timestamp_begin; t64 timestamp_end;
          \(kind.hasSequence ? "u32 packet_seq_num;" : "") u32 events_discarded; };
        event.header := struct { t64 t; }; };
      event { name = e; fields := struct { u16 number; }; };
      """
  }

  private func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// The packets of a stream, with some missing and events discarded.
  private func packets(_ kind: Kind, instance: Int, _ random: inout Random) -> [[UInt8]] {
    var time = 1000 + random.below(20)
    var sequence = random.below(3)
    var discarded = 0
    return (0..<8 + random.below(8)).map { packet in
      let begin = time
      var body: [UInt8] = []
      for event in 0..<random.below(4) {
        time += random.below(9)
        body += number(time, 8) + number(instance * 1000 + packet * 10 + event, 2)
      }
      time += 1
      if random.below(4) == 0 { discarded += random.below(5) }
      let bytes = (kind == .named ? 16 : 0) + 1 + 20 + (kind.hasSequence ? 4 : 0) + 4 + body.count
      defer {
        sequence += 1 + (random.below(4) == 0 ? random.below(3) : 0)
        time += 1 + random.below(20)
      }
      return (kind == .named ? Self.uuid : []) + [UInt8(instance)] + number(bytes * 8, 2)
        + number(bytes * 8, 2)
        + number(begin, 8) + number(time, 8) + (kind.hasSequence ? number(sequence, 4) : [])
        + number(discarded, 4) + body
    }
  }

  /// All that readers make of a trace.
  private struct Reading: Equatable {
    var events: [[UInt64]] = []
    var losses: [String] = []
    var rows: [[UInt64]] = []
    var rowLosses: [String] = []
    var decoded: UInt64 = 0
    var streams: [String] = []
  }

  private func read(_ paths: [String], many: Bool = false, window: Range<Int64>? = nil) throws -> (
    Reading, Trace
  ) {
    let trace = try Trace(opening: paths, manyBeyond: many ? 0 : Int.max)
    var reading = Reading()
    func loss(_ gap: EventGap) -> String { "\(gap.kind) \(gap.begin) \(gap.end) \(gap.count)" }
    var events = MergedEvents(trace, window: window)
    while let event = events.next() {
      reading.events.append([UInt64(event.timestamp), event.values[0]])
      reading.losses += events.takeGaps().map(loss)
    }
    reading.losses += events.takeGaps().map(loss)
    reading.losses.sort()
    #expect(events.stepsBack.isEmpty)
    #expect(trace.diagnostics + events.diagnostics == [])
    reading.decoded = trace.decodeAll(threads: 2).events
    guard !many else { return (reading, trace) }
    var selection = FieldSelection()
    selection.select(event: "e", tag: 3, fields: ["number"])
    var rows = MergedRows(trace, selection: selection, window: window)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) == Row.gapTag {
          reading.rowLosses.append("\(row[2]) \(row[3]) \(row[4]) \(row[5])")
        } else {
          reading.rows.append([row[0], row[2]])
        }
      }
    }
    reading.rowLosses.sort()
    let isUnordered = rows.isUnordered
    #expect(!isUnordered)
    reading.streams = trace.streams.map {
      "\($0.instanceID ?? 0) \($0.packetCount) \($0.begin ?? 0) \($0.end ?? 0) \($0.discardedEvents) \($0.lostPackets) \($0.earlierPackets)"
    }
    reading.streams.sort()
    return (reading, trace)
  }

  /// Puts each packet into one file or several, in some directories, each file in the order of the stream.
  private func scatter(
    _ packets: [[UInt8]], instance: Int, _ directory: TemporaryTrace, _ metadata: String,
    _ random: inout Random,
    isMoved: Bool
  ) throws {
    var files = [[UInt8]](repeating: [], count: 2 + random.below(3))
    for packet in packets {
      var places = Set([isMoved ? random.below(files.count) : 0])
      for place in files.indices where random.below(3) == 0 { places.insert(place) }
      for place in places { files[place] += packet }
    }
    for (place, bytes) in files.enumerated() {
      try directory.write("d\(place)/metadata", Array(metadata.utf8))
      try directory.write("d\(place)/s\(instance)_\(random.below(10))", bytes)
    }
  }

  @Test(
    "Packets scattered over files that overlap are read as one file with each of them",
    arguments: Kind.allCases)
  func scattered(_ kind: Kind) throws {
    // Without UUID, directories are traces of their own: all is in one then.
    for seed in 0..<12 {
      var random = Random(seed: UInt64(900 + seed))
      let whole = try TemporaryTrace(metadata: Array(metadata(kind).utf8), files: [:])
      let scattered = try TemporaryTrace(metadata: nil, files: [:])
      for instance in 0..<2 {
        let packets = packets(kind, instance: instance, &random)
        try whole.write("s\(instance)", packets.flatMap { $0 })
        if kind == .named {
          try scatter(packets, instance: instance, scattered, metadata(kind), &random, isMoved: true)
          continue
        }
        try scattered.write("metadata", Array(metadata(kind).utf8))
        var copies = [packets, [], []]
        for packet in packets { copies[1 + random.below(2)].append(packet) }
        for (place, copy) in copies.enumerated() where kind.hasInstance || place != 2 {
          try scattered.write("s\(instance)_\(place)", copy.flatMap { $0 })
        }
      }
      let (expected, first) = try read([whole.path])
      #expect(first.notes == [])
      var (found, trace) = try read([scattered.path])
      if !kind.hasInstance {
        // The copies' files are streams too, without packets.
        #expect(trace.streams.count == 2)
      }
      #expect(found == expected, "seed \(seed)")
      #expect(trace.notes.count == 1 || kind == .named)
      (found, trace) = try read([scattered.path], many: true)
      // Streams have other numbers, which matter where times are the same.
      func sorted(_ events: [[UInt64]]) -> [[UInt64]] { events.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) } }
      #expect(found.events.map { $0[0] } == expected.events.map { $0[0] }, "seed \(seed), many")
      #expect(sorted(found.events) == sorted(expected.events), "seed \(seed), many")
      #expect(found.losses == expected.losses, "seed \(seed), many")
      #expect(found.decoded == expected.decoded)
      let window: Range<Int64> = 1030..<1110
      #expect(try read([scattered.path], window: window).0 == read([whole.path], window: window).0)
    }
  }

  @Test(
    "A directory by two names, a copy, hard links and symbolic links count once; exemplars lead to a file")
  func names() throws {
    var random = Random(seed: 5)
    let packets = packets(.named, instance: 1, &random)
    let whole = try TemporaryTrace(
      metadata: Array(metadata(.named).utf8), files: ["s": packets.flatMap { $0 }])
    let (expected, _) = try read([whole.path])
    for many in [false, true] {
      #expect(
        try read([whole.path, whole.path + "/", whole.path + "/."], many: many).0.events == expected.events)
    }
    try whole.write("copy", packets.flatMap { $0 })
    link("\(whole.path)/s", "\(whole.path)/hard")
    symlink("s", "\(whole.path)/soft")
    let (found, trace) = try read([whole.path])
    #expect(found == expected)
    #expect(trace.notes.first?.hasPrefix("\(packets.count * 3) packets are") == true)
    #expect(try read([whole.path], many: true).0.events == expected.events)
    for packet in packets.indices {
      #expect(trace.location(stream: 0, packet: packet)?.packet == packet)
    }
    #expect(trace.location(stream: 0, packet: packets.count) == nil)
  }

  @Test("Packets that differ in anything, or say nothing of themselves, are all read")
  func different() throws {
    var random = Random(seed: 6)
    let packets = packets(.timed, instance: 1, &random)
    var changed = packets
    var events = 0
    for (number, packet) in packets.enumerated() where packet.count > 25 {
      changed[number][packet.count - 1] ^= 0x80
      events += (packet.count - 25) / 10
    }
    let trace = try TemporaryTrace(
      metadata: Array(metadata(.timed).utf8),
      files: ["a": packets.flatMap { $0 }, "b": changed.flatMap { $0 }])
    #expect(try Trace(opening: [trace.path]).decodeAll(threads: 1).events == UInt64(events * 2))
    let plain = """
      \(HandmadeTraceTests.head) trace { major = 1; minor = 8; byte_order = le; }; stream { };
      event { name = e; fields := struct { u8 x; }; };
      """
    let silent = try TemporaryTrace(metadata: Array(plain.utf8), files: ["a": [1, 2], "b": [1, 2]])
    #expect(try Trace(opening: [silent.path]).decodeAll(threads: 1).events == 4)
  }

  @Test("Of a packet that is cut off in one file the other one is read") func cut() throws {
    var random = Random(seed: 7)
    let packets = packets(.named, instance: 1, &random)
    let whole = packets.flatMap { $0 }
    let trace = try TemporaryTrace(
      metadata: Array(metadata(.named).utf8), files: ["a": Array(whole.dropLast(3)), "b": whole])
    let alone = try TemporaryTrace(metadata: Array(metadata(.named).utf8), files: ["b": whole])
    let (opened, expected) = (try Trace(opening: [trace.path]), try Trace(opening: [alone.path]))
    let (found, problems) = opened.decodeAll(threads: 1)
    #expect(found == expected.decodeAll(threads: 1).events)
    #expect(opened.diagnostics.count == 1 && problems == [])
  }
}
