import Glibc
import Platform
import TestSupport
import Testing

@testable import GuestAgent

/// Agents belong to guests, which may answer anything, at any pace, or not at all (docs/security.md).
@Suite("The guest agent's client and hostile peers")
struct HostilePeerTests {
  /// Long enough for a peer that answers at once, and short enough for one that never does.
  private let short: UInt64 = 150_000_000

  private func failure(_ outcome: Result<AgentOutcome, AgentError>) -> AgentError? {
    if case .failure(let error) = outcome { error } else { nil }
  }

  @Test("An answer is found behind what others left: errors, answers that nobody took, half a line")
  func leftovers() throws {
    let outcome = try ask("ping") { peer in
      peer.send("{\"return\": {\"not\": \"yours\"}}\n")
      peer.send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"stray\"}}\n{\"retu")
      // Another client's synchronization, which it did not wait for.
      peer.send([0xff] + Array("{\"return\": 0}\n".utf8))
      peer.synchronize()
      #expect(peer.line() == #"{"execute":"guest-ping"}"#)
      peer.send("{\"return\": {}}\n")
    }
    #expect(outcome == .success(.returned(.object([:]))))
  }

  @Test("A sentinel begins a request, and arguments arrive as they were given")
  func requests() throws {
    let outcome = try ask(
      "file-open", ["{\"path\": \"/x\", \"big\": 9223372036854775807, \"list\": [1.5, null, true]}"]
    ) {
      peer in
      peer.synchronize()
      #expect(
        peer.line()
          == #"{"arguments":{"big":9223372036854775807,"list":[1.5,null,true],"path":"/x"},"execute":"guest-file-open"}"#
      )
      peer.send("\n\n{\"return\": 18446744073709551615}\n")
    }
    #expect(outcome == .success(.returned(.natural(.max))))
  }

  @Test("Silence, before and after it was found, ends with the time")
  func silence() throws {
    #expect(
      failure(try ask("ping", limit: short) { $0.waitForEnd() })
        == .silence(after: short, waitingFor: "guest-sync-delimited", heard: ""))
    #expect(
      failure(
        try ask("ping", limit: short) { peer in
          peer.synchronize()
          _ = peer.line()
          peer.send("{\"return\":")
          peer.waitForEnd()
        }) == .silence(after: short, waitingFor: "guest-ping", heard: "'{\"return\":'"))
  }

  @Test("A peer that talks for ever, and never as an agent, is given up, and what it says is shown")
  func chatter() throws {
    let outcome = try ask("ping", limit: short) { peer in
      while peer.send("{\"QMP\": {\"version\": 1}}\n") {}
    }
    guard case .silence(_, "guest-sync-delimited", let heard)? = failure(outcome) else {
      Issue.record("\(outcome)")
      return
    }
    #expect(heard.hasPrefix("'{\"QMP\": {\"version\": 1}}\\u{a}{"))
    #expect(heard.hasSuffix(" and so on"))
  }

  @Test("One byte at a time is as good as all at once")
  func slow() throws {
    let outcome = try ask("get-time") { peer in
      peer.synchronize()
      _ = peer.line()
      for byte in "{\"return\": 1795867892247008000}\n".utf8 { peer.send([byte]) }
    }
    #expect(outcome == .success(.returned(.integer(1_795_867_892_247_008_000))))
  }

  @Test(
    "What is no answer is refused, and shown without what a terminal would obey",
    arguments: [
      "garbage", "{", "[]", "{}", "5", "{\"error\": {}}", "{\"error\": 5}", "{\"error\": {\"desc\": 5}}",
      "{\"return\": 1e999}", "\u{1b}[2J\u{7}", "{\"return\": \"\\ud800\"}",
    ])
  func nonsense(_ answer: String) throws {
    let outcome = try ask("ping") { peer in
      peer.synchronize()
      _ = peer.line()
      peer.send(answer + "\n")
    }
    guard case .nonsense("guest-ping", let heard)? = failure(outcome) else {
      Issue.record("\(outcome)")
      return
    }
    #expect(!heard.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f })
    #expect(heard.count > 2)
  }

  @Test("Bytes that are no UTF-8 are no answer")
  func encoding() throws {
    let outcome = try ask("ping") { peer in
      peer.synchronize()
      _ = peer.line()
      peer.send(Array("{\"return\": \"".utf8) + [0xc3, 0x28] + Array("\"}\n".utf8))
    }
    guard case .nonsense? = failure(outcome) else {
      Issue.record("\(outcome)")
      return
    }
  }

  @Test("An answer without end is given up at a limit, and so is one of too many values or too deep ones")
  func excessive() throws {
    let endless = try ask("ping", limit: 60_000_000_000) { peer in
      peer.synchronize()
      let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
      while peer.send(piece) {}
    }
    #expect(failure(endless) == .tooLong(waitingFor: "guest-ping"))
    for answer in [
      String(repeating: "[", count: 100_000),
      String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
      "[" + String(repeating: "1,", count: 1 << 20) + "1]",
    ] {
      let outcome = try ask("ping") { peer in
        peer.synchronize()
        _ = peer.line()
        peer.send("{\"return\": \(answer)}\n")
      }
      #expect(failure(outcome) == .tooLong(waitingFor: "guest-ping"))
    }
    // Text is no structure.
    let text = String(repeating: "[,", count: 1 << 20)
    let outcome = try ask("ping") { peer in
      peer.synchronize()
      _ = peer.line()
      peer.send("{\"return\": \"\\\"\(text)\"}\n")
    }
    #expect(outcome == .success(.returned(.text("\"" + text))))
  }

  @Test("A connection that ends early")
  func closed() throws {
    #expect(failure(try ask("ping") { _ in }).map { "\($0)".contains("was closed") } == true)
    #expect(
      failure(
        try ask("ping") { peer in
          peer.synchronize()
          _ = peer.line()
        }) == .closed(waitingFor: "guest-ping", heard: ""))
  }

  @Test("A peer that takes nothing does not hold a long request for ever")
  func takesNothing() throws {
    let long = String(repeating: "x", count: 8 << 20)
    let outcome = try withTemporaryDirectory { directory in
      let path = directory + "/socket"
      let listener = try UnixSocket.listen(path)
      var connection = try AgentConnection(path: path, limit: short)
      // Taken, and never read from.
      guard let peer = try UnixSocket.accept(listener) else { throw Errno.noMessage }
      defer { _ = peer.raw }
      do throws(AgentError) {
        try connection.request("guest-file-write", .object(["buf-b64": .text(long)]))
        return AgentError?.none
      } catch {
        return error
      }
    }
    #expect(outcome == .silence(after: short, waitingFor: "guest-file-write", heard: ""))
  }

  @Test("A program's output is decoded, its end waited for, and a program without end is left running")
  func programs() throws {
    let outcome = try ask("exec", ["/bin/x", "-y"]) { peer in
      peer.synchronize()
      #expect(
        peer.line()
          == #"{"arguments":{"arg":["-y"],"capture-output":true,"path":"/bin/x"},"execute":"guest-exec"}"#)
      peer.send("{\"return\": {\"pid\": 77}}\n")
      for _ in 0..<3 {
        #expect(peer.line() == #"{"arguments":{"pid":77},"execute":"guest-exec-status"}"#)
        peer.send("{\"return\": {\"exited\": false}}\n")
      }
      _ = peer.line()
      peer.send(
        "{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"aGkK\", \"err-data\": \"/w==\"}}\n")
    }
    guard case .success(.ended(let result)) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(result.exitStatus == 3 && result.signal == nil && !result.isCut)
    #expect(result.output == Array("hi\n".utf8) && result.errors == [0xff])
    #expect(result.answer["out-text"] == .text("hi\n") && result.answer["err-text"] == nil)

    let endless = try ask("exec", ["/bin/x"], limit: 3_000_000_000) { peer in
      peer.synchronize()
      _ = peer.line()
      peer.send("{\"return\": {\"pid\": 77}}\n")
      while peer.line() != nil, peer.send("{\"return\": {\"exited\": false}}\n") {}
    }
    #expect(failure(endless) == .running(77))
    for answer in ["{}", "{\"pid\": \"x\"}", "[]"] {
      let outcome = try ask("exec", ["/bin/x"]) { peer in
        peer.synchronize()
        _ = peer.line()
        peer.send("{\"return\": \(answer)}\n")
      }
      #expect(failure(outcome).map { "\($0)".contains("does not speak") } == true)
    }
  }

  @Test("Commands that no answer is expected to: none is good, an error is told")
  func unanswered() throws {
    let gone = try ask("shutdown", ["reboot"]) { peer in
      peer.synchronize()
      #expect(peer.line() == #"{"arguments":{"mode":"reboot"},"execute":"guest-shutdown"}"#)
    }
    #expect(gone == .success(.asked))
    #expect(
      try ask("suspend-ram", limit: short) { peer in
        peer.synchronize()
        peer.waitForEnd()
      } == .success(.asked))
    let refused = try ask("shutdown") { peer in
      peer.synchronize()
      _ = peer.line()
      peer.send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"child \\u001b[2J failed\"}}\n")
    }
    #expect(failure(refused).map { "\($0)" } == "guest-shutdown: child \\u{1b}[2J failed")
  }

  @Test("Of a command that is not there those are told that are; one that is switched off is refused")
  func unknown() throws {
    func outcome(_ command: String) throws -> AgentError? {
      failure(
        try ask(command) { peer in
          peer.synchronize()
          _ = peer.line()
          peer.send("{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\n")
          #expect(peer.line() == #"{"execute":"guest-info"}"#)
          peer.send(
            "{\"return\": {\"supported_commands\": [{\"name\": \"guest-ping\"}, 5, {\"name\": 5}]}}\n")
        })
    }
    #expect(try outcome("pong") == .unknownCommand("guest-pong", known: ["guest-ping"]))
    #expect(try outcome("ping") == .refused(command: "guest-ping", kind: "CommandNotFound", reason: "no"))
  }

  @Test("Sockets that are none, are nobody's any more, or have too long a name")
  func unreachable() throws {
    try withTemporaryDirectory { directory in
      func error(_ path: String) -> AgentError? {
        do throws(AgentError) {
          _ = try AgentConnection(path: path, limit: short)
          return nil
        } catch {
          return error
        }
      }
      #expect(error(directory + "/none") == .unreachable(.noSuchFileOrDirectory))
      #expect(error("") == .unreachable(.noSuchFileOrDirectory))
      #expect(error(directory) == .unreachable(.connectionRefused))
      #expect(error(directory + "/" + String(repeating: "x", count: 100)) == .unreachable(.fileNameTooLong))
      let path = directory + "/socket"
      do { _ = try UnixSocket.listen(path) }
      #expect(error(path) == .unreachable(.connectionRefused))
      // Somebody listens, and takes nobody: its queue is full after two.
      let listener = try UnixSocket.listen(path)
      var others: [Int32] = []
      while let other = try? UnixSocket.connect(path) {
        others.append(dup(other.raw))
      }
      #expect(error(path) == .unreachable(.wouldBlock))
      for other in others { close(other) }
      #expect(listener.raw >= 0)
    }
  }
}
