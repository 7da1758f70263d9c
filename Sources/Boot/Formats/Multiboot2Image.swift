/// A kernel with a multiboot 2 header (Multiboot2 Specification 2.0, section 3.1).
package struct Multiboot2Image: Sendable {
  /// Where an image that runs at any address may be loaded (section 3.1.13).
  struct Relocation: Sendable, Equatable {
    enum Preference: Sendable { case none, low, high }
    /// Physical addresses that all of it has to be between.
    let minimum: UInt64
    let maximum: UInt64
    /// What its start is a multiple of; a power of two.
    let alignment: UInt64
    let preference: Preference
  }

  /// What is loaded.
  let content: MultibootImage.Content
  /// The physical address of the first instruction, unless the image is moved.
  let entry: UInt64
  /// How it may be moved; nil: it may not.
  let relocation: Relocation?
  /// An executable's sections.
  let sections: ELFSections?
  /// What it asks for and this machine has not, for people.
  let unmetWishes: [String]

  /// The executable, where it is one.
  var executable: ELFImage? {
    if case .elf(let image) = content { image } else { nil }
  }

  static let magic: UInt32 = 0xe852_50d6
  static let searchLimit = 32768

  /// The offset of the header: the first place, at a multiple of eight, with a magic and a checksum that makes the sum of
  /// its four numbers zero.
  ///
  /// - Parameter start: the first 32768 bytes of the file.
  static func find(_ start: Fields) -> Int? {
    stride(from: 0, through: start.count - 16, by: 8).first { offset in
      start.number(offset) == magic
        && (0..<4).reduce(UInt32(0)) { $0 &+ start.number(offset + 4 * $1) } == 0
    }
  }

  /// Reads the header at an offset, and what it describes.
  init(_ source: some ImageSource, headerOffset: Int, start: Fields) throws(BootError) {
    let architecture: UInt32 = start.number(headerOffset + 4)
    guard architecture == 0 else {
      throw .unsupported("is a multiboot 2 kernel for architecture \(architecture), not for x86 (0)")
    }
    let tags = try Multiboot2Tags(start, headerOffset: headerOffset, isCut: source.size > UInt64(start.count))
    relocation = tags.relocation
    unmetWishes = tags.unmetWishes
    if let fields = tags.addresses {
      guard let entry = tags.entry else {
        throw .unsupported(
          "has a multiboot 2 header with load addresses (tag 2) and no entry address (tag 3)")
      }
      var load = fields.load
      if load == UInt64(UInt32.max) {
        // The file's start.
        guard fields.header >= UInt64(headerOffset) else {
          throw .malformed(
            "has a multiboot 2 header at \(hexadecimal(headerOffset)) that would be loaded to "
              + "\(hexadecimal(fields.header)), with all of the file before it")
        }
        load = fields.header - UInt64(headerOffset)
      }
      let addresses = MultibootAddresses(
        header: fields.header, load: load, loadEnd: fields.loadEnd, zeroEnd: fields.zeroEnd, entry: entry)
      content = .addresses(try addresses.segment(of: source, headerOffset: headerOffset))
      self.entry = entry
      sections = nil
    } else {
      guard start.hasBytes(ELFImage.magic, at: 0) else {
        throw .unsupported("has a multiboot 2 header without load addresses (tag 2) and is not ELF")
      }
      // A 64-bit executable is entered in 32-bit mode as well.
      let image = try ELFImage(source)
      if let entry = tags.entry {
        guard image.segments.contains(where: { $0.range.contains(entry) }) else {
          throw .malformed("has its entry \(hexadecimal(entry)) (tag 3) in none of its segments")
        }
        self.entry = entry
      } else {
        guard let entry = image.entry else { throw .malformed("has its entry in none of its segments") }
        self.entry = entry
      }
      content = .elf(image)
      sections = try ELFSections(source, is64Bit: image.is64Bit)
    }
  }
}

/// What the tags of a multiboot 2 header say (sections 3.1.3 to 3.1.13).
private struct Multiboot2Tags {
  var addresses: (header: UInt64, load: UInt64, loadEnd: UInt64, zeroEnd: UInt64)?
  var entry: UInt64?
  var relocation: Multiboot2Image.Relocation?
  var unmetWishes: [String] = []

  private enum Kind: UInt16 {
    case end, informationRequest, addresses, entry, consoleFlags, framebuffer, moduleAlignment
    case efiBootServices, efiEntry32, efiEntry64, relocatable

    /// The bytes that it has at least.
    var size: Int {
      switch self {
      case .end, .informationRequest, .moduleAlignment, .efiBootServices: 8
      case .entry, .consoleFlags, .efiEntry32, .efiEntry64: 12
      case .framebuffer: 20
      case .addresses, .relocatable: 24
      }
    }
  }

  /// What may be asked for by its number (section 3.6), and is not to be had here.
  private static let missing: [UInt32: String] = [
    5: "the BIOS's boot device", 7: "VBE", 8: "a framebuffer", 10: "an APM table", 11: "EFI's system table",
    12: "EFI's system table", 13: "SMBIOS tables", 16: "a DHCP answer", 17: "EFI's memory map",
    18: "EFI's boot services", 19: "EFI's image handle", 20: "EFI's image handle",
  ]
  private static let lastInformation: UInt32 = 21

  /// - Parameter isCut: whether the file goes on behind the bytes that a header is looked for in.
  init(_ start: Fields, headerOffset: Int, isCut: Bool) throws(BootError) {
    let length = Int(start.number(headerOffset + 8, UInt32.self))
    guard length >= 24 else {
      throw .malformed("has a multiboot 2 header of \(length) bytes, which has no room for its end tag")
    }
    guard length <= start.count - headerOffset else {
      throw .truncated(
        isCut
          ? "the multiboot 2 header, \(length) bytes at \(hexadecimal(headerOffset)), goes beyond the first "
            + "\(Multiboot2Image.searchLimit) bytes"
          : "the file ends within the multiboot 2 header, \(length) bytes at \(hexadecimal(headerOffset))")
    }
    let end = headerOffset + length
    var place = headerOffset + 16
    while true {
      guard place + 8 <= end else { throw .malformed("has a multiboot 2 header without an end tag") }
      let number: UInt16 = start.number(place)
      let isOptional = start.number(place + 2, UInt16.self) & 1 != 0
      let size = Int(start.number(place + 4, UInt32.self))
      guard size >= 8, size <= end - place else {
        throw .malformed(
          "has a multiboot 2 tag \(number) of \(size) bytes, of which \(end - place) are within the header")
      }
      guard let kind = Kind(rawValue: number) else {
        guard isOptional else {
          throw .unsupported("asks its multiboot 2 loader for something unknown (tag \(number))")
        }
        place += (size + 7) & ~7
        continue
      }
      guard size >= kind.size else {
        throw .malformed("has a multiboot 2 tag \(number) of \(size) bytes; it has \(kind.size)")
      }
      if kind == .end { return }
      try take(kind, Fields(bytes: Array(start.bytes[place..<place + size])), isOptional: isOptional)
      place += (size + 7) & ~7
    }
  }

  private mutating func take(_ kind: Kind, _ tag: Fields, isOptional: Bool) throws(BootError) {
    func number(_ offset: Int) -> UInt64 { UInt64(tag.number(offset, UInt32.self)) }
    switch kind {
    case .informationRequest:
      guard !isOptional else { return }
      for offset in stride(from: 8, through: tag.count - 4, by: 4) {
        let asked: UInt32 = tag.number(offset)
        guard asked <= Self.lastInformation else {
          throw .unsupported("asks its multiboot 2 loader for unknown information (type \(asked))")
        }
        if let what = Self.missing[asked] { wish("asks for \(what)") }
      }
    case .addresses: addresses = (number(8), number(12), number(16), number(20))
    case .entry: entry = number(8)
    case .consoleFlags:
      if !isOptional, number(8) & 1 != 0 {
        throw .unsupported(
          "requires a display (multiboot 2 tag 4, bit 0), and this machine has none; build it to do without one"
        )
      }
    case .framebuffer:
      // A preference, as GRUB takes it: whoever finds no framebuffer in the information does without.
      if !isOptional { wish("asks for a video mode") }
    case .relocatable:
      let alignment = max(number(16), 1)
      guard alignment & (alignment - 1) == 0 else {
        throw .malformed(
          "is to be aligned to \(hexadecimal(alignment)) (multiboot 2 tag 10), no power of two")
      }
      let preference: Multiboot2Image.Relocation.Preference =
        switch number(20) {
        case 1: .low
        case 2: .high
        default: .none
        }
      relocation = .init(
        minimum: number(8), maximum: number(12), alignment: alignment, preference: preference)
    // Modules are on pages of their own always; what is for EFI is for machines with EFI.
    case .end, .moduleAlignment, .efiBootServices, .efiEntry32, .efiEntry64: break
    }
  }

  private mutating func wish(_ what: String) {
    if !unmetWishes.contains(what) { unmetWishes.append(what) }
  }
}
