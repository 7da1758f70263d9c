import CLinux
import Glibc
import Platform

/// The process that records a VMM: it drives LTTng, and cleans up whatever way the VMM ends.
///
/// It is the VMM's child and runs the same program. Both have a socket in common, and nothing else. It does one thing
/// after the other, as it is asked; when the other end of the socket is closed, the VMM is gone, and what was recorded
/// until then is put in order. Should the process itself be killed, its keeper does that.
package enum RecorderProcess {
  /// What the program is started with, alone, to be this.
  static let argument = "recorder"
  private static let descriptor: CInt = 3

  /// Records another process, and ends with that, where this one was started for it. To be called first in `main`.
  package static func serveIfStartedToRecord() {
    guard ProcessArguments.all.count == 2, ProcessArguments.all[1] == argument,
      let socket = RecorderSocket(adopting: descriptor)
    else { return }
    // It ends when the VMM has ended; a signal to all of a service's processes must not make it end before.
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { Glibc.signal(signal, SIG_IGN) }
    clinux_name_this_thread("exeunt-recorder")
    serve(SharedSocket(socket))
  }

  private static func serve(_ socket: SharedSocket) -> Never {
    guard case .start(let options, let process)? = socket.next() else { exit(1) }
    var session: RecordingSession
    do throws(RecorderError) {
      session = try socket.working { () throws(RecorderError) in try RecordingSession(options, of: process) }
    } catch {
      fail(socket, error)
    }
    guard socket.answer(.ready(environment: session.registrationEnvironment)) else { discard(session) }
    var isRecording = false
    while let request = isRecording ? socket.next(watching: session) : socket.next() {
      switch request {
      case .start:
        session.abandon()
        exit(1)
      case .enabled:
        do throws(RecorderError) {
          try session.confirm()
        } catch {
          socket.working { session.abandon() }
          fail(socket, error)
        }
        isRecording = true
        _ = socket.answer(
          .recording(directory: session.place, daemon: session.daemon.kind, warnings: session.warnings))
      case .stop(let emitted, let endsWithRun):
        let summary = socket.working {
          var summary = session.finish(endsWithRun: endsWithRun)
          summary.eventsEmitted = emitted
          summary.verify()
          return summary
        }
        _ = socket.answer(.summary(summary))
        exit(0)
      case .discard: discard(session)
      }
    }
    // A VMM that was ended before its recording began leaves nothing that a second try would find in its way.
    if !isRecording { discard(session) }
    _ = session.finish(endsWithRun: true)
    exit(0)
  }

  /// Ends a recording of nothing, and takes what there is of it out of its directory.
  private static func discard(_ session: RecordingSession) -> Never {
    _ = session.finish(endsWithRun: true)
    session.directory.empty()
    exit(0)
  }

  private static func fail(_ socket: SharedSocket, _ error: RecorderError) -> Never {
    _ = socket.answer(.failed(error.reason))
    exit(1)
  }
}

/// The recorder's end of the socket, on which two threads send.
private final class SharedSocket: Sendable {
  private let socket: RecorderSocket

  init(_ socket: consuming RecorderSocket) { self.socket = socket }

  /// The next request; nil when the VMM is gone.
  func next() -> RecorderRequest? { try? socket.receive(RecorderRequest.self, timeout: -1) }

  /// The next request; meanwhile the VMM is told when the trace is as large as it may be, within a tenth of a second.
  func next(watching session: RecordingSession) -> RecorderRequest? {
    while true {
      do throws(RecorderSocket.Failure) {
        return try socket.receive(RecorderRequest.self, timeout: 100)
      } catch {
        guard error == .silence else { return nil }
      }
      if session.directory.size >= session.limit {
        _ = answer(.full)
        return next()
      }
    }
  }

  /// Answers a request.
  ///
  /// - Returns: whether the VMM is there to receive it.
  func answer(_ answer: RecorderAnswer) -> Bool { socket.send(answer.clipped) }

  /// Does what takes its time, and lets the VMM know each second that it is being done.
  func working<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    guard let isDone = try? EventFD() else { return try body() }
    let descriptor = isDone.descriptor.raw
    let thread = try? DedicatedThread(name: "pulse") { [self] in
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      while poll(&waiting, 1, 1000) == 0 { _ = socket.send(RecorderAnswer.working) }
    }
    defer {
      isDone.signal()
      thread?.join()
    }
    return try body()
  }
}

extension RecorderAnswer {
  /// The same without what others said at such length that it would not fit into a message.
  fileprivate var clipped: RecorderAnswer {
    switch self {
    case .failed(let reason): return .failed(String(reason.prefix(4000)))
    case .summary(var summary):
      summary.warnings = summary.warnings.prefix(12).map { String($0.prefix(1000)) }
      return .summary(summary)
    default: return self
    }
  }
}
