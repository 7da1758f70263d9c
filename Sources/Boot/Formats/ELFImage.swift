/// An executable in ELF (System V ABI, "Object Files"), as far as loading it goes.
package struct ELFImage: Sendable {
  /// A piece that is loaded.
  struct Segment: Sendable, Equatable {
    /// Where its bytes are in the file, and how many.
    let fileOffset: UInt64
    let fileSize: UInt64
    /// Where it is loaded, and how many bytes it has there; those beyond `fileSize` are zero.
    let physicalAddress: UInt64
    let memorySize: UInt64
    /// Where it believes to be.
    let virtualAddress: UInt64

    var range: Range<UInt64> { physicalAddress..<physicalAddress + memorySize }

    /// As a part of an image that begins elsewhere than it was linked to; both below 4 GiB.
    func moved(from linked: UInt64, to base: UInt64) -> Segment {
      Segment(
        fileOffset: fileOffset, fileSize: fileSize, physicalAddress: physicalAddress - linked + base,
        memorySize: memorySize, virtualAddress: virtualAddress)
    }
  }

  /// Whether it is a 64-bit executable.
  let is64Bit: Bool
  /// The physical address of the first instruction; nil where the header names none and a note does.
  let entry: UInt64?
  /// What is loaded, lowest address first, without overlaps.
  let segments: [Segment]
  /// The entry by Xen's note for 32-bit protected mode (XEN_ELFNOTE_PHYS32_ENTRY): PVH.
  let pvhEntry: UInt32?

  static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
  private static let maximumSegments = 512
  private static let maximumNotes: UInt64 = 1 << 20

  /// The program headers' sizes and offsets in the two classes.
  private struct Layout {
    let is64Bit: Bool
    var headerSize: Int { is64Bit ? 64 : 52 }
    var programHeaderSize: Int { is64Bit ? 56 : 32 }

    func word(_ fields: Fields, _ wide: Int, _ narrow: Int) -> UInt64 {
      is64Bit ? fields.number(wide) : UInt64(fields.number(narrow, UInt32.self))
    }
  }

  /// Reads the headers and checks all of what they announce against the file.
  init(_ source: some ImageSource) throws(BootError) {
    let identification = try source.bytes(at: 0, count: 16, what: "the ELF identification")
    guard identification.hasBytes(ELFImage.magic, at: 0) else { throw .malformed("has no ELF magic") }
    let isWide: Bool
    switch identification.bytes[4] {
    case 1: isWide = false
    case 2: isWide = true
    default: throw .malformed("is ELF of an unknown class \(identification.bytes[4])")
    }
    guard identification.bytes[5] == 1 else {
      throw .unsupported("is ELF with big-endian data, which is no x86 kernel")
    }
    let layout = Layout(is64Bit: isWide)
    let header = try source.bytes(at: 0, count: layout.headerSize, what: "the ELF header")
    try ELFImage.checkKind(header, layout)

    let loads = try ELFImage.programHeaders(source, header, layout)
    is64Bit = isWide
    var pieces: [Segment] = []
    for load in loads where load.kind == 1 && load.memorySize | load.fileSize != 0 {
      pieces.append(try ELFImage.segment(load, fileSize: source.size))
    }
    segments = pieces.sorted { $0.physicalAddress < $1.physicalAddress }
    guard !segments.isEmpty else { throw .malformed("is ELF without anything to load (no PT_LOAD)") }
    for (left, right) in zip(segments, segments.dropFirst()) where left.range.overlaps(right.range) {
      throw .malformed(
        "has segments that overlap: \(ELFImage.text(left.range)) and \(ELFImage.text(right.range))")
    }
    var pvh: UInt32?
    for note in loads where note.kind == 4 && pvh == nil {
      pvh = try ELFImage.pvhEntry(source, note)
    }
    if let pvh, !segments.contains(where: { $0.range.contains(UInt64(pvh)) }) {
      throw .malformed("has a PVH entry \(hexadecimal(pvh)) that is in none of its segments")
    }
    pvhEntry = pvh
    let announced = layout.word(header, 24, 24)
    entry = ELFImage.physicalEntry(announced, segments)
    guard entry != nil || pvh != nil else {
      throw .malformed("has its entry \(hexadecimal(announced)) in none of its segments")
    }
  }

  private static func checkKind(_ header: Fields, _ layout: Layout) throws(BootError) {
    let kind: UInt16 = header.number(16)
    switch kind {
    case 2, 3: break
    case 1: throw .unsupported("is an ELF object file, not a linked kernel")
    case 4: throw .unsupported("is an ELF core dump")
    default: throw .malformed("is ELF of an unknown type \(kind)")
    }
    let machine: UInt16 = header.number(18)
    guard machine == (layout.is64Bit ? 62 : 3) else {
      throw .unsupported(
        "is ELF for machine \(machine), not for x86 (\(layout.is64Bit ? "62, EM_X86_64" : "3, EM_386"))")
    }
  }

  /// One program header, whatever its kind.
  private struct ProgramHeader {
    let kind: UInt32
    let offset: UInt64
    let virtualAddress: UInt64
    let physicalAddress: UInt64
    let fileSize: UInt64
    let memorySize: UInt64
    let alignment: UInt64
  }

  private static func programHeaders(
    _ source: some ImageSource, _ header: Fields, _ layout: Layout
  ) throws(BootError) -> [ProgramHeader] {
    let start = layout.word(header, 32, 28)
    let size = Int(header.number(layout.is64Bit ? 54 : 42, UInt16.self))
    let count = Int(header.number(layout.is64Bit ? 56 : 44, UInt16.self))
    guard count > 0 else { throw .malformed("is ELF without program headers: it is not linked") }
    guard count <= maximumSegments else {
      throw .unsupported("has \(count) program headers; this loader takes \(maximumSegments)")
    }
    guard size == layout.programHeaderSize else {
      throw .malformed("has ELF program headers of \(size) bytes; they have \(layout.programHeaderSize)")
    }
    let table = try source.bytes(at: start, count: count * size, what: "the ELF program headers")
    return (0..<count).map { index in
      let fields = Fields(bytes: Array(table.bytes[index * size..<(index + 1) * size]))
      return ProgramHeader(
        kind: fields.number(0), offset: layout.word(fields, 8, 4),
        virtualAddress: layout.word(fields, 16, 8), physicalAddress: layout.word(fields, 24, 12),
        fileSize: layout.word(fields, 32, 16), memorySize: layout.word(fields, 40, 20),
        alignment: layout.word(fields, 48, 28))
    }
  }

  private static func segment(_ header: ProgramHeader, fileSize: UInt64) throws(BootError) -> Segment {
    let name = "the segment at \(hexadecimal(header.physicalAddress))"
    guard header.fileSize <= header.memorySize else {
      throw .malformed(
        "\(name) has \(header.fileSize) bytes in the file and only \(header.memorySize) in memory")
    }
    guard header.fileSize == 0 || header.offset <= fileSize && header.fileSize <= fileSize - header.offset
    else {
      throw .truncated(
        "the file ends within \(name): \(header.fileSize) bytes at \(hexadecimal(header.offset)) of a file of "
          + "\(fileSize) bytes")
    }
    guard !header.physicalAddress.addingReportingOverflow(header.memorySize).overflow,
      !header.virtualAddress.addingReportingOverflow(header.memorySize).overflow
    else {
      throw .malformed("\(name) with \(hexadecimal(header.memorySize)) bytes leaves the address space")
    }
    return Segment(
      fileOffset: header.offset, fileSize: header.fileSize, physicalAddress: header.physicalAddress,
      memorySize: header.memorySize, virtualAddress: header.virtualAddress)
  }

  /// An entry is meant as a physical address where that is in a segment, else as a virtual one.
  private static func physicalEntry(_ entry: UInt64, _ segments: [Segment]) -> UInt64? {
    if segments.contains(where: { $0.range.contains(entry) }) { return entry }
    for segment in segments
    where entry >= segment.virtualAddress && entry - segment.virtualAddress < segment.memorySize {
      return segment.physicalAddress + (entry - segment.virtualAddress)
    }
    return nil
  }

  /// Looks for Xen's note 18 (xen/include/public/elfnote.h) in a segment of notes.
  private static func pvhEntry(_ source: some ImageSource, _ header: ProgramHeader) throws(BootError)
    -> UInt32?
  {
    guard header.fileSize <= maximumNotes else {
      throw .unsupported("has \(header.fileSize) bytes of ELF notes; this loader takes \(maximumNotes)")
    }
    let notes = try source.bytes(at: header.offset, count: Int(header.fileSize), what: "the ELF notes")
    let alignment = header.alignment == 8 ? 8 : 4
    func aligned(_ value: Int) -> Int { (value + alignment - 1) / alignment * alignment }
    var place = 0
    while place + 12 <= notes.count {
      let nameSize = Int(notes.number(place, UInt32.self))
      let valueSize = Int(notes.number(place + 4, UInt32.self))
      let kind: UInt32 = notes.number(place + 8)
      let value = aligned(place + 12 + nameSize)
      guard value + valueSize <= notes.count || valueSize == 0 && place + 12 + nameSize <= notes.count else {
        throw .malformed("has an ELF note at \(hexadecimal(header.offset + UInt64(place))) that is cut off")
      }
      if kind == 18, notes.hasBytes(Array("Xen\0".utf8), at: place + 12), nameSize == 4 {
        switch valueSize {
        case 4: return notes.number(value)
        case 8:
          guard let entry = UInt32(exactly: notes.number(value, UInt64.self)) else {
            throw .malformed("has a PVH entry above 4 GiB")
          }
          return entry
        default: throw .malformed("has a PVH entry of \(valueSize) bytes; it has 4 or 8")
        }
      }
      place = aligned(value + valueSize)
    }
    return nil
  }

  static func text(_ range: Range<UInt64>) -> String {
    range.isEmpty
      ? "nothing at \(hexadecimal(range.lowerBound))"
      : "\(hexadecimal(range.lowerBound))–\(hexadecimal(range.upperBound - 1))"
  }
}
