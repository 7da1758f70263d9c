import Glibc

/// Small files of text, such as those in /proc and /sys.
public enum TextFile {
  /// Reads a file, at most `limit` bytes of it; nil when it cannot be read.
  public static func read(_ path: String, limit: Int = 1 << 16) -> String? {
    guard let file = try? FileDescriptor.open(path, O_RDONLY) else { return nil }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count < limit {
      guard let count = try? chunk.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes.prefix(limit), as: UTF8.self)
  }
}
