import Devices
import Glibc
import Platform

/// Feeds a serial port from standard input.
///
/// A thread of its own reads, as much as the port has room for: standard input may be shared with other programs, so what
/// was there a moment ago may be gone, and reading blocks. Nobody but that thread waits then. An I/O thread hands over
/// to the port what was read.
final class SerialInput: @unchecked Sendable {
  private let serial: Serial16550A
  private let dispatcher: Dispatcher
  private let reader: InputReader
  private let quit: () -> Void
  let isTerminal: Bool
  // Within the port's lock.
  private var sawPrefix = false
  // Read, but the port has no room: the guest filled it through its loopback.
  private var held: [UInt8] = []

  /// Control-A.
  private static let prefix: UInt8 = 1

  /// - Parameters:
  ///   - descriptor: standard input, or what stands in for it.
  ///   - quit: called when Control-A x was typed.
  init(
    _ serial: Serial16550A, dispatcher: Dispatcher, descriptor: CInt = STDIN_FILENO, isTerminal: Bool,
    quit: @escaping () -> Void
  ) throws(Errno) {
    self.serial = serial
    self.dispatcher = dispatcher
    self.isTerminal = isTerminal
    self.quit = quit
    reader = try InputReader(descriptor)
  }

  /// Has a loop take over what was read. Before the loop's thread starts.
  func attach(to loop: IOThread) throws(Errno) {
    try loop.add(
      .init(kind: .serialInput, device: serial.id, queue: 0, descriptor: reader.arrival.descriptor.raw) {
        [unowned self] context, _ in
        deliver(by: context)
      })
    // Called with the port's lock held, on the vCPU's thread that made room.
    serial.onRoom = { [weak self] in
      guard let self else { return }
      if held.isEmpty { readMore() } else { reader.arrival.signal() }
    }
  }

  /// Begins to read.
  func start() throws(Errno) {
    try reader.start()
    readMore()
  }

  /// Stops reading.
  func stop() { reader.stop() }

  private func deliver(by context: ThreadContext) {
    dispatcher.withDevice(serial, offset: 0, by: context) {
      held += filter(reader.take())
      let part = held.prefix(serial.room)
      serial.receive(part, by: context)
      held.removeFirst(part.count)
      if held.isEmpty { readMore() }
    }
  }

  /// Within the port's lock, or before anything runs.
  private func readMore() {
    if serial.room > 0 { reader.want(serial.room) }
  }

  /// Takes Control-A sequences out of what is typed: Control-A x quits, Control-A Control-A is one Control-A.
  private func filter(_ bytes: [UInt8]) -> [UInt8] {
    guard isTerminal else { return bytes }
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
