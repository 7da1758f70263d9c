/// Why a trace cannot be read.
///
/// `description` is one line: the file, the place inside it as far as it is known, and the reason.
public struct TraceError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or directory at fault.
  public let file: String
  /// Index of the packet inside `file`, from 0.
  public let packet: Int?
  /// Bits from the start of `file` to the place at fault; in metadata the line says more.
  public let bitOffset: UInt64?
  /// What is wrong, without the place.
  public let message: String

  /// Describes an error at a place in a file.
  public init(file: String, packet: Int? = nil, bitOffset: UInt64? = nil, message: String) {
    self.file = PathText.shown(file)
    self.packet = packet
    self.bitOffset = bitOffset
    self.message = message.contains { $0.isNewline } ? Self.oneLine(message) : message
  }

  /// Names in metadata may have line breaks.
  private static func oneLine(_ text: String) -> String {
    text.split(omittingEmptySubsequences: false) { $0.isNewline }.joined(separator: "\\n")
  }

  /// `FILE: packet P, bit B: MESSAGE`.
  public var description: String {
    var place = file
    if let packet { place += ": packet \(packet)" }
    if let bitOffset { place += packet == nil ? ": bit \(bitOffset)" : ", bit \(bitOffset)" }
    return "\(place): \(message)"
  }
}

/// Something wrong in a trace that could be survived: what follows it or surrounds it was still read.
///
/// A trace with diagnostics is only partly readable and has to be reported as such.
public typealias Diagnostic = TraceError
