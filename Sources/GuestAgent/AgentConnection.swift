import Glibc
import Platform

/// A connection to the QEMU guest agent (docs/interop/qemu-ga-ref of QEMU): a line of JSON for each request and each answer.
///
/// One deadline holds for all that is done over it. What comes belongs to a guest, which may send anything, at any pace.
package struct AgentConnection: ~Copyable {
  /// Bytes of an answer: what two outputs of a program, of 16 MiB each, are in base64, and more.
  package static let longestAnswer = 64 << 20
  /// What stands before an answer to `guest-sync-delimited`, and in no JSON.
  private static let sentinel: UInt8 = 0xff

  private let socket: FileDescriptor
  private let limit: UInt64
  private let deadline: UInt64
  /// What came and is not yet looked at, from `next` on.
  private var input: [UInt8] = []
  private var next = 0

  /// Connects.
  ///
  /// - Parameter limit: how long all of it may take, nanoseconds.
  package init(path: String, limit: UInt64) throws(AgentError) {
    self.limit = limit
    let (deadline, overflow) = Clock.monotonic.addingReportingOverflow(limit)
    self.deadline = overflow ? .max : deadline
    while true {
      do {
        socket = try UnixSocket.connect(path)
        return
      } catch {
        // Others wait to be accepted: nothing tells when there is room.
        guard error == .wouldBlock, Clock.monotonic < self.deadline else { throw .unreachable(error) }
        usleep(20_000)
      }
    }
  }

  /// What is left of the time, nanoseconds.
  package var remaining: UInt64 {
    let now = Clock.monotonic
    return now < deadline ? deadline - now : 0
  }

  // MARK: Requests

  /// Has the agent forget what others left half-sent, and passes over answers that others did not take.
  package mutating func synchronize() throws(AgentError) {
    let command = "guest-sync-delimited"
    let id = Int64(UInt32.random(in: 1...UInt32(Int32.max)))
    try send([AgentConnection.sentinel], command)
    try request(command, .object(["id": .integer(id)]))
    var heard: [UInt8] = []
    while true {
      while true {
        let byte = try nextByte(command, heard)
        if byte == AgentConnection.sentinel { break }
        if heard.count <= AgentConnection.shownBytes { heard.append(byte) }
      }
      let answer = try answer(to: command)
      if answer.integer == id { return }
      // An answer to somebody else's: they went away before it came.
    }
  }

  /// Sends a request.
  package mutating func request(_ command: String, _ arguments: JSONValue?) throws(AgentError) {
    var request = ["execute": JSONValue.text(command)]
    request["arguments"] = arguments
    try send(Array(JSONValue.object(request).json().utf8) + [UInt8(ascii: "\n")], command)
  }

  /// Takes the next answer.
  ///
  /// - Returns: what the command returned.
  package mutating func answer(to command: String) throws(AgentError) -> JSONValue {
    let line = try line(command)
    let shown = AgentConnection.shown(line)
    let answer: JSONValue
    do {
      answer = try JSONValue(parsing: line)
    } catch {
      throw error == .excessive ? .tooLong(waitingFor: command) : .nonsense(waitingFor: command, heard: shown)
    }
    if let value = answer["return"] { return value }
    guard let error = answer["error"], let reason = error["desc"]?.text else {
      throw .nonsense(waitingFor: command, heard: shown)
    }
    throw .refused(command: command, kind: error["class"]?.text ?? "GenericError", reason: reason)
  }

  /// Waits for something to come, or the connection's end.
  ///
  /// - Parameter nanoseconds: how long at most.
  /// - Returns: whether anything did.
  package mutating func waitForAnything(nanoseconds: UInt64) -> Bool {
    if next < input.count { return true }
    var waiting = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
    let end = min(deadline, Clock.monotonic + nanoseconds)
    return AgentConnection.poll(&waiting, until: end)
  }

  // MARK: Bytes

  private mutating func line(_ command: String) throws(AgentError) -> [UInt8] {
    var line: [UInt8] = []
    while true {
      try fill(command, line)
      let end = input.withUnsafeBytes { bytes in
        memchr(bytes.baseAddress! + next, CInt(UInt8(ascii: "\n")), bytes.count - next).map {
          UnsafeRawPointer($0) - bytes.baseAddress!
        }
      }
      line += input[next..<(end ?? input.count)]
      next = end.map { $0 + 1 } ?? input.count
      guard line.count <= AgentConnection.longestAnswer else { throw .tooLong(waitingFor: command) }
      if end != nil, !line.isEmpty { return line }
    }
  }

  private mutating func nextByte(_ command: String, _ heard: [UInt8]) throws(AgentError) -> UInt8 {
    try fill(command, heard)
    next += 1
    return input[next - 1]
  }

  /// Has at least one byte in `input`.
  private mutating func fill(_ command: String, _ heard: [UInt8]) throws(AgentError) {
    while next == input.count {
      next = 0
      var failure: Errno?
      input = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        do throws(Errno) {
          count = try socket.read(into: UnsafeMutableRawBufferPointer(buffer))
        } catch {
          failure = error
        }
      }
      switch failure {
      case nil:
        guard !input.isEmpty else {
          throw .closed(waitingFor: command, heard: AgentConnection.shown(heard))
        }
        // Whoever sends without end must not keep this from looking at the time.
        guard remaining > 0 else { throw silence(command, heard) }
      case .wouldBlock?: try wait(for: POLLIN, command, heard)
      default: throw .closed(waitingFor: command, heard: AgentConnection.shown(heard))
      }
    }
  }

  private func send(_ bytes: [UInt8], _ command: String) throws(AgentError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(socket.raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count >= 0 {
        rest = rest.dropFirst(count)
        continue
      }
      switch Errno.current {
      case .interrupted: break
      case .wouldBlock: try wait(for: POLLOUT, command, [])
      default: throw .closed(waitingFor: command, heard: "")
      }
    }
  }

  private func wait(for event: CInt, _ command: String, _ heard: [UInt8]) throws(AgentError) {
    var waiting = pollfd(fd: socket.raw, events: Int16(event), revents: 0)
    guard AgentConnection.poll(&waiting, until: deadline) else { throw silence(command, heard) }
  }

  private func silence(_ command: String, _ heard: [UInt8]) -> AgentError {
    .silence(after: limit, waitingFor: command, heard: AgentConnection.shown(heard))
  }

  private static func poll(_ waiting: inout pollfd, until end: UInt64) -> Bool {
    while true {
      let now = Clock.monotonic
      guard now < end else { return false }
      let milliseconds = CInt(min((end - now) / 1_000_000 + 1, 60_000))
      if Glibc.poll(&waiting, 1, milliseconds) > 0 { return true }
    }
  }

  private static let shownBytes = 80

  /// The beginning of what came, for a message.
  private static func shown(_ bytes: [UInt8]) -> String {
    guard !bytes.isEmpty else { return "" }
    let text = AgentText.printable(String(decoding: bytes.prefix(shownBytes), as: UTF8.self))
    return "'\(text)'" + (bytes.count > shownBytes ? " and so on" : "")
  }
}
