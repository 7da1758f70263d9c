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

  /// The number of bytes, a multiple of a code unit, before the first NUL; nil when there is none.
  func length(_ bytes: LoadedBytes) -> Int? {
    var place = 0
    while place + unitBytes <= bytes.count {
      if (0..<unitBytes).allSatisfy({ bytes[place + $0] == 0 }) {
        return place
      }
      place += unitBytes
    }
    return nil
  }

  /// Gives the text to `body` in UTF-8, piece by piece, so that a long one needs no more memory; what is no character
  /// becomes U+FFFD. UTF-8 is passed through as it is.
  ///
  /// - Parameters:
  ///   - start: Where the text is.
  ///   - count: Bytes, a multiple of the code unit's size.
  ///   - body: Must not keep what it is given.
  public func utf8(
    _ start: UnsafeRawPointer, _ count: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) {
    // The caller vouches for the bytes.
    unsafe utf8(LoadedBytes(PacketBytes(start), count), body)
  }

  /// The same.
  func utf8(_ text: LoadedBytes, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    // What `body` gets is the text itself, or an array that lives as long as the call.
    if self == .utf8 { return unsafe body(text.buffer.bindMemory(to: UInt8.self)) }
    var place = 0
    while place < text.count {
      var size = min(Self.pieceBytes, text.count - place)
      // Both halves of a surrogate pair have to be in one piece.
      if unitBytes == 2, place + size < text.count, unit(text, place + size - 2) >> 10 == 0x36 { size -= 2 }
      unsafe Array(piece(text, place..<place + size).utf8).withUnsafeBufferPointer(body)
      place += size
    }
  }

  /// The number of bytes at the end that are the begin of a character; not of UTF-8.
  func incomplete(_ bytes: LoadedBytes) -> Int {
    let rest = bytes.count % unitBytes
    let whole = bytes.count - rest
    guard unitBytes == 2, whole > 0, unit(bytes, whole - 2) >> 10 == 0x36 else { return rest }
    return rest + 2
  }

  private static let pieceBytes = 1 << 14

  /// The code unit of two or four bytes there.
  private func unit(_ bytes: LoadedBytes, _ start: Int) -> UInt32 {
    let isBig = self == .utf16Big || self == .utf32Big
    return (0..<unitBytes).reduce(0) { unit, index in
      let place = isBig ? index : unitBytes - 1 - index
      return unit << 8 | UInt32(bytes[start + place])
    }
  }

  private func piece(_ bytes: LoadedBytes, _ range: Range<Int>) -> String {
    let units = stride(from: range.lowerBound, to: range.upperBound, by: unitBytes).map { unit(bytes, $0) }
    if unitBytes == 2 { return String(decoding: units.map { UInt16($0) }, as: UTF16.self) }
    var text = String.UnicodeScalarView()
    for code in units { text.append(UnicodeScalar(code) ?? "\u{fffd}") }
    return String(text)
  }
}
