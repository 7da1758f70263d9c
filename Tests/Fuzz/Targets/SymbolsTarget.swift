import Symbols

/// A file of symbols that says anything at all: it is refused with one line, or has functions in order, with names that can be
/// shown, and every address is in the innermost of those that have it.
enum SymbolsTarget {
  /// Functions of a file that are looked at; larger ones would be all that is done.
  private static let looked = 64
  /// Functions before an address among which the one that has it is looked for (``SymbolTable``).
  private static let deepest = 64

  static func run(_ input: [UInt8]) -> String? {
    let table: SymbolTable
    do throws(SymbolError) {
      table = try SymbolFile.read(input)
    } catch {
      let text = error.description
      return text.isEmpty || text.contains("\n") ? "a message that is no line: \(text)" : nil
    }
    if table.functions.isEmpty { return "no functions, and no error" }
    return order(table.functions) ?? lookups(table, input)
  }

  private static func order(_ functions: [SymbolTable.Function]) -> String? {
    for (left, right) in zip(functions, functions.dropFirst()) where left.start >= right.start {
      return "\(left) is before \(right)"
    }
    for function in functions {
      if function.size == 0 || function.size > UInt64.max - function.start {
        return "it ends nowhere: \(function)"
      }
      if function.name.unicodeScalars.count > 256 { return "a name of more than 256 characters" }
      if function.name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
        return "a name with control characters: \(function.name.debugDescription)"
      }
    }
    return nil
  }

  private static func lookups(_ table: SymbolTable, _ input: [UInt8]) -> String? {
    // KASLR's offset: what is found must not depend on it.
    let offset = input.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    let symbols = GuestSymbols(table, path: "fuzzed")
    let moved = GuestSymbols(table, path: "fuzzed", offset: offset)
    let step = max(1, table.functions.count / looked)
    for index in stride(from: 0, to: table.functions.count, by: step) {
      let function = table.functions[index]
      for address in [
        function.start &- 1, function.start, function.start &+ function.size / 2,
        function.start &+ function.size &- 1,
        function.start &+ function.size, function.start &+ offset,
      ] {
        let found = table.function(containing: address)
        if found != slow(table.functions, address) { return "\(address) is in \(String(describing: found))" }
        // KVM_EXIT_IO out, KVM_EXIT_MMIO out and KVM_EXIT_INTR.
        for (reason, direction) in [(2, 2), (6, 2), (10, 0)] as [(UInt8, UInt8)] {
          let here = symbols.function(rip: address, reason: reason, direction: direction)
          let there = moved.function(rip: address &+ offset, reason: reason, direction: direction)
          let isSame = here?.name == there?.name && here?.size == there?.size
          if !isSame || here.map({ $0.start &+ offset }) != there?.start {
            return "\(address), moved by \(offset), is in \(String(describing: there))"
          }
          let possible = [found, table.function(containing: address &- 1)]
          if !possible.contains(here) { return "\(address) is in \(String(describing: here))" }
        }
      }
    }
    return nil
  }

  /// The last function that begins at or before an address and has it.
  private static func slow(_ functions: [SymbolTable.Function], _ address: UInt64) -> SymbolTable.Function? {
    functions[..<(functions.firstIndex { $0.start > address } ?? functions.count)].suffix(deepest)
      .last { address - $0.start < $0.size }
  }
}
