/// Decodes one stream completely, event by event: headers first, so that streams can be merged, then the rest.
final class EventCursor {
  let stream: Int
  /// The timestamp of the event whose header has been read, ns.
  private(set) var timestamp: Int64 = 0
  /// The index of its event class.
  private(set) var event = 0
  private(set) var context = ContextOutput()
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
  private let plans: UnsafePointer<PlanPointers>
  private var isInPacket = false
  /// Where the event begins whose header has been read, and the clock there.
  private var start = 0
  private var startClock: UInt64 = 0
  /// The losses before the events still to come.
  private(set) var gaps: [StreamWalker.Gap] = []

  init(_ record: StreamRecord, windowBytes: Int, window: Range<Int64>?) {
    stream = record.number
    walker = StreamWalker(record, windowBytes: windowBytes, timeWindow: window)
    table = EventTable(record.plan)
    header = record.plan.header
    clock = record.plan.clock
    plans = record.plan.pointers
    let events = record.plan.events
    fast = FastEvents(
      record.plan, events.map(\.pointers), notes: [UInt64](repeating: 0, count: events.count))
  }

  deinit {
    table.deallocate()
    fast.deallocate()
    context.deallocate()
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
  func decode(into tape: inout TapeOutput) -> Bool {
    let plan = plans[event]
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
      guard status == .complete || status == .shortage else {
        abandon(at: walker.cursor.position, status.message)
        return false
      }
      guard restart() else { return false }
      var id: UInt64 = 0
      guard case .event = HeaderDecoder.decode(walker.record.plan.header, &walker.cursor, &walker.state, &id)
      else {
        abandon(at: start, DecodeStatus.shortage.message)
        return false
      }
    }
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
    while true {
      switch header.shape {
      case .compact: count &+= fast.decode(CompactHeader(), mask: mask, &cursor, &state.clock, local.words)
      case .large(let offset):
        count &+= fast.decode(LargeHeader(offset: offset), mask: mask, &cursor, &state.clock, local.words)
      case .general: break
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
