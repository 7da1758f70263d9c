/// A kernel with a multiboot header (Multiboot Specification 0.6.96, section 3.1).
package struct MultibootImage: Sendable {
  /// What is loaded.
  enum Content: Sendable {
    /// An ELF executable's segments.
    case elf(ELFImage)
    /// What the header's own addresses say: a piece of the file, and zeros behind it.
    case addresses(ELFImage.Segment)
  }

  /// What is loaded.
  let content: Content
  /// The physical address of the first instruction.
  let entry: UInt64

  static let magic: UInt32 = 0x1bad_b002
  static let searchLimit = 8192
  // Page-aligned modules and memory information, which are always given; a display, which there is none of; and the
  // address fields.
  private static let understood: UInt32 = 0b111
  private static let wantsDisplay: UInt32 = 1 << 2
  private static let hasAddresses: UInt32 = 1 << 16

  /// Whether the header asks for what its loader should tell about the display.
  let wantsDisplay: Bool

  /// The executable, where it is one.
  var executable: ELFImage? {
    if case .elf(let image) = content { image } else { nil }
  }

  var segments: [ELFImage.Segment] {
    switch content {
    case .elf(let image): image.segments
    case .addresses(let segment): [segment]
    }
  }

  /// The offset of the header: the first place with a magic, flags and a checksum that makes their sum zero.
  ///
  /// - Parameter start: the first 8192 bytes of the file.
  static func find(_ start: Fields) -> Int? {
    stride(from: 0, through: start.count - 12, by: 4).first { offset in
      start.number(offset) == magic
        && start.number(offset, UInt32.self) &+ start.number(offset + 4, UInt32.self)
          &+ start.number(offset + 8, UInt32.self) == 0
    }
  }

  /// Reads the header at an offset, and what it describes.
  init(_ source: some ImageSource, headerOffset: Int, start: Fields) throws(BootError) {
    let flags: UInt32 = start.number(headerOffset + 4)
    let unmet = flags & 0xffff & ~MultibootImage.understood
    wantsDisplay = flags & MultibootImage.wantsDisplay != 0
    guard unmet == 0 else {
      throw .unsupported("asks its multiboot loader for something unknown (flags \(hexadecimal(unmet)))")
    }
    if flags & MultibootImage.hasAddresses != 0 {
      let segment = try MultibootImage.addresses(source, headerOffset, start)
      content = .addresses(segment.piece)
      entry = segment.entry
    } else {
      guard start.hasBytes(ELFImage.magic, at: 0) else {
        throw .unsupported("has a multiboot header without addresses (flag 16) and is not ELF")
      }
      // A 64-bit executable is entered in 32-bit mode as well.
      let image = try ELFImage(source)
      guard let start = image.entry else { throw .malformed("has its entry in none of its segments") }
      content = .elf(image)
      entry = start
    }
  }

  private static func addresses(_ source: some ImageSource, _ offset: Int, _ start: Fields) throws(BootError)
    -> (piece: ELFImage.Segment, entry: UInt64)
  {
    guard offset + 32 <= start.count else {
      throw .truncated(
        source.size > UInt64(start.count)
          ? "the multiboot header's addresses go beyond the first \(searchLimit) bytes"
          : "the file ends within the multiboot header's addresses")
    }
    let header = UInt64(start.number(offset + 12, UInt32.self))
    let load = UInt64(start.number(offset + 16, UInt32.self))
    let loadEnd = UInt64(start.number(offset + 20, UInt32.self))
    let zeroEnd = UInt64(start.number(offset + 24, UInt32.self))
    let entry = UInt64(start.number(offset + 28, UInt32.self))
    guard header >= load, header - load <= UInt64(offset) else {
      throw .malformed(
        "has a multiboot header at \(hexadecimal(offset)) that would be loaded to \(hexadecimal(header)), before "
          + "or too far behind its load address \(hexadecimal(load))")
    }
    let fileOffset = UInt64(offset) - (header - load)
    let available = source.size - fileOffset
    guard loadEnd == 0 || loadEnd > load else {
      throw .malformed("ends at \(hexadecimal(loadEnd)), before its load address \(hexadecimal(load))")
    }
    let size = loadEnd == 0 ? available : loadEnd - load
    guard size <= available else {
      throw .truncated("the file ends within the image: \(size) bytes are announced, \(available) are there")
    }
    guard load + size <= 1 << 32 else { throw .malformed("reaches beyond 4 GiB") }
    guard zeroEnd == 0 || zeroEnd >= load + size else {
      throw .malformed(
        "has the end of its zeroed part at \(hexadecimal(zeroEnd)), before the end of what is loaded, "
          + "\(hexadecimal(load + size))")
    }
    let piece = ELFImage.Segment(
      fileOffset: fileOffset, fileSize: size, physicalAddress: load,
      memorySize: zeroEnd == 0 ? size : zeroEnd - load, virtualAddress: load)
    guard piece.range.contains(entry) else {
      throw .malformed("has its entry \(hexadecimal(entry)) outside \(ELFImage.text(piece.range))")
    }
    return (piece, entry)
  }
}
