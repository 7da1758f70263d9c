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

  /// Whether no guest can have been moved by the offset: functions would be where x86 has no addresses (Intel SDM, volume 1, 3.3.7.1; 57
  /// bits of them are the most), or it is a negative number of bytes that is not one of whole pages.
  package var isOffsetImpossible: Bool {
    guard let middle = table.functions.dropFirst(table.functions.count / 2).first else { return false }
    let (moved, isNegative) = middle.start.addingReportingOverflow(offset)
    let isCanonical = (Int64(bitPattern: moved) << 7) >> 7 == Int64(bitPattern: moved)
    return !isCanonical || (isNegative && offset % 4096 != 0)
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
