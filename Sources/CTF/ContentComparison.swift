import Glibc

/// Compares the contents of packets.
final class ContentComparison {
  private static let bytes = 64 << 10
  private let buffers = (PacketBuffer(capacity: 0), PacketBuffer(capacity: 0))

  /// Whether two packets that say the same of themselves hold the same; false when they cannot be read.
  func isSame(_ a: String, _ first: PacketHeader, _ b: String, _ second: PacketHeader) -> Bool {
    guard first.contentBits == second.contentBits else { return false }
    return isSame(a, first.offset, b, second.offset, count: (first.contentBits + 7) / 8)
  }

  /// Whether two stretches of files are the same.
  func isSame(_ a: String, _ first: Int, _ b: String, _ second: Int, count: Int) -> Bool {
    let (left, right) = buffers
    if left.capacity == 0 {
      left.resize(Self.bytes)
      right.resize(Self.bytes)
    }
    guard (try? left.open(a)) != nil, (try? right.open(b)) != nil else { return false }
    var done = 0
    while done < count {
      guard (try? left.load(from: first + done, upTo: first + count)) != nil,
        (try? right.load(from: second + done, upTo: second + count)) != nil,
        left.count > 0, left.count == right.count
      else { return false }
      let bytes = (
        left.bytes(at: first + done, count: left.count), right.bytes(at: second + done, count: right.count)
      )
      // As many bytes on both sides: the counts have been compared.
      guard unsafe memcmp(bytes.0.buffer.baseAddress!, bytes.1.buffer.baseAddress!, left.count) == 0 else {
        return false
      }
      done += left.count
    }
    return true
  }
}
