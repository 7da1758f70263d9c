import Devices
import Glibc
import Platform
import Virtio

/// What a serial port leads to where somebody comes and goes: a UNIX socket or a pseudo-terminal.
///
/// What comes is handed to the port by an I/O thread, as far as the port has room; the rest waits at the sender's. What the guest
/// sends is written by its vCPU's thread (`SerialOutput`), and is nobody's while nobody is connected.
final class SerialPeer: @unchecked Sendable {
  private enum Token {
    static let peer: UInt32 = 0
    static let pause: UInt32 = 1
  }
  /// How long somebody is let wait whom the host cannot connect now.
  private static let pause: UInt64 = 1_000_000_000

  // A set of its own, which a loop waits for: what is waited for changes on any thread.
  private let poller: Epoll
  private let timer: Timer
  // Nothing that blocks is done within it. Taken within the port's lock, and never the other way round.
  private let lock = Lock()
  private let peer: CharacterPeer
  private var waitedFor: CInt = -1
  private var interest: Readiness = []
  private var isPausing = false
  /// Characters that the port has room for.
  private var room = 0

  init(_ peer: CharacterPeer) throws(Errno) {
    self.peer = peer
    poller = try Epoll()
    timer = try Timer()
    try poller.add(timer.descriptor.raw, for: .input, token: Token.pause)
  }

  /// Where a terminal's other side is.
  var terminalPath: String? { peer.terminalPath }
  /// What the host did not do. When nobody uses this any more.
  var failure: CharacterPeer.Failure? { peer.failure }

  /// Has a loop hand to a port what comes. Before the loop's thread starts.
  func attach(_ serial: Serial16550A, to loop: IOThread, dispatcher: Dispatcher) throws(Errno) {
    try loop.add(
      .init(kind: .serialInput, device: serial.id, queue: 0, descriptor: poller.descriptor.raw) {
        [unowned self] context, _ in
        dispatcher.withDevice(serial, offset: 0, by: context) { serve(serial, by: context) }
      })
    // Called with the port's lock held, on the thread that made room.
    serial.onRoom = { [weak self, unowned serial] in
      guard let self else { return }
      lock.withLock {
        room = serial.room
        waitAgain()
      }
    }
    lock.withLock {
      room = serial.room
      waitAgain()
    }
  }

  /// Takes the name of a socket away.
  func end() { peer.end() }

  // MARK: What the guest sends, on a vCPU's thread

  /// Sends what is taken now.
  func send(_ bytes: UnsafeRawBufferPointer) -> CharacterPeer.Progress {
    lock.withLock {
      let progress = peer.send(bytes)
      if progress == .gone, peer.isConnected { disconnect() }
      return progress
    }
  }

  /// Waits until more is taken.
  ///
  /// - Returns: false where a signal came first.
  func waitForRoom() -> Bool {
    guard let wait = lock.withLock({ peer.waiter() }) else { return true }
    switch wait() {
    case .ready: return true
    case .interrupted: return false
    case .gone:
      lock.withLock { disconnect() }
      return true
    }
  }

  // MARK: Connections and input, on the loop's thread

  /// Within the port's lock.
  private func serve(_ serial: Serial16550A, by context: ThreadContext) {
    lock.withLock {
      let count = (try? poller.wait(timeout: 0)) ?? 0
      for place in 0..<count {
        if poller.ready(at: place).token == Token.pause {
          _ = timer.consume()
          isPausing = false
        } else if peer.listener != nil {
          accept()
        } else if serial.room > 0 {
          receive(serial, by: context)
        }
      }
      room = serial.room
      waitAgain()
    }
  }

  private func accept() {
    switch peer.accept() {
    case .connected, .nobody: break
    case .refused:
      isPausing = true
      timer.set(nanoseconds: SerialPeer.pause)
    }
  }

  private func receive(_ serial: Serial16550A, by context: ThreadContext) {
    withUnsafeTemporaryAllocation(byteCount: serial.room, alignment: 1) { buffer in
      switch peer.receive(buffer) {
      case .moved(let count): serial.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]), by: context)
      case .wouldBlock: break
      case .gone: disconnect()
      }
    }
  }

  /// Within the lock, as all below.
  private func disconnect() {
    forget()
    peer.close()
    waitAgain()
  }

  /// Before its descriptor is closed, or another takes its place.
  private func forget() {
    guard waitedFor >= 0 else { return }
    try? poller.change(waitedFor, from: interest, to: [], token: Token.peer)
    waitedFor = -1
    interest = []
  }

  private func waitAgain() {
    let wanted: (descriptor: CInt, interest: Readiness)
    if let listener = peer.listener {
      wanted = (listener, isPausing ? [] : .input)
    } else if let connection = peer.descriptor {
      // One that has left is told of when there is room for what it sent.
      wanted = (connection, room > 0 ? .input : [])
    } else {
      return forget()
    }
    if waitedFor != wanted.descriptor { forget() }
    guard interest != wanted.interest else { return }
    do {
      try poller.change(wanted.descriptor, from: interest, to: wanted.interest, token: Token.peer)
      (waitedFor, interest) = wanted
    } catch {
      // The kernel has no memory for it: the port stands still, and nothing else does.
    }
  }
}
