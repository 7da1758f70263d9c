import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Testing

@testable import Virtio

/// A console with its driver's side: port 0 is a console that leads to a file, port 1 a named one at a UNIX socket.
final class ConsoleBench {
  static let name = "org.qemu.guest_agent.0"

  let memory: GuestMemory
  let line = CountingLine()
  let faults = RecordingFaults()
  let observer = RecordingObserver()
  let transport: MMIOTransport
  let device: ConsoleDevice
  let socket: String
  let file: String
  private(set) var rings: [SplitRing] = []

  init(_ directory: String, features: UInt64 = 1 << 32 | 1 << 1) throws {
    socket = directory + "/port"
    file = directory + "/console"
    memory = try GuestMemory.allocate(bytes: 4 << 20, backend: .anonymous, preallocate: false)
    device = try ConsoleDevice(
      id: DeviceID(24),
      [
        (.init(number: 0, isConsole: true), try .file(file, limit: .none)),
        (.init(number: 1, name: ConsoleBench.name), try .server(socket)),
      ], observer: observer)
    transport = MMIOTransport(id: DeviceID(24), device, interrupt: line, observer: faults)
    connect(features)
  }

  func connect(_ features: UInt64 = 1 << 32 | 1 << 1) {
    MMIODriver.agree(transport, features)
    rings = (0..<6).map { SplitRing(memory, at: 0x1000 + 0x1000 * UInt64($0), size: 16) }
    for (index, ring) in rings.enumerated() {
      try? ring.clear()
      MMIODriver.attach(ring, to: transport, queue: UInt32(index), memory: memory)
    }
    MMIODriver.start(transport)
  }

  func kick(_ queue: Int) throws {
    _ = try rings[queue].publish()
    transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory)
  }

  /// Has the device's loop come round once.
  func turn() { transport.collect(source: 0, memory: memory, by: vcpu0) }

  /// Whether the device's loop has something to do.
  var isReady: Bool {
    var waited = pollfd(fd: device.sources[0].arrival, events: Int16(POLLIN), revents: 0)
    return poll(&waited, 1, 0) > 0
  }

  /// Says something about a port.
  func tell(_ port: UInt32, _ event: ConsoleControl.Event, _ value: UInt16) throws {
    try memory.write(
      ConsoleControl(port: port, event, value: value).bytes, at: GuestAddress(0x10000))
    _ = try rings[3].add([.init(0x10000, 8)])
    try kick(3)
    turn()
    #expect(try rings[3].takeUsed().count == 1)
  }

  private var controlPlaces: [UInt16: UInt64] = [:]

  /// Gives buffers for control messages.
  func giveControlBuffers(_ count: Int) throws {
    for index in 0..<count {
      let place = 0x11000 + 64 * UInt64(controlPlaces.count + index)
      if let head = try rings[2].add([.init(place, 64, isWritable: true)]) { controlPlaces[head] = place }
    }
    try kick(2)
  }

  /// Takes the control messages that came: port, event, value, and what follows.
  func heard() throws -> [[UInt8]] {
    try rings[2].takeUsed().map { used in
      let place = controlPlaces.removeValue(forKey: used.head) ?? 0
      return try memory.read(count: Int(used.written), at: GuestAddress(place))
    }
  }

  static func message(_ port: UInt32, _ event: ConsoleControl.Event, _ value: UInt16, _ name: String = "")
    -> [UInt8]
  {
    ConsoleControl(port: port, event, value: value).bytes + Array(name.utf8)
  }

  /// Sends bytes over a port, in one request.
  func send(_ queue: Int, _ bytes: [UInt8], at place: UInt64 = 0x20000) throws {
    try memory.write(bytes, at: GuestAddress(place))
    _ = try #require(try rings[queue].add([.init(place, UInt32(bytes.count))]))
    try kick(queue)
  }

  /// Opens the named port at both ends.
  func open() throws -> FileDescriptor {
    let peer = try UnixSocket.connect(socket)
    turn()
    try tell(1, .portOpen, 1)
    return peer
  }
}
