/// The loads of fields that only CTF 2 has; out of the way of the interpreter's hot steps.
extension Interpreter {
  /// Bits in the order that is not the byte order's own.
  @inline(never)
  static func loadReversed(
    _ step: UnsafePointer<Step>, _ base: UnsafeRawPointer, _ position: Int
  ) -> UInt64 {
    let size = Int(step.pointee.size)
    let flags = step.pointee.operand
    let bits =
      flags & Step.reversedBig != 0 ? Bits.big(base, position, size) : Bits.little(base, position, size)
    let value = Bits.reversed(bits, size)
    if flags & Step.reversedFloat != 0 { return Bits.double(value, size) }
    return flags & Step.reversedSigned != 0 ? Bits.signed(value, size) : value
  }

  @inline(never)
  static func isAnySet(_ step: UnsafePointer<Step>, _ base: UnsafeRawPointer, _ position: Int) -> Bool {
    var place = position
    let end = position + Int(truncatingIfNeeded: step.pointee.operand)
    while place < end {
      let part = min(64, end - place)
      let bits = step.pointee.size == 1 ? Bits.big(base, place, part) : Bits.little(base, place, part)
      if bits != 0 { return true }
      place += part
    }
    return false
  }

  /// An integer in LEB128 (CTF 2, sections 6.4.9 and 6.4.10); its length in bits goes to a register.
  @inline(never)
  static func loadVariable(
    _ step: UnsafePointer<Step>, _ cursor: BitCursor, _ position: inout Int, _ value: inout UInt64,
    _ registers: UnsafeMutablePointer<UInt64>
  ) -> DecodeStatus {
    var result: UInt64 = 0
    var size = 0
    while true {
      guard position &+ 8 <= cursor.limit else { return .shortage }
      let byte = UInt64(cursor.base.load(fromByteOffset: position >> 3, as: UInt8.self))
      position &+= 8
      if size < 63 {
        result |= (byte & 0x7f) << UInt64(size)
      } else {
        // The tenth byte has room for the highest bit; a sign has to go on in the others.
        let isSigned = step.pointee.size == 1
        guard size == 63, byte == 0 || byte == (isSigned ? 0x7f : 1) else { return .tooWide }
        result |= byte << 63
      }
      size += 7
      if byte & 0x80 == 0 {
        if step.pointee.size == 1, size < 64, byte & 0x40 != 0 { result |= UInt64.max << UInt64(size) }
        break
      }
    }
    value = result
    registers[Register.variableBits] = UInt64(min(64, size))
    return .complete
  }

  /// Texts in encodings other than UTF-8, and BLOBs.
  @inline(never)
  static func loadBytes<Output: DecodeOutput>(
    _ step: UnsafePointer<Step>, _ cursor: BitCursor, _ position: inout Int,
    _ registers: UnsafeMutablePointer<UInt64>, _ output: inout Output
  ) -> DecodeStatus {
    guard output.reserve(2) else { return .tooLarge }
    let start = cursor.base + (position >> 3)
    let encoding = TextEncoding(rawValue: step.pointee.size) ?? .utf8
    if step.pointee.kind == .encodedString {
      let available = max(0, cursor.limit &- position) >> 3
      guard let length = encoding.length(start, available) else { return .shortage }
      guard output.putText(start, length, encoding, step.pointee.slot) else { return .tooLarge }
      position &+= (length &+ encoding.unitBytes) &* 8
      return .complete
    }
    let isText = step.pointee.kind == .encodedText || step.pointee.kind == .encodedTextSequence
    let isFixed = step.pointee.kind == .encodedText || step.pointee.kind == .blob
    let count = isFixed ? step.pointee.operand : registers[Int(step.pointee.offset)]
    guard count <= UInt64(max(0, cursor.content &- position) >> 3) else { return .tooLong }
    let size = Int(count)
    guard position &+ size &* 8 <= cursor.limit else { return .shortage }
    if isText {
      let length = encoding.length(start, size)
      guard length != nil || size % encoding.unitBytes == 0 else { return .cutCharacter }
      guard output.putText(start, length ?? size, encoding, step.pointee.slot) else { return .tooLarge }
    } else {
      guard output.putText(start, size, step.pointee.slot) else { return .tooLarge }
    }
    position &+= size &* 8
    return .complete
  }
}
