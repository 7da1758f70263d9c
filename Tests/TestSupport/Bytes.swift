import Glibc

// What tests do with many bytes, here, where it is optimized: a closure for each byte of a megabyte is most of what an unoptimized test
// does, the more so under the address sanitizer.
extension [UInt8] {
  /// Bytes of chance.
  package static func random(count: Int, using generator: inout SeededGenerator) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { bytes, made in
      for index in 0..<count {
        bytes.initializeElement(at: index, to: UInt8(truncatingIfNeeded: generator.next()))
      }
      made = count
    }
  }

  /// Whether all of them have a value.
  package func areAll(_ value: UInt8) -> Bool {
    withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else { return true }
      return bytes[0] == value && memcmp(base, base + 1, bytes.count - 1) == 0
    }
  }
}
