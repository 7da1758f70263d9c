/// Bytes that ought to be UTF-8.
public enum UTF8Text {
  /// Bytes as people read them: those that are no part of a character as `\xNN`.
  public static func shown(_ bytes: some Collection<UInt8>) -> String {
    var shown = ""
    var rest = bytes[...]
    while let byte = rest.first {
      var decoder = UTF8()
      var next = rest.prefix(4).makeIterator()
      if case .scalarValue(let scalar) = decoder.decode(&next) {
        shown.unicodeScalars.append(scalar)
        rest = rest.dropFirst(UTF8.width(scalar))
      } else {
        shown += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        rest = rest.dropFirst()
      }
    }
    return shown
  }
}
