import Board
import GuestRAM
import Processors

/// A flat image for a board of another architecture than x86 (docs/architectures.md): copied to RAM as it is, and entered as the
/// processor is after its reset. Built-in guests have a parameter block with it.
package struct ForeignImage: Sendable {
  /// What kind of processor it is for.
  package var architecture: Architecture
  /// The bytes.
  package var bytes: [UInt8]
  /// The guest physical address that the bytes are copied to.
  package var loadAddress: UInt64
  /// The guest physical address of the first instruction.
  package var entry: UInt64
  /// What a built-in guest is told; nil for others, which are told nothing.
  package var parameterBlock: [UInt8]?

  /// Describes an image.
  package init(
    _ architecture: Architecture, bytes: [UInt8], loadAddress: UInt64, entry: UInt64,
    parameterBlock: [UInt8]? = nil
  ) {
    self.architecture = architecture
    self.bytes = bytes
    self.loadAddress = loadAddress
    self.entry = entry
    self.parameterBlock = parameterBlock
  }

  /// Plans the boot: finds that everything fits.
  package func plan(_ layout: RAMLayout) throws(BootError) -> BootPlan {
    guard let map = ArchitectureMap(architecture) else {
      throw .unsupported("is for x86, which has modes to be entered in")
    }
    var pieces = [
      BootPlan.Piece(what: "the image", address: loadAddress, content: .bytes(bytes))
    ]
    if let parameterBlock {
      pieces += [
        BootPlan.Piece(
          what: "the parameter block", address: map.parameters, content: .bytes(parameterBlock)),
        // An old report must not pass for the one of this run.
        BootPlan.Piece(
          what: "the report", address: map.report.lowerBound, content: .zeros(UInt64(map.report.count))),
      ]
    }
    guard layout.contains(entry, count: 1) else {
      throw .noRoom(
        "the entry \(GuestAddress(entry)) is not in RAM, which \(architecture.rawValue) has from \(GuestAddress(map.ram)) on; change --entry or --load, or give more --memory"
      )
    }
    for piece in pieces where !layout.contains(piece.address, count: piece.length) {
      let total = layout.regions.reduce(0) { $0 + $1.length }
      throw .noRoom(
        "\(piece.what) does not fit: \(piece.length) bytes at \(GuestAddress(piece.address)) with \(total >> 20) MiB of RAM from \(GuestAddress(map.ram)) on; choose another --load or more --memory"
      )
    }
    return BootPlan(
      bootProtocol: nil, description: "flat image",
      entry: BootPlan.Entry(
        mode: .reset(argument: architecture.virtual(map.parameters)), instruction: architecture.virtual(entry)
      ),
      report: parameterBlock == nil ? nil : map.report, pieces: pieces)
  }
}

extension RAMLayout {
  fileprivate func contains(_ address: UInt64, count: UInt64) -> Bool {
    regions.contains {
      address >= $0.start.value && count <= $0.length && address - $0.start.value <= $0.length - count
    }
  }
}
