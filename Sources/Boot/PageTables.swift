/// Page tables that map the first 4 GiB one to one: one PML4 entry, four page directories, pages of 2 MiB (Intel SDM
/// volume 3, section 4.5).
enum PageTables {
  /// Bytes, at a multiple of 4 KiB.
  static let size: UInt64 = 6 * 4096

  /// The tables.
  ///
  /// - Parameter root: where they will stand, and what CR3 points to.
  static func bytes(root: UInt64) -> [UInt8] {
    let presentWritable: UInt64 = 3
    let large: UInt64 = 1 << 7
    var tables = ByteBuilder(count: Int(size))
    tables.put(root + 0x1000 | presentWritable, at: 0)
    for directory in 0..<4 {
      tables.put(root + 0x2000 + UInt64(directory) << 12 | presentWritable, at: 0x1000 + 8 * directory)
      for entry in 0..<512 {
        let page = UInt64(directory) << 30 | UInt64(entry) << 21
        tables.put(page | large | presentWritable, at: 0x2000 + directory << 12 + 8 * entry)
      }
    }
    return tables.bytes
  }
}
