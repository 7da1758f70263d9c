import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Virtio

/// A disk with its driver's side: requests as a driver lays them out, one queue.
final class DiskBench {
  let memory: GuestMemory
  let ring: SplitRing
  let backend: any BlockBackend
  let loop: DiskLoop
  let transport: MMIOTransport
  let line = CountingLine()
  let faults = RecordingFaults()
  let observer = RecordingObserver()
  let path: String
  private let device: LoopDevice?
  static let sectors = 64
  static let content = (0..<sectors * 512).map { UInt8(truncatingIfNeeded: $0 / 512 * 7 + $0 % 251) }

  init(
    features: UInt64 = 1 << 32 | 1 << 9, isReadOnly: Bool = false, by method: DiskWay = .threads,
    requests: Int = 256, queues: Int = 1, watchedBy watcher: (any DeviceObserver)? = nil,
    in directory: URL = FileManager.default.temporaryDirectory, bytes: Int? = nil,
    cache: CacheMode = .writeback, on device: LoopDevice? = nil, latency: UInt64? = nil
  ) throws {
    self.device = device
    path = device?.path ?? directory.appendingPathComponent("exeunt-disk-\(UUID())").path
    if device == nil { try Data(DiskBench.content).write(to: URL(fileURLWithPath: path)) }
    // Beyond its content it takes no room before it is written.
    if let bytes { try #require(truncate(path, bytes) == 0) }
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let file = try DiskFile(path: path, isReadOnly: isReadOnly, cache: cache)
    loop = try DiskLoop()
    let plain = try method.backend(file, queues: queues, requests: requests, threads: 3, loop: loop)
    let whole = BouncingBackend.around(plain, queues: queues)
    backend = try latency.map { try DelayedBackend(whole, latency: $0, queues: queues) } ?? whole
    try loop.attach(backend, queues: queues)
    let device = BlockDevice(
      id: DeviceID(20), backend, queues: queues, cache: cache, serial: "disk-of-the-test",
      observer: watcher ?? observer)
    transport = MMIOTransport(id: DeviceID(20), device, interrupt: line, observer: faults)
    ring = SplitRing(memory, at: 0x1000, size: 64)
    connect(features)
    try backend.start(name: "disk")
  }

  deinit {
    backend.end()
    if device == nil { try? FileManager.default.removeItem(atPath: path) }
  }

  func connect(_ features: UInt64 = 1 << 32 | 1 << 9) {
    MMIODriver.agree(transport, features)
    MMIODriver.attach(ring, to: transport, queue: 0, memory: memory)
    MMIODriver.start(transport)
  }

  /// Whether a queue's loop would wake up.
  func isSignalled(queue: Int) throws -> Bool { try loop.wait(0).contains(queue) }

  /// What is on the disk; of a block device, what is behind it, where what was written comes with a flush.
  var file: [UInt8] {
    get throws { try device?.content ?? Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
  }

  static func header(_ type: UInt32, _ sector: UInt64) -> [UInt8] {
    withUnsafeBytes(of: type.littleEndian, Array.init) + [0, 0, 0, 0]
      + withUnsafeBytes(of: sector.littleEndian, Array.init)
  }

  static let slot: UInt64 = 0x8000

  /// Lays a request out at one of 16 places and adds it: header, data, status.
  func add(
    _ type: UInt32, _ sector: UInt64, data: UInt32, at place: Int = 0, isWritable: Bool? = nil
  ) throws -> UInt16 {
    let base = 0x10000 + DiskBench.slot * UInt64(place)
    try memory.write(DiskBench.header(type, sector), at: GuestAddress(base))
    try memory.write([0xee], at: GuestAddress(base + 32))
    var parts = [SplitRing.Part(base, 16)]
    if data > 0 { parts.append(.init(base + 64, data, isWritable: isWritable ?? (type != 1))) }
    parts.append(.init(base + 32, 1, isWritable: true))
    let head = try ring.add(parts)
    return try #require(head)
  }

  func data(at place: Int = 0) -> GuestAddress { GuestAddress(0x10000 + DiskBench.slot * UInt64(place) + 64) }
  func status(at place: Int = 0) throws -> UInt8 {
    try memory.read(UInt8.self, at: GuestAddress(0x10000 + DiskBench.slot * UInt64(place) + 32), .little)
  }

  func kick() throws {
    _ = try ring.publish()
    transport.write(0, MMIODriver.queueNotify, in: memory)
  }

  /// Waits for so many completions.
  func complete(_ count: Int) throws -> [SplitRing.Used] {
    var used = try ring.takeUsed()
    let deadline = Clock.monotonic + 20_000_000_000
    while used.count < count, Clock.monotonic < deadline {
      guard try loop.wait(1000).contains(0) else { continue }
      transport.collect(source: 0, memory: memory, by: vcpu0)
      used += try ring.takeUsed()
    }
    return used
  }

  /// One request from beginning to end.
  func request(
    _ type: UInt32, _ sector: UInt64, data: UInt32, isWritable: Bool? = nil
  ) throws -> (status: UInt8, written: UInt32) {
    _ = try add(type, sector, data: data, isWritable: isWritable)
    try kick()
    let used = try complete(1)
    return (try status(), used.first?.written ?? .max)
  }
}

@Suite("A virtio disk")
struct BlockTests {
  @Test("The configuration tells capacity and segments, and the features what the file allows")
  func configuration() throws {
    let bench = try DiskBench()
    #expect(bench.transport.read(0x08) == 2)
    #expect(bench.transport.read(0x100, size: 8) == 64)
    #expect(bench.transport.read(0x100) == 64)
    #expect(bench.transport.read(0x10c) == 254)
    #expect(bench.transport.read(0x110) == 0)
    #expect(bench.transport.read(0xffc) == 0)
    #expect(MMIODriver.offered(bench.transport) == 1 << 2 | 1 << 9 | 3 << 13 | 1 << 28 | 1 << 29 | 1 << 32)
    let readOnly = try DiskBench(isReadOnly: true)
    #expect(MMIODriver.offered(readOnly.transport) & 1 << 5 != 0)
  }

  @Test(
    "Random reads and writes, many at a time and completed in any order, as a model has them",
    arguments: 0..<6, DiskWay.usable)
  func randomRequests(seed: UInt64, method: DiskWay) throws {
    var random = SeededGenerator(seed: seed)
    // A ring with room for a few of the batch has the rest wait.
    let bench = try DiskBench(
      features: 1 << 32 | (seed % 2) << 9, by: method, requests: seed < 3 ? 256 : Int(seed))
    var model = try bench.file
    for _ in 0..<40 {
      var expected: [UInt16: (place: Int, bytes: [UInt8]?)] = [:]
      // Requests of one batch touch different sectors, for their order is nobody's.
      let firsts = Array(0..<16).shuffled(using: &random)
      for place in 0..<Int.random(in: 1...16, using: &random) {
        let first = firsts[place] * 4
        let count = Int.random(in: 1...4, using: &random) * 512
        let range = first * 512..<first * 512 + count
        if Bool.random(using: &random) {
          let bytes = [UInt8].random(count: count, using: &random)
          try bench.memory.write(bytes, at: bench.data(at: place))
          model.replaceSubrange(range, with: bytes)
          let head = try bench.add(1, UInt64(first), data: UInt32(count), at: place)
          expected[head] = (place, nil)
        } else {
          let head = try bench.add(0, UInt64(first), data: UInt32(count), at: place)
          expected[head] = (place, Array(model[range]))
        }
      }
      try bench.kick()
      let used = try bench.complete(expected.count)
      #expect(Set(used.map(\.head)) == Set(expected.keys))
      for item in used {
        guard let (place, bytes) = expected[item.head] else { continue }
        #expect(try bench.status(at: place) == 0)
        #expect(item.written == UInt32((bytes?.count ?? 0) + 1))
        if let bytes {
          #expect(try bench.memory.read(count: bytes.count, at: bench.data(at: place)) == bytes)
        }
      }
      #expect(try bench.request(4, 0, data: 0).status == 0)
    }
    #expect(try bench.file == model)
    #expect(bench.faults.faults.isEmpty)
    let events = bench.observer.events
    let began = events.filter { if case .began = $0 { true } else { false } }.count
    #expect(began * 2 == events.count)
  }

  @Test("What cannot be done is the guest's error, and the file stays as it is")
  func refusals() throws {
    let bench = try DiskBench()
    let before = try bench.file
    for (type, sector, data, status): (UInt32, UInt64, UInt32, UInt8) in [
      (0, 64, 512, 1), (0, 63, 1024, 1), (1, 64, 512, 1), (1, 63, 1024, 1), (0, .max, 512, 1),
      (1, .max, 512, 1), (1, 1 << 55, 512, 1), (0, 0, 511, 1), (1, 0, 513, 1), (0, .max / 512, 1024, 1),
      (2, 0, 512, 2), (11, 0, 16, 2), (13, 0, 16, 2), (0xffff_ffff, 0, 512, 2), (8, 0, 19, 1),
    ] {
      let (found, written) = try bench.request(type, sector, data: data)
      #expect(found == status, "type \(type), sector \(sector), \(data) bytes")
      #expect(written == 1)
    }
    #expect(try bench.request(0, 63, data: 512).status == 0)
    #expect(try bench.request(0, 64, data: 0).status == 0)
    #expect(try bench.file == before)
    #expect(bench.faults.faults.isEmpty)
    let readOnly = try DiskBench(features: 1 << 32 | 1 << 5, isReadOnly: true)
    #expect(try readOnly.request(1, 0, data: 512).status == 1)
    #expect(try readOnly.request(0, 0, data: 512).status == 0)
    #expect(try readOnly.file == before)
  }

  @Test("The serial number")
  func identity() throws {
    let bench = try DiskBench()
    let (status, written) = try bench.request(8, 0, data: 20)
    #expect(status == 0)
    #expect(written == 21)
    #expect(
      try bench.memory.read(count: 20, at: bench.data()) == Array("disk-of-the-test".utf8) + [0, 0, 0, 0])
  }

  @Test("A request without a whole header, or without a place for its status, breaks the queue")
  func malformed() throws {
    let address: UInt64 = 0x10000
    for (parts, words): ([SplitRing.Part], String) in [
      ([.init(address, 15), .init(address + 32, 1, isWritable: true)], "a header of 15 bytes"),
      (
        [.init(address, 8), .init(address, 7), .init(address + 32, 1, isWritable: true)],
        "a header of 15 bytes"
      ),
      ([.init(address + 32, 17, isWritable: true)], "a header of 0 bytes"),
      ([.init(address, 16)], "no place for the status"),
      ([.init(address, 16 + 512)], "no place for the status"),
    ] {
      let bench = try DiskBench()
      try bench.memory.write(DiskBench.header(0, 0), at: GuestAddress(address))
      _ = try bench.ring.add(parts)
      try bench.kick()
      #expect(bench.faults.faults == ["0: a request with \(words)"])
      #expect(bench.observer.events.isEmpty)
      #expect(bench.transport.read(MMIODriver.status) & 64 != 0)
    }
  }

  @Test("Header, data and status are found however they are cut", arguments: 0..<10)
  func cuts(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try DiskBench()
    let content = try bench.file
    func cut(_ start: UInt64, _ count: Int, isWritable: Bool) -> [SplitRing.Part] {
      var parts: [SplitRing.Part] = []
      var place = 0
      while place < count {
        let length = min(Int.random(in: 1...300, using: &random), count - place)
        parts.append(.init(start + UInt64(place), UInt32(length), isWritable: isWritable))
        place += length
      }
      return parts
    }
    try bench.memory.write(DiskBench.header(0, 5), at: GuestAddress(0x10000))
    _ = try bench.ring.add(
      cut(0x10000, 16, isWritable: false) + cut(0x20000, 1024 + 1, isWritable: true))
    try bench.kick()
    #expect(try bench.complete(1).first?.written == 1025)
    #expect(
      try bench.memory.read(count: 1025, at: GuestAddress(0x20000)) == Array(content[2560..<3584]) + [0])

    try bench.memory.write(DiskBench.header(1, 9), at: GuestAddress(0x10000))
    let bytes = [UInt8].random(count: 1024, using: &random)
    try bench.memory.write(bytes, at: GuestAddress(0x10010))
    _ = try bench.ring.add(
      cut(0x10000, 16 + 1024, isWritable: false) + [.init(0x30000, 1, isWritable: true)])
    try bench.kick()
    #expect(try bench.complete(1).first?.written == 1)
    #expect(Array(try bench.file[4608..<5632]) == bytes)
  }

  /// Adds a request whenever one was answered, as another vCPU would.
  private final class Refilling: DeviceObserver, @unchecked Sendable {
    let wantsKickStamps = false
    var refill: () -> Void = {}
    var answered = 0
    func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {}
    func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {
      answered += 1
      refill()
    }
    func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {}
    func mark(_ value: UInt32, by thread: ThreadContext) {}
  }

  @Test(
    "A guest that adds requests as fast as they are answered keeps no thread from others' work",
    arguments: DiskWay.usable)
  func endless(method: DiskWay) throws {
    let bench = try DiskBench(by: method)
    let observer = Refilling()
    let device = BlockDevice(id: DeviceID(20), bench.backend, queues: 1, serial: "", observer: observer)
    let transport = MMIOTransport(id: DeviceID(20), device, interrupt: bench.line, observer: bench.faults)
    try bench.ring.restart()
    MMIODriver.agree(transport, 1 << 32)
    MMIODriver.attach(bench.ring, to: transport, queue: 0, memory: bench.memory)
    MMIODriver.start(transport)
    let head = try bench.add(0xffff, 0, data: 0)
    observer.refill = {
      // Far more than would end by themselves within the test's time.
      guard observer.answered < 1_000_000 else { return }
      try? bench.ring.addHead(head)
      try? bench.ring.publishIndex(bench.ring.added)
    }
    _ = try bench.ring.publish()
    transport.write(0, MMIODriver.queueNotify, in: bench.memory)
    #expect(observer.answered == 256)
    #expect(try bench.isSignalled(queue: 0), "the loop is asked to come back")
    for round in 2...4 {
      transport.collect(source: 0, memory: bench.memory, by: vcpu0)
      #expect(observer.answered == 256 * round)
      #expect(try bench.ring.usedIndex == UInt16(256 * round))
    }
    observer.refill = {}
    transport.collect(source: 0, memory: bench.memory, by: vcpu0)
    let answered = observer.answered
    transport.collect(source: 0, memory: bench.memory, by: vcpu0)
    #expect(observer.answered == answered)
    #expect(bench.faults.faults.isEmpty)
  }

  @Test("A file that is cut while the guest uses it is the guest's error", arguments: DiskWay.usable)
  func truncated(method: DiskWay) throws {
    let bench = try DiskBench(by: method)
    defer {
      #expect(
        bench.observer.backendEvents == [
          .submitted(0, .read, bytes: 512), .completed(0, status: 0), .ended(0, status: 0),
          .submitted(1, .read, bytes: 1024), .completed(1, status: UInt16(EIO)), .ended(1, status: 1),
          .submitted(2, .read, bytes: 512), .completed(2, status: UInt16(EIO)), .ended(2, status: 1),
          .submitted(3, .write, bytes: 512), .completed(3, status: 0), .ended(3, status: 0),
        ])
    }
    #expect(truncate(bench.path, 512) == 0)
    #expect(try bench.request(0, 0, data: 512).status == 0)
    #expect(try bench.request(0, 0, data: 1024).status == 1)
    #expect(try bench.request(0, 40, data: 512).status == 1)
    // And it goes on.
    #expect(try bench.request(1, 40, data: 512).status == 0)
  }

  @Test(
    "A reset with requests in flight leaves guest memory alone from then on, and completes none of them",
    arguments: 0..<5, DiskWay.usable)
  func resetInFlight(seed: UInt64, method: DiskWay) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try DiskBench(by: method, requests: seed % 2 == 0 ? 256 : 5)
    for round in 0..<50 {
      for place in 0..<16 { _ = try bench.add(0, UInt64(place), data: 2048, at: place) }
      try bench.kick()
      if Bool.random(using: &random) { bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0) }
      if round % 2 == 0 {
        bench.transport.write(0, MMIODriver.status)
      } else {
        bench.transport.write(0, MMIODriver.queueSelector)
        bench.transport.write(0, MMIODriver.queueReady, in: bench.memory)
      }
      // The guest uses its memory for something else.
      try bench.memory.clear(count: 1 << 20, at: GuestAddress(0))
      bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0)
      #expect(try bench.memory.read(count: 1 << 20, at: GuestAddress(0)).areAll(0))
      try bench.ring.restart()
      bench.connect()
      #expect(try bench.request(0, 3, data: 512).status == 0)
    }
    #expect(bench.faults.faults.isEmpty)
    // A ring with room for all of them may have completed them by the time of the reset.
    try requestsEndOnce(bench.observer, someGivenUp: method == .threads)
  }

  /// Each request that was taken has an end, and says whether the driver was told of it: the last of each round was.
  private func requestsEndOnce(_ observer: RecordingObserver, someGivenUp: Bool) throws {
    var begun = 0
    var ended = 0
    for event in observer.events {
      switch event {
      case .began: begun += 1
      case .ended: ended += 1
      default: break
      }
    }
    #expect(begun == ended)
    let statuses = observer.backendEvents.compactMap { event -> UInt8? in
      if case .ended(_, let status) = event { status } else { nil }
    }
    #expect(statuses.count == ended)
    let givenUp = statuses.count { $0 == DeviceRequest.givenUp }
    if someGivenUp { #expect(givenUp > 0) }
    #expect(statuses.count { $0 == 0 } == ended - givenUp)
    #expect(statuses.last == 0)
    // What was handed to the host was done by it, whoever is told.
    let submitted = observer.backendEvents.count { if case .submitted = $0 { true } else { false } }
    #expect(observer.backendEvents.count { if case .completed = $0 { true } else { false } } == submitted)
  }

  @Test("Requests are handed to the host as one batch, and who follows them is told what they are")
  func backendEvents() throws {
    for method in DiskWay.usable {
      let bench = try DiskBench(by: method)
      _ = try bench.add(0, 1, data: 1024, at: 0)
      _ = try bench.add(1, 9, data: 512, at: 1)
      _ = try bench.add(4, 0, data: 0, at: 2)
      _ = try bench.add(0xffff, 0, data: 0, at: 3)
      try bench.kick()
      #expect(try bench.complete(4).count == 4)
      let events = bench.observer.backendEvents
      // The last one is answered at once; the others are submitted together.
      #expect(
        Array(events.prefix(4)) == [
          .ended(3, status: 2), .submitted(0, .read, bytes: 1024), .submitted(1, .write, bytes: 512),
          .submitted(2, .flush, bytes: 0),
        ])
      for id in 0..<3 as Range<UInt32> {
        let completed = try #require(events.firstIndex(of: .completed(id, status: 0)))
        let ended = try #require(events.firstIndex(of: .ended(id, status: 0)))
        #expect(completed < ended)
      }
      #expect(events.count == 10)
      // Without VIRTIO_BLK_F_FLUSH a write is durable as it completes.
      let durable = try DiskBench(features: 1 << 32, by: method)
      #expect(try durable.request(1, 0, data: 512).status == 0)
      #expect(durable.observer.backendEvents.first == .submitted(0, .durableWrite, bytes: 512))
    }
  }

  @Test("Files that cannot be disks are refused in words")
  func files() throws {
    try withTemporaryDirectory { directory in
      func message(_ path: String, isReadOnly: Bool = false) -> String {
        do throws(DiskError) {
          _ = try DiskFile(path: path, isReadOnly: isReadOnly)
          return ""
        } catch {
          return error.description
        }
      }
      let small = directory + "/small"
      try Data(count: 511).write(to: URL(fileURLWithPath: small))
      #expect(message(small).contains("511 bytes"))
      #expect(message(directory, isReadOnly: true).contains("neither a file nor a block device"))
      #expect(message("/dev/null").contains("neither a file nor a block device"))
      #expect(message(small + "x").contains("make it first"))
      let odd = directory + "/odd"
      try Data(count: 1535).write(to: URL(fileURLWithPath: odd))
      #expect(try DiskFile(path: odd, isReadOnly: true).sectors == 2)
      #expect(try DiskFile(path: odd, isReadOnly: true).tail == 511)
    }
  }

  @Test("A file that is written is one disk's alone; one that is read only is shared, but not written")
  func sharedFiles() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/disk"
      try Data(count: 4096).write(to: URL(fileURLWithPath: path))
      func refusal(isReadOnly: Bool) -> String? {
        do throws(DiskError) {
          _ = try DiskFile(path: path, isReadOnly: isReadOnly)
          return nil
        } catch {
          return error.description
        }
      }
      do {
        let writer = try DiskFile(path: path, isReadOnly: false)
        #expect(refusal(isReadOnly: true)?.contains("writes it") == true)
        #expect(refusal(isReadOnly: false)?.contains("uses it") == true)
        #expect(writer.sectors == 8)
      }
      let reader = try DiskFile(path: path, isReadOnly: true)
      #expect(refusal(isReadOnly: true) == nil)
      #expect(refusal(isReadOnly: false)?.contains("uses it") == true)
      #expect(reader.sectors == 8)
    }
  }
}
