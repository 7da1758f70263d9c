import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Virtio

/// What packets come from and go to, as a test says.
final class ScriptedPackets: PacketBackend {
  struct State {
    var incoming: [[UInt8]] = []
    var sent: [[UInt8]] = []
    /// Those of pairs behind the first.
    var incomingBehind: [Int: [[UInt8]]] = [:]
    var sentBehind: [Int: [[UInt8]]] = [:]
    /// What it was asked to use, and how many pairs it can.
    var uses: [Int] = []
    var usable = Int.max
    var offloads: [PacketOffloads] = []
    /// How many packets there is room for; nil for any number.
    var room: Int?
    var sendError: Errno?
    var receiveError: Errno?
  }

  let state = Mutex(State())
  let pairs: Int
  let hasOffloads: Bool

  init(hasOffloads: Bool = true, pairs: Int = 1) {
    self.hasOffloads = hasOffloads
    self.pairs = pairs
  }

  func descriptor(pair: Int) -> CInt { -1 - CInt(pair) }

  func use(pairs: Int) -> Bool {
    state.withLock {
      $0.uses.append(pairs)
      return pairs <= $0.usable
    }
  }

  func accept(_ offloads: PacketOffloads) { state.withLock { $0.offloads.append(offloads) } }

  func send(_ vectors: UnsafeMutableBufferPointer<iovec>, pair: Int) -> PacketTransfer {
    let bytes = vectors.flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
    return state.withLock { state in
      if let error = state.sendError { return .failed(error) }
      if let room = state.room {
        if room == 0 { return .notNow }
        state.room = room - 1
      }
      if pair == 0 { state.sent.append(bytes) } else { state.sentBehind[pair, default: []].append(bytes) }
      return .done(bytes.count)
    }
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer, pair: Int) -> PacketTransfer {
    let packet = state.withLock { state -> Result<[UInt8]?, Errno> in
      if let error = state.receiveError {
        // What packets cannot come from takes none either, from now on.
        state.sendError = error
        return .failure(error)
      }
      if pair > 0 {
        return .success(
          state.incomingBehind[pair]?.isEmpty == false ? state.incomingBehind[pair]?.removeFirst() : nil)
      }
      return .success(state.incoming.isEmpty ? nil : state.incoming.removeFirst())
    }
    switch packet {
    case .failure(let error): return .failed(error)
    case .success(nil): return .notNow
    case .success(let packet?):
      buffer.copyBytes(from: packet)
      return .done(packet.count)
    }
  }
}

/// An interface with its driver's side: both queues.
final class NetBench {
  let memory: GuestMemory
  let packets: ScriptedPackets
  let device: NetDevice
  let transport: MMIOTransport
  let receiving: SplitRing
  let sending: SplitRing
  let line = CountingLine()
  let faults = RecordingFaults()
  let observer = RecordingObserver()

  static let version1: UInt64 = 1 << 32
  static let all = NetDevice.Feature.mergedBuffers | NetDevice.Feature.offloads | version1

  init(
    features: UInt64 = NetBench.version1 | NetDevice.Feature.mergedBuffers, hasOffloads: Bool = true,
    size: UInt16 = 16, eventIndex: Bool = false
  ) throws {
    memory = try GuestMemory.allocate(bytes: 8 << 20, backend: .anonymous, preallocate: false)
    packets = ScriptedPackets(hasOffloads: hasOffloads)
    device = try NetDevice(
      id: DeviceID(30), packets, address: [0x52, 0x54, 0, 1, 2, 3], observer: observer)
    transport = MMIOTransport(id: DeviceID(30), device, interrupt: line, observer: faults)
    receiving = SplitRing(memory, at: 0x1000, size: size, usesEventIndex: eventIndex)
    sending = SplitRing(memory, at: 0x4000, size: size, usesEventIndex: eventIndex)
    connect(eventIndex ? features | 1 << 29 : features)
  }

  func connect(_ features: UInt64) {
    MMIODriver.agree(transport, features)
    MMIODriver.attach(receiving, to: transport, queue: 0, memory: memory)
    MMIODriver.attach(sending, to: transport, queue: 1, memory: memory)
    MMIODriver.start(transport)
  }

  /// What the loop waits for of the packets.
  var interest: Readiness { device.interest(source: 0) }

  /// Whether the loop that waits for the device would run.
  var isWoken: Bool {
    var entry = pollfd(fd: transport.sources[0].arrival, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  /// As the loop does that waits for the device.
  func loop() { transport.collect(source: 0, memory: memory, by: vcpu0) }

  static func place(_ index: Int) -> UInt64 { 0x10_0000 + 0x1_2000 * UInt64(index) }

  func addBuffer(_ length: UInt32, at index: Int) throws {
    _ = try #require(try receiving.add([.init(NetBench.place(index), length, isWritable: true)]))
  }

  func kickReceiving() throws {
    if try receiving.publish() { transport.write(0, MMIODriver.queueNotify, in: memory) }
  }

  /// Lays a packet out in as many pieces as there are lengths, header included.
  func addPacket(_ bytes: [UInt8], cut lengths: [Int], at index: Int) throws {
    try memory.write(bytes, at: GuestAddress(NetBench.place(index)))
    var parts: [SplitRing.Part] = []
    var start = 0
    for length in lengths + [bytes.count - lengths.reduce(0, +)] where length > 0 {
      parts.append(.init(NetBench.place(index) + UInt64(start), UInt32(length)))
      start += length
    }
    _ = try #require(try sending.add(parts))
  }

  func kickSending() throws {
    if try sending.publish() { transport.write(1, MMIODriver.queueNotify, in: memory) }
  }

  /// What the driver finds: each packet put together from its buffers, in the order in which they were added.
  func received(_ order: inout [Int]) throws -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var used = try receiving.takeUsed()[...]
    while let first = used.first {
      let header = try memory.read(count: 12, at: GuestAddress(NetBench.place(order[0])))
      let count = Int(header[10]) | Int(header[11]) << 8
      try #require(count >= 1 && count <= used.count)
      _ = first
      var bytes: [UInt8] = []
      for part in used.prefix(count) {
        bytes += try memory.read(
          count: Int(part.written), at: GuestAddress(NetBench.place(order.removeFirst())))
      }
      used = used.dropFirst(count)
      packets.append(bytes)
    }
    return packets
  }

  static func packet(_ number: Int, _ length: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: 12) + (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 13) }
  }
}
