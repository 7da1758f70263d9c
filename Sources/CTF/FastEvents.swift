/// What a hot loop has to know of an event whose contexts and payload are one run of whole little-endian bytes.
struct FastEvent {
  /// The size of any event that is not so simple: never in memory as a whole.
  static let notFlat = 1 << 60

  let fields: UnsafePointer<FieldLoad>
  /// Fields to load.
  let count: Int
  /// Size in bits, less than 2^32, or `notFlat`.
  let bits: Int
  /// What the loop's owner keeps with the event.
  let note: UInt64
}

/// The simple events of a stream by id, for hot loops.
struct FastEvents {
  private static let limit: UInt64 = 1 << 12

  let base: UnsafeMutablePointer<FastEvent>
  /// Ids from here on are not in the table.
  let count: UInt64

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
    count = ids.keys.max().map { $0 + 1 } ?? 0
    base = .allocate(capacity: max(1, Int(count)))
    for id in 0..<count {
      // An id that no event has stands for one that is not simple: the careful loop says what is wrong.
      let index = ids[id]
      let plan = plans[index ?? 0]
      let isFlat = index != nil && plan.flatBits < 1 << 32
      (base + Int(id)).initialize(
        to: FastEvent(
          fields: plan.fields, count: plan.flatCount, bits: isFlat ? plan.flatBits : FastEvent.notFlat,
          note: notes[index ?? 0]))
    }
  }

  func deallocate() { base.deallocate() }

  /// Decodes events into a tape, one over the other, as long as they are simple and in memory.
  ///
  /// - Returns: How many; `cursor` and `clock` are behind the last of them.
  @inline(__always)
  func decode<Header: FastHeader>(
    _ header: Header, mask: Int, _ cursor: inout BitCursor, _ clock: inout UInt64,
    _ words: UnsafeMutablePointer<UInt64>
  ) -> UInt64 {
    let (source, limit) = (cursor.base, cursor.limit)
    let lastBegin = min(limit, cursor.eventsEnd &- 1 &+ header.bits)
    let (base, known) = (self.base, self.count)
    var position = cursor.position
    var time = clock
    var made: UInt64 = 0
    while true {
      let start = (position &+ mask) & ~mask
      let begin = header.end(start)
      guard begin <= lastBegin else { break }
      var next = time
      let id = header.read(source, start, begin, &next)
      guard id < known else { break }
      let event = base + Int(truncatingIfNeeded: id)
      let end = begin &+ event.pointee.bits
      guard end <= limit else { break }
      let bytes = source + (begin >> 3)
      let fields = event.pointee.fields
      let count = event.pointee.count
      var index = 0
      while index < count {
        words[index] = fields[index].load(bytes)
        index &+= 1
      }
      position = end
      time = next
      made &+= 1
    }
    cursor.position = position
    clock = time
    return made
  }
}
