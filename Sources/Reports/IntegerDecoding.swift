/// Integers of reports are read as numbers or as text: derived conformances to `Decodable` use these, in this module only.
extension KeyedDecodingContainer {
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try exactInteger(forKey: key) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try exactInteger(forKey: key) }

  func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
    try contains(key) && !decodeNil(forKey: key) ? exactInteger(forKey: key) : nil
  }

  func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
    try contains(key) && !decodeNil(forKey: key) ? exactInteger(forKey: key) : nil
  }

  private func exactInteger<T: FixedWidthInteger & Decodable>(forKey key: Key) throws -> T {
    guard let text = try? decode(String.self, forKey: key) else {
      return try superDecoder(forKey: key).singleValueContainer().decode(T.self)
    }
    guard let value = T(text) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "'\(text.prefix(32))' is no integer that fits")
    }
    return value
  }
}
