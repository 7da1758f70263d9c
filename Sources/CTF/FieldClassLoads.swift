/// The loads of fields that only CTF 2 has; out of the way of the interpreter's hot steps. Those of runs have been compared with
/// the limit by the run.
extension Interpreter {
  /// Bits in the order that is not the byte order's own.
  @inline(never) @unsafe
  static func loadReversed(
    _ step: StepPointer, _ base: PacketBytes, _ position: Int
  ) -> UInt64 {
    let size = Int(step.size)
    let flags = step.operand
    let bits =
      unsafe flags & Step.reversedBig != 0
      ? Bits.big(base, position, size) : Bits.little(base, position, size)
    let value = Bits.reversed(bits, size)
    if flags & Step.reversedFloat != 0 { return Bits.double(value, size) }
    return flags & Step.reversedSigned != 0 ? Bits.signed(value, size) : value
  }

  @inline(never) @unsafe
  static func isAnySet(_ step: StepPointer, _ base: PacketBytes, _ position: Int) -> Bool {
    var place = position
    let end = position + Int(truncatingIfNeeded: step.operand)
    while place < end {
      let part = min(64, end - place)
      let bits = unsafe step.size == 1 ? Bits.big(base, place, part) : Bits.little(base, place, part)
      if bits != 0 { return true }
      place += part
    }
    return false
  }

  /// An integer in LEB128 (CTF 2, sections 6.4.9 and 6.4.10); its length in bits goes to a register.
  @inline(never)
  static func loadVariable(
    _ step: StepPointer, _ cursor: BitCursor, _ position: inout Int, _ value: inout UInt64,
    _ registers: Registers
  ) -> DecodeStatus {
    var result: UInt64 = 0
    var size = 0
    // The position stays until the integer is known to be in memory as a whole.
    var place = position
    while true {
      guard place &+ 8 <= cursor.limit else { return .shortage }
      // The byte that ends there or before.
      let byte = unsafe UInt64(cursor.base.load(UInt8.self, at: place >> 3))
      place &+= 8
      if size < 63 {
        result |= (byte & 0x7f) << UInt64(size)
      } else {
        // The tenth byte has room for the highest bit; a sign has to go on in the others.
        let isSigned = step.size == 1
        guard size == 63, byte == 0 || byte == (isSigned ? 0x7f : 1) else { return .tooWide }
        result |= byte << 63
      }
      size += 7
      if byte & 0x80 == 0 {
        if step.size == 1, size < 64, byte & 0x40 != 0 { result |= UInt64.max << UInt64(size) }
        break
      }
    }
    position = place
    value = result
    registers[Register.variableBits] = UInt64(min(64, size))
    return .complete
  }

  /// Texts in encodings other than UTF-8, and BLOBs.
  @inline(never)
  static func loadBytes<Output: DecodeOutput>(
    _ step: StepPointer, _ cursor: BitCursor, _ position: inout Int,
    _ registers: Registers, _ output: inout Output
  ) -> DecodeStatus {
    guard output.reserve(2) else { return .tooLarge }
    let start = cursor.base + (position >> 3)
    let encoding = TextEncoding(rawValue: step.size) ?? .utf8
    if step.kind == .encodedString {
      let available = unsafe LoadedBytes(start, max(0, cursor.limit &- position) >> 3)
      guard let length = encoding.length(available) else { return .shortage }
      guard output.putText(available.prefix(length), encoding, step.slot) else { return .tooLarge }
      position &+= (length &+ encoding.unitBytes) &* 8
      return .complete
    }
    let isText = step.kind == .encodedText || step.kind == .encodedTextSequence
    let isFixed = step.kind == .encodedText || step.kind == .blob
    let count = isFixed ? step.operand : registers[Int(step.offset)]
    guard count <= UInt64(max(0, cursor.content &- position) >> 3) else { return .tooLong }
    let size = Int(count)
    guard position &+ size &* 8 <= cursor.limit else { return .shortage }
    let bytes = unsafe LoadedBytes(start, size)
    if isText {
      let length = encoding.length(bytes)
      guard length != nil || size % encoding.unitBytes == 0 else { return .cutCharacter }
      guard output.putText(bytes.prefix(length ?? size), encoding, step.slot) else { return .tooLarge }
    } else {
      guard output.putText(bytes, step.slot) else { return .tooLarge }
    }
    position &+= size &* 8
    return .complete
  }
}
