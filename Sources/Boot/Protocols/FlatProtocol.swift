import GuestRAM

/// A flat image: bytes that are copied to RAM as they are and entered in one of three modes (docs/guest-abi.md). Built-in
/// guests are flat images with a parameter block.
package struct FlatImage: Sendable {
  /// The state in which the guest is entered.
  package enum Mode: String, Sendable, Codable, CaseIterable {
    /// 16-bit real mode.
    case real
    /// 32-bit protected mode, paging off.
    case protected
    /// 64-bit mode, the first 4 GiB mapped one to one.
    case long
  }

  /// Where a parameter block is, and where the register for it points in any case.
  package static let parameterAddress: UInt64 = 0x7000
  /// Where a guest with a parameter block leaves its report.
  package static let report: Range<UInt64> = 0x7800..<0x7860

  private static let stackPointer: UInt64 = 0x8000
  private static let descriptors: UInt64 = 0x500
  private static let pageTables: UInt64 = 0x1000
  private static let tablesEnd = pageTables + PageTables.size

  /// The bytes.
  package var bytes: [UInt8]
  /// The state at entry.
  package var mode: Mode
  /// The guest physical address that the bytes are copied to.
  package var loadAddress: UInt64
  /// The guest physical address of the first instruction.
  package var entry: UInt64
  /// What a built-in guest is told; nil for others, which are told nothing.
  package var parameterBlock: [UInt8]?

  /// Describes an image.
  package init(
    bytes: [UInt8], mode: Mode, loadAddress: UInt64, entry: UInt64, parameterBlock: [UInt8]? = nil
  ) {
    self.bytes = bytes
    self.mode = mode
    self.loadAddress = loadAddress
    self.entry = entry
    self.parameterBlock = parameterBlock
  }

  /// Plans the boot: finds that everything fits and that the entry can be reached.
  package func plan(_ layout: RAMLayout) throws(BootError) -> BootPlan {
    try checkEntry(layout)
    var pieces = [piece("the image", at: loadAddress, bytes)]
    if let parameterBlock {
      pieces.append(piece("the parameter block", at: FlatImage.parameterAddress, parameterBlock))
      // An old report must not pass for the one of this run.
      pieces.append(
        BootPlan.Piece(
          what: "the report", address: FlatImage.report.lowerBound,
          content: .zeros(UInt64(FlatImage.report.count))))
    }
    try checkFit(pieces, layout)
    let tables = self.tables
    try checkRoom(tables)
    return BootPlan(
      bootProtocol: nil, description: "flat image", entry: state,
      report: parameterBlock == nil ? nil : FlatImage.report, pieces: pieces + tables)
  }

  private func piece(_ what: String, at address: UInt64, _ bytes: [UInt8]) -> BootPlan.Piece {
    BootPlan.Piece(what: what, address: address, content: .bytes(bytes))
  }

  /// What stands in RAM beside the image for the mode. The guest may load its segments again, so their descriptors do, too
  /// (Intel SDM volume 3, section 3.4.5).
  private var tables: [BootPlan.Piece] {
    var pieces: [BootPlan.Piece] = []
    if mode != .real {
      var table = ByteBuilder()
      table.append(UInt64(0))
      table.append(BootPlan.Descriptors.code(longMode: mode == .long))
      table.append(BootPlan.Descriptors.data)
      pieces.append(piece("descriptor table", at: FlatImage.descriptors, table.bytes))
    }
    if mode == .long {
      pieces.append(
        piece("page tables", at: FlatImage.pageTables, PageTables.bytes(root: FlatImage.pageTables)))
    }
    return pieces
  }

  private var state: BootPlan.Entry {
    let descriptors = BootPlan.Descriptors(address: FlatImage.descriptors, count: 3, code: 0x08, data: 0x10)
    let mode: BootPlan.Entry.Mode =
      switch self.mode {
      case .real: .real(codeBase: loadAddress & ~0xf)
      case .protected: .protected(descriptors)
      case .long: .long(descriptors, pageTables: FlatImage.pageTables)
      }
    return BootPlan.Entry(
      mode: mode, instruction: entry, rbx: self.mode == .real ? 0 : FlatImage.parameterAddress,
      rsp: FlatImage.stackPointer)
  }

  // MARK: Checks

  private func checkEntry(_ layout: RAMLayout) throws(BootError) {
    let isRAM = layout.regions.contains { entry >= $0.start.value && entry - $0.start.value < $0.length }
    guard isRAM, mode == .real || entry < 1 << 32 else {
      throw .noRoom(
        "the entry \(GuestAddress(entry)) is not in RAM that \(mode.rawValue) mode reaches; change --entry or --load, "
          + "or give more --memory")
    }
    guard mode == .real else { return }
    let base = loadAddress & ~0xf
    guard loadAddress < 1 << 20, entry >= base, entry - base <= 0xffff else {
      throw .noRoom(
        "real mode reaches 64 KiB from the load address, which lies below 1 MiB: entry \(GuestAddress(entry)) with load "
          + "address \(GuestAddress(loadAddress)) is out of reach; change --entry, --load or --mode")
    }
  }

  private func checkFit(_ pieces: [BootPlan.Piece], _ layout: RAMLayout) throws(BootError) {
    for piece in pieces {
      let fits = layout.regions.contains {
        piece.address >= $0.start.value && piece.length <= $0.length
          && piece.address - $0.start.value <= $0.length - piece.length
      }
      guard fits else {
        let total = layout.regions.reduce(0) { $0 + $1.length }
        throw .noRoom(
          "\(piece.what) does not fit: \(piece.length) bytes at \(GuestAddress(piece.address)) with \(total >> 20) MiB of "
            + "RAM; choose another --load or more --memory")
      }
    }
  }

  /// Checks that the image leaves room for the tables; it is within RAM.
  private func checkRoom(_ tables: [BootPlan.Piece]) throws(BootError) {
    for table in tables where table.range.overlaps(loadAddress..<loadAddress + UInt64(bytes.count)) {
      throw .noRoom(
        "the image overlaps \(GuestAddress(table.range.lowerBound)) to \(GuestAddress(table.range.upperBound - 1)), where "
          + "\(mode.rawValue) mode has its \(table.what); choose a --load of \(GuestAddress(FlatImage.tablesEnd)) "
          + "or above")
    }
  }
}
