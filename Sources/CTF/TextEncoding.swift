/// How the characters of a text are encoded (CTF 2, 5.3.11).
public enum TextEncoding: UInt8, Sendable {
  case utf8, utf16Big, utf16Little, utf32Big, utf32Little

  /// The encodings by the names that metadata uses.
  static let names: [String: TextEncoding] = [
    "utf-8": .utf8, "utf-16be": .utf16Big, "utf-16le": .utf16Little, "utf-32be": .utf32Big,
    "utf-32le": .utf32Little,
  ]

  /// The size of a code unit in bytes.
  var unitBytes: Int {
    switch self {
    case .utf8: 1
    case .utf16Big, .utf16Little: 2
    case .utf32Big, .utf32Little: 4
    }
  }

  /// The number of bytes, a multiple of a code unit, before the first NUL among the first `count` bytes; nil when
  /// there is none.
  func length(_ start: UnsafeRawPointer, _ count: Int) -> Int? {
    var place = 0
    while place + unitBytes <= count {
      if (0..<unitBytes).allSatisfy({ start.load(fromByteOffset: place + $0, as: UInt8.self) == 0 }) {
        return place
      }
      place += unitBytes
    }
    return nil
  }

  /// The text in UTF-8; what is no character becomes U+FFFD. UTF-8 is passed through as it is.
  ///
  /// - Parameter count: Bytes, a multiple of the code unit's size.
  public func utf8(_ start: UnsafeRawPointer, _ count: Int) -> [UInt8] {
    func byte(_ at: Int) -> UInt32 { UInt32(start.load(fromByteOffset: at, as: UInt8.self)) }
    switch self {
    case .utf8: return Array(UnsafeRawBufferPointer(start: start, count: count))
    case .utf16Big, .utf16Little:
      let (high, low) = self == .utf16Big ? (0, 1) : (1, 0)
      let units = (0..<count / 2).map { UInt16(byte(2 * $0 + high) << 8 | byte(2 * $0 + low)) }
      return Array(String(decoding: units, as: UTF16.self).utf8)
    case .utf32Big, .utf32Little:
      var text = String.UnicodeScalarView()
      for place in stride(from: 0, to: count - 3, by: 4) {
        let code = (0..<4).reduce(UInt32(0)) { code, index in
          code << 8 | byte(place + (self == .utf32Big ? index : 3 - index))
        }
        text.append(UnicodeScalar(code) ?? "\u{fffd}")
      }
      return Array(String(text).utf8)
    }
  }
}
