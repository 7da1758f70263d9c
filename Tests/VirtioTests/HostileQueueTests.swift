import GuestRAM
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// What a guest may do to a queue: each breaks it, once, and nothing else happens (docs/security.md).
@Suite("Split virtqueues and hostile drivers")
struct HostileQueueTests {
  /// Has a driver do something to a queue of 8 and publish it, and expects the queue to be broken by it.
  private func expect(
    _ fault: QueueFault, indirect: Bool = true, maximum: UInt16 = 256,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ act: (SplitRing, GuestMemory) throws -> Void
  ) throws {
    let bench = try QueueBench(maximum: maximum, indirect: indirect)
    try act(bench.ring, bench.memory)
    _ = try bench.ring.publish()
    let before = try bench.memory.read(count: 1 << 20, at: GuestAddress(0))
    #expect(bench.pop() == nil, sourceLocation: sourceLocation)
    #expect(bench.queue.fault == fault, sourceLocation: sourceLocation)
    // Latched: whatever comes now, good requests included, is not looked at, and nothing is written.
    try? bench.ring.publishIndex(1)
    bench.queue.push(head: 0, written: 1, bench.memory)
    #expect(!bench.publish(), sourceLocation: sourceLocation)
    bench.queue.suspendKicks(bench.memory)
    #expect(!bench.resumeKicks(), sourceLocation: sourceLocation)
    #expect(bench.pop() == nil, sourceLocation: sourceLocation)
    #expect(bench.queue.fault == fault, sourceLocation: sourceLocation)
    var after = try bench.memory.read(count: 1 << 20, at: GuestAddress(0))
    let index = Int(bench.ring.available + 2)
    after.replaceSubrange(index..<index + 2, with: before[index..<index + 2])
    #expect(after == before, sourceLocation: sourceLocation)
    bench.queue.reset()
    #expect(bench.queue.fault == nil && !bench.queue.isReady, sourceLocation: sourceLocation)
  }

  private let data = QueueBench.data

  @Test("A descriptor that leads to itself, and a loop of several")
  func loops() throws {
    try expect(.chainTooLong) { ring, _ in
      try ring.setDescriptor(0, data, 1, SplitRing.next, 0)
      try ring.addHead(0)
    }
    try expect(.chainTooLong) { ring, _ in
      for index: UInt16 in 0..<8 {
        try ring.setDescriptor(index, data, 1, SplitRing.next, (index + 1) % 8)
      }
      try ring.addHead(3)
    }
    // And in an indirect table.
    try expect(.chainTooLong, maximum: 64) { ring, _ in
      try ring.setDescriptor(at: 0x20000, data, 1, SplitRing.next, 1)
      try ring.setDescriptor(at: 0x20010, data, 1, SplitRing.next, 0)
      try ring.setDescriptor(0, 0x20000, 32, SplitRing.indirect)
      try ring.addHead(0)
    }
  }

  @Test("A chain of an indirect table that is longer than the device's queues")
  func longTables() throws {
    func table(_ count: Int, _ ring: SplitRing) throws {
      for index in 0..<count {
        try ring.setDescriptor(
          at: 0x20000 + 16 * UInt64(index), data, 1, index < count - 1 ? SplitRing.next : 0, UInt16(index + 1)
        )
      }
      try ring.setDescriptor(0, 0x20000, UInt32(16 * count), SplitRing.indirect)
      try ring.addHead(0)
    }
    try expect(.chainTooLong, maximum: 64) { ring, _ in try table(65, ring) }
    let bench = try QueueBench(maximum: 64)
    try table(64, bench.ring)
    _ = try bench.ring.publish()
    #expect(bench.pop()?.buffers.count == 64)
  }

  @Test("Heads and next descriptors out of range")
  func outOfRange() throws {
    for head: UInt16 in [8, 9, 0x7fff, 0xffff] {
      try expect(.head(head)) { ring, _ in try ring.addHead(head) }
    }
    for next: UInt16 in [8, 0x8000, 0xffff] {
      try expect(.next(next)) { ring, _ in
        try ring.setDescriptor(0, data, 1, SplitRing.next, next)
        try ring.addHead(0)
      }
    }
    try expect(.next(2)) { ring, _ in
      try ring.setDescriptor(at: 0x20000, data, 1, SplitRing.next, 2)
      try ring.setDescriptor(0, 0x20000, 32, SplitRing.indirect)
      try ring.addHead(0)
    }
  }

  @Test("An available index that jumps, ahead or back, also while requests are in flight")
  func indexJumps() throws {
    for jump: UInt16 in [9, 0x100, 0x8000, 0xffff] {
      try expect(.tooManyAvailable(jump)) { ring, _ in
        while ring.added != jump { try ring.addHead(0) }
      }
    }
    var bench = try QueueBench()
    for _ in 0..<8 { _ = try bench.ring.add([.init(data, 1)]) }
    _ = try bench.ring.publish()
    for _ in 0..<6 { #expect(bench.pop() != nil) }
    // Six are in flight: three more than the two that were left cannot be.
    try bench.ring.publishIndex(9)
    #expect(bench.pop() == nil)
    #expect(bench.queue.fault == .tooManyAvailable(9))

    bench = try QueueBench()
    for _ in 0..<4 { _ = try bench.ring.add([.init(data, 1)]) }
    _ = try bench.ring.publish()
    for _ in 0..<3 { #expect(bench.pop() != nil) }
    try bench.ring.publishIndex(2)
    #expect(bench.pop() == nil)
    #expect(bench.queue.fault == .tooManyAvailable(2))
  }

  @Test(
    "Indirect tables: of no length, not a multiple of 16, nested, continued, not agreed on, outside of RAM")
  func indirectTables() throws {
    for length: UInt32 in [0, 1, 15, 17, 0xffff_ffff] {
      try expect(.indirectLength(length)) { ring, _ in
        try ring.setDescriptor(0, 0x20000, length, SplitRing.indirect)
        try ring.addHead(0)
      }
    }
    try expect(.indirectNested) { ring, _ in
      try ring.setDescriptor(at: 0x20000, 0x21000, 16, SplitRing.indirect)
      try ring.setDescriptor(0, 0x20000, 16, SplitRing.indirect)
      try ring.addHead(0)
    }
    try expect(.indirectContinued) { ring, _ in
      try ring.setDescriptor(0, 0x20000, 16, SplitRing.indirect | SplitRing.next, 1)
      try ring.addHead(0)
    }
    try expect(.indirectNotNegotiated, indirect: false) { ring, _ in
      try ring.setDescriptor(0, 0x20000, 16, SplitRing.indirect)
      try ring.addHead(0)
    }
    for (address, length): (UInt64, UInt32) in [
      (1 << 20, 16), ((1 << 20) - 16, 32), (.max - 15, 16), (.max, 16), (3 << 30, 16), (0, 0xffff_fff0),
    ] {
      try expect(.indirectOutside(GuestAddress(address))) { ring, _ in
        try ring.setDescriptor(0, address, length, SplitRing.indirect)
        try ring.addHead(0)
      }
    }
  }

  @Test("An indirect table behind direct descriptors is taken, and its WRITE flag means nothing")
  func indirectBehindDirect() throws {
    let bench = try QueueBench()
    try bench.ring.setDescriptor(0, data, 5, SplitRing.next, 3)
    try bench.ring.setDescriptor(3, 0x20000, 16, SplitRing.indirect | SplitRing.write)
    try bench.ring.setDescriptor(at: 0x20000, data + 8, 7, 0)
    try bench.ring.addHead(0)
    _ = try bench.ring.publish()
    let chain = try #require(bench.pop())
    #expect(chain.readable.map(\.length) == [5, 7])
  }

  @Test("Buffers that are not all in RAM, or cross its end, or wrap")
  func buffers() throws {
    for (address, length): (UInt64, UInt32) in [
      (1 << 20, 1), ((1 << 20) - 1, 2), (0, 0xffff_ffff), (.max, 1), (.max - 7, 16), (3 << 30, 4096),
      (4 << 30, 1), (1 << 63, 1),
    ] {
      for flags in [0, SplitRing.write] {
        try expect(.buffer(GuestAddress(address), length)) { ring, _ in
          try ring.setDescriptor(0, address, length, flags)
          try ring.addHead(0)
        }
      }
    }
  }

  @Test("A buffer that crosses the hole below 4 GiB, with RAM on both sides, and more than 4 GiB in all")
  func largeMemory() throws {
    let memory = try GuestMemory.allocate(bytes: 4 << 30, backend: .anonymous, preallocate: false)
    func fault(_ act: (SplitRing) throws -> Void) throws -> QueueFault? {
      let ring = SplitRing(memory, at: 0x1000, size: 8)
      try ring.clear()
      var queue = Virtqueue(maximumSize: 8)
      queue.requestedSize = 8
      queue.descriptors = GuestAddress(ring.descriptors)
      queue.available = GuestAddress(ring.available)
      queue.used = GuestAddress(ring.used)
      queue.start(.init(), memory)
      try act(ring)
      _ = try ring.publish()
      var chain = DescriptorChain()
      _ = queue.pop(into: &chain, memory)
      return queue.fault
    }
    let edge: UInt64 = 3 << 30 - 4096
    #expect(
      try fault { ring in
        try ring.setDescriptor(0, edge, 8192, 0)
        try ring.addHead(0)
      } == .buffer(GuestAddress(edge), 8192))
    func several(_ last: UInt32) throws -> QueueFault? {
      try fault { ring in
        try ring.setDescriptor(0, 0, 1 << 31, SplitRing.next, 1)
        try ring.setDescriptor(1, 0, 1 << 31, last == 0 ? 0 : SplitRing.next, 2)
        try ring.setDescriptor(2, 0, last, 0)
        try ring.addHead(0)
      }
    }
    #expect(try several(0) == nil)
    #expect(try several(1) == .totalTooLong)
  }

  @Test("Buffers of no bytes, and a buffer to be read behind one to be written")
  func senselessBuffers() throws {
    for flags in [0, SplitRing.write] {
      try expect(.emptyBuffer) { ring, _ in
        try ring.setDescriptor(0, data, 0, flags)
        try ring.addHead(0)
      }
    }
    try expect(.readableAfterWritable) { ring, _ in
      try ring.setDescriptor(0, data, 1, SplitRing.write | SplitRing.next, 1)
      try ring.setDescriptor(1, data, 1, 0)
      try ring.addHead(0)
    }
  }

  @Test(
    "Queues of a size that is none, and rings misaligned, outside of RAM or overlapping, do not become ready")
  func setup() throws {
    func fault(_ change: (QueueBench) -> Void) throws -> QueueFault? {
      let bench = try QueueBench()
      bench.queue.reset()
      bench.place()
      change(bench)
      bench.queue.start(.init(), bench.memory)
      #expect(bench.queue.isReady == (bench.queue.fault == nil))
      #expect(bench.queue.fault == nil || bench.pop() == nil)
      return bench.queue.fault
    }
    #expect(try fault { _ in } == nil)
    for size: UInt32 in [0, 3, 7, 257, 512, 0x1_0000, 0x1_0008, .max] {
      #expect(try fault { $0.queue.requestedSize = size } == .size(size))
    }
    let end: UInt64 = 1 << 20
    for area in QueueFault.Area.allCases {
      func placed(at address: UInt64) throws -> QueueFault? {
        try fault {
          switch area {
          case .descriptors: $0.queue.descriptors = GuestAddress(address)
          case .available: $0.queue.available = GuestAddress(address)
          case .used: $0.queue.used = GuestAddress(address)
          }
        }
      }
      let alignment: UInt64 = area == .descriptors ? 16 : area == .used ? 4 : 2
      for address in [0x2001, end - 1, .max] as [UInt64] {
        #expect(try placed(at: address) == .misaligned(area, GuestAddress(address)))
      }
      #expect(
        try placed(at: 0x2000 + alignment / 2) == .misaligned(area, GuestAddress(0x2000 + alignment / 2)))
      for address in [end, end - 16, 3 << 30, 4 << 30, .max - 15] as [UInt64] {
        #expect(try placed(at: address) == .outside(area, GuestAddress(address)))
      }
    }
    #expect(
      try fault { $0.queue.available = $0.queue.descriptors.advanced(by: 126) }
        == .overlapping(.descriptors, .available))
    #expect(try fault { $0.queue.used = $0.queue.available } == .overlapping(.available, .used))
    #expect(try fault { $0.queue.used = $0.queue.descriptors } == .overlapping(.descriptors, .used))
  }

  @Test(
    "Anything at all in the rings and tables: no trap, and not one byte written but by the device's own",
    arguments: 0..<40)
  func random(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let bench = try QueueBench.withRandomRings(&random)
      for _ in 0..<30 {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: while Bool.random(using: &random), bench.pop() != nil {}
        case 1: bench.queue.push(head: .random(in: 0...9, using: &random), written: 1, bench.memory)
        case 2: _ = bench.publish()
        case 3: _ = bench.resumeKicks()
        case 4: try bench.ring.publishIndex(.random(in: 0...12, using: &random))
        default:
          try bench.ring.setDescriptor(
            .random(in: 0..<8, using: &random), UInt64.random(in: 0..<(1 << 20) + 4096, using: &random),
            .random(in: 0...70, using: &random), .random(in: 0...7, using: &random),
            .random(in: 0...8, using: &random))
        }
        for buffer in bench.chain.buffers {
          #expect(bench.memory.contains(buffer.address, count: Int(buffer.length)))
        }
        #expect(bench.chain.buffers.count <= 256)
      }
    }
  }
}

extension QueueBench {
  /// One whose rings hold something that could be requests.
  static func withRandomRings(_ random: inout SeededGenerator) throws -> QueueBench {
    let bench = try QueueBench(eventIndex: Bool.random(using: &random))
    for index: UInt16 in 0..<8 {
      try bench.ring.setDescriptor(
        index, UInt64.random(in: 0..<1 << 20, using: &random), .random(in: 0...70, using: &random),
        .random(in: 0...7, using: &random), .random(in: 0...8, using: &random))
      try bench.ring.addHead(.random(in: 0...8, using: &random))
    }
    return bench
  }
}
