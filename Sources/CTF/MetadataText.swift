import Glibc

/// The first stage: from a `metadata` file to its text, a piece at a time: metadata can be larger than memory.
///
/// Metadata is plain text that begins with `/* CTF 1.8 */`, a sequence of JSON texts (CTF 2, section 5), or packets of
/// either (CTF 1.8, section 7.1), whose byte order shows in the magic number.
struct MetadataText {
  private static let packetMagic: UInt32 = 0x75d1_1d57
  private static let packetHeaderBytes = 37

  let path: String
  /// The trace's UUID as the packets repeat it.
  let uuid: [UInt8]?
  /// The byte order of the packets; nil when the metadata is plain text.
  let byteOrder: ByteOrder?
  /// Whether it is a sequence of JSON texts: CTF 2.
  let isJSON: Bool
  /// Size of the file in bytes.
  var fileSize: Int { file.size }
  /// That the file ends inside a later packet, once reading has come there: the text ends with the packet before.
  var damage: TraceError? { end.damage }

  /// What copies of a text share.
  private final class End {
    var damage: TraceError?
  }

  private let end = End()
  private let file: DataFile
  private let version: (UInt8, UInt8)?
  /// The next byte of text, the ends of the packet's text and of the packet, all from the start of the file.
  private var next = 0
  private var contentEnd: Int
  private var packetEnd: Int
  private var packet = -1

  /// That the text does not begin as it should.
  private(set) var warning: TraceError?

  /// Opens the file and finds out what is in it.
  ///
  /// - Parameter isStrict: Whether to refuse text that does not begin with its version.
  init(path: String, isStrict: Bool) throws(TraceError) {
    self.path = path
    file = try DataFile(path: path)
    contentEnd = 0
    packetEnd = 0
    if file.size == 0 { throw TraceError(file: path, message: "the metadata is empty") }
    let start = try Self.bytes(file, at: 0, count: 4096)
    guard start.count >= 4 else {
      throw TraceError(file: path, message: "\(start.count) bytes are too few for metadata")
    }
    let little = Self.word(start, 0, .little)
    if little == Self.packetMagic || little.byteSwapped == Self.packetMagic {
      let order = little == Self.packetMagic ? ByteOrder.little : .big
      let header = try Self.readHeader(file, at: 0, packet: 0, order)
      guard header.contentBytes <= file.size else {
        throw TraceError(
          file: path, packet: 0, bitOffset: UInt64(28 * 8), message: "the metadata packet is cut off")
      }
      byteOrder = order
      uuid = header.uuid
      version = header.version
      isJSON = header.version.0 == 2
      return
    }
    byteOrder = nil
    uuid = nil
    version = nil
    guard let first = start.first(where: { $0 > 0x20 || $0 == 0x1e }) ?? (file.size > 4096 ? 0x20 : nil)
    else {
      throw TraceError(file: path, message: "the metadata is empty")
    }
    // A record separator begins each JSON text; its absence before the first one does no harm.
    isJSON = first == UInt8(ascii: "{") || first == 0x1e
    if start.contains(0) {
      throw TraceError(
        file: path, bitOffset: 0, message: "this is neither CTF metadata text nor its packets")
    }
    if !isJSON { warning = try Self.checkSignature(start, path, isStrict) }
    contentEnd = file.size
    packetEnd = file.size
  }

  /// Plain text begins with a comment that says its version (CTF 1.8, section 7.1).
  ///
  /// - Returns: That it does not, which leaves only one version that it can be of.
  private static func checkSignature(
    _ start: [UInt8], _ path: String, _ isStrict: Bool
  ) throws(TraceError) -> TraceError? {
    var words = start.prefix(64)[...]
    func skip(_ text: String) -> Bool {
      guard words.starts(with: text.utf8) else { return false }
      words = words.dropFirst(text.utf8.count).drop { $0 <= 0x20 }
      return true
    }
    guard skip("/*"), skip("CTF") else {
      let message = "line 1: the metadata does not begin with /* CTF 1.8 */"
      guard !isStrict else { throw TraceError(file: path, message: message) }
      return TraceError(file: path, message: message + "; read as CTF 1.8")
    }
    // What follows the version says nothing, but 1.81 is another one.
    guard skip("1.8"), let next = words.first, next < UInt8(ascii: "0") || next > UInt8(ascii: "9") else {
      throw TraceError(file: path, message: "line 1: the metadata is of another version than CTF 1.8")
    }
    return nil
  }

  /// Fills a buffer with the next bytes of the text; returns how many there are, fewer than asked for only at the end.
  mutating func read(into buffer: borrowing ByteBuffer) throws(TraceError) -> Int {
    try unsafe read(into: buffer.first(buffer.count))
  }

  /// The same.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    var done = 0
    while done < buffer.count {
      if next == contentEnd {
        guard packetEnd < file.size else { break }
        try nextPacket()
        continue
      }
      // Inside of the buffer; `count` bytes of it have been read then.
      let piece = unsafe UnsafeMutableRawBufferPointer(
        rebasing: buffer[done..<min(buffer.count, done + contentEnd - next)])
      let count = try unsafe file.read(into: piece, at: next)
      if let base = piece.baseAddress, let place = unsafe memchr(base, 0, count) {
        throw TraceError(
          file: path, bitOffset: unsafe UInt64(next + (UnsafeRawPointer(place) - UnsafeRawPointer(base))) * 8,
          message: "there is a NUL byte in the metadata")
      }
      next += count
      done += count
      guard count == piece.count else { throw TraceError(file: path, message: "the file has become shorter") }
    }
    return done
  }

  /// Passes over text that has been read before.
  mutating func skip(_ count: Int) throws(TraceError) {
    var rest = count
    while rest > 0 {
      if next == contentEnd {
        guard packetEnd < file.size else { return }
        try nextPacket()
        continue
      }
      let piece = min(rest, contentEnd - next)
      next += piece
      rest -= piece
    }
  }

  /// The whole text; refused when the file has more than `limit` bytes.
  func whole(limit: Int) throws(TraceError) -> [UInt8] {
    guard file.size <= limit else {
      throw TraceError(file: path, message: "\(file.size) bytes of metadata; more than \(limit) are not read")
    }
    var reader = self
    let buffer = ByteBuffer(count: file.size)
    return buffer.array(0..<(try reader.read(into: buffer)))
  }

  private mutating func nextPacket() throws(TraceError) {
    guard let byteOrder else { return }
    let start = packetEnd
    packet += 1
    guard file.size - start >= Self.packetHeaderBytes else {
      return endText(failure(start, "the metadata packet's header is cut off"))
    }
    let header = try Self.readHeader(file, at: start, packet: packet, byteOrder)
    if header.uuid != uuid {
      throw failure(start + 4, "the metadata packet has another UUID than the first")
    }
    if let version, header.version != version {
      throw failure(start + 35, "the metadata packet has another version than the first")
    }
    guard start + header.contentBytes <= file.size else {
      return endText(failure(start + 28, "the metadata packet is cut off"))
    }
    next = start + Self.packetHeaderBytes
    contentEnd = start + header.contentBytes
    packetEnd = start + header.packetBytes
  }

  private mutating func endText(_ damage: TraceError) {
    end.damage = damage
    (next, contentEnd, packetEnd) = (file.size, file.size, file.size)
  }

  private func failure(_ byte: Int, _ message: String) -> TraceError {
    TraceError(file: path, packet: packet, bitOffset: UInt64(byte) * 8, message: message)
  }

  private struct Header {
    let uuid: [UInt8]
    let contentBytes: Int
    let packetBytes: Int
    let version: (UInt8, UInt8)
  }

  private static func bytes(_ file: DataFile, at offset: Int, count: Int) throws(TraceError) -> [UInt8] {
    let buffer = ByteBuffer(count: count)
    return buffer.array(0..<(try file.read(into: buffer, count, at: offset)))
  }

  private static func word(_ bytes: [UInt8], _ at: Int, _ order: ByteOrder) -> UInt32 {
    let value =
      UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3])
      << 24
    return order == .little ? value : value.byteSwapped
  }

  private static func readHeader(
    _ file: DataFile, at start: Int, packet: Int, _ order: ByteOrder
  ) throws(TraceError) -> Header {
    func failure(_ byte: Int, _ message: String) -> TraceError {
      TraceError(file: file.path, packet: packet, bitOffset: UInt64(start + byte) * 8, message: message)
    }
    let bytes = try bytes(file, at: start, count: packetHeaderBytes)
    guard bytes.count == packetHeaderBytes else {
      throw failure(0, "the metadata packet's header is cut off")
    }
    guard word(bytes, 0, order) == packetMagic else {
      throw failure(0, "the metadata packet's magic number is wrong")
    }
    guard bytes[32] == 0, bytes[33] == 0, bytes[34] == 0 else {
      throw failure(32, "compressed, encrypted or checksummed metadata cannot be read")
    }
    let version = (bytes[35], bytes[36])
    guard version == (1, 8) || version == (2, 0) else {
      throw failure(35, "CTF \(version.0).\(version.1) metadata; only CTF 1.8 and CTF 2 can be read")
    }
    let contentBits = Int(word(bytes, 24, order))
    let packetBits = Int(word(bytes, 28, order))
    guard contentBits % 8 == 0, packetBits % 8 == 0, contentBits >= packetHeaderBytes * 8,
      contentBits <= packetBits
    else { throw failure(24, "content size \(contentBits) and packet size \(packetBits) are impossible") }
    return Header(
      uuid: Array(bytes[4..<20]), contentBytes: contentBits / 8, packetBytes: packetBits / 8, version: version
    )
  }
}

/// The order of the bytes of a number.
public enum ByteOrder: Sendable {
  /// Least significant byte first.
  case little
  /// Most significant byte first.
  case big
}
