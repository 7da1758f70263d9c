/// A kernel with a multiboot header (Multiboot Specification 0.6.96, section 3.1).
package struct MultibootImage: Sendable {
  /// What is loaded.
  enum Content: Sendable {
    /// An ELF executable's segments.
    case elf(ELFImage)
    /// What the header's own addresses say: a piece of the file, and zeros behind it.
    case addresses(ELFImage.Segment)

    var segments: [ELFImage.Segment] {
      switch self {
      case .elf(let image): image.segments
      case .addresses(let segment): [segment]
      }
    }
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

  var segments: [ELFImage.Segment] { content.segments }

  /// The offset of the header: the first place with a magic, flags and a checksum that makes their sum zero.
  ///
  /// - Parameter start: the beginning of the file, of which the first 8192 bytes count.
  static func find(_ start: Fields) -> Int? {
    stride(from: 0, through: min(start.count, searchLimit) - 12, by: 4).first { offset in
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
      guard headerOffset + 32 <= min(start.count, MultibootImage.searchLimit) else {
        throw .truncated(
          source.size > UInt64(MultibootImage.searchLimit)
            ? "the multiboot header's addresses go beyond the first \(MultibootImage.searchLimit) bytes"
            : "the file ends within the multiboot header's addresses")
      }
      func address(_ field: Int) -> UInt64 { UInt64(start.number(headerOffset + field, UInt32.self)) }
      let addresses = MultibootAddresses(
        header: address(12), load: address(16), loadEnd: address(20), zeroEnd: address(24), entry: address(28)
      )
      content = .addresses(try addresses.segment(of: source, headerOffset: headerOffset))
      entry = addresses.entry
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
}
