import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Testing

@testable import Virtio

/// A guest that speaks the internet protocol by hand, behind the driver's side of an interface in front of a `UserNetwork`.
/// It answers whoever asks for its Ethernet address.
final class WireGuest {
  static let ethernet: [UInt8] = [0x52, 0x54, 0, 0x12, 0x34, 0x56]
  /// How long something may take that has to happen, ns: this host may be busy.
  static let patience: UInt64 = 30_000_000_000

  private let memory: GuestMemory
  private let transport: MMIOTransport
  private let receiving: SplitRing
  private let sending: SplitRing
  private let device: NetDevice
  let faults = RecordingFaults()
  private var interest: Readiness = []
  private var slots: [UInt16: Int] = [:]
  private var inbox: [[UInt8]] = []
  var address = IPv4Address("10.0.2.15")!
  /// The Ethernet address of everybody else.
  private(set) var gateway: [UInt8] = [0x52, 0x55, 10, 0, 2, 2]

  init(_ options: UserNetworkOptions = .init(), buffers: Int = 16) throws {
    memory = try GuestMemory.allocate(bytes: 8 << 20, backend: .anonymous, preallocate: false)
    device = try NetDevice(
      id: DeviceID(30), try UserNetwork(options), address: WireGuest.ethernet, observer: RecordingObserver())
    transport = MMIOTransport(id: DeviceID(30), device, interrupt: CountingLine(), observer: faults)
    receiving = SplitRing(memory, at: 0x1000, size: 16)
    sending = SplitRing(memory, at: 0x4000, size: 16)
    MMIODriver.agree(transport, 1 << 32 | NetDevice.Feature.mergedBuffers)
    MMIODriver.attach(receiving, to: transport, queue: 0, memory: memory)
    MMIODriver.attach(sending, to: transport, queue: 1, memory: memory)
    MMIODriver.start(transport)
    for slot in 0..<buffers { try addBuffer(slot) }
  }

  func addBuffer(_ slot: Int) throws {
    let head = try #require(
      try receiving.add([.init(0x10_0000 + 0x1000 * UInt64(slot), 2048, isWritable: true)]))
    slots[head] = slot
    if try receiving.publish() { transport.write(0, MMIODriver.queueNotify, in: memory) }
  }

  // MARK: Frames

  /// Sends a frame, header and all in one buffer.
  func send(_ frame: [UInt8]) throws {
    try memory.write([UInt8](repeating: 0, count: 12) + frame, at: GuestAddress(0x20_0000))
    _ = try #require(try sending.add([.init(0x20_0000, UInt32(12 + frame.count))]))
    if try sending.publish() { transport.write(1, MMIODriver.queueNotify, in: memory) }
    // Copied, and completed, before the kick is over.
    #expect(try sending.takeUsed().count == 1)
  }

  /// The next frame that is for the guest and no question for its address; nil where none came in time.
  func next(within limit: UInt64 = WireGuest.patience) throws -> [UInt8]? {
    let end = Clock.monotonic + limit
    while true {
      while !inbox.isEmpty {
        let frame = inbox.removeFirst()
        guard frame[12...13] == [8, 6], frame[20...21] == [0, 1] else { return frame }
        guard Array(frame[38..<42]) == bytes(address.value) else { continue }
        try send(arp(operation: 2, to: Array(frame[22..<28]), IPv4Address(number(frame, 28))))
      }
      guard Clock.monotonic < end else { return nil }
      try turn(milliseconds: CInt(min(100, limit / 1_000_000 + 1)))
    }
  }

  /// The next frame of a protocol, by its number in the header; others are passed over.
  func next(protocol wanted: UInt8) throws -> [UInt8] {
    while let frame = try next() { if frame[12...13] == [8, 0], frame[23] == wanted { return frame } }
    throw Missing(description: "no frame of protocol \(wanted) came")
  }

  struct Missing: Error, CustomStringConvertible { let description: String }

  /// Waits as an event loop does, and has the device go on.
  func turn(milliseconds: CInt) throws {
    let source = transport.sources[0]
    var entries = [
      pollfd(fd: source.arrival, events: Int16(POLLIN), revents: 0),
      pollfd(fd: source.packets!, events: interest.contains(.input) ? Int16(POLLIN) : 0, revents: 0),
    ]
    guard poll(&entries, 2, milliseconds) > 0 else { return }
    interest = transport.collect(source: 0, memory: memory, by: vcpu0)
    // All of them first: a buffer that is added again may have another's descriptor.
    let used = try receiving.takeUsed().map { (slot: slots[$0.head], written: Int($0.written)) }
    for (found, written) in used {
      let slot = try #require(found)
      let place = GuestAddress(0x10_0000 + 0x1000 * UInt64(slot))
      inbox.append(Array(try memory.read(count: written, at: place)[12...]))
      try addBuffer(slot)
    }
  }

  // MARK: What is in them

  func bytes(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
  func bytes(_ value: UInt16) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
  func number(_ frame: [UInt8], _ offset: Int) -> UInt32 {
    frame[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
  func number16(_ frame: [UInt8], _ offset: Int) -> UInt16 {
    UInt16(frame[offset]) << 8 | UInt16(frame[offset + 1])
  }

  /// The sum of RFC 1071.
  static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
    while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
    return ~UInt16(sum)
  }

  /// A frame of address resolution: operation 1 asks, 2 answers.
  func arp(operation: UInt16, to target: [UInt8], _ targetAddress: IPv4Address) -> [UInt8] {
    let isQuestion = operation == 1
    return (isQuestion ? [UInt8](repeating: 0xff, count: 6) : target) + WireGuest.ethernet + [8, 6]
      + [0, 1, 8, 0, 6, 4] + bytes(operation) + WireGuest.ethernet + bytes(address.value)
      + (isQuestion ? [UInt8](repeating: 0, count: 6) : target) + bytes(targetAddress.value)
  }

  func ip(_ number: UInt8, to target: IPv4Address, from source: IPv4Address? = nil, _ payload: [UInt8])
    -> [UInt8]
  {
    var header: [UInt8] =
      [0x45, 0] + bytes(UInt16(20 + payload.count)) + [0, 1, 0, 0, 64, number, 0, 0]
      + bytes((source ?? address).value) + bytes(target.value)
    header.replaceSubrange(10..<12, with: bytes(WireGuest.checksum(header)))
    let ethernet = target.value == .max ? [UInt8](repeating: 0xff, count: 6) : gateway
    return ethernet + WireGuest.ethernet + [8, 0] + header + payload
  }

  func udp(
    to target: IPv4Address, _ targetPort: UInt16, from source: IPv4Address? = nil, _ port: UInt16,
    _ data: [UInt8]
  ) -> [UInt8] {
    // A sum of zero says that there is none.
    ip(
      17, to: target, from: source,
      bytes(port) + bytes(targetPort) + bytes(UInt16(8 + data.count)) + [0, 0] + data)
  }

  func tcp(
    to target: IPv4Address, _ targetPort: UInt16, from port: UInt16, sequence: UInt32,
    acknowledged: UInt32 = 0, _ flags: UInt8, _ data: [UInt8] = []
  ) -> [UInt8] {
    var segment =
      bytes(port) + bytes(targetPort) + bytes(sequence) + bytes(acknowledged) + [5 << 4, flags]
      + bytes(UInt16(32768)) + [0, 0, 0, 0] + data
    let pseudo = bytes(address.value) + bytes(target.value) + [0, 6] + bytes(UInt16(segment.count))
    segment.replaceSubrange(16..<18, with: bytes(WireGuest.checksum(pseudo + segment)))
    return ip(6, to: target, segment)
  }
}

/// A guest's end of a connection, for one that loses nothing: each segment is acknowledged, and sent once.
final class WireConnection {
  static let finish: UInt8 = 1
  static let begin: UInt8 = 2
  static let reset: UInt8 = 4
  static let push: UInt8 = 8
  static let acknowledge: UInt8 = 16

  private let guest: WireGuest
  private(set) var peer = IPv4Address(0)
  private var peerPort: UInt16 = 0
  private let port: UInt16
  private var sent: UInt32 = 1000
  private var acknowledged: UInt32 = 1000
  private var received: UInt32 = 0
  /// What has come.
  private(set) var data: [UInt8] = []
  private(set) var isFinished = false
  private(set) var isReset = false
  /// What the peer has room for.
  private(set) var window = 0

  /// Waits for somebody to connect to a port.
  init(accepting port: UInt16, of guest: WireGuest) throws {
    self.guest = guest
    self.port = port
    let segment = try guest.next(protocol: 6)
    guard guest.number16(segment, 36) == port, segment[47] & WireConnection.begin != 0 else {
      throw WireGuest.Missing(description: "no beginning of a connection: \(segment)")
    }
    peer = IPv4Address(guest.number(segment, 26))
    peerPort = guest.number16(segment, 34)
    received = guest.number(segment, 38) &+ 1
    try send([], WireConnection.begin | WireConnection.acknowledge)
    sent &+= 1
    while acknowledged != sent { try step() }
  }

  /// Connects.
  init(to peer: IPv4Address, _ peerPort: UInt16, from port: UInt16, of guest: WireGuest) throws {
    self.guest = guest
    self.port = port
    self.peer = peer
    self.peerPort = peerPort
    try send([], WireConnection.begin)
    sent &+= 1
    while acknowledged != sent, !isReset { try step() }
  }

  /// Handles the next segment.
  func step() throws {
    let segment = try guest.next(protocol: 6)
    guard guest.number16(segment, 36) == port, guest.number16(segment, 34) == peerPort else { return }
    let flags = segment[47]
    if flags & WireConnection.reset != 0 { isReset = true }
    if flags & WireConnection.acknowledge != 0 { acknowledged = guest.number(segment, 42) }
    window = Int(guest.number16(segment, 48))
    if flags & WireConnection.begin != 0 {
      received = guest.number(segment, 38) &+ 1
      return try send([], WireConnection.acknowledge)
    }
    let end = 14 + Int(guest.number16(segment, 16))
    let content = segment[34 + Int(segment[46] >> 4) * 4..<end]
    guard !content.isEmpty || flags & WireConnection.finish != 0, guest.number(segment, 38) == received else {
      return
    }
    data += content
    received &+= UInt32(content.count)
    if flags & WireConnection.finish != 0 {
      isFinished = true
      received &+= 1
    }
    try send([], WireConnection.acknowledge)
  }

  /// Sends data, waiting for each segment to be taken.
  func write(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty, !isReset {
      let part = rest.prefix(min(1400, max(window, 1)))
      rest = rest.dropFirst(part.count)
      try send(Array(part), WireConnection.push | WireConnection.acknowledge)
      sent &+= UInt32(part.count)
      while acknowledged != sent, !isReset { try step() }
    }
  }

  /// Sends data without waiting.
  func push(_ bytes: [UInt8]) throws {
    try send(bytes, WireConnection.push | WireConnection.acknowledge)
    sent &+= UInt32(bytes.count)
  }

  /// Whether everything that was sent was taken.
  var isTaken: Bool { acknowledged == sent }

  func finish() throws {
    try send([], WireConnection.finish | WireConnection.acknowledge)
    sent &+= 1
  }

  private func send(_ bytes: [UInt8], _ flags: UInt8) throws {
    try guest.send(
      guest.tcp(
        to: peer, peerPort, from: port, sequence: sent,
        acknowledged: flags & WireConnection.acknowledge != 0 ? received : 0, flags, bytes))
  }
}
