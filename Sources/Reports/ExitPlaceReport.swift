/// Where in the guest exits come from, by their instruction pointers (`--trace-rip`).
package struct ExitPlaceReport: Codable, Equatable, Sendable {
  /// Exits of one kind.
  package struct Kind: Codable, Equatable, Sendable {
    /// Reason, direction, address and device, in words.
    package var exits: String
    /// How many.
    package var count: UInt64

    package init(exits: String, count: UInt64) {
      self.exits = exits
      self.count = count
    }
  }

  /// The guest's function; nil: no symbols were given, or none of them has it.
  package var symbol: String?
  /// Where that begins in the guest.
  package var symbolAddress: UInt64?
  /// The lowest instruction pointer, and the highest; of a range of addresses its first and its last.
  package var from: UInt64
  package var through: UInt64
  /// Different instruction pointers.
  package var instructions: Int
  /// What the exits are, the most frequent first; at most 16 kinds.
  package var kinds: [Kind]
  /// Kinds that are left out of these; nil: none.
  package var otherKinds: Int?

  package init(
    symbol: String? = nil, symbolAddress: UInt64? = nil, from: UInt64, through: UInt64, instructions: Int,
    kinds: [Kind], otherKinds: Int? = nil
  ) {
    self.symbol = symbol
    self.symbolAddress = symbolAddress
    self.from = from
    self.through = through
    self.instructions = instructions
    self.kinds = kinds
    self.otherKinds = otherKinds
  }
}

/// How exits were put together by where in the guest they come from.
package struct ExitPlacesReport: Codable, Equatable, Sendable {
  /// The file of symbols; nil: none was given.
  package var symbols: String?
  /// What the guest's addresses are more than the file's; nil: nothing.
  package var kaslrOffset: UInt64?
  /// Exits with an instruction pointer.
  package var count: UInt64
  /// Of these, exits from functions of the file; nil: none was given.
  package var named: UInt64?
  /// Exits whose instruction pointer is not recorded.
  package var without: UInt64

  package init(
    symbols: String? = nil, kaslrOffset: UInt64? = nil, count: UInt64, named: UInt64? = nil, without: UInt64
  ) {
    self.symbols = symbols
    self.kaslrOffset = kaslrOffset
    self.count = count
    self.named = named
    self.without = without
  }
}
