import Glibc

/// How the decoding of a structure ended.
enum DecodeStatus: UInt8 {
  case complete
  /// More bits are needed than the buffer has.
  case shortage
  /// No option of a variant goes with its tag.
  case noOption
  /// A sequence has more elements than the packet has bits.
  case tooLong
  /// Too many elements without a single bit.
  case tooManyEmpty
  /// The values of one event take more memory than is given to one.
  case tooLarge
  /// A number that something depends on does not fit in 64 bits.
  case tooWide
  /// The byte order changes inside a byte.
  case orderChange
  /// A length or selector is in a field that is not there.
  case absent
  /// A text ends inside a character.
  case cutCharacter

  /// What an error message says.
  var message: String {
    switch self {
    case .complete: "complete"
    case .shortage: "the event goes beyond the end of the packet's content"
    case .noOption: "no option of a variant goes with its tag"
    case .tooLong: "an array has more elements than the packet has room for"
    case .tooManyEmpty: "too many array elements without a single bit"
    case .tooLarge: "the event has too many values"
    case .tooWide: "a length, tag, id, size or time does not fit in 64 bits"
    case .orderChange: "the byte order changes inside a byte"
    case .absent: "a field depends on one that is not there"
    case .cutCharacter: "the size of a text is no multiple of its code unit's"
    }
  }
}

/// The place in a packet where decoding goes on. All positions are in bits from the packet's begin.
struct BitCursor {
  /// Where the packet's first byte is, or would be if it were in the buffer.
  var base: UnsafeRawPointer
  var position: Int
  /// The end of what is in the buffer.
  var limit: Int
  /// The end of the packet's content.
  var content: Int
  /// No event begins here or behind: the end of the content, unless the packet does not say where that is.
  var eventsEnd: Int
}

/// Where an interpreter puts values: a row or a tape. The interpreter is specialised for each.
protocol DecodeOutput {
  /// Forgets what was put since the structure's begin: it is decoded again, with more of the file in memory.
  mutating func restart()
  /// Makes room for words; false when there is none.
  mutating func reserve(_ words: Int) -> Bool
  mutating func put(_ value: UInt64, _ slot: UInt16)
  /// Loads and puts fields, at least one; returns the last one's value.
  mutating func load(_ fields: UnsafePointer<FieldLoad>, _ count: Int, _ bytes: UnsafeRawPointer) -> UInt64
  /// A number of elements or the index of an option, which rows do not want.
  mutating func putStructure(_ value: UInt64)
  /// Text; false when there is no room.
  mutating func putText(_ start: UnsafeRawPointer, _ count: Int, _ slot: UInt16) -> Bool
  /// Text in another encoding than UTF-8; false when there is no room.
  mutating func putText(
    _ start: UnsafeRawPointer, _ count: Int, _ encoding: TextEncoding, _ slot: UInt16
  ) -> Bool
}

/// Registers, loop counters and the like: what decoding needs besides the bits.
struct DecodeState {
  struct Loop {
    var left: UInt64
    var start: Int
  }

  /// Deeper than types can nest.
  static let maximumLoops = 128
  /// Elements without a single bit that one event may have.
  static let maximumEmptyElements = 1 << 16
  /// So many of them for each bit of the packets.
  static let emptyElementsForBit = 16

  let registers: UnsafeMutablePointer<UInt64>
  private(set) var loops: UnsafeMutablePointer<Loop>
  /// The stream's clock in cycles.
  var clock: UInt64 = 0
  /// Elements without a single bit that there may still be: as many as one event may have, and some more for each bit of
  /// the packets, so that what decoding takes is bounded by how much there is to decode.
  var emptyLeft = DecodeState.maximumEmptyElements

  init(registerCount: Int) {
    registers = .allocate(capacity: registerCount)
    registers.initialize(repeating: 0, count: registerCount)
    loops = Self.makeLoops(Self.maximumLoops)
  }

  private static func makeLoops(_ count: Int) -> UnsafeMutablePointer<Loop> {
    let loops = UnsafeMutablePointer<Loop>.allocate(capacity: count)
    loops.initialize(repeating: Loop(left: 0, start: 0), count: count)
    return loops
  }

  /// Gives back what only decoding needs, until `unpark`.
  mutating func park() {
    loops.deallocate()
    loops = Self.makeLoops(0)
  }

  /// Undoes `park`.
  mutating func unpark() {
    loops.deallocate()
    loops = Self.makeLoops(Self.maximumLoops)
  }

  func deallocate() {
    registers.deallocate()
    loops.deallocate()
  }
}

/// The sixth stage: runs the steps of a plan over the bits of a packet.
enum Interpreter {
  /// Where the steps of a plan go on, when they had to stop because of a shortage of bits or of room for values.
  struct Place {
    /// Index of the step that was not done.
    var step = 0
    /// The number of loops that are under way.
    var depth = 0
    /// The number of elements without a single bit so far.
    var empty = 0
  }

  @inline(__always)
  static func run<Output: DecodeOutput>(
    _ plan: PlanPointers, _ cursor: inout BitCursor, _ state: inout DecodeState, _ output: inout Output
  ) -> DecodeStatus {
    var place = Place()
    return run(plan, &cursor, &state, &output, from: &place)
  }

  /// Runs the steps from a place on. Steps that return `shortage` or `tooLarge` have done nothing: they can be tried
  /// again with more bits or room.
  @inline(__always)
  static func run<Output: DecodeOutput>(
    _ plan: PlanPointers, _ cursor: inout BitCursor, _ state: inout DecodeState, _ output: inout Output,
    from place: inout Place
  ) -> DecodeStatus {
    let steps = plan.steps
    let ranges = plan.ranges
    var step = steps + place.step
    var position = cursor.position
    // The run that loads refer to: its first byte and its first bit.
    var bytes = cursor.base
    var bits = 0
    var value: UInt64 = 0
    var depth = place.depth
    var empty = place.empty
    defer {
      cursor.position = position
      place = Place(step: step - steps, depth: depth, empty: empty)
    }
    while true {
      switch step.pointee.kind {
      case .end:
        if empty > 0 { state.emptyLeft -= empty }
        return .complete
      case .run:
        let end = position &+ Int(step.pointee.offset)
        guard end <= cursor.limit else { return .shortage }
        guard output.reserve(Int(truncatingIfNeeded: step.pointee.operand)) else { return .tooLarge }
        bytes = cursor.base + (position >> 3)
        bits = position
        position = end
      case .fields:
        value = output.load(
          plan.fields + Int(step.pointee.offset), Int(truncatingIfNeeded: step.pointee.operand), bytes)
      case .u16Swapped:
        value = UInt64((bytes + Int(step.pointee.offset)).loadUnaligned(as: UInt16.self).byteSwapped)
        output.put(value, step.pointee.slot)
      case .u32Swapped:
        value = UInt64((bytes + Int(step.pointee.offset)).loadUnaligned(as: UInt32.self).byteSwapped)
        output.put(value, step.pointee.slot)
      case .u64Swapped:
        value = (bytes + Int(step.pointee.offset)).loadUnaligned(as: UInt64.self).byteSwapped
        output.put(value, step.pointee.slot)
      case .s16Swapped:
        let raw = (bytes + Int(step.pointee.offset)).loadUnaligned(as: Int16.self).byteSwapped
        value = UInt64(bitPattern: Int64(raw))
        output.put(value, step.pointee.slot)
      case .s32Swapped:
        let raw = (bytes + Int(step.pointee.offset)).loadUnaligned(as: Int32.self).byteSwapped
        value = UInt64(bitPattern: Int64(raw))
        output.put(value, step.pointee.slot)
      case .float:
        let raw = (bytes + Int(step.pointee.offset)).loadUnaligned(as: UInt32.self)
        output.put(Double(Float(bitPattern: raw)).bitPattern, step.pointee.slot)
      case .floatSwapped:
        let raw = (bytes + Int(step.pointee.offset)).loadUnaligned(as: UInt32.self).byteSwapped
        output.put(Double(Float(bitPattern: raw)).bitPattern, step.pointee.slot)
      case .bitsLittle, .bitsBig, .signedBitsLittle, .signedBitsBig, .floatBitsLittle, .floatBitsBig:
        value = loadBits(step, cursor.base, bits &+ Int(step.pointee.offset))
        output.put(value, step.pointee.slot)
      case .wide:
        guard loadWide(step, cursor.base, bits &+ Int(step.pointee.offset), &value, &output) else {
          return .tooWide
        }
      case .order:
        guard checkOrder(step, bits &+ Int(step.pointee.offset), state.registers) else { return .orderChange }
      case .reversedBits:
        value = loadReversed(step, cursor.base, bits &+ Int(step.pointee.offset))
        output.put(value, step.pointee.slot)
      case .boolean:
        value = isAnySet(step, cursor.base, bits &+ Int(step.pointee.offset)) ? 1 : 0
        output.put(value, step.pointee.slot)
      case .variable:
        let status = loadVariable(step, cursor, &position, &value, state.registers)
        guard status == .complete else { return status }
        guard output.reserve(1) else { return .tooLarge }
        output.put(value, step.pointee.slot)
      case .set: state.registers[Int(step.pointee.slot)] = step.pointee.operand
      case .mark: state.registers[Int(step.pointee.slot)] |= step.pointee.operand
      case .require:
        guard state.registers[Int(step.pointee.slot)] != 0 else { return .absent }
      case .clockVariable:
        state.clock = advance(
          state.clock, value, UInt8(truncatingIfNeeded: state.registers[Register.variableBits]))
      case .encodedString, .encodedText, .encodedTextSequence, .blob, .blobSequence:
        let status = loadBytes(step, cursor, &position, state.registers, &output)
        guard status == .complete else { return status }
      case .keep: state.registers[Int(step.pointee.slot)] = value
      case .clock: state.clock = advance(state.clock, value, step.pointee.size)
      case .position: state.registers[Int(step.pointee.slot)] = UInt64(position >> 3)
      case .align:
        let mask = Int(truncatingIfNeeded: step.pointee.operand) &- 1
        position = (position &+ mask) & ~mask
      case .string:
        guard output.reserve(2) else { return .tooLarge }
        let start = cursor.base + (position >> 3)
        let available = (cursor.limit >> 3) &- (position >> 3)
        guard available > 0, let nul = memchr(start, 0, available) else { return .shortage }
        let length = UnsafeRawPointer(nul) - start
        guard output.putText(start, length, step.pointee.slot) else { return .tooLarge }
        position &+= (length &+ 1) &* 8
      case .text, .textSequence:
        guard output.reserve(2) else { return .tooLarge }
        let count =
          step.pointee.kind == .text
          ? step.pointee.operand : state.registers[Int(step.pointee.offset)]
        guard count <= UInt64(max(0, cursor.content &- position) >> 3) else { return .tooLong }
        let size = Int(count)
        guard position &+ size &* 8 <= cursor.limit else { return .shortage }
        let start = cursor.base + (position >> 3)
        let length = size == 0 ? 0 : memchr(start, 0, size).map { UnsafeRawPointer($0) - start } ?? size
        guard output.putText(start, length, step.pointee.slot) else { return .tooLarge }
        position &+= size &* 8
      case .room:
        guard step.pointee.operand <= UInt64(max(0, cursor.content &- position)) else { return .tooLong }
      case .loop, .loopSequence:
        var count = step.pointee.operand
        if step.pointee.kind == .loopSequence {
          count = state.registers[Int(step.pointee.slot)]
          let room = UInt64(max(0, cursor.content &- position))
          let (need, overflow) = count.multipliedReportingOverflow(by: step.pointee.operand)
          guard !overflow, need <= room else { return .tooLong }
          guard output.reserve(1) else { return .tooLarge }
          output.putStructure(count)
        }
        if count == 0 {
          step = steps + Int(step.pointee.offset)
          continue
        }
        state.loops[depth] = DecodeState.Loop(left: count, start: position)
        depth &+= 1
      case .endLoop:
        let loop = state.loops + (depth &- 1)
        if position == loop.pointee.start {
          empty &+= 1
          guard empty <= DecodeState.maximumEmptyElements, empty <= state.emptyLeft else {
            return .tooManyEmpty
          }
        }
        loop.pointee.start = position
        loop.pointee.left &-= 1
        if loop.pointee.left != 0 {
          step = steps + Int(step.pointee.offset)
          continue
        }
        depth &-= 1
      case .skip:
        position &+= Int(truncatingIfNeeded: step.pointee.operand)
        guard position <= cursor.content else { return .tooLong }
      case .skipSequence:
        let count = state.registers[Int(step.pointee.slot)]
        let (total, overflow) = count.multipliedReportingOverflow(by: step.pointee.operand)
        guard !overflow, total <= UInt64(max(0, cursor.content &- position)) &+ UInt64(step.pointee.offset)
        else {
          return .tooLong
        }
        position &+= Int(total) &- (count == 0 ? 0 : Int(step.pointee.offset))
      case .variant:
        let tag = state.registers[Int(step.pointee.slot)]
        guard output.reserve(1) else { return .tooLarge }
        guard let range = choose(step, ranges, tag) else { return .noOption }
        output.putStructure(UInt64(range.pointee.option))
        step = steps + Int(range.pointee.target)
        continue
      case .optional:
        guard output.reserve(1) else { return .tooLarge }
        if let range = choose(step, ranges, state.registers[Int(step.pointee.slot)]) {
          output.putStructure(1)
          step = steps + Int(range.pointee.target)
          continue
        }
        output.putStructure(0)
      case .jump:
        step = steps + Int(step.pointee.offset)
        continue
      }
      step += 1
    }
  }

  /// The clock's next value whose low `size` bits are `value` (CTF 1.8, section 8).
  @inline(__always)
  static func advance(_ clock: UInt64, _ value: UInt64, _ size: UInt8) -> UInt64 {
    guard size < 64 else { return value }
    let span = UInt64(1) << UInt64(size)
    let next = (clock & ~(span &- 1)) | value
    return next < clock ? next &+ span : next
  }

  @inline(never)
  private static func loadBits(_ step: UnsafePointer<Step>, _ base: UnsafeRawPointer, _ position: Int)
    -> UInt64
  {
    let size = Int(step.pointee.size)
    switch step.pointee.kind {
    case .bitsLittle: return Bits.little(base, position, size)
    case .bitsBig: return Bits.big(base, position, size)
    case .signedBitsLittle: return Bits.signed(Bits.little(base, position, size), size)
    case .signedBitsBig: return Bits.signed(Bits.big(base, position, size), size)
    case .floatBitsLittle: return Bits.double(Bits.little(base, position, size), size)
    default: return Bits.double(Bits.big(base, position, size), size)
    }
  }

  /// Loads an integer of more than 64 bits word by word; `value` becomes its lowest word. False when only a value
  /// that fits in 64 bits means something and this one does not.
  @inline(never)
  private static func loadWide<Output: DecodeOutput>(
    _ step: UnsafePointer<Step>, _ base: UnsafeRawPointer, _ position: Int, _ value: inout UInt64,
    _ output: inout Output
  ) -> Bool {
    let size = Int(truncatingIfNeeded: step.pointee.operand)
    let isSigned = step.pointee.size & Step.wideSigned != 0
    let isBig = step.pointee.size & Step.wideBig != 0
    let isReversed = step.pointee.size & Step.wideReversed != 0
    var fits = true
    var rest: UInt64 = 0
    var done = 0
    while done < size {
      let part = min(64, size - done)
      // Where the bits of the word are: big-endian numbers begin with the last word, unless they are reversed.
      let place = position + (isBig != isReversed ? size - done - part : done)
      var word = isBig ? Bits.big(base, place, part) : Bits.little(base, place, part)
      if isReversed { word = Bits.reversed(word, part) }
      if isSigned, done + part == size { word = Bits.signed(word, part) }
      if done == 0 {
        value = word
        rest = isSigned && Int64(bitPattern: word) < 0 ? UInt64.max : 0
      } else if word != rest {
        fits = false
      }
      output.put(word, Step.noSlot)
      done += part
    }
    return fits || step.pointee.size & Step.wideMustFit == 0
  }

  @inline(never)
  private static func checkOrder(
    _ step: UnsafePointer<Step>, _ position: Int, _ registers: UnsafeMutablePointer<UInt64>
  ) -> Bool {
    let register = registers + Int(step.pointee.slot)
    let order = UInt64(step.pointee.size)
    if position & 7 != 0, register.pointee == UInt64(position >> 3) << 1 | (1 - order) { return false }
    let end = position &+ Int(truncatingIfNeeded: step.pointee.operand)
    register.pointee = UInt64(end >> 3) << 1 | order
    return true
  }

  @inline(never)
  private static func choose(
    _ step: UnsafePointer<Step>, _ ranges: UnsafePointer<VariantRange>, _ tag: UInt64
  ) -> UnsafePointer<VariantRange>? {
    var range = ranges + Int(step.pointee.offset)
    let end = range + Int(step.pointee.operand)
    while range < end {
      let matches =
        step.pointee.size == 1
        ? Int64(bitPattern: tag) >= Int64(bitPattern: range.pointee.low)
          && Int64(bitPattern: tag) <= Int64(bitPattern: range.pointee.high)
        : tag >= range.pointee.low && tag <= range.pointee.high
      if matches { return range }
      range += 1
    }
    return nil
  }
}
