import CKVM

/// The memory operand of an instruction with a ModRM byte (Intel SDM volume 2, section 2.1.3), as far as the instruction
/// needs none of the prefixes that choose another one.
struct MemoryOperand {
  /// Bits 3 to 5 of the ModRM byte, which tell instructions with the same opcode apart.
  let operation: UInt8
  /// Bytes of the whole instruction.
  let length: Int
  /// Its address within the segment.
  private let offset: UInt64
  private let segment: KeyPath<kvm_sregs, kvm_segment>

  /// Decodes `opcode` with its operand.
  ///
  /// - Parameters:
  ///   - opcode: the bytes between prefixes and ModRM.
  ///   - bytes: the instruction, and maybe what follows it.
  /// - Returns: nil where it is another instruction, has an operand that is a register, or is cut off.
  init?(_ opcode: [UInt8], in bytes: [UInt8], registers: kvm_regs, system: kvm_sregs) {
    var reader = Reader(bytes: bytes)
    let isLong = system.cs.l != 0 && system.efer & 1 << 10 != 0
    guard var prefixes = Prefixes(&reader, isLong: isLong), reader.take(opcode), let form = reader.byte()
    else { return nil }
    let (mode, low) = (form >> 6, form & 7)
    guard mode != 3 else { return nil }
    operation = form >> 3 & 7
    let width: Int
    switch (isLong, system.cs.db != 0, prefixes.changesAddressSize) {
    case (true, _, false): width = 8
    case (true, _, true), (false, true, false), (false, false, true): width = 4
    case (false, true, true), (false, false, false): width = 2
    }
    guard
      let address = width == 2
        ? Address.short(mode, low, registers, &reader)
        : Address.long(mode, low, prefixes, registers, isLong: isLong, &reader)
    else { return nil }
    length = reader.place
    var offset = address.offset
    if address.isRelative { offset = offset &+ registers.rip &+ UInt64(reader.place) }
    self.offset = width == 8 ? offset : offset & (width == 4 ? 0xffff_ffff : 0xffff)
    if prefixes.segment == nil, address.isOnStack { prefixes.segment = \.ss }
    segment = prefixes.segment ?? \.ds
  }

  /// The linear address of so many bytes, above zero.
  ///
  /// - Returns: nil where the segment does not allow the access, or the address is none.
  func linear(count: UInt64, writing: Bool, _ system: kvm_sregs) -> UInt64? {
    let segment = system[keyPath: segment]
    if system.cs.l != 0, system.efer & 1 << 10 != 0 {
      let hasBase = self.segment == \kvm_sregs.fs || self.segment == \kvm_sregs.gs
      let address = (hasBase ? segment.base : 0) &+ offset
      let last = address &+ (count - 1)
      func isCanonical(_ address: UInt64) -> Bool {
        let bits: UInt64 = system.cr4 & 1 << 12 != 0 ? 57 : 48
        return Int64(bitPattern: address << (64 - bits)) >> Int64(64 - bits) == Int64(bitPattern: address)
      }
      return last >= address && isCanonical(address) && isCanonical(last) ? address : nil
    }
    // Type: bit 3 code, bit 2 of data that expand downwards, bit 1 readable code or writable data.
    let isReal = system.cr0 & 1 == 0
    guard segment.unusable == 0 || isReal, offset + (count - 1) <= UInt64(segment.limit) else { return nil }
    if !isReal {
      let isCode = segment.type & 8 != 0
      guard isCode ? !writing && segment.type & 2 != 0 : segment.type & 4 == 0 else { return nil }
      if writing, segment.type & 2 == 0 { return nil }
    }
    return (segment.base &+ offset) & 0xffff_ffff
  }
}

/// Bytes of an instruction, one after the other.
private struct Reader {
  let bytes: [UInt8]
  var place = 0

  mutating func byte() -> UInt8? {
    guard place < bytes.count else { return nil }
    defer { place += 1 }
    return bytes[place]
  }

  /// A number, sign-extended.
  mutating func number(_ count: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in 0..<count {
      guard let byte = byte() else { return nil }
      value |= UInt64(byte) << UInt64(8 * index)
    }
    let shift = Int64(64 - 8 * count)
    return count == 0 ? 0 : UInt64(bitPattern: Int64(bitPattern: value << UInt64(shift)) >> shift)
  }

  mutating func take(_ expected: [UInt8]) -> Bool {
    guard bytes.dropFirst(place).starts(with: expected) else { return false }
    place += expected.count
    return true
  }
}

/// Prefixes, but for those that choose another instruction.
private struct Prefixes {
  var segment: KeyPath<kvm_sregs, kvm_segment>?
  var changesAddressSize = false
  /// The lowest bits of REX: an extension of index and base.
  var index: UInt8 = 0
  var base: UInt8 = 0

  init?(_ reader: inout Reader, isLong: Bool) {
    while let byte = reader.bytes.dropFirst(reader.place).first {
      switch byte {
      // In 64-bit mode these say nothing.
      case 0x26: if !isLong { segment = \.es }
      case 0x2e: if !isLong { segment = \.cs }
      case 0x36: if !isLong { segment = \.ss }
      case 0x3e: if !isLong { segment = \.ds }
      case 0x64: segment = \.fs
      case 0x65: segment = \.gs
      case 0x67: changesAddressSize = true
      case 0x66, 0xf0, 0xf2, 0xf3: return nil
      case 0x40...0x4f where isLong:
        index = byte >> 1 & 1
        base = byte & 1
        reader.place += 1
        return
      default: return
      }
      reader.place += 1
    }
  }
}

/// Where a ModRM byte, and what follows it, leads.
private struct Address {
  var offset: UInt64
  /// Whether the address of the next instruction is to be added.
  var isRelative = false
  /// Whether the stack's segment is meant where no prefix says another.
  var isOnStack = false

  /// With addresses of 16 bits (table 2-1).
  static func short(
    _ mode: UInt8, _ low: UInt8, _ registers: kvm_regs, _ reader: inout Reader
  ) -> Address? {
    if mode == 0, low == 6 { return reader.number(2).map { Address(offset: $0) } }
    let (rbx, rbp, rsi, rdi) = (registers.rbx, registers.rbp, registers.rsi, registers.rdi)
    let sums = [rbx &+ rsi, rbx &+ rdi, rbp &+ rsi, rbp &+ rdi, rsi, rdi, rbp, rbx]
    return reader.number(Int(mode)).map {
      Address(offset: sums[Int(low)] &+ $0, isOnStack: low == 2 || low == 3 || low == 6)
    }
  }

  /// With addresses of 32 or 64 bits (tables 2-2 and 2-3).
  static func long(
    _ mode: UInt8, _ low: UInt8, _ prefixes: Prefixes, _ registers: kvm_regs, isLong: Bool,
    _ reader: inout Reader
  ) -> Address? {
    let displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0
    guard low == 4 else {
      if mode == 0, low == 5 { return reader.number(4).map { Address(offset: $0, isRelative: isLong) } }
      return reader.number(displacement).map {
        Address(
          offset: register(low | prefixes.base << 3, registers) &+ $0,
          isOnStack: low == 5 && prefixes.base == 0)
      }
    }
    guard let form = reader.byte() else { return nil }
    let (scale, index, base) = (form >> 6, form >> 3 & 7 | prefixes.index << 3, form & 7)
    // The stack pointer is no index.
    let scaled = index == 4 ? 0 : register(index, registers) << UInt64(scale)
    if mode == 0, base == 5 { return reader.number(4).map { Address(offset: scaled &+ $0) } }
    let number = base | prefixes.base << 3
    return reader.number(displacement).map {
      Address(
        offset: register(number, registers) &+ scaled &+ $0, isOnStack: number == 4 || number == 5)
    }
  }

  private static func register(_ number: UInt8, _ registers: kvm_regs) -> UInt64 {
    let all = [
      registers.rax, registers.rcx, registers.rdx, registers.rbx, registers.rsp, registers.rbp, registers.rsi,
      registers.rdi, registers.r8, registers.r9, registers.r10, registers.r11, registers.r12, registers.r13,
      registers.r14, registers.r15,
    ]
    return all[Int(number & 15)]
  }
}
