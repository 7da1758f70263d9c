/// A kernel image that cannot be booted, or a machine that it does not fit.
///
/// The text completes "FILE: …" and says what is wrong and, where there is something, what to do.
package enum BootError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file could not be read.
  case unreadable(String)
  /// The file ends before something that it announces.
  case truncated(String)
  /// The file contradicts itself or its format.
  case malformed(String)
  /// The file is sound, but nothing that this machine can boot.
  case unsupported(String)
  /// The image, or what has to stand beside it, does not fit into guest RAM.
  case noRoom(String)

  /// The message.
  package var description: String {
    switch self {
    case .unreadable(let text), .truncated(let text), .malformed(let text), .unsupported(let text),
      .noRoom(let text):
      text
    }
  }
}

/// An address or size as messages show it.
func hexadecimal(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
