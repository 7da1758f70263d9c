import Glibc
import Platform
import Synchronization
import TestSupport

@testable import GuestAgent

/// What is at the other end of a socket instead of an agent: it takes one connection, and does what a test says.
struct Peer {
  fileprivate let descriptor: CInt

  /// Takes a line, without its end; nil where the other side is gone.
  func line() -> String? {
    var line: [UInt8] = []
    while let byte = byte() {
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      if byte != 0xff { line.append(byte) }
    }
    return nil
  }

  private func byte() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(descriptor, &byte, 1)
      if count == 1 { return byte }
      guard count < 0, errno == EAGAIN else { return nil }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, -1)
    }
  }

  /// Sends bytes, waiting for room.
  ///
  /// - Returns: whether the other side is still there.
  @discardableResult func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard errno == EAGAIN else { return false }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&waiting, 1, -1)
    }
    return true
  }

  @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Answers `guest-sync-delimited` as an agent does.
  func synchronize() {
    guard let request = line(), let value = try? JSONValue(parsing: Array(request.utf8)),
      let id = value["arguments"]?["id"]?.integer
    else { return }
    send([0xff])
    send("{\"return\": \(id)}\n")
  }

  /// Waits until the other side has closed the connection.
  func waitForEnd() { while byte() != nil {} }
}

/// Asks a scripted peer.
func ask(
  _ name: String, _ words: [String] = [], limit: UInt64 = 10_000_000_000,
  _ script: @escaping @Sendable (Peer) -> Void
) throws -> Result<AgentOutcome, AgentError> {
  try withTemporaryDirectory { directory in
    let path = directory + "/socket"
    let listener = SharedDescriptor(try UnixSocket.listen(path))
    let thread = try DedicatedThread(name: "peer") {
      var waiting = pollfd(fd: listener.descriptor.raw, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, -1)
      guard let connection = try? UnixSocket.accept(listener.descriptor) else { return }
      script(Peer(descriptor: connection.raw))
    }
    defer { thread.join() }
    let request = try AgentRequest(name, words)
    do throws(AgentError) {
      var connection = try AgentConnection(path: path, limit: limit)
      return .success(try connection.perform(request))
    } catch {
      return .failure(error)
    }
  }
}

/// A closure cannot hold a noncopyable descriptor.
private final class SharedDescriptor: Sendable {
  let descriptor: FileDescriptor
  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}
