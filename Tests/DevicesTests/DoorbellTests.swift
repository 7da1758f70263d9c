import Devices
import GuestRAM
import RingDriver
import Synchronization
import TestSupport
import Testing

@Suite("The doorbell and its rings")
struct DoorbellTests {
  private let memory: GuestMemory
  private let line = CountingLine()

  init() throws {
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
  }

  private func doorbell(_ observer: RecordingObserver) -> Doorbell {
    Doorbell(id: DeviceID(2), interrupt: line, observer: observer)
  }

  private func errors(_ doorbell: Doorbell) -> UInt64 { doorbell.read(0x0c) }

  @Test("Registers read as documented, and what is not defined reads zero")
  func registers() {
    let doorbell = doorbell(RecordingObserver())
    #expect(doorbell.read(0x04) == 0x4244_5845)
    #expect(doorbell.read(0x08) == 16)
    for queue: UInt32 in 0..<16 {
      doorbell.write(0x1234_5678, 0x40 + 16 * queue)
      doorbell.write(UInt64(queue), 0x44 + 16 * queue)
      doorbell.write(1 << UInt64(queue % 13), 0x48 + 16 * queue)
      doorbell.write(99, 0x4c + 16 * queue)
    }
    for queue: UInt32 in 0..<16 {
      #expect(doorbell.read(0x40 + 16 * queue) == 0x1234_5678)
      #expect(doorbell.read(0x44 + 16 * queue) == UInt64(queue))
      #expect(doorbell.read(0x48 + 16 * queue) == 1 << UInt64(queue % 13))
      #expect(doorbell.read(0x4c + 16 * queue) == 0)
    }
    for offset: UInt32 in [0x00, 0x10, 0x3c, 0x140, 0x17c, 0x180, 0x41, 0x142, 0xffc, .max] {
      #expect(doorbell.read(offset) == 0)
    }
    for offset: UInt32 in [0x04, 0x08, 0x0c, 0x10, 0x142, 0x180, 0x41, .max] { doorbell.write(.max, offset) }
    #expect(errors(doorbell) == 0)
    doorbell.reset()
    #expect((0..<16).allSatisfy { doorbell.read(0x40 + 16 * $0) == 0 && doorbell.read(0x48 + 16 * $0) == 0 })
  }

  @Test("Sizes that are no power of two up to 4096 are counted and change nothing")
  func badSizes() {
    let doorbell = doorbell(RecordingObserver())
    doorbell.write(64, 0x48)
    for (index, size): (Int, UInt64) in [3, 4097, 8192, 0x8000_0000, 0xffff_ffff, 100].enumerated() {
      doorbell.write(size, 0x48)
      #expect(errors(doorbell) == UInt64(index + 1))
      #expect(doorbell.read(0x48) == 64)
    }
    for size: UInt64 in [0, 1, 4096] {
      doorbell.write(size, 0x48)
      #expect(doorbell.read(0x48) == size)
    }
  }

  @Test("A queue that has a line of its own raises that one and no other, until the device is reset")
  func ownLines() {
    let made = Mutex<[UInt32: CountingLine]>([:])
    let doorbell = Doorbell(
      id: DeviceID(2), interrupt: line, observer: RecordingObserver()
    ) { number in
      made.withLock { lines in
        // One that cannot be had, as when no descriptors are left.
        guard 16...22 ~= number else { return nil }
        #expect(lines[number] == nil, "line \(number) was made twice")
        lines[number] = CountingLine()
        return lines[number]
      }
    }
    func pulses(_ number: UInt32) -> Int? { made.withLock { $0[number]?.pulses } }
    doorbell.write(16, 0x140)
    doorbell.write(22, 0x17c)
    doorbell.write(22, 0x14c)
    #expect(doorbell.read(0x140) == 16)
    #expect(doorbell.read(0x17c) == 22)
    for (index, wrong): (Int, UInt64) in [5, 15, 23, 24, 0xffff_ffff].enumerated() {
      doorbell.write(wrong, 0x140)
      #expect(doorbell.read(0x140) == 16, "\(wrong)")
      #expect(errors(doorbell) == UInt64(index + 1), "\(wrong)")
    }
    for queue in 0..<16 { doorbell.handleKicks(1, queue: queue, memory: memory, by: vcpu0) }
    #expect([pulses(16), pulses(22), line.pulses] == [1, 2, 13])
    doorbell.write(0, 0x140)
    doorbell.handleKicks(1, queue: 0, memory: memory, by: vcpu0)
    #expect([pulses(16), line.pulses] == [1, 14])
    doorbell.reset()
    #expect(doorbell.read(0x17c) == 0)
    doorbell.handleKicks(1, queue: 15, memory: memory, by: vcpu0)
    #expect([pulses(22), line.pulses] == [2, 15])
  }

  @Test("A queue without a ring answers each kick and interrupts once for what arrived together")
  func withoutRing() {
    let observer = RecordingObserver()
    let doorbell = doorbell(observer)
    doorbell.write(5, Doorbell.kickOffset)
    doorbell.handleKicks(3, queue: 5, memory: memory, by: vcpu0)
    #expect(doorbell.read(0x4c + 16 * 5) == 4)
    #expect(line.pulses == 2)
    #expect(observer.events.filter { if case .stamp = $0 { true } else { false } }.isEmpty)
    #expect(observer.events.last == .ended(queue: 5, id: 3))
  }

  @Test("Queues that do not exist are counted")
  func wrongQueue() {
    let doorbell = doorbell(RecordingObserver())
    for queue: UInt64 in [16, 17, 0xffff, 0x8000_0000, 0xffff_ffff] { doorbell.write(queue, 0) }
    doorbell.handleKicks(1, queue: -1, memory: memory, by: vcpu0)
    doorbell.handleKicks(.max, queue: 16, memory: memory, by: vcpu0)
    #expect(errors(doorbell) == 7)
    #expect(line.pulses == 0)
  }

  /// Rings whose counters begin shortly before they wrap: the device follows a jump, counting one error.
  @Test("Every request is answered once, in order, with its stamp, across the wrap", arguments: 0..<20)
  func randomInterleavings(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let observer = RecordingObserver()
    let doorbell = doorbell(observer)
    var rings = (0..<3).map { queue in
      DoorbellRing(
        memory, at: 0x1000 + UInt64(queue) * 0x9000,
        size: 1 << UInt32.random(in: 0...8, using: &random))
    }
    for (queue, ring) in rings.enumerated() {
      try ring.askForInterrupts(queue != 1)
      ring.attach(to: doorbell, queue: UInt32(queue))
    }
    let start: UInt32 = .max - 50
    for queue in rings.indices {
      try rings[queue].publish(start)
      doorbell.write(UInt64(queue), 0, in: memory)
    }
    #expect(errors(doorbell) == 3)
    #expect(observer.events.isEmpty)
    #expect(line.pulses == 0)

    var expected: [[RecordingObserver.Event]] = [[], [], []]
    var stamp: UInt64 = 0
    var pulses = 0
    for _ in 0..<2000 {
      let queue = Int.random(in: 0..<3, using: &random)
      let pending = try rings[queue].produced &- rings[queue].completed
      if pending < rings[queue].size, Bool.random(using: &random) {
        // A stamp of zero is no stamp.
        stamp = Int.random(in: 0..<8, using: &random) == 0 ? 0 : random.next() | 1
        let id = rings[queue].produced
        try rings[queue].produce(stamp: stamp)
        if stamp != 0 { expected[queue].append(.stamp(queue: UInt16(queue), id: id, stamp)) }
        expected[queue] += [.began(queue: UInt16(queue), id: id), .ended(queue: UInt16(queue), id: id)]
      } else {
        doorbell.handleKicks(
          UInt64.random(in: 1...5, using: &random), queue: queue, memory: memory, by: vcpu0)
        #expect(try rings[queue].completed == rings[queue].produced)
        #expect(doorbell.read(0x4c + 16 * UInt32(queue)) == UInt64(rings[queue].produced))
        if pending > 0, queue != 1 { pulses += 1 }
        #expect(line.pulses == pulses)
      }
    }
    for queue in rings.indices {
      doorbell.write(UInt64(queue), 0, in: memory)
      let seen = observer.events.filter {
        switch $0 {
        case .began(let of, _), .ended(let of, _), .stamp(let of, _, _): Int(of) == queue
        case .mark: false
        }
      }
      #expect(seen == expected[queue])
      #expect(rings[queue].produced < start, "the counters wrapped")
    }
    #expect(errors(doorbell) == 3)
  }

  @Test("More requests than the ring has are one error, and the device goes on from there")
  func producedFarAhead() throws {
    let doorbell = doorbell(RecordingObserver())
    var ring = DoorbellRing(memory, at: 0x2000, size: 8)
    try ring.askForInterrupts(true)
    ring.attach(to: doorbell, queue: 2)
    for jump: UInt32 in [9, 0x8000_0000, .max] {
      let before = errors(doorbell)
      try ring.publish(ring.produced &+ jump)
      doorbell.write(2, 0, in: memory)
      #expect(errors(doorbell) == before + 1)
      #expect(try ring.completed == ring.produced)
      #expect(line.pulses == 0)
    }
    try ring.publish(ring.produced &+ 8)
    doorbell.write(2, 0, in: memory)
    #expect(errors(doorbell) == 3)
    #expect(line.pulses == 1)
  }

  @Test("A hostile ring costs an error and not one byte of RAM, recorded or not", arguments: [true, false])
  func hostileRings(recorded: Bool) throws {
    let observer = RecordingObserver(wantsKickStamps: recorded)
    let doorbell = doorbell(observer)
    let end = memory.size
    // Each starts at a place, or ends a little behind the end of RAM, or is not aligned.
    let rings: [(address: UInt64, size: UInt32)] = [
      (end, 1), (end - 8, 1), (end - 16, 1), (end - 16 - 8 * 63, 64), (end - 16 - 8 * 4095, 4096),
      (end - 0x1000, 4096), (3 << 30, 1), (4 << 30, 1), (1 << 63, 4096), (.max - 7, 1), (.max - 15, 4096),
      (.max, 1), (0x1001, 8), (0x1002, 8), (0x1004, 8), (0x1007, 8),
    ]
    // Every word of RAM reads as a count that asks for one completion.
    let pattern: [UInt8] = Array(repeating: [1, 0, 0, 0], count: Int(end) / 4).flatMap { $0 }
    try memory.write(pattern, at: GuestAddress(0))
    for (index, ring) in rings.enumerated() {
      DoorbellRing(memory, at: ring.address, size: ring.size).attach(to: doorbell, queue: UInt32(index % 16))
      doorbell.handleKicks(1, queue: index % 16, memory: memory, by: vcpu0)
      #expect(errors(doorbell) == UInt64(index + 1), "ring of \(ring.size) at \(GuestAddress(ring.address))")
    }
    #expect(observer.events.isEmpty)
    #expect(line.pulses == 0)
    #expect(try memory.read(count: Int(end), at: GuestAddress(0)) == pattern)
  }

  @Test("A ring that ends where RAM ends works, and only its count is written")
  func ringAtTheEnd() throws {
    let doorbell = doorbell(RecordingObserver())
    for size: UInt32 in [1, 64, 4096] {
      let address = memory.size - 16 - 8 * UInt64(size)
      var ring = DoorbellRing(memory, at: address, size: size)
      ring.attach(to: doorbell, queue: 0)
      try ring.publish(0)
      try memory.write(0 as UInt32, at: GuestAddress(address + 4), .little)
      try ring.askForInterrupts(true)
      for stamp in 1...UInt64(size) { try ring.produce(stamp: stamp) }
      var expected = try memory.read(count: Int(memory.size), at: GuestAddress(0))
      doorbell.write(0, 0, in: memory)
      withUnsafeBytes(of: size.littleEndian) {
        expected.replaceSubrange(Int(address + 4)..<Int(address + 8), with: $0)
      }
      #expect(try memory.read(count: Int(memory.size), at: GuestAddress(0)) == expected)
    }
    #expect(errors(doorbell) == 0)
    #expect(line.pulses == 3)
  }
}
