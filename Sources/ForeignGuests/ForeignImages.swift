import Processors

/// The images of built-in guests of other architectures than x86, as the build has made them (`guest-compiler`).
package enum ForeignImages {
  /// The flat image of a guest; nil where it is not compiled for that architecture.
  package static func image(of guest: String, _ architecture: Architecture) -> [UInt8]? {
    guard let text = compiled["\(architecture.rawValue)-\(guest)"] else { return nil }
    return text.withUTF8Buffer { digits in
      stride(from: 0, to: digits.count & ~1, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
    }
  }

  /// Whether a guest is compiled for an architecture.
  package static func has(_ guest: String, _ architecture: Architecture) -> Bool {
    compiled["\(architecture.rawValue)-\(guest)"] != nil
  }

  private static func value(_ digit: UInt8) -> UInt8 {
    digit <= UInt8(ascii: "9") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10
  }
}
