import Glibc

/// The first stage: from a `metadata` file to its text.
///
/// Metadata is plain text that begins with `/* CTF 1.8`, or packets of text (CTF 1.8, section 7.1), whose byte order
/// shows in the magic number.
struct MetadataText {
  /// More text than any tracer writes; a longer file is refused rather than read into memory.
  static let maximumBytes = 16 << 20
  private static let packetMagic: UInt32 = 0x75d1_1d57
  private static let packetHeaderBytes = 37

  /// The text, packet headers and paddings removed.
  let bytes: [UInt8]
  /// The trace's UUID as the packets repeat it.
  let uuid: [UInt8]?
  /// The byte order of the packets; nil when the metadata is plain text.
  let byteOrder: ByteOrder?

  init(path: String) throws(TraceError) {
    let raw = try Self.readFile(path)
    if raw.isEmpty { throw TraceError(file: path, message: "the metadata is empty") }
    guard raw.count >= 4 else {
      throw TraceError(file: path, message: "\(raw.count) bytes are too few for metadata")
    }
    let little = UInt32(raw[0]) | UInt32(raw[1]) << 8 | UInt32(raw[2]) << 16 | UInt32(raw[3]) << 24
    if little == Self.packetMagic {
      (bytes, uuid) = try Self.unpack(raw, .little, path)
      byteOrder = .little
    } else if little.byteSwapped == Self.packetMagic {
      (bytes, uuid) = try Self.unpack(raw, .big, path)
      byteOrder = .big
    } else {
      guard let first = raw.first(where: { $0 > 0x20 }) else {
        throw TraceError(file: path, message: "the metadata is empty")
      }
      if first == UInt8(ascii: "{") || raw[0] == 0x1e {
        throw TraceError(file: path, message: "this is CTF 2 metadata; only CTF 1.8 can be read")
      }
      if raw.prefix(4096).contains(0) {
        throw TraceError(
          file: path, bitOffset: 0, message: "this is neither CTF metadata text nor its packets")
      }
      bytes = raw
      uuid = nil
      byteOrder = nil
    }
  }

  /// The whole of a small file.
  private static func readFile(_ path: String) throws(TraceError) -> [UInt8] {
    let file = try DataFile(path: path)
    let limit = maximumBytes
    guard file.size <= limit else {
      throw TraceError(
        file: path, message: "\(file.size) bytes of metadata; more than \(limit) are not read")
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: file.size, alignment: 16)
    defer { buffer.deallocate() }
    return Array(buffer[..<(try file.read(into: buffer, at: 0))])
  }

  private static func unpack(
    _ raw: [UInt8], _ order: ByteOrder, _ path: String
  ) throws(TraceError) -> ([UInt8], [UInt8]) {
    func word(_ at: Int) -> UInt32 {
      let value =
        UInt32(raw[at]) | UInt32(raw[at + 1]) << 8 | UInt32(raw[at + 2]) << 16 | UInt32(raw[at + 3]) << 24
      return order == .little ? value : value.byteSwapped
    }
    var text: [UInt8] = []
    text.reserveCapacity(raw.count)
    var uuid: [UInt8] = []
    var start = 0
    var packet = 0
    while start < raw.count {
      func failure(_ byte: Int, _ message: String) -> TraceError {
        TraceError(file: path, packet: packet, bitOffset: UInt64(start + byte) * 8, message: message)
      }
      guard raw.count - start >= packetHeaderBytes else {
        throw failure(0, "the metadata packet's header is cut off")
      }
      guard word(start) == packetMagic else {
        throw failure(0, "the metadata packet's magic number is wrong")
      }
      let contentBits = Int(word(start + 24))
      let packetBits = Int(word(start + 28))
      guard raw[start + 32] == 0, raw[start + 33] == 0, raw[start + 34] == 0 else {
        throw failure(32, "compressed, encrypted or checksummed metadata cannot be read")
      }
      guard raw[start + 35] == 1, raw[start + 36] == 8 else {
        throw failure(35, "CTF \(raw[start + 35]).\(raw[start + 36]) metadata; only CTF 1.8 can be read")
      }
      guard contentBits % 8 == 0, packetBits % 8 == 0, contentBits >= packetHeaderBytes * 8,
        contentBits <= packetBits
      else { throw failure(24, "content size \(contentBits) and packet size \(packetBits) are impossible") }
      guard start + contentBits / 8 <= raw.count else { throw failure(28, "the metadata packet is cut off") }
      if packet == 0 {
        uuid = Array(raw[start + 4..<start + 20])
      } else if Array(raw[start + 4..<start + 20]) != uuid {
        throw failure(4, "the metadata packet has another UUID than the first")
      }
      text += raw[start + packetHeaderBytes..<start + contentBits / 8]
      start += packetBits / 8
      packet += 1
    }
    return (text, uuid)
  }
}

/// The order of the bytes of a number.
public enum ByteOrder: Sendable {
  /// Least significant byte first.
  case little
  /// Most significant byte first.
  case big
}
