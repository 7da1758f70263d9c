/// A buffer over metadata text that moves forward.
final class LexerInput {
  private static let bufferBytes = 64 << 10
  /// How far ahead of the current byte may be looked.
  private static let lookahead = 4

  private let buffer = ByteBuffer(count: bufferBytes)
  private var text: MetadataText
  /// `text` as it was before the buffer was filled.
  private var before: MetadataText
  private var position = 0
  private var end = 0
  private var isLast = false

  init(_ text: MetadataText) throws(TraceError) {
    self.text = text
    before = text
    try fill()
  }

  var path: String { text.path }

  /// Whether the text ended because the file is cut.
  var isCut: Bool { text.damage != nil }

  /// The current byte, nil at the end.
  var current: UInt8? { position < end ? buffer[position] : nil }

  /// The byte a few places ahead, 0 behind the end: there is no NUL in metadata.
  func peek(_ ahead: Int) -> UInt8 { position + ahead < end ? buffer[position + ahead] : 0 }

  private func fill() throws(TraceError) {
    // What has been looked at and not consumed is read again: then `before` belongs to the buffer's start.
    var reader = before
    try reader.skip(position)
    before = reader
    end = try reader.read(into: buffer)
    isLast = end < buffer.count
    text = reader
    position = 0
  }

  func advance(_ count: Int = 1) throws(TraceError) {
    position += count
    if position + Self.lookahead > end, !isLast { try fill() }
  }

  /// Passes white space; returns how many lines end in it.
  func skipSpace() throws(TraceError) -> Int {
    var lines = 0
    while true {
      var place = position
      while place < end, buffer[place] <= 0x20 {
        let byte = buffer[place]
        if byte == 0x0a { lines += 1 }
        guard byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) else { break }
        place += 1
      }
      if try move(to: place) { return lines }
    }
  }

  /// Passes everything before the next `byte`; returns how many lines end in it.
  @discardableResult
  func skip(to byte: UInt8) throws(TraceError) -> Int {
    var lines = 0
    while true {
      var place = position
      while place < end, buffer[place] != byte {
        if buffer[place] == 0x0a { lines += 1 }
        place += 1
      }
      if try move(to: place) { return lines }
    }
  }

  /// Moves forward; false when that is the buffer's end but not that of the text.
  private func move(to place: Int) throws(TraceError) -> Bool {
    let isFound = place < end || isLast
    try advance(place - position)
    return isFound
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
      || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
  }

  private func wordEnd(_ from: Int) -> Int {
    var place = from
    while place < end, Self.isWord(buffer[place]) { place += 1 }
    return place
  }

  /// How many bytes the word has that begins here, not counting on behind `limit`.
  func lengthOfWord(limit: Int) throws(TraceError) -> Int {
    var place = wordEnd(position)
    if place == end, !isLast {
      try fill()
      place = wordEnd(position)
    }
    guard place == end, !isLast else { return place - position }
    // Longer than the buffer: count on without keeping anything.
    var length = end
    var reader = text
    let scratch = ByteBuffer(count: Self.bufferBytes)
    while length < limit {
      let count = try reader.read(into: scratch)
      let word = (0..<count).first { !Self.isWord(scratch[$0]) } ?? count
      length += word
      if word < scratch.count { break }
    }
    return length
  }

  /// The next bytes as a text.
  func take(_ length: Int) throws(TraceError) -> String {
    if position + length <= end {
      let text = buffer.text(position..<position + length)
      try advance(length)
      return text
    }
    // Straight into the text: a name of 16 MiB must not be in memory twice.
    var reader = before
    try reader.skip(position)
    var failure: TraceError?
    // Of `length` bytes, of which those count that were read.
    let text = unsafe String(unsafeUninitializedCapacity: length) { buffer in
      do throws(TraceError) {
        return try unsafe reader.read(into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    before = reader
    position = 0
    try fill()
    return text
  }
}
