/// Makes ELF files with the symbols and the code that a test wants.
struct ELFBuilder {
  struct Symbol {
    var name: String
    var address: UInt64
    var size: UInt64 = 0
    /// STT_FUNC 2, STT_NOTYPE 0, STT_OBJECT 1.
    var kind: UInt64 = 2
    /// STB_LOCAL 0, STB_GLOBAL 1, STB_WEAK 2.
    var binding: UInt64 = 1
    /// 1: the code.
    var section: UInt64 = 1
  }

  var isWide = true
  var codeAddress: UInt64 = 0xffff_ffff_8100_0000
  var code = [UInt8](repeating: 0x90, count: 0x1000)
  var symbols: [Symbol] = []

  private func number(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  private func word(_ value: UInt64) -> [UInt8] { number(value, isWide ? 8 : 4) }

  /// The file.
  var bytes: [UInt8] {
    var names: [UInt8] = [0]
    var table: [UInt8] = Array(repeating: 0, count: isWide ? 24 : 16)
    for symbol in symbols {
      let name = number(UInt64(names.count), 4)
      names += Array(symbol.name.utf8) + [0]
      let information = number(symbol.binding << 4 | symbol.kind, 1) + [0] + number(symbol.section, 2)
      table +=
        isWide
        ? name + information + word(symbol.address) + word(symbol.size)
        : name + word(symbol.address) + word(symbol.size) + information
    }
    let headerSize = UInt64(isWide ? 64 : 52)
    let codeOffset = headerSize
    let tableOffset = codeOffset + UInt64(code.count)
    let namesOffset = tableOffset + UInt64(table.count)
    let sectionsOffset = namesOffset + UInt64(names.count)
    func section(
      _ kind: UInt64, _ flags: UInt64, _ address: UInt64, _ offset: UInt64, _ size: Int, link: UInt64 = 0,
      entry: UInt64 = 0
    ) -> [UInt8] {
      number(0, 4) + number(kind, 4) + word(flags) + word(address) + word(offset) + word(UInt64(size))
        + number(link, 4) + number(0, 4) + word(1) + word(entry)
    }
    let sections =
      section(0, 0, 0, 0, 0) + section(1, 6, codeAddress, codeOffset, code.count)
      + section(2, 0, 0, tableOffset, table.count, link: 3, entry: isWide ? 24 : 16)
      + section(3, 0, 0, namesOffset, names.count)
    var header: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, isWide ? 2 : 1, 1, 1] + Array(repeating: 0, count: 9)
    header += number(2, 2) + number(isWide ? 62 : 3, 2) + number(1, 4) + word(codeAddress) + word(0)
    header += word(sectionsOffset) + number(0, 4) + number(headerSize, 2) + number(0, 2) + number(0, 2)
    header += number(isWide ? 64 : 40, 2) + number(4, 2) + number(3, 2)
    return header + code + table + names + sections
  }
}
