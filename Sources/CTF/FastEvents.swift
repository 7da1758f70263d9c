/// What a hot loop has to know of an event whose contexts and payload are one run of whole little-endian bytes.
struct FastEvent {
  /// The size of any event that is not so simple: never in memory as a whole.
  static let notFlat = 1 << 60

  let fields: FieldLoads
  /// Size in bits, less than 2^32, or `notFlat`.
  let bits: Int
  /// What the loop's owner keeps with the event.
  let note: UInt64
}

/// The simple events of a stream by id, for hot loops.
struct FastEvents {
  private static let limit: UInt64 = 1 << 12

  let events: PlainTable<FastEvent>
  /// Ids from here on are not in the table.
  @inline(__always) var count: UInt64 { UInt64(UInt(bitPattern: events.count)) }

  /// - Parameters:
  ///   - plans: One for each event of the stream's class; they have to outlive the table.
  ///   - notes: One for each of them.
  init(_ stream: StreamPlan, _ plans: [PlanPointers], notes: [UInt64]) {
    let extended: UInt64
    switch stream.header.shape {
    case .compact: extended = CompactHeader.extended
    case .large, .padded: extended = LargeHeader.extended
    case .none, .general: extended = 0
    }
    let ids = stream.eventIndex.filter { $0.key < min(Self.limit, extended) }
    let count = ids.keys.max().map { $0 + 1 } ?? 0
    let events = (0..<count).map { id in
      // An id that no event has stands for one that is not simple: the careful loop says what is wrong.
      let index = ids[id]
      let plan = plans[index ?? 0]
      let isFlat = index != nil && plan.flatBits < 1 << 32
      return FastEvent(
        fields: plan.flatFields, bits: isFlat ? plan.flatBits : FastEvent.notFlat, note: notes[index ?? 0])
    }
    self.events = PlainTable(events)
  }

  /// Gives the memory back: nobody may use a copy of the table any more.
  @unsafe
  func deallocate() { unsafe events.deallocate() }

  /// Decodes events into a tape, one over the other, as long as they are simple and in memory.
  ///
  /// - Returns: How many; `cursor` and `clock` are behind the last of them.
  @inline(__always)
  func decode<Header: FastHeader>(
    _ header: Header, mask: Int, _ cursor: inout BitCursor, _ clock: inout UInt64,
    _ tape: TapeOutput
  ) -> UInt64 {
    // Room for the fields of any simple event.
    precondition(tape.capacity >= DecodePlan.maximumFlatFields)
    let words = unsafe tape.words
    let (source, limit) = (cursor.base, cursor.limit)
    let lastBegin = min(limit, cursor.eventsEnd &- 1 &+ header.bits)
    let (events, known) = (self.events, self.count)
    var position = cursor.position
    var time = clock
    var made: UInt64 = 0
    while true {
      let start = (position &+ mask) & ~mask
      let begin = header.end(start)
      guard begin <= lastBegin else { break }
      var next = time
      // Up to `begin`, which is not behind the limit.
      let id = unsafe header.read(source, start, begin, &next)
      guard id < known else { break }
      let event = events[Int(truncatingIfNeeded: id)]
      let end = begin &+ event.bits
      guard end <= limit else { break }
      // The fields lie before `end`.
      unsafe event.fields.load(from: source + (begin >> 3)) { index, _, value in unsafe words[index] = value }
      position = end
      time = next
      made &+= 1
    }
    cursor.position = position
    clock = time
    return made
  }
}
