/// Symbols as `nm` prints them: a kernel's `System.map`, or its `/proc/kallsyms`.
enum TextSymbols {
  static let mostBytes = 256 << 20
  // A kernel with everything, its modules too, has half a million.
  private static let mostSymbols = 4 << 20

  /// Reads lines of an address, a letter and a name; a module's name may follow.
  static func read(_ bytes: [UInt8]) throws(SymbolError) -> SymbolTable {
    var symbols: [SymbolTable.Symbol] = []
    var others: [UInt64] = []
    var number = 0
    var rest = bytes[...]
    while !rest.isEmpty {
      let line = rest.prefix { $0 != 0x0a }
      rest = rest[line.endIndex...].dropFirst()
      number += 1
      let words = line.split(maxSplits: 3, whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d })
      guard !words.isEmpty else { continue }
      guard words.count >= 3, let address = hexadecimal(words[0]), words[1].count == 1 else {
        throw SymbolError(
          number == 1
            ? "it is neither ELF nor text as nm prints it (address, type, name)"
            : "line \(number) is not an address, a type and a name")
      }
      // T, t: code; W, w: weak.
      switch words[1].first {
      case 0x54: add(0)
      case 0x57, 0x77: add(1)
      case 0x74: add(2)
      case 0x55: break
      default: others.append(address)
      }
      guard symbols.count + others.count <= mostSymbols else {
        throw SymbolError("it has more than \(mostSymbols) symbols")
      }
      func add(_ binding: Int) {
        let name = SymbolTable.name(words[2])
        let underscores = min(9, name.prefix { $0 == "_" || $0 == "." }.count)
        symbols.append(
          SymbolTable.Symbol(address: address, size: 0, name: name, rank: binding * 10 + underscores))
      }
    }
    guard !symbols.isEmpty else { throw SymbolError("there is no function in it") }
    guard symbols.contains(where: { $0.address != 0 }) else {
      throw SymbolError("all of its addresses are 0: the kernel hides them from other users than root")
    }
    return SymbolTable(symbols, ends: others)
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard digits.count <= 16, digits.first != 0x2b, digits.first != 0x2d else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
