import CSlirp
import Glibc
import Platform

/// What libslirp calls: it is told which sockets to wait for, and given packets for the guest.
///
/// All calls come one at a time, under the lock of the device that has the network, and before it has one.
final class SlirpHost {
  /// Tokens of what is waited for beside sockets, whose tokens are their numbers.
  private static let wakeToken = UInt32.max
  private static let timerToken = UInt32.max - 1

  /// A socket, as long as it is waited for.
  private struct Socket {
    var interest: Readiness
    /// Whether the fill that is going on has named it.
    var isNamed: Bool
    /// Whether others connect to it.
    let isListener: Bool
  }

  /// How long those wait whom the host could not take, nanoseconds.
  private static let pause: UInt64 = 100_000_000

  private let poller: Epoll
  private let wake: EventFD
  private let timer: Timer
  private var isWoken = false
  /// When the timer expires, as `Clock.monotonic`; nil where it has expired.
  private var deadline: UInt64?
  private var sockets: [CInt: Socket] = [:]
  private var ready: [CInt: Readiness] = [:]
  /// Until when listeners are left alone, as `Clock.monotonic`; nil: they are not.
  private var pausedUntil: UInt64?
  /// Why somebody could not be taken, the first time.
  private(set) var keptWaiting: Errno?
  /// Packets for the guest.
  var packets = PacketRing()

  init() throws(Errno) {
    poller = try Epoll()
    wake = try EventFD()
    timer = try Timer()
    try poller.add(wake.descriptor.raw, for: .input, token: SlirpHost.wakeToken)
    try poller.add(timer.descriptor.raw, for: .input, token: SlirpHost.timerToken)
  }

  /// Can be read when there is something to do.
  var descriptor: CInt { poller.descriptor.raw }

  /// Makes it so.
  func wakeUp() {
    guard !isWoken else { return }
    isWoken = true
    wake.signal()
  }

  // MARK: A turn: what is ready, then what is waited for from now on

  /// Finds out what is ready.
  ///
  /// - Returns: whether anything is.
  func look() -> Bool {
    let count = (try? poller.wait(timeout: 0)) ?? 0
    for place in 0..<count {
      let (token, readiness) = poller.ready(at: place)
      switch token {
      case SlirpHost.wakeToken:
        _ = wake.consume()
        isWoken = false
      case SlirpHost.timerToken:
        _ = timer.consume()
        deadline = nil
      default: ready[CInt(bitPattern: token)] = readiness
      }
    }
    return count > 0
  }

  /// What a socket is ready for, as `SLIRP_POLL_IN` and `SLIRP_POLL_OUT`. One that has failed is ready for both.
  func readiness(of socket: CInt) -> CInt {
    let readiness = ready[socket] ?? []
    var events: CInt = 0
    if readiness.contains(.input) { events |= CInt(SLIRP_POLL_IN) }
    if readiness.contains(.output) { events |= CInt(SLIRP_POLL_OUT) }
    return events
  }

  /// Leaves listeners alone for a while where the host has no descriptor for who connects: they stay ready, and the library does not
  /// say that it could not take anybody. After it has done what there was to do.
  func spareListeners() {
    guard ready.contains(where: { $1.contains(.input) && sockets[$0]?.isListener == true }) else { return }
    do {
      _ = try EventFD()
    } catch {
      keptWaiting = keptWaiting ?? error
      pausedUntil = Clock.monotonic &+ SlirpHost.pause
    }
  }

  /// Forgets what is waited for, to be named anew.
  func beginFill() {
    if let end = pausedUntil, end <= Clock.monotonic { pausedUntil = nil }
    ready.removeAll(keepingCapacity: true)
    for socket in sockets.keys { sockets[socket]?.isNamed = false }
  }

  /// Waits for a socket from now on, or goes on with it.
  func wait(for socket: CInt, _ events: CInt) {
    var interest: Readiness = []
    // Urgent data comes in line with the rest.
    if events & CInt(SLIRP_POLL_IN) != 0 { interest.insert(.input) }
    if events & CInt(SLIRP_POLL_OUT) != 0 { interest.insert(.output) }
    let isListener = sockets[socket]?.isListener ?? SlirpHost.isListener(socket)
    if isListener, pausedUntil != nil { interest = [] }
    change(socket, to: interest)
    sockets[socket] = Socket(interest: interest, isNamed: true, isListener: isListener)
  }

  private static func isListener(_ socket: CInt) -> Bool {
    var value: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0
  }

  /// Waits no more for what was not named, and not for longer than this.
  ///
  /// - Parameter timeout: milliseconds; the largest number for no limit.
  func endFill(timeout: UInt32) {
    for (socket, state) in sockets where !state.isNamed {
      change(socket, to: [])
      sockets[socket] = nil
    }
    guard timeout != .max || pausedUntil != nil else { return }
    let now = Clock.monotonic
    let wanted = min(timeout == .max ? .max : now &+ UInt64(timeout) &* 1_000_000, pausedUntil ?? .max)
    // One that comes too early costs a turn, and none at all much more than that.
    if let deadline, deadline <= wanted, deadline > now { return }
    timer.set(nanoseconds: wanted > now ? wanted - now : 0)
    deadline = wanted
  }

  /// A socket is about to be closed, or its number is another one's from now on.
  func forget(_ socket: CInt) {
    change(socket, to: [])
    sockets[socket] = nil
    ready[socket] = nil
  }

  private func change(_ socket: CInt, to interest: Readiness) {
    let old = sockets[socket]?.interest ?? []
    guard old != interest else { return }
    let token = UInt32(bitPattern: socket)
    do {
      try poller.change(socket, from: old, to: interest, token: token)
    } catch {
      // The socket was closed meanwhile, and another has its number; or the kernel has no memory, and it stands still until the
      // next turn.
      if !old.isEmpty, !interest.isEmpty { try? poller.add(socket, for: interest, token: token) }
    }
  }
}
