/// The symbols of a guest, whose addresses may be shifted against those of its file.
package struct GuestSymbols: Sendable {
  /// What the file is called.
  package let path: String
  /// What the guest's addresses are more than the file's (KASLR), modulo 2^64.
  package let offset: UInt64
  private let table: SymbolTable

  /// Symbols of a file that has been read.
  package init(_ table: SymbolTable, path: String, offset: UInt64 = 0) {
    self.table = table
    self.path = path
    self.offset = offset
  }

  /// A function at the guest's addresses; nil: the exit comes from none.
  ///
  /// - Parameters:
  ///   - rip: The instruction pointer of an exit.
  ///   - reason: KVM_EXIT_*.
  ///   - direction: `direction` of the catalogue.
  package func function(rip: UInt64, reason: UInt8, direction: UInt8) -> SymbolTable.Function? {
    table.function(of: rip &- offset, Self.position(reason: reason, direction: direction)).map {
      SymbolTable.Function(start: $0.start &+ offset, size: $0.size, name: $0.name)
    }
  }

  /// Where an exit's instruction pointer is (docs/events.md).
  private static func position(reason: UInt8, direction: UInt8) -> InstructionPosition {
    switch (reason, direction) {
    // KVM_EXIT_IO, KVM_EXIT_MMIO and KVM_EXIT_HLT.
    case (2, 2): .either
    case (6, 2), (5, _): .behind
    default: .at
    }
  }
}
