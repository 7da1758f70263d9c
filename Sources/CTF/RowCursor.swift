/// Decodes one stream into blocks of rows.
final class RowCursor {
  private enum Stop {
    case full
    case endOfPacket
    case lossBegins
    case sliceEnds
    case shortage(Int)
    case stringsFull(Int)
    case failed(Int, String)
  }

  private static let minimumStrings = 16 << 10
  private static let maximumStrings = PacketBuffer.maximumBytes

  let stream: Int
  let storage: RowStorage
  private(set) var strings: StringStorage
  /// The rows from `head` up to `count` are still to be delivered.
  var head = 0
  private(set) var count = 0
  private(set) var others: UInt64 = 0
  private(set) var delivered: UInt64 = 0
  /// Whether a timestamp was smaller than the one before, or an event outside of its packet's times.
  private(set) var isUnordered = false
  var diagnostics: [Diagnostic] { walker.diagnostics }
  private let walker: StreamWalker
  private let plans: RowPlans
  /// The plans', which live as long.
  private let entries: PlainTable<RowPlans.Entry>
  private let table: EventTable
  private let fast: FastEvents
  private let window: Range<Int64>
  private var filter: RowFilter
  /// Whether a slice's end was seen in a stream whose packets are in no order.
  private var isOver = false
  private var last = Int64.min
  private var pendingGaps: [StreamWalker.Gap] = []
  private var isInPacket = false
  private var isParked = false
  /// Events discarded at the end of the current packet, not delivered yet, and the bit from which on they may be
  /// missing.
  private var lossAtEnd: StreamWalker.Gap?
  private var lossPosition = Int.max
  /// When a packet is nearly full, events that no longer fit are discarded while smaller ones still are recorded: the
  /// gap begins with the last event before the packet's last bytes, so many that any event of a hot path would have
  /// fitted.
  private static let lossMargin = 512 * 8

  /// - Parameters:
  ///   - plans: How rows are made of the stream's events.
  ///   - isSlice: Whether the window is a slice, see ``RowFilter``.
  ///   - isOneOfMany: Whether memory is short: there are none for strings until there is one.
  init(
    _ record: StreamRecord, _ plans: RowPlans, stride: Int, capacity: Int, bufferBytes: Int,
    window: Range<Int64>?, isSlice: Bool, isOneOfMany: Bool = false
  ) {
    stream = record.number
    self.window = window ?? Int64.min..<Int64.max
    filter = RowFilter(
      isSlice: isSlice, lower: self.window.lowerBound, upper: self.window.upperBound)
    self.plans = plans
    entries = plans.entries
    table = plans.table
    fast = plans.fast
    walker = StreamWalker(record, bufferBytes: bufferBytes, window: window)
    storage = RowStorage(stride: stride, capacity: capacity, slotCount: plans.slotCount)
    strings = StringStorage(capacity: isOneOfMany ? 0 : Self.minimumStrings)
  }

  // The rows of a run are valid until the next one is asked for.
  deinit {
    unsafe storage.deallocate()
    unsafe strings.deallocate()
  }

  /// Gives back the buffers that are not needed until the next block.
  func park() {
    guard !isParked else { return }
    isParked = true
    walker.park()
  }

  /// Decodes the next block; false at the end of the stream. The rows of the last one are gone.
  func fill() -> Bool {
    head = 0
    count = 0
    if isParked { unpark() }
    var stringCount = 0
    while true {
      while let gap = pendingGaps.first {
        guard count < storage.capacity else { return true }
        deliver(gap)
        pendingGaps.removeFirst()
      }
      guard count < storage.capacity else { return true }
      if !isInPacket {
        var nothing = NoOutput()
        let hasPacket = !isOver && walker.nextPacket(context: &nothing)
        pendingGaps = isOver ? [] : walker.gaps
        isInPacket = hasPacket
        findLossAtEnd()
        pendingGaps.removeAll { !window.contains($0.begin) }
        if hasPacket { enterPacket() }
        if !hasPacket {
          // It lies behind the window, with the packet.
          lossAtEnd = nil
          lossPosition = .max
        }
        if !hasPacket, pendingGaps.isEmpty { return count > 0 }
        continue
      }
      let first = count
      let stop = decode(&stringCount)
      if isUnordered { lookForTimesBeyond(from: first) }
      switch stop {
      case .full: return true
      case .endOfPacket:
        if let end = walker.header.end, walker.record.plan.clock(end) < last { isUnordered = true }
        leavePacket()
      case .lossBegins: placeLoss()
      case .sliceEnds:
        // What is lost at the packet's end belongs to a later slice.
        lossAtEnd = nil
        isOver = !walker.record.isOrdered
        leavePacket()
      case .shortage(let position):
        guard !walker.refill(from: position) else { continue }
        if walker.cursor.limit < walker.cursor.content, walker.cursor.position >= 0,
          decodeLarge(from: position, &stringCount)
        {
          continue
        }
        takeBack()
        walker.abandonPacket(at: position, DecodeStatus.shortage.message, since: last)
        leavePacket()
      case .failed(let position, let message):
        takeBack()
        walker.abandonPacket(at: position, message, since: last)
        leavePacket()
      case .stringsFull(let position):
        walker.cursor.position = position
        if count > 0 { return true }
        guard strings.capacity < Self.maximumStrings else {
          walker.abandonPacket(at: position, DecodeStatus.tooLarge.message)
          leavePacket()
          continue
        }
        let capacity = min(Self.maximumStrings, max(Self.minimumStrings, strings.capacity * 8))
        // No row is left, nor an output.
        unsafe strings.deallocate()
        strings = StringStorage(capacity: capacity)
        stringCount = 0
      }
    }
  }

  /// Takes back what cannot have been events of the packet that has just turned out to be damaged: from the first one on
  /// that is outside of the packet's times, as far as it is in this block.
  private func takeBack() {
    let clock = walker.record.plan.clock
    guard let begin = walker.header.begin.map({ clock($0) }), let end = walker.header.end.map({ clock($0) }),
      begin <= end
    else { return }
    let word = UInt64(UInt32(truncatingIfNeeded: walker.packet))
    for index in 0..<count {
      guard storage[index, 1] >> 32 == word, Row.tag(word: storage[index, 1]) != Row.gapTag,
        !(begin...end).contains(storage.timestamp(index))
      else {
        continue
      }
      // Gaps among them were no events, and the one of the damage begins before they do.
      delivered -= UInt64((index..<count).count { Row.tag(word: storage[$0, 1]) != Row.gapTag })
      count = index
      break
    }
    // Without the events that were taken back, the last one is the row before them, or one of a block before.
    guard last > end else { return }
    last = begin
    if count > 0, storage[count - 1, 1] >> 32 == word { last = max(begin, storage.timestamp(count - 1)) }
  }

  /// Where time runs backwards, an event may have been too far away for a time, and the one behind it not.
  @inline(never)
  private func lookForTimesBeyond(from first: Int) {
    let clock = walker.record.plan.clock
    for row in first..<count where clock.isEdge(storage.timestamp(row)) { walker.noteBeyond() }
  }

  private func unpark() {
    isParked = false
    if walker.unpark() || !isInPacket { return }
    walker.abandonPacket(at: walker.cursor.position, "the file cannot be read again")
    leavePacket()
  }

  private func enterPacket() {
    // An event before its packet's begin, and a packet that begins before the last event, are steps back in time.
    if let begin = walker.header.begin {
      let time = walker.record.plan.clock(begin)
      if time < last { isUnordered = true }
      last = time
    }
    // Packets in no order are one sequence of events, which a slice begins and ends in once.
    guard !filter.isSlice || walker.record.isOrdered else { return }
    filter.lower = walker.wanted.lowerBound
    filter.upper = walker.wanted.upperBound
  }

  /// Puts off the gap of events discarded at the end of a packet that was just entered until that end is reached.
  private func findLossAtEnd() {
    let header = walker.header
    // A packet that was closed with room left did not discard for want of room at its end.
    guard walker.record.plans.discardsAtPacketEnd, header.packetBits - header.contentBits < Self.lossMargin,
      let index = pendingGaps.firstIndex(where: { $0.kind == .discardedEvents })
    else { return }
    lossAtEnd = pendingGaps.remove(at: index)
    lossPosition = max(0, header.packetBits - Self.lossMargin)
  }

  /// Makes the gap begin with the event that was decoded last.
  private func placeLoss() {
    lossPosition = .max
    guard let loss = lossAtEnd else { return }
    lossAtEnd = nil
    let begin = min(walker.record.plan.clock(walker.state.clock), loss.end)
    // A slice has what happens between its first event and its last one.
    guard filter.isSlice ? filter.hasBegun : window.contains(max(begin, loss.begin)) else { return }
    pendingGaps.append(
      StreamWalker.Gap(kind: loss.kind, begin: max(begin, loss.begin), end: loss.end, count: loss.count))
  }

  private func leavePacket() {
    placeLoss()
    isInPacket = false
  }

  /// Events of the current packet, until something else has to be done.
  private func decode(_ stringCount: inout Int) -> Stop {
    var cursor = walker.cursor
    var state = walker.state
    let header = walker.record.plan.header
    let clock = walker.record.plan.clock
    let mask = header.alignment - 1
    let storage = self.storage
    // A row of the storage, or the end of the last one.
    var block = unsafe RowBlock(
      row: storage.row(count), made: count, capacity: storage.capacity, stride: storage.stride,
      word: place, filter: filter,
      last: last, isUnordered: isUnordered)
    var output = storage.output(count, strings, stringCount: stringCount)
    var id: UInt64 = 0
    defer {
      walker.cursor = cursor
      walker.state = state
      stringCount = output.stringCount
      delivered += UInt64(block.made - count)
      others += block.skipped
      count = block.made
      last = block.last
      isUnordered = block.isUnordered
      filter = block.filter
    }
    let lossPosition = self.lossPosition
    while true {
      let stop: RowBlock.Stop
      switch header.shape {
      case .compact:
        stop = fast.decode(
          CompactHeader(), mask: mask, upTo: lossPosition, clock, &cursor, &state.clock, &block)
      case .large(let offset):
        stop = fast.decode(
          LargeHeader(offset: offset), mask: mask, upTo: lossPosition, clock, &cursor, &state.clock, &block)
      case .padded(let alignment):
        stop = fast.decode(
          PaddedHeader(alignment: alignment), mask: mask, upTo: lossPosition, clock, &cursor, &state.clock,
          &block)
      case .none, .general: stop = block.made < block.capacity ? .careful : .full
      }
      switch stop {
      case .full: return .full
      case .sliceEnds: return .sliceEnds
      case .careful: break
      }
      // One event with care.
      let start = cursor.position
      if start >= lossPosition { return .lossBegins }
      let startClock = state.clock
      let startStrings = output.stringCount
      switch HeaderDecoder.decode(header, &cursor, &state, &id) {
      case .event: break
      case .endOfPacket: return .endOfPacket
      case .shortage:
        state.clock = startClock
        return .shortage(start)
      case .failed(let status): return .failed(cursor.position, status.message)
      }
      let index = table.index(id)
      guard index >= 0 else { return .failed(start, "the event id \(id) is not declared") }
      let entry = entries[index]
      let timestamp = clock(state.clock)
      let filter = block.filter
      let verdict = block.filter.judge(timestamp)
      if verdict == .behind {
        cursor.position = start
        state.clock = startClock
        return .sliceEnds
      }
      // `block` is not full: there is a row.
      unsafe output.move(to: block.row)
      if entry.isPartial { unsafe RowBlock.clear(block.row, block.stride) }
      let status = Interpreter.run(entry.plan, &cursor, &state, &output)
      guard status == .complete, cursor.position <= cursor.content, cursor.position > start else {
        if status == .complete, cursor.position == start { return .failed(start, "an event has no bits") }
        // It is decoded again.
        block.filter = filter
        if status == .shortage || status == .complete {
          state.clock = startClock
          output.stringCount = startStrings
          return .shortage(start)
        }
        if status == .tooLarge {
          state.clock = startClock
          output.stringCount = startStrings
          return .stringsFull(start)
        }
        return .failed(cursor.position, status.message)
      }
      if verdict == .before {
        output.stringCount = startStrings
        continue
      }
      block.see(timestamp)
      if entry.isSelected {
        block.add(timestamp, UInt64(entry.tag))
      } else {
        block.skipped &+= 1
      }
    }
  }

  /// Decodes an event that is larger than the buffer; false when that is not possible.
  private func decodeLarge(from start: Int, _ stringCount: inout Int) -> Bool {
    var id: UInt64 = 0
    guard walker.move(to: start),
      case .event = HeaderDecoder.decode(walker.record.plan.header, &walker.cursor, &walker.state, &id),
      table.index(id) >= 0
    else { return false }
    let entry = entries[table.index(id)]
    let timestamp = walker.record.plan.clock(walker.state.clock)
    if entry.isPartial { storage.clear(count) }
    var output = storage.output(count, strings, stringCount: stringCount)
    guard PieceReader.run(entry.plan, walker, &output) == .complete else { return false }
    guard filter.judge(timestamp) == .inside else { return true }
    if timestamp < last { isUnordered = true }
    last = timestamp
    guard entry.isSelected else {
      others += 1
      return true
    }
    storage[count, 0] = UInt64(bitPattern: timestamp)
    storage[count, 1] = UInt64(entry.tag) | place
    stringCount = output.stringCount
    count += 1
    delivered += 1
    return true
  }

  private func deliver(_ gap: StreamWalker.Gap) {
    let words = [
      UInt64(bitPattern: gap.begin), UInt64(Row.gapTag) | place, UInt64(bitPattern: gap.begin),
      UInt64(bitPattern: gap.end), gap.count, gap.kind.rawValue,
    ]
    for (word, value) in words.enumerated() { storage[count, word] = value }
    count += 1
  }

  /// Stream and packet, as rows have them beside their tags.
  private var place: UInt64 {
    UInt64(stream) << 16 | UInt64(UInt32(truncatingIfNeeded: walker.packet)) << 32
  }
}
