import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// Disks past the page cache: what guests ask for need not be aligned, what the kernel is asked for has to be.
@Suite("A virtio disk with direct I/O")
struct DirectDiskTests {
  /// What is behind a disk.
  enum Place: CaseIterable, Sendable {
    case file
    case device
    /// With logical blocks of eight sectors.
    case largeBlocks

    static var usable: [Place] { LoopDevice.isThere ? allCases : [.file] }

    func bench(by method: DiskWay, features: UInt64, cache: CacheMode = .none) throws -> DiskBench {
      let device =
        self == .file ? nil : try LoopDevice(sectorSize: self == .largeBlocks ? 4096 : 512)
      return try DiskBench(features: features, by: method, cache: cache, on: device)
    }
  }

  /// How the data of a request are laid out in guest RAM.
  private enum Layout: CaseIterable {
    case aligned, offset1, offset511, acrossPages, small, sectorsApart

    func parts(_ base: UInt64, _ count: Int, _ random: inout SeededGenerator) -> [SplitRing.Part] {
      var parts: [SplitRing.Part] = []
      var address = base
      var rest = count
      func add(_ length: Int, gap: UInt64) {
        let length = min(length, rest)
        if length > 0 { parts.append(.init(address, UInt32(length))) }
        address += UInt64(length) + gap
        rest -= length
      }
      switch self {
      case .aligned: break
      case .offset1: address += 1
      case .offset511: address += 511
      case .acrossPages:
        address += 4096 - 100
        for _ in 0..<4 { add(200, gap: 4096 - 200) }
      case .small:
        for length in 1...3 { add(length, gap: 1) }
        while rest > 0 { add(.random(in: 120...400, using: &random), gap: 3) }
      case .sectorsApart: while rest > 0 { add(512, gap: 512) }
      }
      add(rest, gap: 0)
      return parts
    }
  }

  private static let indirect: UInt64 = 1 << 28
  private static let features: UInt64 = 1 << 32 | 1 << 9 | indirect | BlockDevice.Feature.writeZeroes

  private static func read(_ parts: [SplitRing.Part], _ memory: GuestMemory) throws -> [UInt8] {
    try parts.flatMap { try memory.read(count: Int($0.length), at: GuestAddress($0.address)) }
  }

  private static func write(_ bytes: [UInt8], _ parts: [SplitRing.Part], _ memory: GuestMemory) throws {
    var place = 0
    for part in parts {
      try memory.write(Array(bytes[place..<place + Int(part.length)]), at: GuestAddress(part.address))
      place += Int(part.length)
    }
  }

  @Test(
    "Data anywhere in guest RAM, and parts of one block at the same time, as a model has them",
    arguments: [0, 1, 2], DiskWay.usable)
  func misaligned(seed: UInt64, method: DiskWay) throws {
    for place in Place.usable {
      var random = SeededGenerator(seed: seed)
      let bench = try place.bench(by: method, features: Self.features)
      let memory = bench.memory
      var model = try bench.file
      for _ in 0..<15 {
        // Runs of sectors that lie side by side: none is anybody else's, but blocks are.
        var runs: [Range<Int>] = []
        var first = Int.random(in: 0..<8, using: &random)
        while first < DiskBench.sectors, runs.count < 16 {
          let end = min(first + Int.random(in: 1...8, using: &random), DiskBench.sectors)
          runs.append(first..<end)
          first = end
        }
        var expected: [UInt16: (place: UInt64, parts: [SplitRing.Part], bytes: [UInt8]?)] = [:]
        for (slot, run) in runs.shuffled(using: &random).enumerated() {
          let header = 0x8000 + 0x100 * UInt64(slot)
          let range = run.lowerBound * 512..<run.upperBound * 512
          var parts = Layout.allCases.randomElement(using: &random)!.parts(
            0x40000 + 0x8000 * UInt64(slot), range.count, &random)
          var bytes: [UInt8]?
          var type: UInt32 = 1
          switch Int.random(in: 0..<5, using: &random) {
          case 0:
            type = 13
            parts = [.init(0x40000 + 0x8000 * UInt64(slot), 16)]
            try Self.write(rangeSegment(run.lowerBound, run.count), parts, memory)
            model.replaceSubrange(range, with: repeatElement(0, count: range.count))
          case 1, 2:
            type = 0
            bytes = Array(model[range])
            try Self.write([UInt8](repeating: 0xdd, count: range.count), parts, memory)
            for index in parts.indices { parts[index].isWritable = true }
          default:
            let new = [UInt8].random(count: range.count, using: &random)
            try Self.write(new, parts, memory)
            model.replaceSubrange(range, with: new)
          }
          try memory.write(DiskBench.header(type, UInt64(run.lowerBound)), at: GuestAddress(header))
          try memory.write([0xee], at: GuestAddress(header + 32))
          let chain =
            [SplitRing.Part(header, 16)] + parts + [SplitRing.Part(header + 32, 1, isWritable: true)]
          let head = try #require(
            try bench.ring.add(chain, indirectAt: 0xc0000 + 0x1000 * UInt64(slot)))
          expected[head] = (header + 32, parts, bytes)
        }
        try bench.kick()
        let used = try bench.complete(expected.count)
        #expect(Set(used.map(\.head)) == Set(expected.keys))
        for item in used {
          guard let (status, parts, bytes) = expected[item.head] else { continue }
          #expect(try memory.read(UInt8.self, at: GuestAddress(status), .little) == 0)
          if let bytes { #expect(try Self.read(parts, memory) == bytes, "\(place)") }
        }
      }
      #expect(try bench.request(4, 0, data: 0).status == 0)
      #expect(try bench.file == model, "\(place)")
      #expect(bench.faults.faults.isEmpty)
      let work = bench.observer.backendEvents.compactMap { event -> BackendWork? in
        if case .submitted(_, let work, _) = event { work } else { nil }
      }
      for kind in [BackendWork.bouncedRead, .bouncedWrite] { #expect(work.contains(kind)) }
      let bounced = work.count { $0 == .bouncedRead || $0 == .bouncedWrite }
      #expect(bench.transport.troubles.count == 1)
      #expect(bench.transport.troubles.first?.hasPrefix("\(bounced) reads and writes") == true)
      // Of large blocks hardly any is whole.
      if place != .largeBlocks { #expect(work.contains(.read) && work.contains(.write)) }
    }
  }

  @Test("A request that is longer than a bounce buffer takes several turns", arguments: DiskWay.usable)
  func long(method: DiskWay) throws {
    for place in Place.usable {
      let bytes = 400 << 10
      func pattern(_ count: Int, _ factor: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* factor) >> 13) }
      }
      let content = pattern(1 << 20, 2_654_435_761)
      let device = place == .file ? nil : try LoopDevice(content, sectorSize: place == .device ? 512 : 4096)
      let bench = try DiskBench(by: method, bytes: device == nil ? 1 << 20 : nil, cache: .none, on: device)
      let before = try bench.file
      #expect(bytes > 3 * BouncingBackend.bufferSize)
      // Three sectors into a block, to an odd address.
      let first = 11
      _ = try bench.memory.write(DiskBench.header(0, UInt64(first)), at: GuestAddress(0x8000))
      _ = try bench.ring.add([
        .init(0x8000, 16), .init(0x20001, UInt32(bytes), isWritable: true),
        .init(0x8020, 1, isWritable: true),
      ])
      try bench.kick()
      #expect(try bench.complete(1).first?.written == UInt32(bytes + 1))
      #expect(
        try bench.memory.read(count: bytes, at: GuestAddress(0x20001))
          == Array(before[first * 512..<first * 512 + bytes]))
      let new = pattern(bytes, 40_503_001)
      try bench.memory.write(new, at: GuestAddress(0x20001))
      try bench.memory.write(DiskBench.header(1, UInt64(first)), at: GuestAddress(0x8000))
      _ = try bench.ring.add([
        .init(0x8000, 16), .init(0x20001, UInt32(bytes)), .init(0x8020, 1, isWritable: true),
      ])
      try bench.kick()
      #expect(try bench.complete(1).first?.written == 1)
      #expect(try bench.request(4, 0, data: 0).status == 0)
      var model = before
      model.replaceSubrange(first * 512..<first * 512 + bytes, with: new)
      #expect(try bench.file == model, "\(place)")
      #expect(
        bench.observer.backendEvents.contains(.submitted(0, .bouncedRead, bytes: UInt32(bytes))))
      #expect(
        bench.observer.backendEvents.contains(.submitted(1, .bouncedWrite, bytes: UInt32(bytes))))
    }
  }

  @Test(
    "Sectors of one block that are written through several queues all arrive",
    .enabled(if: LoopDevice.isThere, "a loop device needs root"), arguments: DiskWay.usable)
  func queues(method: DiskWay) throws {
    let queues = 4
    let device = try LoopDevice(sectorSize: 4096)
    let file = try DiskFile(path: device.path, isReadOnly: false, cache: .none)
    #expect(file.alignment?.block == 4096)
    let loop = try DiskLoop()
    let backend = BouncingBackend.around(
      try method.backend(file, queues: queues, loop: loop), queues: queues)
    try loop.attach(backend, queues: queues)
    try backend.start(name: "disk")
    defer { backend.end() }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 512, alignment: 512)
    defer { memory.deallocate() }
    for round in UInt8(1)...40 {
      var jobs: [BlockJob] = []
      for sector in 0..<64 {
        let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[sector * 512..<(sector + 1) * 512])
        bytes.initializeMemory(as: UInt8.self, repeating: round &+ UInt8(3 * sector))
        let job = BlockJob()
        job.queue = sector % queues
        job.work = sector % 7 == 0 ? .writeThrough : .write
        job.begin(at: UInt64(sector) * 512)
        job.append(bytes)
        job.isBounced = !job.isAligned(to: try #require(backend.alignment))
        #expect(job.isBounced)
        jobs.append(job)
      }
      var done: [BlockJob] = []
      for job in jobs { backend.submit(job) }
      for queue in 0..<queues { backend.endBatch(queue: queue, into: &done) }
      while done.count < jobs.count {
        let arrived = try loop.wait(20_000)
        try #require(!arrived.isEmpty, "\(done.count) of \(jobs.count) came back")
        for queue in arrived { backend.takeCompleted(queue: queue, into: &done) }
      }
      #expect(done.count == jobs.count && done.allSatisfy { $0.failure == nil })
      #expect(
        try device.content == Array(memory))
    }
  }

  @Test(
    "A reset with bounced requests in flight waits for them, and the disk goes on",
    arguments: DiskWay.usable)
  func resetInFlight(method: DiskWay) throws {
    for place in Place.usable {
      let bench = try place.bench(by: method, features: 1 << 32 | 1 << 9)
      for _ in 0..<6 {
        for slot in 0..<16 { _ = try bench.add(slot % 2 == 0 ? 0 : 1, UInt64(slot), data: 512 * 5, at: slot) }
        try bench.kick()
        bench.transport.write(0, MMIODriver.status)
        try bench.memory.clear(count: 1 << 20, at: GuestAddress(0))
        bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0)
        #expect(try bench.memory.read(count: 1 << 20, at: GuestAddress(0)).areAll(0))
        try bench.ring.restart()
        bench.connect()
        #expect(try bench.request(0, 3, data: 512).status == 0)
      }
      #expect(bench.faults.faults.isEmpty)
    }
  }

  @Test("The kernel is told O_DIRECT where the cache mode says so, and only there")
  func flags() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/disk"
      try Data(count: 4096).write(to: URL(fileURLWithPath: path))
      for cache in CacheMode.allCases {
        let isDirect = [CacheMode.none, .directsync].contains(cache)
        let file = try DiskFile(path: path, isReadOnly: false, cache: cache)
        let information = try String(contentsOfFile: "/proc/self/fdinfo/\(file.raw)", encoding: .utf8)
        let flags = try #require(
          information.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last)
        // <asm-generic/fcntl.h>: O_DIRECT is 00040000.
        #expect((try #require(Int(flags, radix: 8)) & 0o40000 != 0) == isDirect, "\(cache)")
        #expect((file.alignment != nil) == isDirect)
      }
    }
  }

  @Test("When a write is durable: as QEMU has it of each cache mode", arguments: DiskWay.usable)
  func durability(method: DiskWay) throws {
    for (cache, hasFlush, plain, work): (CacheMode, Bool, BackendWork, BackendWork) in [
      (.writeback, true, .write, .durableWrite), (.none, true, .bouncedWrite, .bouncedDurableWrite),
      (.writethrough, false, .durableWrite, .durableWrite),
      (.directsync, false, .bouncedDurableWrite, .bouncedDurableWrite), (.unsafe, true, .write, .write),
    ] {
      let offered = try DiskBench(by: method, cache: cache)
      #expect((MMIODriver.offered(offered.transport) & 1 << 9 != 0) == hasFlush)
      for agreesOnFlush in [true, false] where hasFlush || !agreesOnFlush {
        let bench = try DiskBench(features: 1 << 32 | (agreesOnFlush ? 1 << 9 : 0), by: method, cache: cache)
        #expect(try bench.request(1, 3, data: 512).status == 0)
        #expect(
          bench.observer.backendEvents.first
            == .submitted(0, agreesOnFlush ? plain : work, bytes: 512), "\(cache)")
        #expect(try bench.request(4, 0, data: 0).status == 0)
        let flushed = bench.observer.backendEvents.contains(.submitted(1, .flush, bytes: 0))
        #expect(flushed == (cache != .unsafe), "\(cache)")
      }
    }
  }
}
