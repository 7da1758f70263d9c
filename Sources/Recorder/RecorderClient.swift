import Glibc
import Platform

/// The VMM's side of the process that records it.
struct RecorderClient: ~Copyable, Sendable {
  private let process: pid_t
  private let socket: RecorderSocket

  /// How long it may say nothing at all, milliseconds: a process that is at work says so each second.
  private static let patience: CInt = 20_000

  private init(process: pid_t, socket: consuming RecorderSocket) {
    self.process = process
    self.socket = socket
  }

  /// Starts the process: this program, executed anew in a session of its own, where no terminal's signal reaches it.
  static func launch() throws(RecorderError) -> RecorderClient {
    var ends: [CInt] = [-1, -1]
    let type = CInt(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .system("making a socket", .current) }
    let socket = RecorderSocket(owning: ends[0])
    defer { close(ends[1]) }
    let process: pid_t
    do throws(Errno) {
      process = try Subprocess.spawn(
        ProcessArguments.executable, [RecorderProcess.argument], name: ProcessArguments.all.first,
        third: ends[1])
    } catch {
      throw .system("starting the process that records", error)
    }
    return RecorderClient(process: process, socket: socket)
  }

  /// Asks for something and waits for the answer.
  ///
  /// - Throws: the recorder's reason, or what became of it where it cannot answer any more.
  func ask(_ request: RecorderRequest) throws(RecorderError) -> RecorderAnswer {
    _ = socket.send(request)
    while true {
      let answer: RecorderAnswer
      do throws(RecorderSocket.Failure) {
        answer = try socket.receive(RecorderAnswer.self, timeout: Self.patience)
      } catch {
        // So that its keeper takes over, where somebody is left who does nothing.
        if error != .closed { kill(process, SIGKILL) }
        throw .recorderLost(complaint(error))
      }
      switch answer {
      // The latter crosses what is asked; it is too late for it.
      case .working, .full: continue
      case .failed(let reason):
        _ = end(within: 20)
        throw .refused(reason)
      default: return answer
      }
    }
  }

  /// Where to look for what it says without being asked.
  var descriptor: CInt { socket.descriptor.raw }

  /// Whether it says that the trace is as large as it may be. To be called when the descriptor is readable; that it is gone is found when
  /// it is asked something.
  func isFull() -> Bool {
    if case .full? = try? socket.receive(RecorderAnswer.self, timeout: 0) { return true }
    return false
  }

  /// What is recorded is of no use to anybody. Returns when it is gone.
  func discard() {
    if socket.send(RecorderRequest.discard) { _ = end(within: 60) }
  }

  /// Waits until the process has ended, and with it all that it had started.
  ///
  /// - Returns: its wait status; nil when it still runs after so many seconds.
  func end(within seconds: UInt64) -> CInt? {
    Subprocess.wait(for: process, until: Clock.monotonic + seconds * 1_000_000_000)
  }

  private func complaint(_ failure: RecorderSocket.Failure) -> String {
    switch failure {
    case .closed:
      guard let status = end(within: 2), status & 0x7f != 0 else { return "has ended" }
      return "was killed by signal \(status & 0x7f)"
    case .silence: return "does not answer any more"
    case .nonsense: return "does not speak this program's language; was the program exchanged while it ran?"
    }
  }
}
