/// The rows that a hot loop makes of simple events, and which of them are wanted.
///
/// There are `capacity` rows, and `row` is the one behind the `made` ones: a row of the storage as long as those are fewer.
@safe
struct RowBlock {
  /// Why the hot loop stopped.
  enum Stop {
    /// There is no room for another row.
    case full
    /// The next event needs care: it is not simple, or lies at the end of something.
    case careful
    /// The next event is the first one beyond the slice.
    case sliceEnds
  }

  /// Bits of ``FastEvent/note`` beside the tag in bits 0–15.
  static let isSelected: UInt64 = 1 << 16
  static let isPartial: UInt64 = 1 << 17

  /// The next row's first word.
  var row: UnsafeMutablePointer<UInt64>
  var made: Int
  let capacity: Int
  let stride: Int
  /// Stream and packet, as ``Row`` wants them.
  let word: UInt64
  var filter: RowFilter
  /// The timestamp of the row made last.
  var last: Int64
  var isUnordered: Bool
  /// Events inside the window that are not selected.
  var skipped: UInt64 = 0

  /// Makes the row that `row` points to, without its fields, count.
  @inline(__always)
  mutating func add(_ timestamp: Int64, _ tag: UInt64) {
    // The caller has a row to add: `made` is less than `capacity`.
    unsafe row[0] = UInt64(bitPattern: timestamp)
    unsafe row[1] = word | tag & 0xffff
    unsafe row += stride
    made &+= 1
  }

  /// Notes the time of an event inside the window.
  @inline(__always)
  mutating func see(_ timestamp: Int64) {
    if timestamp < last { isUnordered = true }
    last = timestamp
  }

  /// Clears the fields of a row of `stride` words, some of which the event lacks.
  @inline(__always) @unsafe
  static func clear(_ row: UnsafeMutablePointer<UInt64>, _ stride: Int) {
    for field in Row.firstField..<stride { unsafe row[field] = 0 }
  }
}

/// Which events of a packet are wanted.
///
/// A window has the events whose timestamps lie inside. A slice, one of several side by side, has those from the first
/// one at or after its begin up to the first one at or after its end, in the stream's order: each event is in just one
/// slice, however timestamps run, and nothing behind a slice has to be decoded.
struct RowFilter {
  enum Verdict {
    case before
    case inside
    case behind
  }

  let isSlice: Bool
  /// Int64.min once a slice has begun.
  var lower: Int64
  var upper: Int64

  var hasBegun: Bool { lower == Int64.min }

  /// Timestamps from `lower` up to, not including, `upper`.
  @inline(__always)
  var width: UInt64 { upper > lower ? UInt64(bitPattern: upper &- lower) : 0 }

  @inline(__always)
  mutating func judge(_ timestamp: Int64) -> Verdict {
    if timestamp < lower { return .before }
    if timestamp >= upper { return isSlice ? .behind : .before }
    if isSlice { lower = .min }
    return .inside
  }
}

extension FastEvents {
  /// Makes rows of events as long as they are simple and in memory.
  ///
  /// What the loop changes is in variables of its own, which the compiler keeps in registers.
  ///
  /// - Parameter end: The event that begins at this bit or behind it is left to the careful loop.
  @inline(__always)
  func decode<Header: FastHeader>(
    _ header: Header, mask: Int, upTo end: Int, _ conversion: ClockConversion, _ cursor: inout BitCursor,
    _ clock: inout UInt64, _ block: inout RowBlock
  ) -> RowBlock.Stop {
    let (source, limit) = (cursor.base, cursor.limit)
    let lastBegin = min(limit, min(end, cursor.eventsEnd) &- 1 &+ header.bits)
    let (events, known) = (self.events, self.count)
    let (stride, word) = (block.stride, block.word)
    // The storage's end: rows are written to in front of it alone.
    let rowsEnd = unsafe block.row + (block.capacity &- block.made) &* stride
    var position = cursor.position
    var time = clock
    var row = unsafe block.row
    var lower = block.filter.lower
    // Timestamps inside are those less than `width` above `lower`.
    var width = block.filter.width
    var last = block.last
    var isUnordered = block.isUnordered
    var skipped: UInt64 = 0
    var stop = RowBlock.Stop.full
    while unsafe row < rowsEnd {
      let start = (position &+ mask) & ~mask
      let begin = header.end(start)
      guard begin <= lastBegin else {
        stop = .careful
        break
      }
      var next = time
      // Up to `begin`, which is not behind the limit.
      let id = unsafe header.read(source, start, begin, &next)
      guard id < known else {
        stop = .careful
        break
      }
      // `id` has been compared with their number.
      let event = unsafe events.pointer(Int(truncatingIfNeeded: id))
      let behind = unsafe begin &+ event.pointee.bits
      guard behind <= limit else {
        stop = .careful
        break
      }
      let timestamp = conversion(next)
      if UInt64(bitPattern: timestamp &- lower) >= width {
        if block.filter.isSlice, timestamp >= lower {
          stop = .sliceEnds
          break
        }
        position = behind
        time = next
        continue
      }
      position = behind
      time = next
      if block.filter.isSlice, lower != .min {
        block.filter.lower = .min
        lower = .min
        width = block.filter.width
      }
      if timestamp < last { isUnordered = true }
      last = timestamp
      let note = unsafe event.pointee.note
      guard note & RowBlock.isSelected != 0 else {
        skipped &+= 1
        continue
      }
      if note & RowBlock.isPartial != 0 { unsafe RowBlock.clear(row, stride) }
      // The fields lie before `behind`, and their slots in the row, which is not the end.
      let target = unsafe row + Row.firstField
      unsafe event.pointee.fields.load(from: source + (begin >> 3)) { _, slot, value in
        unsafe target[Int(slot)] = value
      }
      unsafe row[0] = UInt64(bitPattern: timestamp)
      unsafe row[1] = word | note & 0xffff
      unsafe row += stride
    }
    block.made &+= unsafe (row - block.row) / stride
    unsafe block.row = row
    block.last = last
    block.isUnordered = isUnordered
    block.skipped &+= skipped
    cursor.position = position
    clock = time
    return stop
  }
}
