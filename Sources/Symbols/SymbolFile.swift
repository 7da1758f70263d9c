/// Reads symbols from files of either kind.
package enum SymbolFile {
  /// The symbols of an ELF file, or of text as `nm` prints it.
  ///
  /// - Parameter descriptor: Of a regular file or a pipe, open for reading; it is closed.
  /// - Throws: With what is wrong, without the file's name.
  package static func read(owning descriptor: CInt) throws(SymbolError) -> SymbolTable {
    let file = try FileSource(owning: descriptor)
    guard file.size >= 16, try file.bytes(at: 0, count: 4) == ELFSymbols.magic else {
      return try read(try file.everything(limit: TextSymbols.mostBytes))
    }
    return try checked(try ELFSymbols.read(file))
  }

  /// The same of what is in memory.
  package static func read(_ bytes: [UInt8]) throws(SymbolError) -> SymbolTable {
    guard bytes.count >= 16, bytes.starts(with: ELFSymbols.magic) else { return try checked(try text(bytes)) }
    return try checked(try ELFSymbols.read(BytesSource(contents: bytes)))
  }

  /// A table keeps functions only that can be shown; a file may have others alone.
  private static func checked(_ table: SymbolTable) throws(SymbolError) -> SymbolTable {
    guard !table.functions.isEmpty else { throw SymbolError("none of its functions has a place and a name") }
    return table
  }

  private static func text(_ bytes: [UInt8]) throws(SymbolError) -> SymbolTable {
    // The boot protocol's magic (Documentation/arch/x86/boot.rst), at 0x202.
    if bytes.count > 0x206, Array(bytes[0x202..<0x206]) == Array("HdrS".utf8) {
      throw SymbolError(
        "it is a bzImage, which has no symbols: give the vmlinux of the same build, or its System.map")
    }
    return try TextSymbols.read(bytes)
  }
}
