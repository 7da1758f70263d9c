import GuestRAM
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// A queue with its driver's side, in a megabyte of RAM.
final class QueueBench {
  let memory: GuestMemory
  var ring: SplitRing
  var queue: Virtqueue
  var chain = DescriptorChain()

  static let base: UInt64 = 0x1000
  static let data: UInt64 = 0x40000

  init(
    size: UInt16 = 8, maximum: UInt16 = 256, indirect: Bool = true, eventIndex: Bool = false
  ) throws {
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    ring = SplitRing(memory, at: QueueBench.base, size: size, usesEventIndex: eventIndex)
    queue = Virtqueue(maximumSize: maximum)
    place()
    queue.start(.init(indirectDescriptors: indirect, eventIndex: eventIndex), memory)
  }

  func place() {
    queue.requestedSize = UInt32(ring.size)
    queue.descriptors = GuestAddress(ring.descriptors)
    queue.available = GuestAddress(ring.available)
    queue.used = GuestAddress(ring.used)
  }

  func publish() -> Bool { queue.publish(memory)?.wantsInterrupt ?? false }
  func resumeKicks() -> Bool { queue.resumeKicks(memory) }
  func pop() -> DescriptorChain? {
    queue.pop(into: &chain, memory) ? chain : nil
  }
}

@Suite("Split virtqueues and well-behaved drivers")
struct QueueTests {
  @Test("Random chains arrive as they were described, and completions in whatever order", arguments: 0..<24)
  func randomChains(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let eventIndex = seed % 2 == 1
    let size: UInt16 = 1 << UInt16.random(in: 0...7, using: &random)
    let bench = try QueueBench(size: size, eventIndex: eventIndex)
    var described: [UInt16: [SplitRing.Part]] = [:]
    var taken: [UInt16] = []
    var pushed: [SplitRing.Used] = []
    // Each indirect table has a place of its own until its request is completed.
    var slots = Array(UInt64(0)..<128)
    var slotOf: [UInt16: UInt64] = [:]
    var completed = 0
    // More than 2^16 requests, so that all indexes wrap.
    let enough = seed < 2 ? 70_000 : 3_000
    while completed < enough {
      // The driver adds a few; an indirect table of its own for each descriptor that could hold one.
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let slot = Bool.random(using: &random) ? slots.popLast() : nil
        let parts = QueueTests.parts(
          Int.random(in: 1...(slot == nil ? min(Int(size), 12) : 12), using: &random), &random)
        guard let head = try bench.ring.add(parts, indirectAt: slot.map { 0x20000 + 1024 * $0 }) else {
          slots += slot.map { [$0] } ?? []
          break
        }
        described[head] = parts
        slotOf[head] = slot
      }
      _ = try bench.ring.publish()
      while Int.random(in: 0..<8, using: &random) != 0, let chain = bench.pop() {
        let description = described.removeValue(forKey: chain.head)
        let parts = try #require(description)
        let readable = parts.filter { !$0.isWritable }
        #expect(chain.readableCount == readable.count)
        #expect(
          chain.buffers == parts.map { .init(address: GuestAddress($0.address), length: $0.length) })
        #expect(chain.length == parts.reduce(0) { $0 + UInt64($1.length) })
        taken.append(chain.head)
      }
      #expect(Int(bench.queue.inFlight) == taken.count)
      while !taken.isEmpty, Bool.random(using: &random) {
        let head = taken.remove(at: Int.random(in: taken.indices, using: &random))
        let written = UInt32.random(in: 0...(.max), using: &random)
        bench.queue.push(head: head, written: written, bench.memory)
        pushed.append(.init(head: head, written: written))
      }
      #expect(try bench.ring.takeUsed().isEmpty, "not before they are published")
      _ = bench.publish()
      let used = try bench.ring.takeUsed()
      #expect(used == pushed)
      completed += used.count
      slots += used.compactMap { slotOf.removeValue(forKey: $0.head) }
      pushed = []
    }
    #expect(bench.queue.fault == nil)
    #expect(bench.queue.taken >= UInt32(enough))
  }

  static func parts(_ count: Int, _ random: inout SeededGenerator) -> [SplitRing.Part] {
    let readable = Int.random(in: 0...count, using: &random)
    return (0..<count).map {
      SplitRing.Part(
        QueueBench.data + UInt64.random(in: 0..<0x40000, using: &random),
        UInt32.random(in: 1...4096, using: &random), isWritable: $0 >= readable)
    }
  }

  /// What the specification says in other words: an interrupt is due when the entry that the driver named has been used.
  @Test("Interrupts are due as a simple model of the event index says", arguments: 0..<8)
  func interrupts(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try QueueBench(size: 16, eventIndex: true)
    var used: UInt64 = 0
    var wanted = 0
    for _ in 0..<5000 {
      let count = Int.random(in: 1...16, using: &random)
      for _ in 0..<count {
        #expect(try bench.ring.add([.init(QueueBench.data, 1)]) != nil)
      }
      _ = try bench.ring.publish()
      // Of the entries that come now, one that was used already, or one for later.
      let event = Int64(used) + Int64.random(in: -20...40, using: &random)
      try bench.ring.setInterruptEvent(UInt16(truncatingIfNeeded: event))
      while let chain = bench.pop() { bench.queue.push(head: chain.head, written: 0, bench.memory) }
      let isDue = event >= Int64(used) && event < Int64(used) + Int64(count)
      let isRaised = bench.publish()
      #expect(isRaised == isDue, "\(event) of \(used) and \(count) more")
      if isRaised { wanted += 1 }
      used += UInt64(count)
      #expect(try bench.ring.takeUsed().count == count)
    }
    #expect(wanted > 500)
    #expect(!bench.publish(), "nothing new, no interrupt")
  }

  @Test("No request waits for a kick that the driver was told not to make", arguments: 0..<8)
  func kicks(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let eventIndex = seed % 2 == 0
    let bench = try QueueBench(size: 8, eventIndex: eventIndex)
    var isKicked = false
    var suppressed = 0
    // A device that sleeps until it is kicked, as an I/O thread does.
    for _ in 0..<5000 {
      if Bool.random(using: &random), try bench.ring.add([.init(QueueBench.data, 1)]) != nil {
        if try bench.ring.publish() { isKicked = true } else { suppressed += 1 }
      }
      guard isKicked, Bool.random(using: &random) else { continue }
      isKicked = false
      repeat {
        bench.queue.suspendKicks(bench.memory)
        // More may come while the device works.
        if Bool.random(using: &random), try bench.ring.add([.init(QueueBench.data, 1)]) != nil {
          if try bench.ring.publish() { isKicked = true } else { suppressed += 1 }
        }
        while let chain = bench.pop() { bench.queue.push(head: chain.head, written: 0, bench.memory) }
        if Bool.random(using: &random), try bench.ring.add([.init(QueueBench.data, 1)]) != nil {
          if try bench.ring.publish() { isKicked = true } else { suppressed += 1 }
        }
      } while bench.resumeKicks()
      _ = bench.publish()
      _ = try bench.ring.takeUsed()
      #expect(bench.queue.inFlight == 0)
      #expect(bench.ring.freeCount == 8, "whatever was not kicked for was found")
    }
    #expect(suppressed > 100)
  }

  @Test(
    "Without the event index the driver's flag says whether it wants interrupts, and the device's whether it wants kicks"
  )
  func flags() throws {
    let bench = try QueueBench()
    for wanted in [true, false, true] {
      try bench.ring.wantInterrupts(wanted)
      _ = try bench.ring.add([.init(QueueBench.data, 1)])
      #expect(try bench.ring.publish() == true)
      bench.queue.suspendKicks(bench.memory)
      #expect(try bench.ring.usedFlags == 1)
      let chain = try #require(bench.pop())
      bench.queue.push(head: chain.head, written: 1, bench.memory)
      #expect(!bench.resumeKicks())
      #expect(try bench.ring.usedFlags == 0)
      #expect(bench.publish() == wanted)
      #expect(try bench.ring.takeUsed() == [.init(head: chain.head, written: 1)])
    }
  }

  @Test("Header and data are found however a driver cuts them into descriptors", arguments: 0..<10)
  func pieces(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try QueueBench(size: 64)
    let bytes = [UInt8].random(count: 200, using: &random)
    var parts: [SplitRing.Part] = []
    var place = 0
    while place < bytes.count {
      let count = min(Int.random(in: 1...9, using: &random), bytes.count - place)
      let address = QueueBench.data + UInt64(parts.count) * 64
      try bench.memory.write(Array(bytes[place..<place + count]), at: GuestAddress(address))
      parts.append(.init(address, UInt32(count)))
      place += count
    }
    _ = try bench.ring.add(parts)
    _ = try bench.ring.publish()
    let chain = try #require(bench.pop())
    #expect(chain.readableLength == 200)
    #expect(chain.header(201, bench.memory) == nil)
    for count in [0, 1, 16, 199, 200] {
      #expect(chain.header(count, bench.memory) == Array(bytes[..<count]))
      var rest: [UInt8] = []
      try DescriptorChain.pieces(of: chain.readable, skipping: UInt64(count), count: UInt64(200 - count)) {
        (address, length) throws(GuestMemoryError) in
        rest += try bench.memory.read(count: length, at: address)
      }
      #expect(rest == Array(bytes[count...]))
    }
  }
}
