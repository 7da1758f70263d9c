/// The symbols of an ELF file for x86 (System V ABI, "Symbol Table"), such as a kernel's `vmlinux`.
struct ELFSymbols {
  /// A section, as far as it matters.
  fileprivate struct Section {
    let kind: UInt32
    let flags: UInt64
    let address: UInt64
    let offset: UInt64
    let size: UInt64
    let link: Int
    let entrySize: UInt64

    var isCode: Bool { flags & 0x6 == 0x6 && size > 0 }
    var hasBytes: Bool { kind != 8 }
  }

  static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
  // A kernel with everything has half a million symbols, their names 20 MB, and 30 MB of code.
  private static let mostSections = 1 << 16
  private static let mostSymbols = 4 << 20
  private static let mostNameBytes: UInt64 = 256 << 20
  private static let mostCode: UInt64 = 256 << 20

  private let source: any SymbolSource
  private let isWide: Bool
  private let sections: [Section]

  /// Reads symbols.
  static func read(_ source: some SymbolSource) throws(SymbolError) -> SymbolTable {
    let elf = try ELFSymbols(source)
    return try elf.table()
  }

  private init(_ source: some SymbolSource) throws(SymbolError) {
    let identification = try source.bytes(at: 0, count: 16)
    guard identification[4] == 1 || identification[4] == 2 else {
      throw SymbolError("it is ELF of an unknown class \(identification[4])")
    }
    guard identification[5] == 1 else {
      throw SymbolError("it is ELF with big-endian data: no program for x86")
    }
    isWide = identification[4] == 2
    let header = Words(try source.bytes(at: 0, count: isWide ? 64 : 52), isWide: isWide)
    let machine = header.number(18, 2)
    guard machine == 62 || machine == 3 else {
      throw SymbolError("it is ELF for machine \(machine), not for x86")
    }
    guard header.number(16, 2) == 2 || header.number(16, 2) == 3 else {
      throw SymbolError("it is ELF, but no linked program: its addresses are not those of a guest")
    }
    let start = header.word(40, 32)
    let size = header.number(isWide ? 58 : 46, 2)
    var count = header.number(isWide ? 60 : 48, 2)
    guard start > 0 else { throw Self.stripped }
    // No compiler writes another size, and a larger one would have much read that nobody looks at.
    guard size == (isWide ? 64 : 40) else {
      throw SymbolError("its section headers have \(size) bytes each, not \(isWide ? 64 : 40)")
    }
    // More than 65279 sections: the first one's size is their number.
    if count == 0 {
      let first = Words(try source.bytes(at: start, count: Int(size)), isWide: isWide)
      count = first.word(32, 20)
    }
    guard count <= UInt64(Self.mostSections) else {
      throw SymbolError("it has \(count) sections; at most \(Self.mostSections) are read")
    }
    let bytes = try source.bytes(at: start, count: Int(size) * Int(count))
    self.source = source
    let wide = isWide
    sections = (0..<Int(count)).map { index in
      Section(Words(Array(bytes[(index * Int(size))...].prefix(Int(size))), isWide: wide))
    }
  }

  private static let stripped = SymbolError(
    "it has no symbols: it is stripped; give the vmlinux of the kernel's build, or its System.map")

  private func table() throws(SymbolError) -> SymbolTable {
    // The whole table, else the one for dynamic linking.
    guard let symbols = sections.first(where: { $0.kind == 2 }) ?? sections.first(where: { $0.kind == 11 })
    else { throw Self.stripped }
    let entry = isWide ? 24 : 16
    guard symbols.entrySize == UInt64(entry), symbols.size % UInt64(entry) == 0 else {
      throw SymbolError("its symbols have \(symbols.entrySize) bytes each, not \(entry)")
    }
    let count = symbols.size / UInt64(entry)
    guard count <= UInt64(Self.mostSymbols) else {
      throw SymbolError("it has \(count) symbols; at most \(Self.mostSymbols) are read")
    }
    guard sections.indices.contains(symbols.link), sections[symbols.link].size <= Self.mostNameBytes else {
      throw SymbolError("its symbols' names are not where it says")
    }
    let table = try source.bytes(at: symbols.offset, count: Int(symbols.size))
    let names = try source.bytes(at: sections[symbols.link].offset, count: Int(sections[symbols.link].size))
    var functions: [SymbolTable.Symbol] = []
    for index in 0..<Int(count) {
      let words = Words(table[(index * entry)..<(index + 1) * entry], isWide: isWide)
      if let symbol = symbol(words, names) { functions.append(symbol) }
    }
    guard !functions.isEmpty else { throw SymbolError("none of its symbols is a function") }
    let code = sections.filter { $0.isCode }
    return SymbolTable(
      functions, ends: code.map { $0.address &+ $0.size }, code: try bytes(of: code))
  }

  /// The symbol of a function, or of code without a type; nil: it is another one.
  private func symbol(_ words: Words, _ names: [UInt8]) -> SymbolTable.Symbol? {
    let information = words.number(isWide ? 4 : 12, 1)
    let section = Int(words.number(isWide ? 6 : 14, 2))
    let address = words.word(8, 4)
    let kind = information & 15
    // STT_FUNC and STT_GNU_IFUNC anywhere, STT_NOTYPE in code: assembly that says nothing of its symbols.
    guard kind == 2 || kind == 10 || kind == 0, section != 0 else { return nil }
    let isInCode = sections.indices.contains(section) && sections[section].isCode
    guard isInCode || kind != 0 && section >= 0xff00 else { return nil }
    if isInCode {
      let owner = sections[section]
      guard address >= owner.address, address - owner.address < owner.size else { return nil }
    }
    let start = Int(words.number(0, 4))
    guard start < names.count, names[start] != 0 else { return nil }
    let name = SymbolTable.name(names[start...].prefix(SymbolTable.mostNameBytes).prefix { $0 != 0 })
    // Global, weak, local; and of these the names with the fewest underscores in front.
    let binding = [1: 0, 2: 1, 0: 2][information >> 4] ?? 3
    let underscores = min(9, name.prefix { $0 == "_" || $0 == "." }.count)
    return SymbolTable.Symbol(
      address: address, size: words.word(16, 8), name: name,
      rank: (kind == 0 ? 100 : 0) + binding * 10 + underscores)
  }

  private func bytes(of sections: [Section]) throws(SymbolError) -> [SymbolTable.Code] {
    var code: [SymbolTable.Code] = []
    var total: UInt64 = 0
    for section in sections where section.hasBytes {
      total += min(section.size, Self.mostCode + 1)
      // Without them symbols are as good, but for a few OUTs at a function's end.
      guard total <= Self.mostCode else { break }
      code.append(
        SymbolTable.Code(
          start: section.address,
          bytes: try source.bytes(at: section.offset, count: Int(section.size))))
    }
    return code
  }

  /// Little-endian numbers of a structure with two layouts.
  fileprivate struct Words {
    let bytes: ArraySlice<UInt8>
    let isWide: Bool

    init(_ bytes: [UInt8], isWide: Bool) { self.init(bytes[...], isWide: isWide) }

    init(_ bytes: ArraySlice<UInt8>, isWide: Bool) {
      self.bytes = bytes
      self.isWide = isWide
    }

    func number(_ offset: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[bytes.startIndex + offset + $1]) << UInt64(8 * $1) }
    }

    /// A number of 64 bits, or in the narrow layout of 32.
    func word(_ wide: Int, _ narrow: Int) -> UInt64 { isWide ? number(wide, 8) : number(narrow, 4) }
  }
}

extension ELFSymbols.Section {
  fileprivate init(_ words: ELFSymbols.Words) {
    kind = UInt32(words.number(4, 4))
    flags = words.word(8, 8)
    address = words.word(16, 12)
    offset = words.word(24, 16)
    size = words.word(32, 20)
    link = Int(words.number(words.isWide ? 40 : 24, 4))
    entrySize = words.word(56, 36)
  }
}
