extension InertText {
  /// A word as a shell reads it back, for commands that are copied: in quotes where it has to be.
  package static func shellWord(_ word: String) -> String { shellWord(bytes: word.utf8) }

  /// The same of bytes, such as a file's name. Where there are some that are not UTF-8, or characters that are not inert, they are in
  /// bash(1)'s `$'…'`, which ksh, zsh and POSIX.1-2024 have as well, as `\xNN`.
  package static func shellWord(bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    let scalars = String(validating: bytes, as: UTF8.self).map { Array($0.unicodeScalars) }
    if let scalars, scalars.allSatisfy(isInert) {
      let word = String(String.UnicodeScalarView(scalars))
      guard scalars.isEmpty || !scalars.allSatisfy(isPlain) else { return word }
      return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        + "'"
    }
    var shown = "$'"
    var rest = bytes[...]
    while !rest.isEmpty {
      var decoder = UTF8()
      var next = rest.prefix(4).makeIterator()
      var length = 1
      if case .scalarValue(let scalar) = decoder.decode(&next) {
        length = String(scalar).utf8.count
        if isInert(scalar) {
          if scalar == "'" || scalar == "\\" { shown += "\\" }
          shown.unicodeScalars.append(scalar)
          rest = rest.dropFirst(length)
          continue
        }
      }
      for byte in rest.prefix(length) {
        shown += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
      rest = rest.dropFirst(length)
    }
    return shown + "'"
  }

  /// Whether no shell takes a character for anything but itself.
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
      || "/._-+,:@%=".unicodeScalars.contains(scalar)
  }
}
