/// Where the values of an event go that is read in pieces.
protocol PieceOutput: DecodeOutput {
  /// Takes what has been put so far: the buffer is about to move, or there is no more room. False when nothing is left
  /// to take, so that there will never be room.
  mutating func drain() -> Bool
  /// A part of a text that is larger than the buffer, instead of `putText`; the last one may be empty.
  mutating func putPart(_ part: LoadedBytes, _ slot: UInt16, isFirst: Bool, isLast: Bool) -> Bool
}

extension NoOutput: PieceOutput {
  mutating func drain() -> Bool { false }
  mutating func putPart(_ part: LoadedBytes, _ slot: UInt16, isFirst: Bool, isLast: Bool) -> Bool { true }
}

/// Decodes events that are larger than the buffer or the tape: the buffer moves along, and values are handed on
/// whenever it does.
enum PieceReader {
  /// Decodes contexts and payload of the event at the walker's cursor.
  ///
  /// - Returns: `complete`, and the cursor is behind the event; or why that is not possible.
  @inline(never)
  static func run<Output: PieceOutput>(
    _ plan: PlanPointers, _ walker: StreamWalker, _ output: inout Output
  ) -> DecodeStatus {
    var place = Interpreter.Place()
    while true {
      var cursor = walker.cursor
      var state = walker.state
      let status = Interpreter.run(plan, &cursor, &state, &output, from: &place)
      walker.cursor = cursor
      walker.state = state
      switch status {
      case .complete:
        _ = output.drain()
        return cursor.position <= cursor.content ? .complete : .shortage
      case .tooLarge: guard output.drain() else { return .tooLarge }
      case .shortage:
        // Texts that have been put are in the buffer.
        _ = output.drain()
        if walker.slide(to: cursor.position) { continue }
        let result = bytes(plan.step(place.step), walker, &output)
        guard result == .complete else { return result }
        place.step += 1
      default: return status
      }
    }
  }

  /// What the bytes of a text or BLOB are.
  private enum Contents {
    case text(TextEncoding)
    case blob

    var unitBytes: Int {
      switch self {
      case .text(let encoding): encoding.unitBytes
      case .blob: 1
      }
    }

    /// Where the text among these bytes ends; nil when it goes on behind them, as BLOBs always do.
    func end(_ bytes: LoadedBytes) -> Int? {
      guard case .text(let encoding) = self else { return nil }
      return encoding == .utf8 ? bytes.firstNUL : encoding.length(bytes)
    }

    /// The number of bytes at the end that are the begin of a character.
    func incomplete(_ bytes: LoadedBytes) -> Int {
      guard case .text(let encoding) = self else { return 0 }
      return encoding == .utf8 ? incompleteCharacter(bytes) : encoding.incomplete(bytes)
    }
  }

  /// A text or BLOB that does not fit in the buffer.
  private static func bytes<Output: PieceOutput>(
    _ step: StepPointer, _ walker: StreamWalker, _ output: inout Output
  ) -> DecodeStatus {
    let encoding = TextEncoding(rawValue: step.size) ?? .utf8
    var length: UInt64 { walker.state.registers[Int(step.offset)] }
    return switch step.kind {
    case .string: bytes(.text(.utf8), walker, nil, step.slot, &output)
    case .text: bytes(.text(.utf8), walker, step.operand, step.slot, &output)
    case .textSequence: bytes(.text(.utf8), walker, length, step.slot, &output)
    case .encodedString: bytes(.text(encoding), walker, nil, step.slot, &output)
    case .encodedText: bytes(.text(encoding), walker, step.operand, step.slot, &output)
    case .encodedTextSequence: bytes(.text(encoding), walker, length, step.slot, &output)
    case .blob: bytes(.blob, walker, step.operand, step.slot, &output)
    case .blobSequence: bytes(.blob, walker, length, step.slot, &output)
    default: .shortage
    }
  }

  /// Bytes up to a NUL, or `size` of them, of a text shown up to a NUL.
  private static func bytes<Output: PieceOutput>(
    _ contents: Contents, _ walker: StreamWalker, _ size: UInt64?, _ slot: UInt16, _ output: inout Output
  ) -> DecodeStatus {
    var left = size.map { Int(clamping: $0) } ?? Int.max
    var isFirst = true
    // Whether no NUL has come yet.
    var isShown = true
    while true {
      let position = walker.cursor.position
      if walker.bytes(from: position).count < 8, walker.slide(to: position) {}
      let bytes = walker.bytes(from: position).prefix(left)
      guard bytes.count > 0 else { return .shortage }
      let nul = isShown ? contents.end(bytes) : nil
      var taken = bytes.count
      if size == nil, let nul { taken = nul + contents.unitBytes }
      let isLast = size == nil ? nul != nil : taken == left
      if isShown, nul == nil {
        // Characters are not cut, so that each part can be shown by itself.
        if isLast {
          guard taken % contents.unitBytes == 0 else { return .cutCharacter }
        } else {
          let cut = contents.incomplete(bytes)
          guard cut < taken else { return .shortage }
          taken -= cut
        }
      }
      let shown = isShown ? nul ?? taken : 0
      if shown > 0 || isFirst || isLast {
        guard output.putPart(bytes.prefix(shown), slot, isFirst: isFirst, isLast: isLast) else {
          return .tooLarge
        }
      }
      isFirst = false
      if nul != nil { isShown = false }
      if size != nil { left -= taken }
      walker.cursor.position = position + taken * 8
      if isLast { return .complete }
    }
  }

  /// The number of bytes at the end that are the begin of a UTF-8 character, 0 to 3.
  private static func incompleteCharacter(_ bytes: LoadedBytes) -> Int {
    for back in 1...3 where back < bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }
}

/// Receives the values of an event that is too large to be in memory as a whole.
public protocol EventPieces: AnyObject {
  /// More words, as ``EventRecord/values`` would have them. Texts are valid during the call.
  func words(_ words: UnsafePointer<UInt64>, _ count: Int)
  /// A part of a text, in place of the two words of a text.
  func text(_ part: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool)
}

/// Hands on what comes onto a tape.
struct TapePieces: PieceOutput {
  private var tape = TapeOutput()
  private let receiver: any EventPieces

  init(_ receiver: any EventPieces) { self.receiver = receiver }

  /// Gives the memory back: nobody may use a copy any more.
  @unsafe
  func deallocate() { unsafe tape.deallocate() }

  mutating func restart() { tape.restart() }
  @inline(__always) mutating func reserve(_ words: Int) -> Bool { tape.reserve(words) }
  @inline(__always) mutating func put(_ value: UInt64, _ slot: UInt16) { tape.put(value, slot) }
  @inline(__always) @unsafe
  mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64 { unsafe tape.load(fields, bytes) }
  @inline(__always) mutating func putStructure(_ value: UInt64) { tape.putStructure(value) }
  @inline(__always)
  mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool { tape.putText(text, slot) }
  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool {
    tape.putText(text, encoding, slot)
  }

  mutating func drain() -> Bool {
    guard tape.count > 0 else { return false }
    // As many words as were put; they are in place until the tape restarts.
    unsafe receiver.words(tape.words, tape.count)
    tape.restart()
    return true
  }

  mutating func putPart(_ part: LoadedBytes, _ slot: UInt16, isFirst: Bool, isLast: Bool) -> Bool {
    // In memory as long as the call.
    unsafe receiver.text(part.buffer.assumingMemoryBound(to: UInt8.self), isFirst: isFirst, isLast: isLast)
    return true
  }
}
