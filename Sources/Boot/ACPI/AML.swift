/// The few terms of ACPI's machine language that describe devices (ACPI 6.4, chapter 20), as bytes.
enum AML {
  /// An integer in its shortest form (20.2.3).
  static func integer(_ value: UInt64) -> [UInt8] {
    func bytes(_ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
    switch value {
    case 0: return [0x00]
    case 1: return [0x01]
    case ...0xff: return [0x0a] + bytes(1)
    case ...0xffff: return [0x0b] + bytes(2)
    case ...0xffff_ffff: return [0x0c] + bytes(4)
    default: return [0x0e] + bytes(8)
    }
  }

  /// Text, 7-bit (20.2.3).
  static func string(_ text: String) -> [UInt8] { [0x0d] + Array(text.utf8) + [0] }

  /// A name of four characters, filled up with underscores, or of several of these, separated by dots (20.2.2).
  static func path(_ name: String) -> [UInt8] {
    var rest = Substring(name)
    var prefix: [UInt8] = []
    if rest.first == "\\" {
      prefix = [0x5c]
      rest = rest.dropFirst()
    }
    let segments = rest.split(separator: ".").map { segment in
      Array(segment.utf8) + [UInt8](repeating: UInt8(ascii: "_"), count: max(0, 4 - segment.utf8.count))
    }
    switch segments.count {
    case 0: return prefix + [0]
    case 1: return prefix + segments[0]
    case 2: return prefix + [0x2e] + segments.joined()
    default: return prefix + [0x2f, UInt8(segments.count)] + segments.joined()
    }
  }

  /// A named value.
  static func name(_ name: String, _ value: [UInt8]) -> [UInt8] { [0x08] + path(name) + value }

  /// A list of values.
  static func package(_ elements: [[UInt8]]) -> [UInt8] {
    [0x12] + withLength([UInt8(elements.count)] + elements.joined())
  }

  /// A scope with what is in it.
  static func scope(_ name: String, _ content: [[UInt8]]) -> [UInt8] {
    [0x10] + withLength(path(name) + content.joined())
  }

  /// A device with what is in it.
  static func device(_ name: String, _ content: [[UInt8]]) -> [UInt8] {
    [0x5b, 0x82] + withLength(path(name) + content.joined())
  }

  /// A manufacturer's three letters and four hexadecimal digits, as an integer (19.3.4, "EISAID").
  static func eisaID(_ text: String) -> [UInt8] {
    let characters = Array(text.utf8)
    precondition(characters.count == 7)
    let letters = characters[..<3].reduce(UInt32(0)) { $0 << 5 | UInt32($1 - 0x40) }
    let digits = UInt32(String(decoding: characters[3...], as: UTF8.self), radix: 16)!
    return integer(UInt64((letters << 16 | digits).byteSwapped))
  }

  /// Resources of a device (6.4): descriptors, and the end tag.
  static func resources(_ descriptors: [[UInt8]]) -> [UInt8] {
    let content = Array(descriptors.joined()) + [0x79, 0]
    return [0x11] + withLength(integer(UInt64(content.count)) + content)
  }

  /// Ports (6.4.2.5).
  static func ports(_ first: UInt16, count: UInt8) -> [UInt8] {
    let (low, high) = (UInt8(first & 0xff), UInt8(first >> 8))
    return [0x47, 1, low, high, low, high, 1, count]
  }

  /// Memory at a fixed address, readable and writable (6.4.3.4).
  static func memory(_ address: UInt32, size: UInt32) -> [UInt8] {
    var builder = ByteBuilder()
    builder.append([0x86, 9, 0, 1])
    builder.append(address)
    builder.append(size)
    return builder.bytes
  }

  /// An interrupt, edge-triggered, active high, not shared (6.4.3.6).
  static func interrupt(_ line: UInt32) -> [UInt8] {
    var builder = ByteBuilder()
    builder.append([0x89, 6, 0, 0b0011, 1])
    builder.append(line)
    return builder.bytes
  }

  /// The length that counts itself (20.2.4), and the content.
  private static func withLength(_ content: [UInt8]) -> [UInt8] {
    let length = content.count
    if length + 1 < 0x40 { return [UInt8(length + 1)] + content }
    let extra = length + 2 < 1 << 12 ? 1 : length + 3 < 1 << 20 ? 2 : 3
    let total = length + 1 + extra
    let first = UInt8(extra << 6 | total & 0xf)
    return [first] + (0..<extra).map { UInt8(truncatingIfNeeded: total >> (4 + 8 * $0)) } + content
  }
}
