/// The sections of an ELF executable, of which a multiboot 2 kernel is told: from them kernels know where they are themselves,
/// and what their functions are called (System V ABI, "Sections").
struct ELFSections: Sendable {
  /// A section that no segment loads, such as the symbols.
  struct Loose: Sendable, Equatable {
    let index: Int
    let fileOffset: UInt64
    let size: UInt64
    /// A power of two up to 4096.
    let alignment: UInt64
  }

  /// Bytes of a header: 64, or 40 in a 32-bit executable.
  let headerSize: Int
  /// Which section has the others' names.
  let namesIndex: Int
  /// The sections that are to be put into RAM beside the image.
  let loose: [Loose]
  private let headers: [UInt8]

  /// How many there are.
  var count: Int { headers.count / headerSize }

  // Types (sh_type).
  private static let unused: UInt32 = 0
  private static let withoutBytes: UInt32 = 8

  /// Reads the headers and checks all of what they announce against the file.
  ///
  /// - Returns: nil for an executable without section headers.
  init?(_ source: some ImageSource, is64Bit: Bool) throws(BootError) {
    let header = try source.bytes(at: 0, count: is64Bit ? 64 : 52, what: "the ELF header")
    let start = is64Bit ? header.number(40, UInt64.self) : UInt64(header.number(32, UInt32.self))
    let size = Int(header.number(is64Bit ? 58 : 46, UInt16.self))
    let count = Int(header.number(is64Bit ? 60 : 48, UInt16.self))
    guard start != 0, count != 0 else { return nil }
    headerSize = is64Bit ? 64 : 40
    guard size == headerSize else {
      throw .malformed("has ELF section headers of \(size) bytes; they have \(headerSize)")
    }
    namesIndex = Int(header.number(is64Bit ? 62 : 50, UInt16.self))
    let table = try source.bytes(at: start, count: count * size, what: "the ELF section headers")
    headers = table.bytes
    var loose: [Loose] = []
    for index in 1..<max(count, 1) {
      func word(_ wide: Int, _ narrow: Int) -> UInt64 {
        let place = index * size
        return is64Bit ? table.number(place + wide) : UInt64(table.number(place + narrow, UInt32.self))
      }
      let kind: UInt32 = table.number(index * size + 4)
      let (address, offset, bytes) = (word(16, 12), word(24, 16), word(32, 20))
      guard kind != Self.unused, kind != Self.withoutBytes, address == 0, bytes > 0 else { continue }
      guard offset <= source.size, bytes <= source.size - offset else {
        throw .truncated(
          "the file ends within ELF section \(index): \(bytes) bytes at \(hexadecimal(offset)) of a file of "
            + "\(source.size) bytes")
      }
      let alignment = word(48, 32)
      let isPower = alignment > 0 && alignment & (alignment - 1) == 0
      loose.append(
        Loose(
          index: index, fileOffset: offset, size: bytes, alignment: isPower ? min(alignment, 4096) : 1))
    }
    self.loose = loose
  }

  /// Bytes that the loose sections take one behind the other, from a page's start on; nil for more than there can be.
  var looseSize: UInt64? {
    var end: UInt64 = 0
    for section in loose {
      let (next, overflow) = place(section, behind: end).addingReportingOverflow(section.size)
      guard !overflow, next <= 1 << 32 else { return nil }
      end = next
    }
    return end
  }

  /// The headers with addresses for the loose sections, and where each of these goes.
  ///
  /// - Parameter base: where they have room, on a page; nil where they have none: they keep the address 0.
  func placed(at base: UInt64?) -> (headers: [UInt8], places: [(section: Loose, address: UInt64)]) {
    guard let base else { return (headers, []) }
    var table = ByteBuilder()
    table.append(headers)
    var places: [(section: Loose, address: UInt64)] = []
    var end = base
    for section in loose {
      let address = place(section, behind: end)
      end = address + section.size
      places.append((section, address))
      let header = section.index * headerSize
      if headerSize == 64 {
        table.put(address, at: header + 16)
      } else {
        table.put(UInt32(address), at: header + 12)
      }
    }
    return (table.bytes, places)
  }

  private func place(_ section: Loose, behind end: UInt64) -> UInt64 {
    (end + section.alignment - 1) & ~(section.alignment - 1)
  }
}
