/// Where an instruction pointer is, seen from the instruction that it was taken for (docs/events.md).
package enum InstructionPosition: Sendable {
  /// At its first byte.
  case at
  /// Behind its last byte.
  case behind
  /// One of the two: the instruction is an OUT, and who carried it out decides.
  case either
}

extension SymbolTable {
  /// The function that an instruction is in; nil: none has it.
  ///
  /// - Parameters:
  ///   - pointer: As the file has addresses.
  ///   - position: Where it is.
  package func function(of pointer: UInt64, _ position: InstructionPosition) -> Function? {
    switch position {
    case .at: return function(containing: pointer)
    case .behind: return function(containing: pointer &- 1)
    case .either:
      let (at, before) = (function(containing: pointer), function(containing: pointer &- 1))
      guard let at, let before, at != before else { return at ?? before }
      // One function ends here and another one begins.
      return isOutput(at: pointer) || !isOutput(before: pointer) ? at : before
    }
  }

  /// Whether the file has an OUT or OUTS at an address, behind its prefixes.
  private func isOutput(at address: UInt64) -> Bool {
    guard let bytes = bytes(at: address, count: 4) else { return false }
    let opcode = bytes.first { ![0x66, 0x67, 0xf2, 0xf3].contains($0) && !(0x40...0x4f).contains($0) }
    return opcode.map(Self.outputs.contains) ?? false
  }

  /// Whether the file has an OUT or OUTS that ends before an address.
  private func isOutput(before address: UInt64) -> Bool {
    guard let bytes = bytes(at: address &- 2, count: 2), bytes.count == 2 else { return false }
    let (first, second) = (bytes[bytes.startIndex], bytes[bytes.startIndex + 1])
    return [0xee, 0xef, 0x6e, 0x6f].contains(second) || [0xe6, 0xe7].contains(first)
  }

  /// OUT to an immediate port or to the one in DX, and OUTS.
  private static let outputs: Set<UInt8> = [0xe6, 0xe7, 0xee, 0xef, 0x6e, 0x6f]

  private func bytes(at address: UInt64, count: Int) -> ArraySlice<UInt8>? {
    code.lazy.compactMap { $0.bytes(at: address, count: count) }.first
  }
}
