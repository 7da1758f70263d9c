import Devices
import Glibc
import Platform

/// Where a serial port's output goes: a descriptor, or nowhere.
final class SerialOutput: ByteSink, @unchecked Sendable {
  private let file: FileDescriptor?
  private let raw: CInt
  private let name: String
  // Written under the port's lock, read when the vCPUs have ended.
  private var lost: UInt64 = 0
  private var firstError: Errno?

  /// Writes to standard output.
  init(standardOutput: Void) {
    name = "standard output"
    file = nil
    raw = STDOUT_FILENO
  }

  /// Writes to a file, which is made or emptied.
  init(path: String) throws(MachineError) {
    let opened: FileDescriptor
    do {
      opened = try FileDescriptor.create(path)
    } catch {
      throw MachineError("--serial \(path): cannot be written: \(FileDescriptor.reason(notCreated: error))")
    }
    name = "--serial \(path)"
    raw = opened.raw
    file = consume opened
  }

  /// Discards everything.
  init(discarding: Void) {
    name = "--serial none"
    file = nil
    raw = -1
  }

  /// Called on a vCPU's thread. A reader that is slow holds the guest back; one that is gone costs its output only.
  func put(_ byte: UInt8) {
    guard raw >= 0 else { return }
    var byte = byte
    while write(raw, &byte, 1) < 0 {
      switch errno {
      case EINTR: return  // The run is being stopped: give up the byte rather than the stop.
      case EPIPE: return  // Nobody wants it any more.
      case EAGAIN:
        var descriptor = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        if Glibc.poll(&descriptor, 1, -1) < 0 { return }
      default:
        if firstError == nil { firstError = .current }
        lost += 1
        return
      }
    }
  }

  /// What the user should know of output that could not be written.
  var complaint: String? {
    firstError.map { "\(name): \(lost) bytes of the serial port's output could not be written: \($0)" }
  }
}

/// Feeds a serial port from standard input, on an I/O thread.
final class SerialInput: @unchecked Sendable {
  private let serial: Serial16550A
  private let dispatcher: Dispatcher
  private let quit: () -> Void
  // Readable for ever: stands in for a standard input that epoll cannot wait for, such as a regular file.
  private let always: EventFD
  private let usesAlways: Bool
  let isTerminal: Bool
  private var sawPrefix = false
  private var atEnd = false
  private weak var loop: IOThread?

  /// Control-A.
  private static let prefix: UInt8 = 1

  init(_ serial: Serial16550A, dispatcher: Dispatcher, isTerminal: Bool, quit: @escaping () -> Void)
    throws(Errno)
  {
    self.serial = serial
    self.dispatcher = dispatcher
    self.isTerminal = isTerminal
    self.quit = quit
    var information = stat()
    usesAlways = fstat(STDIN_FILENO, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
    always = try EventFD()
    always.signal()
  }

  private var descriptor: CInt { usesAlways ? always.descriptor.raw : STDIN_FILENO }

  /// Adds standard input to a loop. A closed standard input is no error: there is just nothing to read.
  func attach(to loop: IOThread) {
    self.loop = loop
    do {
      try loop.add(
        .init(kind: .serialInput, device: serial.id, queue: 0, descriptor: descriptor) {
          [unowned self] context in
          read(by: context)
        })
    } catch {
      return
    }
    // Called with the port's lock held, on the vCPU's thread that made room.
    serial.onRoom = { [weak self] in
      guard let self, !self.atEnd else { return }
      self.loop?.setInterested(true, descriptor: self.descriptor)
    }
  }

  private func read(by context: ThreadContext) {
    dispatcher.withDevice(serial, offset: 0, by: context) {
      // A Control-A that was held back may have to go first.
      let room = serial.room - (sawPrefix ? 1 : 0)
      guard room > 0 else {
        loop?.setInterested(false, descriptor: descriptor)
        return
      }
      withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer in
        let count = Glibc.read(STDIN_FILENO, buffer.baseAddress, room)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else {
          atEnd = true
          loop?.setInterested(false, descriptor: descriptor)
          return
        }
        serial.receive(filter(UnsafeRawBufferPointer(rebasing: buffer[..<count])), by: context)
        if serial.room == 0 { loop?.setInterested(false, descriptor: descriptor) }
      }
    }
  }

  /// Takes Control-A sequences out of what is typed: Control-A x quits, Control-A Control-A is one Control-A.
  private func filter(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    guard isTerminal else { return Array(bytes) }
    var passed: [UInt8] = []
    for byte in bytes {
      switch (sawPrefix, byte) {
      case (false, SerialInput.prefix):
        sawPrefix = true
        continue
      case (true, UInt8(ascii: "x")), (true, UInt8(ascii: "X")): quit()
      case (true, SerialInput.prefix): passed.append(byte)
      case (true, _): passed += [SerialInput.prefix, byte]
      case (false, _): passed.append(byte)
      }
      sawPrefix = false
    }
    return passed
  }
}
