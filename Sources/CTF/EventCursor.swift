/// Decodes one stream completely, event by event: headers first, so that streams can be merged, then the rest.
final class EventCursor {
  // Simple values, set and read by one thread and never passed on while they are used: their accesses need no check at
  // run time, and are safe without.
  let stream: Int
  /// The timestamp of the event whose header has been read, ns.
  @safe @exclusivity(unchecked) private(set) var timestamp: Int64 = 0
  /// What the clock said then.
  @safe @exclusivity(unchecked) private(set) var cycles: UInt64 = 0
  /// The index of its event class.
  @safe @exclusivity(unchecked) private(set) var event = 0
  @safe @exclusivity(unchecked) private(set) var context = ContextOutput()
  var packet: Int { walker.packet }
  /// The timestamps wanted of the current packet's events.
  var wanted: Range<Int64> { walker.wanted }
  var diagnostics: [Diagnostic] { walker.diagnostics }
  private let walker: StreamWalker
  private let table: EventTable
  private let fast: FastEvents
  private let header: EventHeaderPlan
  private let clock: ClockConversion
  /// Kept alive by the walker's record.
  private let plans: PlainTable<PlanPointers>
  @safe @exclusivity(unchecked) private var isInPacket = false
  /// The first step back in time, and how many there were.
  private(set) var stepsBack: StepsBack?
  @safe @exclusivity(unchecked) private var last = Int64.min
  /// Whether the event decoded last is too large for a tape.
  @safe @exclusivity(unchecked) private(set) var isLarge = false
  /// Where the contexts and the payload of a large event begin, and the clock there.
  private var body = (position: 0, clock: UInt64(0))
  /// Where the event begins whose header has been read, and the clock there.
  @safe @exclusivity(unchecked) private var start = 0
  @safe @exclusivity(unchecked) private var startClock: UInt64 = 0
  /// The losses before the events still to come.
  @safe @exclusivity(unchecked) private(set) var gaps: [StreamWalker.Gap] = []

  /// - Parameter before: The packet before the stream's first one.
  init(_ record: StreamRecord, bufferBytes: Int, window: Range<Int64>?, before: PacketHeader? = nil) {
    stream = record.number
    walker = StreamWalker(record, bufferBytes: bufferBytes, window: window, before: before)
    table = EventTable(record.plan)
    header = record.plan.header
    clock = record.plan.clock
    plans = record.plan.pointers
    let events = record.plan.events
    fast = FastEvents(
      record.plan, events.map(\.pointers), notes: [UInt64](repeating: 0, count: events.count))
  }

  // Copies were made for the length of a call.
  deinit {
    unsafe table.deallocate()
    unsafe fast.deallocate()
    unsafe context.deallocate()
  }

  /// Reads the header of the next event; false at the end of the stream.
  func nextHeader() -> Bool {
    while true {
      if !isInPacket {
        let hasPacket = walker.nextPacket(context: &context)
        gaps += walker.gaps
        guard hasPacket else { return false }
        isInPacket = true
      }
      // Copies: passing on the properties of an object is checked at run time, for each event.
      var cursor = walker.cursor
      var state = walker.state
      start = cursor.position
      startClock = state.clock
      var id: UInt64 = 0
      let outcome = HeaderDecoder.decode(header, &cursor, &state, &id)
      walker.cursor = cursor
      walker.state = state
      switch outcome {
      case .event:
        event = table.index(id)
        if event >= 0 {
          timestamp = clock(state.clock)
          cycles = state.clock
          if timestamp < last { noteStepBack() }
          last = timestamp
          return true
        }
        abandon(at: start, "the event id \(id) is not declared")
      case .endOfPacket: isInPacket = false
      case .shortage: restart()
      case .failed(let status): abandon(at: walker.cursor.position, status.message)
      }
    }
  }

  /// Decodes contexts and payload of the event whose header has been read; false when it cannot be decoded.
  ///
  /// An event that is too large for memory only gets `isLarge`; ``readLarge(into:)`` delivers its values.
  func decode(into tape: inout TapeOutput) -> Bool {
    let plan = plans[event]
    isLarge = false
    while true {
      var cursor = walker.cursor
      var state = walker.state
      tape.restart()
      let status = Interpreter.run(plan, &cursor, &state, &tape)
      walker.cursor = cursor
      walker.state = state
      if status == .complete, walker.cursor.position <= walker.cursor.content {
        if walker.cursor.position > start { return true }
        abandon(at: start, "an event has no bits")
        return false
      }
      guard status == .complete || status == .shortage || status == .tooLarge else {
        abandon(at: walker.cursor.position, status.message)
        return false
      }
      walker.state.clock = startClock
      if status != .tooLarge, walker.refill(from: start) {
        guard readHeaderAgain() else { return false }
        continue
      }
      if status != .tooLarge, walker.cursor.limit >= walker.cursor.content {
        abandon(at: start, DecodeStatus.shortage.message)
        return false
      }
      return checkLarge()
    }
  }

  private func readHeaderAgain() -> Bool {
    var id: UInt64 = 0
    guard case .event = HeaderDecoder.decode(header, &walker.cursor, &walker.state, &id) else {
      abandon(at: start, DecodeStatus.shortage.message)
      return false
    }
    return true
  }

  /// Goes over a large event once, so that it is not shown before it is known to be whole.
  private func checkLarge() -> Bool {
    guard walker.move(to: start), readHeaderAgain() else { return false }
    body = (walker.cursor.position, walker.state.clock)
    var nothing = NoOutput()
    let status = PieceReader.run(plans[event], walker, &nothing)
    guard status == .complete else {
      abandon(at: walker.cursor.position, status.message)
      return false
    }
    isLarge = true
    return true
  }

  /// Delivers the values of a large event that has been decoded.
  func readLarge(into receiver: any EventPieces) {
    let end = (position: walker.cursor.position, clock: walker.state.clock, empty: walker.state.emptyLeft)
    walker.state.emptyLeft = Int.max
    walker.state.clock = body.clock
    var pieces = TapePieces(receiver)
    // The receiver has no part of the tape that it may keep.
    defer { unsafe pieces.deallocate() }
    if walker.move(to: body.position) {
      let status = PieceReader.run(plans[event], walker, &pieces)
      if status != .complete { abandon(at: walker.cursor.position, "the file has changed while it was read") }
    }
    walker.state.clock = end.clock
    walker.state.emptyLeft = end.empty
    if isInPacket { _ = walker.move(to: end.position) }
  }

  @inline(never)
  private func noteStepBack() {
    if clock.isEdge(last) { walker.noteBeyond() }
    stepsBack = StepsBack(
      stream: stream, count: (stepsBack?.count ?? 0) + 1, from: stepsBack?.from ?? last,
      to: stepsBack?.to ?? timestamp)
  }

  /// Whether the buffer has been given back.
  @safe @exclusivity(unchecked) private(set) var isParked = false

  /// Gives back the buffer until the next event is wanted.
  func park() {
    guard !isParked else { return }
    walker.park()
    isParked = true
  }

  /// Gets a buffer again; false, and the packet is given up, when the file is not what it was.
  func unpark() -> Bool {
    isParked = false
    if walker.unpark() { return true }
    abandon(at: walker.cursor.position, "the file cannot be read again")
    return false
  }

  func takeGaps() -> [StreamWalker.Gap] {
    defer { gaps.removeAll() }
    return gaps
  }

  /// Gets more of the file into memory and goes back to the event's begin; false when there is no more.
  @discardableResult
  private func restart() -> Bool {
    walker.state.clock = startClock
    if walker.refill(from: start) { return true }
    abandon(at: start, DecodeStatus.shortage.message)
    return false
  }

  private func abandon(at position: Int, _ message: String) {
    walker.abandonPacket(at: position, message)
    isInPacket = false
  }

  /// Decodes all events of some packets and returns their number: nothing but decoding.
  func decodeAll(packets: Range<Int>, into tape: inout TapeOutput) -> UInt64 {
    var total: UInt64 = 0
    walker.seek(packet: packets.lowerBound)
    walker.packetLimit = packets.upperBound
    while true {
      if !isInPacket {
        guard walker.packet + 1 < packets.upperBound, walker.nextPacket(context: &context) else {
          return total
        }
        isInPacket = true
      }
      if decodePacket(&total, &tape) { continue }
      guard nextHeader() else { return total }
      if decode(into: &tape) { total += 1 }
    }
  }

  /// Passes over events of one size without headers that are in memory as a whole: nothing can be wrong with them.
  private func skipFlat(_ cursor: inout BitCursor) -> UInt64 {
    let size = plans[0].flatBits
    guard size > 0, size < Int.max, size & (header.alignment - 1) == 0,
      cursor.position & (header.alignment - 1) == 0, cursor.limit > cursor.position
    else { return 0 }
    let count = (cursor.limit - cursor.position) / size
    cursor.position += count * size
    return UInt64(count)
  }

  /// Events of the packet as long as they are in memory and sound; false when something has to be done first.
  private func decodePacket(_ total: inout UInt64, _ tape: inout TapeOutput) -> Bool {
    var cursor = walker.cursor
    var state = walker.state
    var local = tape
    var count: UInt64 = 0
    var id: UInt64 = 0
    let mask = header.alignment - 1
    defer {
      total += count
      tape = local
    }
    if header.shape == .none, table.index(header.defaultID) == 0 { count += skipFlat(&cursor) }
    while true {
      switch header.shape {
      case .compact: count &+= fast.decode(CompactHeader(), mask: mask, &cursor, &state.clock, local)
      case .large(let offset):
        count &+= fast.decode(LargeHeader(offset: offset), mask: mask, &cursor, &state.clock, local)
      case .padded(let alignment):
        count &+= fast.decode(
          PaddedHeader(alignment: alignment), mask: mask, &cursor, &state.clock, local)
      case .none, .general: break
      }
      // One event with care: it is not simple, or the window or the packet ends.
      let start = cursor.position
      let clock = state.clock
      var isSound = false
      switch HeaderDecoder.decode(header, &cursor, &state, &id) {
      case .event:
        let event = table.index(id)
        if event >= 0 {
          local.restart()
          let status = Interpreter.run(plans[event], &cursor, &state, &local)
          isSound = status == .complete && cursor.position <= cursor.content && cursor.position > start
        }
      case .endOfPacket:
        walker.cursor = cursor
        walker.state = state
        isInPacket = false
        return true
      default: break
      }
      guard isSound else {
        cursor.position = start
        state.clock = clock
        walker.cursor = cursor
        walker.state = state
        return false
      }
      count &+= 1
    }
  }
}
