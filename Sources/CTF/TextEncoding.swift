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

  /// Gives the text to `body` in UTF-8, piece by piece, so that a long one needs no more memory; what is no character
  /// becomes U+FFFD. UTF-8 is passed through as it is.
  ///
  /// - Parameter count: Bytes, a multiple of the code unit's size.
  public func utf8(
    _ start: UnsafeRawPointer, _ count: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) {
    if self == .utf8 {
      return body(UnsafeRawBufferPointer(start: start, count: count).bindMemory(to: UInt8.self))
    }
    var place = 0
    while place < count {
      var size = min(Self.pieceBytes, count - place)
      // Both halves of a surrogate pair have to be in one piece.
      if unitBytes == 2, place + size < count, unit(start + place + size - 2) >> 10 == 0x36 { size -= 2 }
      Array(piece(start + place, size).utf8).withUnsafeBufferPointer(body)
      place += size
    }
  }

  /// The number of bytes at the end that are the begin of a character; not of UTF-8.
  func incomplete(_ start: UnsafeRawPointer, _ count: Int) -> Int {
    let rest = count % unitBytes
    let whole = count - rest
    guard unitBytes == 2, whole > 0, unit(start + whole - 2) >> 10 == 0x36 else { return rest }
    return rest + 2
  }

  private static let pieceBytes = 1 << 14

  /// The code unit of two or four bytes there.
  private func unit(_ start: UnsafeRawPointer) -> UInt32 {
    let isBig = self == .utf16Big || self == .utf32Big
    return (0..<unitBytes).reduce(0) { unit, index in
      let place = isBig ? index : unitBytes - 1 - index
      return unit << 8 | UInt32(start.load(fromByteOffset: place, as: UInt8.self))
    }
  }

  private func piece(_ start: UnsafeRawPointer, _ count: Int) -> String {
    let units = stride(from: 0, to: count, by: unitBytes).map { unit(start + $0) }
    if unitBytes == 2 { return String(decoding: units.map { UInt16($0) }, as: UTF16.self) }
    var text = String.UnicodeScalarView()
    for code in units { text.append(UnicodeScalar(code) ?? "\u{fffd}") }
    return String(text)
  }
}
