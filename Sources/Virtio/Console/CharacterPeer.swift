import Glibc
import Platform

/// What a port of the guest's, or its serial port, leads to on the host. Nothing here blocks.
///
/// Whatever may have to be opened is open when this was made, before the guest runs; accept(2) is all that comes later.
package final class CharacterPeer: @unchecked Sendable {
  /// What became of reading or writing.
  package enum Progress: Equatable {
    /// So many bytes, at least one.
    case moved(Int)
    /// None now.
    case wouldBlock
    /// The other side is gone.
    case gone
  }

  /// What became of somebody who wants to be connected.
  package enum Acceptance: Equatable {
    /// They are.
    case connected
    /// There is nobody, or no more.
    case nobody
    /// They go on waiting: the host has no descriptor, or no memory, for the connection.
    case refused
  }

  /// Something that the host did not do, beside that the other side left.
  package struct Failure: Sendable, Equatable {
    /// What was tried.
    package enum Operation: Sendable { case send, receive, accept }
    /// What was tried.
    package let operation: Operation
    /// Why it was not done.
    package let error: Errno
  }

  private enum Way {
    /// Sockets' listener; who listens is kept, and one at a time is connected.
    case server(FileHolder)
    /// A terminal, and what tells that somebody has opened its other side.
    case terminal(FileHolder, opens: FileHolder)
    /// A connection, a file, or nothing at all.
    case fixed
  }

  private let way: Way
  // Accessed under the lock of the device that has the port, and before it has one.
  private var connection: Connection?
  /// The first failure, for whoever runs the machine; read when nobody uses this any more.
  package private(set) var failure: Failure?
  /// Whether nothing leads anywhere, which takes all and says nothing.
  private let isNull: Bool
  /// What a file may have; nil for other peers.
  private let limit: OutputLimit?
  private var isFile: Bool { limit != nil }
  private let path: String?
  /// What a file may still get.
  package private(set) var allowance = OutputAllowance(rest: .max)
  /// Where the other side of a terminal is; nil for other peers.
  package private(set) var terminalPath: String?

  /// What is written to and read, open as long as this lives.
  private class Connection: @unchecked Sendable {
    let raw: CInt
    init(raw: CInt) { self.raw = raw }
  }

  /// An optional cannot hold a noncopyable descriptor and be asked for its number.
  private final class FileHolder: Connection, @unchecked Sendable {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) {
      let raw = descriptor.raw
      self.descriptor = descriptor
      super.init(raw: raw)
    }
  }

  /// A file that is only written.
  private final class Output: Connection, @unchecked Sendable {
    let file: PendingFile
    init(_ file: PendingFile) {
      self.file = file
      super.init(raw: file.raw)
    }
  }

  private init(
    _ way: Way, _ connection: Connection?, isNull: Bool = false, path: String? = nil,
    limit: OutputLimit? = nil
  ) {
    self.limit = limit
    self.way = way
    self.connection = connection
    self.isNull = isNull
    self.path = path
  }

  deinit { end() }

  /// Takes the name of a socket away, under which nobody is served any more.
  package func end() { if let path { unlink(path) } }

  /// Leads nowhere.
  package static func null() -> CharacterPeer { CharacterPeer(.fixed, nil, isNull: true) }

  /// Writes to a file, which is made, or emptied by ``begin()``; nothing comes from it.
  ///
  /// - Parameter limit: what it may have. The rest is taken, counted and forgotten.
  package static func file(_ path: String, limit: OutputLimit) throws(PathError) -> CharacterPeer {
    CharacterPeer(.fixed, Output(try PendingFile(path)), limit: limit)
  }

  /// Empties a file: the guest is about to run.
  package func begin() throws(Errno) {
    guard let limit, let output = connection as? Output else { return }
    try output.file.begin()
    // What the file had is free now.
    allowance = limit.allowance(for: output.raw)
  }

  /// Leaves a file as it was: nothing is run.
  package func withdraw() { (connection as? Output)?.file.withdraw() }

  /// Listens at a UNIX socket, whose name goes away with this; one peer at a time.
  package static func server(_ path: String) throws(Errno) -> CharacterPeer {
    CharacterPeer(.server(FileHolder(try UnixSocket.listen(path))), nil, path: path)
  }

  /// Connects to a UNIX socket.
  package static func client(_ path: String) throws(Errno) -> CharacterPeer {
    CharacterPeer(.fixed, FileHolder(try UnixSocket.connect(path)))
  }

  /// Makes a pseudo-terminal, whose other side one may open after the other.
  package static func terminal() throws(Errno) -> CharacterPeer {
    let terminal = try PseudoTerminal.make()
    let peer = CharacterPeer(
      .terminal(
        FileHolder(FileDescriptor(owning: terminal.descriptor)),
        opens: FileHolder(FileDescriptor(owning: terminal.opens))), nil)
    peer.terminalPath = terminal.path
    return peer
  }

  /// Two that lead to each other.
  package static func pair() throws(Errno) -> (CharacterPeer, CharacterPeer) {
    let (one, other) = try UnixSocket.pair()
    return (
      CharacterPeer(.fixed, FileHolder(FileDescriptor(owning: one))),
      CharacterPeer(.fixed, FileHolder(FileDescriptor(owning: other)))
    )
  }

  /// Whether somebody takes what the guest sends.
  package var isConnected: Bool { isNull || connection != nil }
  /// What is waited for to go on with a connection; nil where that never has to be, or there is none.
  package var descriptor: CInt? { isFile ? nil : connection?.raw }
  /// What is waited for to get a connection; nil where none comes.
  package var listener: CInt? {
    guard connection == nil else { return nil }
    return switch way {
    case .server(let holder): holder.descriptor.raw
    case .terminal(_, let opens): opens.descriptor.raw
    case .fixed: nil
    }
  }

  private var isTerminal: Bool { if case .terminal = way { true } else { false } }

  /// Takes the next who wants to be connected.
  package func accept() -> Acceptance {
    if case .terminal(let holder, let opens) = way, connection == nil {
      PseudoTerminal.takeOpens(opens.descriptor.raw)
      // Whoever opened it may have left.
      guard PseudoTerminal.isOpen(holder.descriptor.raw) else { return .nobody }
      connection = holder
      return .connected
    }
    guard case .server(let holder) = way, connection == nil else { return .nobody }
    do {
      guard let accepted = try UnixSocket.accept(holder.descriptor) else { return .nobody }
      connection = FileHolder(accepted)
      return .connected
    } catch {
      note(error, .accept)
      return .refused
    }
  }

  /// Keeps the first failure. That the other side left, or does so just now, is none.
  private func note(_ error: Errno, _ operation: Failure.Operation) {
    switch error {
    case .brokenPipe, .connectionReset, .connectionAbort, .wouldBlock, .interrupted: break
    default: if failure == nil { failure = Failure(operation: operation, error: error) }
    }
  }

  /// Forgets the connection.
  package func close() { connection = nil }

  /// Whether something has come that was not taken.
  var hasUnread: Bool {
    guard let connection, !isFile else { return false }
    if isTerminal {
      var state = pollfd(fd: connection.raw, events: Int16(POLLIN), revents: 0)
      return poll(&state, 1, 0) > 0 && state.revents & Int16(POLLIN) != 0
    }
    var byte: UInt8 = 0
    return recv(connection.raw, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) > 0
  }

  /// Sends what it takes.
  package func send(_ bytes: UnsafeRawBufferPointer) -> Progress {
    guard let connection else { return isNull ? .moved(bytes.count) : .gone }
    let raw = connection.raw
    let admitted = allowance.admitted(of: bytes.count)
    if admitted == 0, !bytes.isEmpty {
      allowance.leaveOut(bytes.count)
      return .moved(bytes.count)
    }
    while true {
      let count =
        isFile || isTerminal
        ? Glibc.write(raw, bytes.baseAddress, admitted)
        : Glibc.send(raw, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
      if count > 0 {
        allowance.wrote(count)
        return .moved(count)
      }
      // Without an error where a file takes nothing, which it does not say why.
      // A terminal that nobody has open takes what fits.
      let error = count < 0 ? Errno.current : isTerminal ? .wouldBlock : .ioError
      switch error {
      case .interrupted: continue
      case .wouldBlock: return .wouldBlock
      case .ioError where isTerminal: return .gone
      default:
        note(error, .send)
        return .gone
      }
    }
  }

  /// Waits until the connection takes something, or is gone. For whoever is not the only one to use this: to be called while nobody
  /// is kept from using it.
  ///
  /// - Returns: what does that; nil where there is no connection.
  package func waiter() -> (() -> Wait)? {
    guard let connection else { return nil }
    return {
      // Keeps the connection open.
      var state = pollfd(fd: connection.raw, events: Int16(POLLOUT), revents: 0)
      guard poll(&state, 1, -1) > 0 else { return .interrupted }
      return state.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 ? .gone : .ready
    }
  }

  /// What came of waiting.
  package enum Wait { case ready, gone, interrupted }

  /// Takes what has come.
  package func receive(_ bytes: UnsafeMutableRawBufferPointer) -> Progress {
    guard let connection, !isFile else { return .wouldBlock }
    while true {
      let count = Glibc.read(connection.raw, bytes.baseAddress, bytes.count)
      if count > 0 { return .moved(count) }
      guard count < 0 else { return .gone }
      switch Errno.current {
      case .interrupted: continue
      case .wouldBlock: return .wouldBlock
      // Nobody has the other side open any more.
      case .ioError where isTerminal: return .gone
      case let error:
        note(error, .receive)
        return .gone
      }
    }
  }
}
