import Devices
import Glibc
import Platform

/// Where the output of a serial port or a debug console goes: a descriptor, or nowhere.
///
/// What the guest sends is queued while the port's lock is held, and written by the same vCPU's thread when it is not: a
/// reader that is slow holds back the vCPUs that send, and nobody else.
final class SerialOutput: ByteSink, @unchecked Sendable {
  // Nil where somebody else closes it, and when it has been closed, at the end.
  private var file: PendingFile?
  private var raw: CInt
  // Instead of a descriptor.
  private let peer: SerialPeer?
  let name: String
  let source: Source

  /// Whose output it is, for messages.
  enum Source: String {
    case serial = "the serial port's output"
    case debugConsole = "the debug console's output"
  }

  private let lock = Lock()
  // Within `lock`, which is never held over a system call.
  private var queue: [UInt8] = []
  private var lost: UInt64 = 0
  private var firstError: Errno?
  /// Bytes that a reader had not taken when the run ended.
  private var untaken: UInt64 = 0
  /// What close(2) said.
  private var closing: Errno?
  // Of the thread whose turn it is to write.
  private let turn = Turn()
  private var batch: [UInt8] = []
  private let limit: OutputLimit
  /// What a file may still get, and what it did not; the latter after the vCPUs have ended.
  private(set) var allowance = OutputAllowance(rest: .max)

  /// Whether the run is being stopped or reset, so that a signal ends the waiting for a reader; others are about something else. Set
  /// before the guest runs.
  var isStopping: @Sendable () -> Bool = { true }

  /// Bytes that are kept at the most. A vCPU has written what it sent before it sends more, 4 KiB at a time; only what
  /// stops and resets interrupted is added to that.
  private static let queueLimit = 8 << 20

  /// Writes to standard output.
  init(standardOutputOf source: Source, limit: OutputLimit) {
    self.limit = limit
    self.source = source
    name = "standard output"
    peer = nil
    file = nil
    raw = STDOUT_FILENO
  }

  /// Writes to a file, which is made, or emptied by ``begin()``.
  ///
  /// - Parameter option: what the user gave, for messages.
  init(path: String, of source: Source, option: String, limit: OutputLimit) throws(MachineError) {
    self.source = source
    self.limit = limit
    let opened: PendingFile
    do {
      opened = try PendingFile(path)
    } catch {
      throw MachineError("\(option): cannot be written", error)
    }
    name = option
    peer = nil
    raw = opened.raw
    file = opened
  }

  /// Writes to a descriptor that somebody else closes.
  init(descriptor: CInt) {
    source = .serial
    limit = .none
    name = "descriptor \(descriptor)"
    peer = nil
    file = nil
    raw = descriptor
  }

  /// Writes to whoever is connected.
  ///
  /// - Parameter option: what the user gave, for messages.
  init(_ peer: SerialPeer, option: String) {
    source = .serial
    limit = .none
    name = option
    file = nil
    raw = -1
    self.peer = peer
  }

  /// Whether it leads anywhere.
  private var isOpen: Bool { raw >= 0 || peer != nil }

  /// Discards everything.
  init(discarding: Void) {
    source = .serial
    limit = .none
    name = "--serial none"
    peer = nil
    file = nil
    raw = -1
  }

  /// Empties its file: the guest is about to run.
  func begin() throws(MachineError) {
    do {
      try file?.begin()
    } catch {
      throw MachineError("\(name): cannot be emptied", error)
    }
    // What the file had is free now.
    if peer == nil, raw >= 0 { allowance = limit.allowance(for: raw) }
  }

  /// Leaves its file as it was: nothing is run.
  func withdraw() { file?.withdraw() }

  /// Called with the port's lock held.
  func put(_ byte: UInt8) {
    guard isOpen else { return }
    lock.withLock {
      if queue.count < Self.queueLimit { queue.append(byte) } else { lose(1, .noBufferSpace) }
    }
  }

  /// Writes what is queued, as long as that takes. A signal for a run that is being stopped or reset ends it, and leaves the rest
  /// to whoever sends next.
  func workOff(by thread: ThreadContext) {
    // An I/O thread has others to serve.
    guard isOpen, thread.kind == .vcpu, lock.withLock({ !queue.isEmpty }), turn.take() else { return }
    defer { turn.give() }
    while true {
      lock.withLock { swap(&queue, &batch) }
      guard !batch.isEmpty else { return }
      let done = batch.withUnsafeBytes { write($0) }
      let isDone = done == batch.count
      if !isDone { lock.withLock { queue.insert(contentsOf: batch[done...], at: 0) } }
      batch.removeAll(keepingCapacity: true)
      if !isDone { return }
    }
  }

  /// Writes what is still queued, as far as that is possible without waiting, and closes. After the vCPUs have ended.
  func finish() {
    guard isOpen else { return }
    lock.withLock { swap(&queue, &batch) }
    if let peer { return finish(peer) }
    batch.withUnsafeBytes { bytes in
      var rest = bytes
      var descriptor = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
      while !rest.isEmpty, poll(&descriptor, 1, 0) > 0 {
        // A terminal that takes something takes as much as this (WAKEUP_CHARS of Linux's), a pipe a page.
        let part = UnsafeRawBufferPointer(rebasing: rest.prefix(256))
        let done = write(part)
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(done))
        guard done == part.count else { break }
      }
      lock.withLock { untaken = UInt64(rest.count) }
    }
    batch = []
    guard let file = file.take() else { return }
    raw = -1
    do {
      try file.close()
    } catch {
      lock.withLock { closing = error }
    }
  }

  private func finish(_ peer: SerialPeer) {
    batch.withUnsafeBytes { bytes in
      var rest = bytes
      loop: while !rest.isEmpty {
        switch peer.send(rest) {
        case .moved(let count): rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        case .gone: return
        case .wouldBlock: break loop
        }
      }
      lock.withLock { untaken = UInt64(rest.count) }
    }
    batch = []
    peer.end()
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to peer: SerialPeer) -> Int {
    var done = 0
    while done < bytes.count {
      switch peer.send(UnsafeRawBufferPointer(rebasing: bytes[done...])) {
      case .moved(let count): done += count
      case .gone: return bytes.count  // Nobody wants it, or any more.
      case .wouldBlock: if !peer.waitForRoom(), isStopping() { return done }
      }
    }
    return done
  }

  /// - Returns: how many bytes have been dealt with: all, unless a signal came.
  private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    if let peer { return write(bytes, to: peer) }
    var done = 0
    while done < bytes.count {
      let admitted = allowance.admitted(of: bytes.count - done)
      if admitted == 0 {
        allowance.leaveOut(bytes.count - done)
        return bytes.count
      }
      let count = Glibc.write(raw, bytes.baseAddress! + done, admitted)
      if count >= 0 {
        done += count
        allowance.wrote(count)
        continue
      }
      switch Errno.current {
      case .interrupted:
        if isStopping() { return done }
      case .brokenPipe: return bytes.count  // Nobody wants it any more.
      case .wouldBlock:
        var descriptor = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        if poll(&descriptor, 1, -1) < 0, isStopping() { return done }
      case let error:
        lock.withLock { lose(bytes.count - done, error) }
        return bytes.count
      }
    }
    return done
  }

  /// Within `lock`.
  private func lose(_ count: Int, _ error: Errno) {
    if firstError == nil { firstError = error }
    lost += UInt64(count)
  }

  /// What the user should know of output that could not be written.
  var complaint: String? {
    lock.withLock {
      let what = "bytes of \(source.rawValue) could not be written"
      if let firstError { return "\(name): \(lost + untaken) \(what): \(firstError)" }
      if untaken > 0 { return "\(name): \(untaken) \(what): the reader had no room for them at the end" }
      return closing.map {
        "\(name): not all of \(source.rawValue) may be there: closing failed: \($0)"
      }
    }
  }
}
