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
  var base: PacketBytes
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
  /// Loads and puts fields, at least one, of a run that begins with `bytes`; returns the last one's value. The caller has
  /// compared the run's end with what is in memory.
  @unsafe mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64
  /// A number of elements or the index of an option, which rows do not want.
  mutating func putStructure(_ value: UInt64)
  /// Text; false when there is no room.
  mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool
  /// Text in another encoding than UTF-8; false when there is no room.
  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool
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
  ///
  /// What is marked `unsafe` reads bytes of the packet. A run compares its end with the limit; what is loaded from it lies in front
  /// of that end (``PlanCheck``). Texts compare theirs.
  @inline(__always)
  static func run<Output: DecodeOutput>(
    _ plan: PlanPointers, _ cursor: inout BitCursor, _ state: inout DecodeState, _ output: inout Output,
    from place: inout Place
  ) -> DecodeStatus {
    var step = plan.step(place.step)
    var position = cursor.position
    // The run that loads refer to: its first byte and its first bit.
    var bytes = cursor.base
    var bits = 0
    var value: UInt64 = 0
    var depth = place.depth
    var empty = place.empty
    defer {
      cursor.position = position
      place = Place(step: plan.index(of: step), depth: depth, empty: empty)
    }
    while true {
      switch step.kind {
      case .end:
        if empty > 0 { state.emptyLeft -= empty }
        return .complete
      case .run:
        let end = position &+ Int(step.offset)
        guard end <= cursor.limit else { return .shortage }
        guard output.reserve(Int(truncatingIfNeeded: step.operand)) else { return .tooLarge }
        bytes = cursor.base + (position >> 3)
        bits = position
        position = end
      case .fields:
        value = unsafe output.load(plan.fields(of: step), bytes)
      case .u16Swapped:
        value = unsafe UInt64(bytes.load(UInt16.self, at: Int(step.offset)).byteSwapped)
        output.put(value, step.slot)
      case .u32Swapped:
        value = unsafe UInt64(bytes.load(UInt32.self, at: Int(step.offset)).byteSwapped)
        output.put(value, step.slot)
      case .u64Swapped:
        value = unsafe bytes.load(UInt64.self, at: Int(step.offset)).byteSwapped
        output.put(value, step.slot)
      case .s16Swapped:
        let raw = unsafe bytes.load(Int16.self, at: Int(step.offset)).byteSwapped
        value = UInt64(bitPattern: Int64(raw))
        output.put(value, step.slot)
      case .s32Swapped:
        let raw = unsafe bytes.load(Int32.self, at: Int(step.offset)).byteSwapped
        value = UInt64(bitPattern: Int64(raw))
        output.put(value, step.slot)
      case .float:
        let raw = unsafe bytes.load(UInt32.self, at: Int(step.offset))
        output.put(Double(Float(bitPattern: raw)).bitPattern, step.slot)
      case .floatSwapped:
        let raw = unsafe bytes.load(UInt32.self, at: Int(step.offset)).byteSwapped
        output.put(Double(Float(bitPattern: raw)).bitPattern, step.slot)
      case .bitsLittle, .bitsBig, .signedBitsLittle, .signedBitsBig, .floatBitsLittle, .floatBitsBig:
        value = unsafe loadBits(step, cursor.base, bits &+ Int(step.offset))
        output.put(value, step.slot)
      case .wide:
        guard unsafe loadWide(step, cursor.base, bits &+ Int(step.offset), &value, &output) else {
          return .tooWide
        }
      case .order:
        guard checkOrder(step, bits &+ Int(step.offset), state.registers) else { return .orderChange }
      case .reversedBits:
        value = unsafe loadReversed(step, cursor.base, bits &+ Int(step.offset))
        output.put(value, step.slot)
      case .boolean:
        value = unsafe isAnySet(step, cursor.base, bits &+ Int(step.offset)) ? 1 : 0
        output.put(value, step.slot)
      case .variable:
        guard output.reserve(1) else { return .tooLarge }
        let status = loadVariable(step, cursor, &position, &value, state.registers)
        guard status == .complete else { return status }
        output.put(value, step.slot)
      case .set: state.registers[step.slot] = step.operand
      case .mark: state.registers[step.slot] |= step.operand
      case .require:
        guard state.registers[step.slot] != 0 else { return .absent }
      case .clockVariable:
        state.clock = advance(
          state.clock, value, UInt8(truncatingIfNeeded: state.registers[Register.variableBits]))
      case .encodedString, .encodedText, .encodedTextSequence, .blob, .blobSequence:
        let status = loadBytes(step, cursor, &position, state.registers, &output)
        guard status == .complete else { return status }
      case .keep: state.registers[step.slot] = value
      case .clock: state.clock = advance(state.clock, value, step.size)
      case .position: state.registers[step.slot] = UInt64(position >> 3)
      case .align:
        let mask = Int(truncatingIfNeeded: step.operand) &- 1
        position = (position &+ mask) & ~mask
      case .string:
        guard output.reserve(2) else { return .tooLarge }
        let start = cursor.base + (position >> 3)
        let available = (cursor.limit >> 3) &- (position >> 3)
        guard let length = unsafe LoadedBytes(start, available).firstNUL else { return .shortage }
        guard unsafe output.putText(LoadedBytes(start, length), step.slot) else { return .tooLarge }
        position &+= (length &+ 1) &* 8
      case .text, .textSequence:
        guard output.reserve(2) else { return .tooLarge }
        let count =
          step.kind == .text
          ? step.operand : state.registers[Int(step.offset)]
        guard count <= UInt64(max(0, cursor.content &- position) >> 3) else { return .tooLong }
        let size = Int(count)
        guard position &+ size &* 8 <= cursor.limit else { return .shortage }
        let start = cursor.base + (position >> 3)
        let length = unsafe LoadedBytes(start, size).firstNUL ?? size
        guard unsafe output.putText(LoadedBytes(start, length), step.slot) else { return .tooLarge }
        position &+= size &* 8
      case .room:
        guard step.operand <= UInt64(max(0, cursor.content &- position)) else { return .tooLong }
      case .loop, .loopSequence:
        var count = step.operand
        if step.kind == .loopSequence {
          count = state.registers[step.slot]
          let room = UInt64(max(0, cursor.content &- position))
          let (need, overflow) = count.multipliedReportingOverflow(by: step.operand)
          guard !overflow, need <= room else { return .tooLong }
          guard output.reserve(1) else { return .tooLarge }
          output.putStructure(count)
        }
        if count == 0 {
          step = plan.target(of: step)
          continue
        }
        state.loops[depth] = LoopStack.Loop(left: count, start: position)
        depth &+= 1
      case .endLoop:
        var loop = state.loops[depth &- 1]
        if position == loop.start {
          empty &+= 1
          guard empty <= DecodeState.maximumEmptyElements, empty <= state.emptyLeft else {
            return .tooManyEmpty
          }
        }
        loop.start = position
        loop.left &-= 1
        state.loops[depth &- 1] = loop
        if loop.left != 0 {
          step = plan.target(of: step)
          continue
        }
        depth &-= 1
      case .skip:
        position &+= Int(truncatingIfNeeded: step.operand)
        guard position <= cursor.content else { return .tooLong }
      case .skipSequence:
        let count = state.registers[step.slot]
        let (total, overflow) = count.multipliedReportingOverflow(by: step.operand)
        guard !overflow, total <= UInt64(max(0, cursor.content &- position)) &+ UInt64(step.offset)
        else {
          return .tooLong
        }
        position &+= Int(total) &- (count == 0 ? 0 : Int(step.offset))
      case .variant:
        let tag = state.registers[step.slot]
        guard output.reserve(1) else { return .tooLarge }
        guard let range = plan.choose(step, tag) else { return .noOption }
        output.putStructure(UInt64(range.option))
        step = plan.step(Int(range.target))
        continue
      case .optional:
        guard output.reserve(1) else { return .tooLarge }
        if let range = plan.choose(step, state.registers[step.slot]) {
          output.putStructure(1)
          step = plan.step(Int(range.target))
          continue
        }
        output.putStructure(0)
      case .jump:
        step = plan.target(of: step)
        continue
      }
      step = step.next
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

  @inline(never) @unsafe
  private static func loadBits(_ step: StepPointer, _ base: PacketBytes, _ position: Int)
    -> UInt64
  {
    let size = Int(step.size)
    switch step.kind {
    case .bitsLittle: return unsafe Bits.little(base, position, size)
    case .bitsBig: return unsafe Bits.big(base, position, size)
    case .signedBitsLittle: return unsafe Bits.signed(Bits.little(base, position, size), size)
    case .signedBitsBig: return unsafe Bits.signed(Bits.big(base, position, size), size)
    case .floatBitsLittle: return unsafe Bits.double(Bits.little(base, position, size), size)
    default: return unsafe Bits.double(Bits.big(base, position, size), size)
    }
  }

  /// Loads an integer of more than 64 bits word by word; `value` becomes its lowest word. False when only a value
  /// that fits in 64 bits means something and this one does not.
  @inline(never) @unsafe
  private static func loadWide<Output: DecodeOutput>(
    _ step: StepPointer, _ base: PacketBytes, _ position: Int, _ value: inout UInt64,
    _ output: inout Output
  ) -> Bool {
    let size = Int(truncatingIfNeeded: step.operand)
    let isSigned = step.size & Step.wideSigned != 0
    let isBig = step.size & Step.wideBig != 0
    let isReversed = step.size & Step.wideReversed != 0
    var fits = true
    var rest: UInt64 = 0
    var done = 0
    while done < size {
      let part = min(64, size - done)
      // Where the bits of the word are: big-endian numbers begin with the last word, unless they are reversed.
      let place = position + (isBig != isReversed ? size - done - part : done)
      var word = unsafe isBig ? Bits.big(base, place, part) : Bits.little(base, place, part)
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
    return fits || step.size & Step.wideMustFit == 0
  }

  @inline(never)
  private static func checkOrder(
    _ step: StepPointer, _ position: Int, _ registers: Registers
  ) -> Bool {
    let before = registers[step.slot]
    let order = UInt64(step.size)
    if position & 7 != 0, before == UInt64(position >> 3) << 1 | (1 - order) { return false }
    let end = position &+ Int(truncatingIfNeeded: step.operand)
    registers[step.slot] = UInt64(end >> 3) << 1 | order
    return true
  }
}
