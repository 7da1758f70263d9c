/// Tells exits apart by the guest's instruction pointer (`--trace-rip`): how these are keys of a table that is bounded like that
/// of kinds of exits.
extension UnsafeMutablePointer where Pointee == AnalysisState {
  /// The key of an exit with its instruction pointer.
  @inline(__always)
  func instruction(of event: VcpuRunExitRip) -> Key {
    InstructionResult(
      exit: ExitResult(
        vcpu: pointee.configuration.separatesVcpus ? Int(clamping: event.exit.vcpu) : nil,
        reason: UInt8(truncatingIfNeeded: event.exit.reason),
        direction: UInt8(truncatingIfNeeded: event.exit.direction), address: event.exit.address),
      rip: event.rip
    ).key
  }

  /// The row of such a key.
  func instruction(_ key: Key) -> UnsafeMutablePointer<ExitSite> {
    key == .strangeInstruction ? pointee.instructions.others : pointee.instructions.row(for: key)
  }
}

/// Exits of one kind from one place in the guest.
package struct InstructionResult: Sendable, Equatable {
  /// Reason, direction and address, and the vCPU if the analysis separates vCPUs.
  package let exit: ExitResult
  /// The guest's instruction pointer: that of the instruction or of the one behind it, see docs/events.md.
  package let rip: UInt64

  package init(exit: ExitResult, rip: UInt64) {
    self.exit = exit
    self.rip = rip
  }
}

// A key has two words, and an exit with its place would need three. What it loses, no processor has: `low` holds the 57 bits that
// a canonical address has at most (five levels of page tables) and 7 bits of the port or guest physical address, `high` from
// above the vCPU (13 bits), 41 bits of the address, so that it has 48, the reason (8) and the direction (2).

extension InstructionResult {
  private static let ripBits: UInt64 = 57
  private static let addressBits: UInt64 = 48
  private static let lowAddressBits = 64 - ripBits
  private static let allVcpus: UInt64 = 0x1fff
  fileprivate static let specialVcpu: UInt64 = 0x1ffe

  /// Its key; ``Key/strangeInstruction`` where an address is none that a processor has.
  @inline(__always)
  var key: Key {
    let sign = Int64(bitPattern: rip) >> Int64(Self.ripBits - 1)
    let vcpu = exit.vcpu.map { UInt64($0) } ?? Self.allVcpus
    guard sign == 0 || sign == -1, exit.address >> Self.addressBits == 0, exit.direction < 4,
      vcpu < UInt64(Limits.vcpus) || exit.vcpu == nil
    else { return .strangeInstruction }
    return Key(
      high: vcpu << 51 | (exit.address >> Self.lowAddressBits) << 10 | UInt64(exit.reason) << 2
        | UInt64(exit.direction),
      low: exit.address << Self.ripBits | rip & (1 << Self.ripBits - 1))
  }

  /// What a key with a row of its own is about.
  init(_ key: Key) {
    let vcpu = key.high >> 51
    let shift = 64 - Int64(Self.ripBits)
    let address = (key.high >> 10 & (1 << 41 - 1)) << Self.lowAddressBits | key.low >> Self.ripBits
    self.init(
      exit: ExitResult(
        vcpu: vcpu == Self.allVcpus ? nil : Int(vcpu), reason: UInt8(key.high >> 2 & 0xff),
        direction: UInt8(key.high & 3), address: address),
      rip: UInt64(bitPattern: (Int64(bitPattern: key.low) << shift) >> shift))
  }
}

extension Key {
  /// The exit's instruction pointer is not recorded.
  static let noInstruction = Key(high: InstructionResult.specialVcpu << 51, low: 0)
  /// It, or the address of the access, is none that a processor has: the exit is among the others.
  static let strangeInstruction = Key(high: InstructionResult.specialVcpu << 51, low: 1)

  /// Whether it is one of an ``InstructionResult``, or stands for none.
  var isInstructionKey: Bool {
    self == .noInstruction || self == .strangeInstruction || hasInstruction
  }

  /// Whether a row of the table can be for it.
  var hasInstruction: Bool {
    high >> 51 != InstructionResult.specialVcpu && InstructionResult(self).key == self
  }
}
