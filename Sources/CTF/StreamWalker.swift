/// Goes through the packets of one stream, file after file, and keeps a piece of the current one in memory.
final class StreamWalker {
  struct Gap {
    let kind: GapKind
    /// ns.
    let begin: Int64
    let end: Int64
    /// 0: unknown.
    let count: UInt64
    /// Index of the file in which the loss shows, of those of the stream.
    var file = 0
  }

  let record: StreamRecord
  // Readers copy these two, work on the copies and put them back: accesses never overlap, and checking that at run
  // time, for each event, would take a fifth of a dump's time.
  @safe @exclusivity(unchecked) var state: DecodeState
  /// Where decoding goes on in the current packet.
  @safe @exclusivity(unchecked) var cursor: BitCursor
  private(set) var header = PacketHeader()
  /// Index of the current packet in the stream.
  @safe @exclusivity(unchecked) private(set) var packet = -1
  /// Gaps between the previous packet and this one.
  @safe @exclusivity(unchecked) private(set) var gaps: [Gap] = []
  private(set) var diagnostics: [Diagnostic] = []
  private let streamIndex: Int
  private let buffer: PacketBuffer
  private let window: Range<Int64>?
  /// The timestamps wanted of the current packet's events.
  @safe @exclusivity(unchecked) private(set) var wanted = Int64.min..<Int64.max
  private let allWanted: Range<Int64>
  /// Whether what was lost before the first packet of the record is no loss of this reading: there are packets before it
  /// in another record, or it is out of the time wanted.
  private var isContinued: Bool
  private var fileIndex = 0
  private var packetInFile = -1
  private var nextOffset = 0
  private var previous: PacketHeader?
  private var damagedSince: Int64?
  private var isFinished = false
  private var isBeyond = false
  /// Packets from this one on are left out.
  var packetLimit = Int.max

  /// - Parameters:
  ///   - window: Only packets that may have events in this half-open range of ns.
  ///   - before: The packet before the first one of the record, in a file that is a stream of its own.
  init(_ record: StreamRecord, bufferBytes: Int, window: Range<Int64>?, before: PacketHeader? = nil) {
    self.record = record
    self.window = record.isOrdered ? window : nil
    isContinued = before != nil
    streamIndex = record.plans.streams.firstIndex { $0 === record.plan } ?? 0
    allWanted = window ?? Int64.min..<Int64.max
    buffer = PacketBuffer(capacity: bufferBytes, largest: bufferBytes * 16)
    state = DecodeState(record.plans)
    cursor = BitCursor(base: buffer.address(0), position: 0, limit: 0, content: 0, eventsEnd: 0)
    guard let window = self.window else {
      previous = before
      return
    }
    // What was lost in front of the first packet is of interest if that packet, and the one before, are.
    if let entry = record.files.first?.index.entries.first, entry.end < window.lowerBound {
      isContinued = true
    } else if let begin = before?.begin, record.plan.clock(begin) < window.upperBound {
      previous = before
    }
    seek(window.lowerBound)
  }

  // Copies of the state are gone: they are made for the length of a call.
  deinit { unsafe state.deallocate() }

  /// Goes to the packet before the first one that ends at `time` or later.
  private func seek(_ time: Int64) {
    for (number, file) in record.files.enumerated() {
      guard let entry = file.index.entries.firstIndex(where: { $0.end >= time }) else { continue }
      if entry > 0 {
        fileIndex = number
        packetInFile = (entry - 1) * file.index.stride - 1
        nextOffset = file.index.entries[entry - 1].offset
      } else if number > 0, let last = record.files[number - 1].index.entries.last {
        let before = record.files[number - 1].index
        fileIndex = number - 1
        packetInFile = (before.entries.count - 1) * before.stride - 1
        nextOffset = last.offset
      }
      return
    }
    if let file = record.files.last, let entry = file.index.entries.last {
      fileIndex = record.files.count - 1
      packetInFile = (file.index.entries.count - 1) * file.index.stride - 1
      nextOffset = entry.offset
    }
  }

  /// Goes to just before a packet, so that the next one is that packet.
  func seek(packet wanted: Int) {
    guard let number = record.files.lastIndex(where: { $0.firstPacket <= wanted }) else { return }
    let index = record.files[number].index
    let inFile = wanted - record.files[number].firstPacket
    guard wanted > 0, inFile < index.packetCount, inFile % index.stride == 0 else { return }
    fileIndex = number
    packetInFile = inFile - 1
    packet = wanted - 1
    nextOffset = index.entries[inFile / index.stride].offset
  }

  /// Goes to the next packet; false at the end of the stream, which may be a gap.
  func nextPacket<Output: DecodeOutput>(context: inout Output) -> Bool {
    gaps.removeAll(keepingCapacity: true)
    if packet >= 0 { checkTime() }
    // The rest of a packet that is cut off is missing.
    if header.defect != nil { noteDamage() }
    while !isFinished {
      guard fileIndex < record.files.count else { break }
      let file = record.files[fileIndex]
      guard packetInFile + 1 < file.index.packetCount else {
        // What follows was found to be unreadable when the file was indexed.
        if file.isDamaged { noteDamage() }
        fileIndex += 1
        packetInFile = -1
        continue
      }
      if packetInFile < 0 { nextOffset = file.start }
      packetInFile += 1
      packet = file.firstPacket + packetInFile
      guard packet < packetLimit else { break }
      let clock = state.clock
      do throws(TraceError) {
        try buffer.open(file.path)
        let isFirst = packet == 0 && !isContinued
        header = try record.plans.readHeader(
          buffer, at: nextOffset, index: file.packetsBefore + packetInFile,
          expected: file.isMixed ? nil : streamIndex, &state,
          context: &context)
        nextOffset += header.packetBits / 8
        if header.stream != streamIndex {
          state.clock = clock
          continue
        }
        findGaps(isFirst: isFirst)
        // A gap that reaches up to this packet may begin inside the window.
        if let upper = window?.upperBound, let begin = header.begin, record.plan.clock(begin) >= upper {
          isFinished = true
          return false
        }
        for index in gaps.indices { gaps[index].file = fileIndex }
        previous = header
        enterPacket()
        return true
      } catch {
        // Its place in the file is known, its successor's is not.
        diagnostics.append(error)
        state.clock = clock
        noteDamage()
        packetInFile = file.index.packetCount
      }
    }
    if !isFinished, let since = damagedSince {
      // Nobody knows how long the stream was: it may have gone on to the end of the trace.
      let last = max(0, record.files.count - 1)
      gaps.append(Gap(kind: .damage, begin: since, end: Int64.max, count: 0, file: last))
      damagedSince = nil
    }
    isFinished = true
    return false
  }

  /// Tells once of events whose times cannot be told.
  private func checkTime() {
    guard record.plan.clock.isBeyond(state.clock), record.plan.hasClock, !isBeyond else { return }
    noteBeyond()
  }

  /// Tells once that times are wrong.
  func noteBeyond() {
    guard !isBeyond, record.files.indices.contains(fileIndex) else { return }
    isBeyond = true
    let file = record.files[fileIndex]
    diagnostics.append(
      TraceError(
        file: file.path, packet: file.packetsBefore + max(0, packetInFile),
        message: "events are 2^63 ns (292 years) or more from the clock's origin; their times are not known"))
  }

  private func enterPacket() {
    wanted = allWanted
    // Packets are chosen by their own times. An event outside of its packet's, as LTTng-UST before 2.11 wrote them,
    // goes with the packet's begin or end, so that windows side by side have each event once.
    if window != nil, let begin = header.begin.map({ record.plan.clock($0) }) {
      let end = header.end.map { record.plan.clock($0) } ?? Int64.max
      let isOver = end < wanted.lowerBound
      let lower = begin >= wanted.lowerBound ? Int64.min : wanted.lowerBound
      let upper = end < wanted.upperBound ? Int64.max : wanted.upperBound
      wanted = isOver ? lower..<lower : lower..<upper
    }
    cursor = BitCursor(
      base: buffer.address(header.offset), position: header.eventBits, limit: 0, content: header.contentBits,
      eventsEnd: header.eventsEnd)
    setLimit()
  }

  private func setLimit() {
    cursor.base = buffer.address(header.offset)
    cursor.limit = min(header.contentBits, (buffer.end - header.offset) * 8)
  }

  /// Gets more of the packet into memory, from the event on that begins at bit `position`; decoding has to begin
  /// with that event again. False when there is no more or the event is too large.
  func refill(from position: Int) -> Bool {
    guard cursor.limit < header.contentBits else { return false }
    let first = header.offset + position / 8
    let end = header.offset + (header.contentBits + 7) / 8
    do throws(TraceError) {
      let before = buffer.end
      if buffer.start == first, buffer.count == buffer.capacity, !buffer.grow() { return false }
      try buffer.load(from: first, upTo: end)
      // The file is shorter than it was.
      if buffer.end <= before { return false }
    } catch {
      diagnostics.append(error)
      return false
    }
    setLimit()
    cursor.position = position
    return true
  }

  /// Moves the buffer so that it begins at bit `position`, to read in pieces from there. False when that gives no
  /// bits that were not in memory before.
  func slide(to position: Int) -> Bool {
    guard cursor.limit < header.contentBits else { return false }
    let before = buffer.end
    return move(to: position) && buffer.end > before
  }

  /// Loads what begins at bit `position` of the packet, before or behind what is in memory.
  func move(to position: Int) -> Bool {
    let first = header.offset + position / 8
    let end = header.offset + (header.contentBits + 7) / 8
    do throws(TraceError) {
      if buffer.capacity < PacketBuffer.sufficientBytes { buffer.resize(PacketBuffer.sufficientBytes) }
      try buffer.load(from: min(first, end), upTo: end)
    } catch {
      diagnostics.append(error)
      return false
    }
    setLimit()
    cursor.position = position
    return true
  }

  /// Gives back the buffer and closes the file.
  func park() {
    buffer.close()
    buffer.resize(0)
  }

  /// Undoes `park`.
  func unpark() -> Bool {
    let position = cursor.position
    if packet < 0 || fileIndex >= record.files.count {
      buffer.resize(PacketBuffer.sufficientBytes)
      return false
    }
    guard fileIndex < record.files.count, (try? buffer.open(record.files[fileIndex].path)) != nil else {
      return false
    }
    return move(to: position) && (cursor.limit >= position)
  }

  /// The bytes in memory from bit `position` on, a multiple of 8, up to the content's end.
  func bytes(from position: Int) -> LoadedBytes {
    buffer.bytes(
      at: header.offset + position >> 3, count: max(0, (cursor.limit >> 3) - (position >> 3)))
  }

  /// Gives up the rest of the packet.
  ///
  /// - Parameter since: When the last event was that is to be believed; nil: when the last one was that was read.
  func abandonPacket(at position: Int, _ message: String, since: Int64? = nil) {
    let file = record.files[fileIndex]
    diagnostics.append(
      TraceError(
        file: file.path, packet: file.packetsBefore + packetInFile,
        bitOffset: UInt64(header.offset) * 8 + UInt64(max(0, position)), message: message))
    noteDamage(since: since)
    cursor.position = cursor.content
  }

  /// Begins a gap with the event read last, unless one has begun: damage may follow damage.
  private func noteDamage(since: Int64? = nil) {
    // What was taken for an event may have led far beyond the packet's end.
    let end = header.end.map { record.plan.clock($0) } ?? Int64.max
    damagedSince = min(damagedSince ?? Int64.max, end, since ?? record.plan.clock(state.clock))
  }

  /// Compares the counters of this packet with those of the one before.
  private func findGaps(isFirst: Bool) {
    let begin = header.begin.map { record.plan.clock($0) } ?? 0
    let end = header.end.map { record.plan.clock($0) } ?? begin
    if let since = damagedSince {
      gaps.append(Gap(kind: .damage, begin: since, end: begin, count: 0))
      damagedSince = nil
    }
    let since = previous.map { $0.end ?? $0.begin ?? 0 }.map { record.plan.clock($0) } ?? begin
    let counts = Self.losses(previous, header, isFirst: isFirst)
    if counts.packets > 0 {
      gaps.append(Gap(kind: .lostPackets, begin: since, end: begin, count: counts.packets))
    }
    if counts.events > 0 {
      gaps.append(Gap(kind: .discardedEvents, begin: since, end: end, count: counts.events))
    }
  }

  /// Packets missing between two packets, and events discarded up to the second one's end.
  static func losses(
    _ previous: PacketHeader?, _ header: PacketHeader, isFirst: Bool
  ) -> (packets: UInt64, events: UInt64) {
    guard let previous else {
      // Of a recording that began earlier, the first packet's counters tell of what is not here.
      let isBegin = isFirst && (header.sequence ?? 0) == 0
      return (0, isBegin ? min(header.discarded ?? 0, mostLost) : 0)
    }
    // Counters belong to an instance; a file may have several.
    guard previous.instanceID == header.instanceID else { return (0, 0) }
    var packets: UInt64 = 0
    if let before = previous.sequence, let now = header.sequence, now > before { packets = now - before - 1 }
    var events: UInt64 = 0
    if let now = header.discarded {
      let before = previous.discarded ?? 0
      // A counter that went back was reset.
      events = now >= before ? now - before : now
    }
    return (min(packets, mostLost), min(events, mostLost))
  }

  /// No tracer loses a million million between two packets: a counter that says so is damaged. The bound keeps sums
  /// over all packets of a trace in range.
  private static let mostLost: UInt64 = 1 << 40
}
