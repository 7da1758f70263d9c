/// The functions of a program by address.
package struct SymbolTable: Sendable {
  /// A function, or another piece of code with a name.
  package struct Function: Sendable, Equatable {
    /// Its first address.
    package let start: UInt64
    /// Bytes, 1 or more: as the file says or, where it does not, up to the next symbol.
    package let size: UInt64
    /// The name, without control characters.
    package let name: String

    package init(start: UInt64, size: UInt64, name: String) {
      self.start = start
      self.size = size
      self.name = name
    }

    func contains(_ address: UInt64) -> Bool { address &- start < size && address >= start }
  }

  /// A symbol as a file has it.
  struct Symbol {
    let address: UInt64
    /// 0: the file does not say.
    let size: UInt64
    let name: String
    /// Which of several at one address names it: the smallest.
    let rank: Int
  }

  /// Code as the file has it: where it is and its bytes.
  struct Code: Sendable {
    let start: UInt64
    let bytes: [UInt8]

    /// The bytes of an address and those behind it, at most so many.
    func bytes(at address: UInt64, count: Int) -> ArraySlice<UInt8>? {
      guard address >= start, address - start < UInt64(bytes.count) else { return nil }
      return bytes[Int(address - start)...].prefix(count)
    }
  }

  /// By address; no two begin at the same one.
  package let functions: [Function]
  // The highest end of a function and those before it: where to stop looking for one that encloses an address.
  private let ends: [UInt64]
  let code: [Code]

  /// - Parameters:
  ///   - symbols: In any order.
  ///   - ends: Where code ends whatever the symbols say, in any order.
  init(_ symbols: [Symbol], ends limits: [UInt64], code: [Code] = []) {
    let sorted = symbols.sorted {
      ($0.address, $0.rank, $1.size, $0.name) < ($1.address, $1.rank, $0.size, $1.name)
    }
    let limits = limits.sorted()
    var functions: [Function] = []
    var ends: [UInt64] = []
    var limit = 0
    var place = 0
    while place < sorted.count {
      let symbol = sorted[place]
      var next = place + 1
      // The name is that of the first in rank, the size the largest that any has.
      var size = symbol.size
      while next < sorted.count, sorted[next].address == symbol.address {
        size = max(size, sorted[next].size)
        next += 1
      }
      place = next
      if size == 0 {
        // A label in the middle of a function is no function.
        if let end = ends.last, end > symbol.address { continue }
        while limit < limits.count, limits[limit] <= symbol.address { limit += 1 }
        let end = min(
          next < sorted.count ? sorted[next].address : .max, limit < limits.count ? limits[limit] : .max)
        size = end == .max ? Self.lastSize : end - symbol.address
      }
      size = min(size, UInt64.max - symbol.address)
      guard size > 0 else { continue }
      functions.append(Function(start: symbol.address, size: size, name: symbol.name))
      ends.append(max(ends.last ?? 0, symbol.address + size))
    }
    self.functions = functions
    self.ends = ends
    self.code = code
  }

  /// Bytes of a last symbol of which nobody says how many it has.
  private static let lastSize: UInt64 = 4096
  /// Functions that are looked at for one address: they do not nest deeper in any program.
  private static let deepest = 64

  /// The function that an address is in, the innermost one; nil: it is in none.
  package func function(containing address: UInt64) -> Function? {
    var low = 0
    var high = functions.count
    while low < high {
      let middle = (low + high) / 2
      if functions[middle].start <= address { low = middle + 1 } else { high = middle }
    }
    for place in stride(from: low - 1, through: max(0, low - Self.deepest), by: -1) {
      if functions[place].contains(address) { return functions[place] }
      if ends[place] <= address { return nil }
    }
    return nil
  }

  /// Bytes of a name that are looked at.
  static let mostNameBytes = 1024

  /// A name that a terminal and a page can show, of at most 256 characters.
  static func name(_ bytes: some Sequence<UInt8>) -> String {
    let text = String(decoding: Array(bytes.prefix(mostNameBytes)), as: UTF8.self)
    let scalars = text.unicodeScalars.prefix(256).map { scalar -> Unicode.Scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "?"
      default: scalar
      }
    }
    return String(String.UnicodeScalarView(scalars))
  }
}
