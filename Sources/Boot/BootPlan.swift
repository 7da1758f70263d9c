import GuestRAM

/// Everything that booting a kernel or a flat image leaves in guest RAM, and the state in which the first vCPU is entered.
///
/// Made, and found to fit, before there is a machine; carried out at power-on and at each reset.
package struct BootPlan: Sendable {
  /// The protocol by which a kernel is entered.
  package enum BootProtocol: String, Sendable, Codable, CaseIterable {
    /// Linux, 64-bit entry with boot_params.
    case linux64
    /// Linux, 32-bit entry with boot_params.
    case linux32
    /// Xen's PVH: 32-bit entry with hvm_start_info.
    case pvh
    /// Multiboot 1.
    case multiboot
    /// Multiboot 2.
    case multiboot2
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

    var range: Range<UInt64> { address..<address + length }
  }

  /// A table of segment descriptors in RAM, for flat segments (Intel SDM volume 3, section 3.4.5).
  package struct Descriptors: Sendable, Equatable {
    /// The guest physical address.
    package var address: UInt64
    /// How many there are.
    package var count: Int
    /// The code segment's selector.
    package var code: UInt16
    /// The selector of all data segments.
    package var data: UInt16
    /// The task state segment's selector; nil where the task register is left as it is.
    package var task: UInt16?

    /// A readable code segment of 4 GiB from 0 on.
    static func code(longMode: Bool) -> UInt64 { longMode ? 0x00af_9b00_0000_ffff : 0x00cf_9b00_0000_ffff }
    /// A writable data segment of 4 GiB from 0 on.
    static let data: UInt64 = 0x00cf_9300_0000_ffff
    /// A busy 32-bit task state segment at 0.
    static let task: UInt64 = 0x0000_8b00_0000_0067
  }

  /// The first vCPU's state at entry.
  package struct Entry: Sendable, Equatable {
    /// The processor's mode. Interrupts are off in each.
    package enum Mode: Sendable, Equatable {
      /// 16-bit real mode, with code from an address below 1 MiB on and data from 0 on.
      case real(codeBase: UInt64)
      /// 32-bit protected mode without paging.
      case protected(Descriptors)
      /// 64-bit mode with the first 4 GiB mapped one to one.
      case long(Descriptors, pageTables: UInt64)
      /// The state of a processor other than an x86 after its reset, with a function's first argument.
      case reset(argument: UInt64)
    }

    /// The processor's mode.
    package var mode: Mode
    /// The guest physical address of the first instruction.
    package var instruction: UInt64
    /// Whether the interrupt table register is as a BIOS leaves it, with real mode's 256 vectors at 0. Else it has room for none. Of protected mode.
    package var hasRealModeVectors = false
    /// Registers by the protocol; those not named are zero.
    package var rax: UInt64 = 0
    /// See `rax`.
    package var rbx: UInt64 = 0
    /// See `rax`.
    package var rsi: UInt64 = 0
    /// See `rax`.
    package var rsp: UInt64 = 0
  }

  /// The protocol by which a kernel is entered; nil for a flat image.
  package let bootProtocol: BootProtocol?
  /// What the kernel is, for people: `bzImage 6.1.0-…, boot protocol 2.15`.
  package let description: String
  /// The state at entry.
  package let entry: Entry
  /// What the kernel asks for and does not get, for people.
  package var warnings: [String] = []
  /// Whether interrupt controllers and timer are expected as a PC's firmware leaves them, and not as after a reset.
  package var expectsFirmwareInterrupts = false
  /// Where a built-in guest leaves its report.
  package var report: Range<UInt64>?
  let pieces: [Piece]

  /// Where the firmware ACPI control structure is; nil for a flat image, which has no such tables.
  package var firmwareControl: GuestAddress? {
    bootProtocol == nil ? nil : GuestAddress(FirmwareTables.controlStructureAddress)
  }

  /// Where in guest physical memory something is put, in no order.
  package var ranges: [Range<UInt64>] { pieces.map(\.range) }

  /// Puts everything into RAM.
  ///
  /// - Throws: when a kernel's file cannot be read any more.
  package func load(into memory: GuestMemory) throws(BootError) {
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
