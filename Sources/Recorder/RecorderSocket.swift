import Glibc
import Platform

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// One end of what the VMM and the process that records it have in common: unix(7), SOCK_SEQPACKET, so that a message
/// arrives as it was sent, or not at all.
///
/// A message is JSON of at most ``limit`` bytes, with the version of what both speak.
struct RecorderSocket: ~Copyable, Sendable {
  /// Why nothing was received.
  enum Failure: Error, Equatable {
    /// Nobody has the other end any more.
    case closed
    /// Nothing came in time.
    case silence
    /// What came is no message of this version.
    case nonsense
  }

  private struct Envelope<Message: Codable>: Codable {
    let version: Int
    let message: Message
  }

  private static var version: Int { 1 }
  /// Bytes of a message.
  static var limit: Int { 64 << 10 }

  let descriptor: FileDescriptor

  /// Takes over a descriptor, if it is one end of such a socket; leaves it alone and returns nil if it is not.
  init?(adopting raw: CInt) {
    var type: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(raw, SOL_SOCKET, SO_TYPE, &type, &length) == 0, type == CInt(SOCK_SEQPACKET.rawValue),
      fcntl(raw, F_SETFD, FD_CLOEXEC) == 0
    else { return nil }
    descriptor = FileDescriptor(owning: raw)
  }

  init(owning raw: CInt) { descriptor = FileDescriptor(owning: raw) }

  /// Sends a message.
  ///
  /// - Returns: whether it is on its way: not where the other end was closed, nor where it has not taken what came before.
  func send<Message: Codable>(_ message: Message) -> Bool {
    guard let bytes = try? JSONEncoder().encode(Envelope(version: Self.version, message: message)),
      bytes.count <= Self.limit
    else { return false }
    let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
    return Array(bytes).withUnsafeBytes { Glibc.send(descriptor.raw, $0.baseAddress, $0.count, flags) }
      == bytes.count
  }

  /// Waits for a message.
  ///
  /// - Parameter timeout: milliseconds, -1 for no limit.
  func receive<Message: Codable>(_ type: Message.Type, timeout: CInt) throws(Failure) -> Message {
    var waiting = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
    var ready: CInt
    repeat { ready = poll(&waiting, 1, timeout) } while ready < 0 && errno == EINTR
    guard ready > 0 else { throw .silence }
    var length = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.limit) { buffer, initialized in
      // MSG_TRUNC: the length of all that was sent.
      length = recv(descriptor.raw, buffer.baseAddress, buffer.count, CInt(MSG_TRUNC))
      initialized = min(max(length, 0), buffer.count)
    }
    guard length > 0 else { throw .closed }
    guard length == bytes.count,
      let envelope = try? JSONDecoder().decode(Envelope<Message>.self, from: Data(bytes)),
      envelope.version == Self.version
    else { throw .nonsense }
    return envelope.message
  }
}
