/// Kernel files for tests, sound ones that a test can then damage.
package enum KernelFiles {
  /// A piece of an ELF executable.
  package struct Segment {
    /// Where it is loaded.
    package var physicalAddress: UInt64
    /// Where it believes to be.
    package var virtualAddress: UInt64
    /// What is in the file.
    package var bytes: [UInt8]
    /// Bytes in memory.
    package var memorySize: UInt64

    /// Describes a piece.
    package init(
      at physicalAddress: UInt64, virtualAddress: UInt64? = nil, _ bytes: [UInt8], memorySize: UInt64? = nil
    ) {
      self.physicalAddress = physicalAddress
      self.virtualAddress = virtualAddress ?? physicalAddress
      self.bytes = bytes
      self.memorySize = memorySize ?? UInt64(bytes.count)
    }
  }

  /// Little-endian numbers, one after the other.
  package struct Writer {
    /// What was written.
    package private(set) var bytes: [UInt8]

    /// Begins with bytes.
    package init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// Appends a number.
    package mutating func add<Value: FixedWidthInteger>(_ value: Value) {
      bytes += KernelFiles.bytes(value)
    }

    /// Appends bytes.
    package mutating func add(_ more: [UInt8]) { bytes += more }

    /// Overwrites with a number.
    package mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
      bytes.replaceSubrange(offset..<offset + MemoryLayout<Value>.size, with: KernelFiles.bytes(value))
    }
  }

  static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> Value(8 * $0)) }
  }

  /// A note as Xen's for the PVH entry.
  package static func pvhNote(entry: UInt32) -> [UInt8] {
    var note = Writer()
    note.add(UInt32(4))
    note.add(UInt32(4))
    note.add(UInt32(18))
    note.add(Array("Xen\0".utf8))
    note.add(entry)
    return note.bytes
  }

  /// An ELF executable for x86.
  package static func elf(is64Bit: Bool, entry: UInt64, _ segments: [Segment], notes: [UInt8] = []) -> [UInt8]
  {
    let headerSize = is64Bit ? 64 : 52
    let programHeaderSize = is64Bit ? 56 : 32
    let count = segments.count + (notes.isEmpty ? 0 : 1)
    var file = Writer()
    file.add([0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1] + [UInt8](repeating: 0, count: 9))
    func word(_ value: UInt64) {
      if is64Bit { file.add(value) } else { file.add(UInt32(truncatingIfNeeded: value)) }
    }
    file.add(UInt16(2))
    file.add(UInt16(is64Bit ? 62 : 3))
    file.add(UInt32(1))
    word(entry)
    word(UInt64(headerSize))
    word(0)
    file.add(UInt32(0))
    for value in [headerSize, programHeaderSize, count, 0, 0, 0] { file.add(UInt16(value)) }
    var offset = UInt64(headerSize + count * programHeaderSize)
    func programHeader(kind: UInt32, _ segment: Segment) {
      file.add(kind)
      if is64Bit { file.add(UInt32(7)) }
      word(offset)
      word(segment.virtualAddress)
      word(segment.physicalAddress)
      word(UInt64(segment.bytes.count))
      word(segment.memorySize)
      if !is64Bit { file.add(UInt32(7)) }
      word(4)
      offset += UInt64(segment.bytes.count)
    }
    for segment in segments { programHeader(kind: 1, segment) }
    if !notes.isEmpty { programHeader(kind: 4, Segment(at: 0, notes)) }
    for segment in segments { file.add(segment.bytes) }
    file.add(notes)
    return file.bytes
  }

  /// A bzImage with boot protocol 2.15 and four sectors of setup code.
  ///
  /// - Parameters:
  ///   - code: the protected-mode kernel; a multiple of 16 bytes.
  ///   - payloadSize: bytes of the compressed kernel in it, from 0x100 on; nil: to the end.
  package static func bzImage(
    _ code: [UInt8], preferredAddress: UInt64 = 0x100_0000, initialSize: UInt32 = 0x20_0000,
    isRelocatable: Bool = true, has64BitEntry: Bool = true, payloadSize: Int? = nil,
    release: String = "6.1.0-test"
  ) -> [UInt8] {
    var file = Writer([UInt8](repeating: 0, count: 5 * 512))
    file.put(UInt8(4), at: 0x1f1)
    file.put(UInt32(code.count / 16), at: 0x1f4)
    file.put(UInt16(0xaa55), at: 0x1fe)
    file.put(UInt8(0xeb), at: 0x200)
    file.put(UInt8(0x6a), at: 0x201)
    for (index, byte) in "HdrS".utf8.enumerated() { file.put(byte, at: 0x202 + index) }
    file.put(UInt16(0x20f), at: 0x206)
    file.put(UInt16(0x400), at: 0x20e)
    file.put(UInt8(1), at: 0x211)
    file.put(UInt32(0x10_0000), at: 0x214)
    file.put(UInt32(0x7fff_ffff), at: 0x22c)
    file.put(UInt32(0x20_0000), at: 0x230)
    file.put(UInt8(isRelocatable ? 1 : 0), at: 0x234)
    file.put(UInt16(has64BitEntry ? 1 : 0), at: 0x236)
    file.put(UInt32(2047), at: 0x238)
    file.put(UInt32(0x100), at: 0x248)
    file.put(UInt32(payloadSize ?? code.count - 0x100), at: 0x24c)
    file.put(preferredAddress, at: 0x258)
    file.put(initialSize, at: 0x260)
    for (index, byte) in (release + " (by a test)\0").utf8.enumerated() { file.put(byte, at: 0x600 + index) }
    file.add(code)
    return file.bytes
  }

  /// A multiboot header: magic, flags, checksum, and the address fields.
  package static func multibootHeader(
    flags: UInt32, header: UInt32 = 0, load: UInt32 = 0, loadEnd: UInt32 = 0, zeroEnd: UInt32 = 0,
    entry: UInt32 = 0
  ) -> [UInt8] {
    var bytes = Writer()
    for value in [0x1bad_b002, flags, 0 &- 0x1bad_b002 &- flags, header, load, loadEnd, zeroEnd, entry] {
      bytes.add(value)
    }
    return bytes.bytes
  }

  /// A tag of a multiboot 2 header.
  package static func multiboot2Tag(_ kind: UInt16, optional: Bool = false, _ words: [UInt32] = []) -> [UInt8]
  {
    var tag = Writer()
    tag.add(kind)
    tag.add(UInt16(optional ? 1 : 0))
    tag.add(UInt32(8 + 4 * words.count))
    for word in words { tag.add(word) }
    // The next one begins at a multiple of eight.
    if words.count % 2 == 1 { tag.add(UInt32(0)) }
    return tag.bytes
  }

  /// A multiboot 2 header with tags, and the one that ends them.
  ///
  /// - Parameter length: what the header says its length is; nil: what it is.
  package static func multiboot2Header(
    _ tags: [[UInt8]] = [], architecture: UInt32 = 0, length: UInt32? = nil, hasEnd: Bool = true
  ) -> [UInt8] {
    let content = tags.flatMap { $0 } + (hasEnd ? multiboot2Tag(0) : [])
    let length = length ?? UInt32(16 + content.count)
    var header = Writer()
    for value in [0xe852_50d6, architecture, length, 0 &- 0xe852_50d6 &- architecture &- length] {
      header.add(value)
    }
    header.add(content)
    return header.bytes
  }

  /// A section of an ELF executable.
  package struct Section {
    /// `sh_type`.
    package var kind: UInt32
    /// Where it is loaded; 0 where it is not.
    package var address: UInt64
    /// What is in the file.
    package var bytes: [UInt8]

    /// Describes one.
    package init(kind: UInt32, address: UInt64 = 0, _ bytes: [UInt8]) {
      self.kind = kind
      self.address = address
      self.bytes = bytes
    }
  }

  /// An ELF executable with sections behind all else: one without a meaning first, the others' names in the last.
  package static func adding(_ sections: [Section], to elf: [UInt8]) -> [UInt8] {
    let is64Bit = elf[4] == 2
    var file = Writer(elf)
    while file.bytes.count % 16 != 0 { file.add(UInt8(0)) }
    var headers = Writer()
    func word(_ value: UInt64) {
      if is64Bit { headers.add(value) } else { headers.add(UInt32(truncatingIfNeeded: value)) }
    }
    func header(_ section: Section, at offset: Int) {
      headers.add(UInt32(0))
      headers.add(section.kind)
      word(0)
      word(section.address)
      word(UInt64(offset))
      word(UInt64(section.bytes.count))
      headers.add(UInt32(0))
      headers.add(UInt32(0))
      word(section.kind == 0 ? 0 : 16)
      word(0)
    }
    header(Section(kind: 0, []), at: 0)
    for section in sections {
      header(section, at: file.bytes.count)
      file.add(section.bytes)
      while file.bytes.count % 16 != 0 { file.add(UInt8(0)) }
    }
    let start = file.bytes.count
    file.add(headers.bytes)
    if is64Bit {
      file.put(UInt64(start), at: 40)
    } else {
      file.put(UInt32(start), at: 32)
    }
    file.put(UInt16(is64Bit ? 64 : 40), at: is64Bit ? 58 : 46)
    file.put(UInt16(sections.count + 1), at: is64Bit ? 60 : 48)
    file.put(UInt16(sections.count), at: is64Bit ? 62 : 50)
    return file.bytes
  }
}
