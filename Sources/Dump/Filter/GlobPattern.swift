/// A name with `*` for any characters and `?` for one.
struct GlobPattern: Sendable, Equatable {
  private let pattern: [UInt8]
  /// Whether it is just a name.
  let isPlain: Bool

  init(_ text: String) {
    pattern = Array(text.utf8)
    isPlain = !text.contains { "*?".contains($0) }
  }

  func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { matches($0) }
  }

  /// Takes at most the product of both lengths: after a mismatch only the last `*` is tried again.
  func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var (place, at) = (0, 0)
    var star: (place: Int, at: Int)?
    while at < text.count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, at)
        place += 1
      } else if place < pattern.count, pattern[place] == text[at] || pattern[place] == UInt8(ascii: "?") {
        // One character has one first byte.
        at += 1
        if pattern[place] == UInt8(ascii: "?") { while at < text.count, text[at] & 0xc0 == 0x80 { at += 1 } }
        place += 1
      } else if let last = star {
        star = (last.place, last.at + 1)
        (place, at) = (last.place + 1, last.at + 1)
      } else {
        return false
      }
    }
    while place < pattern.count, pattern[place] == UInt8(ascii: "*") { place += 1 }
    return place == pattern.count
  }
}
