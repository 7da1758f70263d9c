/// Names of files as text. Names are bytes; those that are not UTF-8 are kept in private characters, from which they can
/// be had again.
///
/// A byte that is no part of a character of UTF-8 is U+10FE00 plus its value. The bytes of such a character, should a name
/// have one, are treated the same way: no two names are the same text.
public enum PathText {
  private static let first: UInt32 = 0x10fe00

  /// A name's text.
  public static func text(_ bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
    var text = String.UnicodeScalarView()
    var place = 0
    while place < bytes.count {
      var decoder = UTF8()
      var rest = bytes[place...].prefix(4).makeIterator()
      if case .scalarValue(let scalar) = decoder.decode(&rest), !isKept(scalar) {
        text.append(scalar)
        place += UTF8.width(scalar)
      } else {
        if let scalar = Unicode.Scalar(first + UInt32(bytes[place])) { text.append(scalar) }
        place += 1
      }
    }
    return String(text)
  }

  private static func isKept(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value & ~0xff == first
  }

  /// Whether a name is kept as the system needs it.
  private static func isPlain(_ text: String) -> Bool {
    !text.utf8.contains(0xf4)
  }

  /// Calls a closure with a name as the system has it, ended by NUL.
  public static func withBytes<Value>(_ text: String, _ body: (UnsafePointer<CChar>) -> Value) -> Value {
    // Both end with a NUL.
    if isPlain(text) { return unsafe text.withCString(body) }
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      if isKept(scalar) {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      } else {
        bytes += Array(String(scalar).utf8)
      }
    }
    bytes.append(0)
    return unsafe bytes.withUnsafeBytes { unsafe body($0.bindMemory(to: CChar.self).baseAddress!) }
  }

  /// A name as it is shown: bytes that are no UTF-8 as `\xNN`.
  public static func shown(_ text: String) -> String {
    if isPlain(text) { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      if isKept(scalar) {
        shown += "\\x" + String(scalar.value & 0xff, radix: 16)
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}

extension UTF8 {
  fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
    scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
  }
}
