import GuestRAM

/// Everything that booting a kernel leaves in guest RAM, and the state in which the first vCPU is entered.
///
/// Made, and found to fit, before there is a machine; carried out at power-on and at each reset.
public struct BootPlan: Sendable {
  /// The protocol by which a kernel is entered.
  public enum BootProtocol: String, Sendable, Codable, CaseIterable {
    /// Linux, 64-bit entry with boot_params.
    case linux64
    /// Linux, 32-bit entry with boot_params.
    case linux32
    /// Xen's PVH: 32-bit entry with hvm_start_info.
    case pvh
    /// Multiboot 1.
    case multiboot
  }

  /// A piece of what is put into RAM.
  struct Piece: Sendable {
    enum Content: Sendable {
      case bytes([UInt8])
      case file(any ImageSource, offset: UInt64, count: UInt64)
      case zeros(UInt64)
    }
    let what: String
    let address: UInt64
    let content: Content

    var length: UInt64 {
      switch content {
      case .bytes(let bytes): UInt64(bytes.count)
      case .file(_, _, let count): count
      case .zeros(let count): count
      }
    }
  }

  /// The first vCPU's state at entry.
  public struct Entry: Sendable, Equatable {
    /// 64-bit mode with the first 4 GiB mapped one to one; else 32-bit protected mode without paging.
    public var isLongMode: Bool
    /// The first instruction.
    public var instruction: UInt64
    /// The page tables' root; 0 in protected mode.
    public var pageTables: UInt64 = 0
    /// The descriptor table (code at 0x10, data at 0x18, task state at 0x20).
    public var descriptors: UInt64
    /// Registers by the protocol; those not named are zero.
    public var rax: UInt64 = 0
    /// See `rax`.
    public var rbx: UInt64 = 0
    /// See `rax`.
    public var rsi: UInt64 = 0
    /// See `rax`.
    public var rsp: UInt64 = 0
  }

  /// The protocol that was chosen.
  public let bootProtocol: BootProtocol
  /// What the kernel is, for people: `bzImage 6.1.0-…, boot protocol 2.15`.
  public let description: String
  /// The state at entry.
  public let entry: Entry
  /// What the kernel asks for and does not get, for people.
  public var warnings: [String] = []
  let pieces: [Piece]

  /// Where in guest physical memory something is put, in no order.
  public var ranges: [Range<UInt64>] { pieces.map { $0.address..<$0.address + $0.length } }

  /// Puts everything into RAM.
  ///
  /// - Throws: when a file cannot be read any more.
  public func load(into memory: GuestMemory) throws(BootError) {
    for piece in pieces {
      do {
        switch piece.content {
        case .bytes(let bytes): try memory.write(bytes, at: GuestAddress(piece.address))
        case .zeros(let count): try memory.clear(count: Int(count), at: GuestAddress(piece.address))
        case .file(let source, let offset, let count):
          try (source as? FileImage)?.checkUnchanged()
          try memory.fill(at: GuestAddress(piece.address), count: Int(count)) { buffer throws(BootError) in
            try source.read(at: offset, into: buffer)
          }
        }
      } catch let error as BootError {
        throw error
      } catch {
        throw .noRoom("\(piece.what): \(error)")
      }
    }
  }
}
