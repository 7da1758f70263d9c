/// Decodes event headers; the usual shapes without the interpreter.
enum HeaderDecoder {
  enum Outcome {
    case event
    case endOfPacket
    case shortage
    case failed(DecodeStatus)
  }

  /// Decodes the header at the cursor: the clock and `id` are set, the cursor is behind it.
  @inline(__always)
  static func decode(
    _ plan: EventHeaderPlan, _ cursor: inout BitCursor, _ state: inout DecodeState, _ id: inout UInt64
  ) -> Outcome {
    guard cursor.position < cursor.eventsEnd else { return .endOfPacket }
    // Padding up to the next event may end the content; one that leads beyond it belongs to an event that is cut.
    let mask = plan.alignment &- 1
    let start = (cursor.position &+ mask) & ~mask
    if start == cursor.content { return .endOfPacket }
    // Each shape compares the end of the header with the limit before it reads any of it.
    switch plan.shape {
    case .compact:
      guard start &+ 32 <= cursor.limit else { return .shortage }
      let word = unsafe cursor.base.load(UInt32.self, at: start >> 3)
      id = UInt64(word & 31)
      if id < 31 {
        state.clock = Interpreter.advance(state.clock, UInt64(word >> 5), 27)
        cursor.position = start &+ 32
        return .event
      }
    case .large(let offset):
      let end = start &+ offset &* 8 &+ 32
      guard end <= cursor.limit else { return .shortage }
      let bytes = cursor.base + (start >> 3)
      id = unsafe UInt64(bytes.load(UInt16.self))
      if id < 65535 {
        let time = unsafe UInt64(bytes.load(UInt32.self, at: offset))
        state.clock = Interpreter.advance(state.clock, time, 32)
        cursor.position = end
        return .event
      }
    case .padded(let alignment):
      let header = PaddedHeader(alignment: alignment)
      let end = header.end(start)
      guard end <= cursor.limit else { return .shortage }
      id = unsafe UInt64(cursor.base.load(UInt16.self, at: start >> 3))
      if id < LargeHeader.extended {
        id = unsafe header.read(cursor.base, start, end, &state.clock)
        cursor.position = end
        return .event
      }
    case .none:
      id = plan.defaultID
      cursor.position = start
      return .event
    case .general: break
    }
    cursor.position = start
    return general(plan, &cursor, &state, &id)
  }

  @inline(never)
  private static func general(
    _ plan: EventHeaderPlan, _ cursor: inout BitCursor, _ state: inout DecodeState, _ id: inout UInt64
  ) -> Outcome {
    var nothing = NoOutput()
    state.registers[Register.eventID] = plan.defaultID
    switch Interpreter.run(plan.plan.pointers, &cursor, &state, &nothing) {
    case .complete:
      id = state.registers[Register.eventID]
      return .event
    case .shortage: return .shortage
    case let status: return .failed(status)
    }
  }
}
