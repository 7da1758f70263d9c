import TestSupport
import Testing

@testable import Virtio

@Suite("Writes of parts of blocks")
struct WriteGateTests {
  @Test(
    "Of two that touch a block one waits where one of the two changes a part; each starts once",
    arguments: 0..<6)
  func random(seed: UInt64) {
    struct Write {
      var reach: Range<UInt64>
      var isPart: Bool
      func conflicts(_ other: Write) -> Bool { (isPart || other.isPart) && reach.overlaps(other.reach) }
    }
    var random = SeededGenerator(seed: seed)
    var gate = WriteGate()
    var jobs: [BlockJob] = []
    var writes: [Write] = []
    var running: [Int] = []
    var started: Set<Int> = []
    func start(_ index: Int) {
      #expect(running.allSatisfy { !writes[$0].conflicts(writes[index]) })
      // None that came before and conflicts is overtaken.
      for other in 0..<index where !started.contains(other) {
        #expect(!writes[other].conflicts(writes[index]))
      }
      #expect(started.insert(index).inserted)
      running.append(index)
    }
    func end() {
      guard let place = running.indices.randomElement(using: &random) else { return }
      var ready: [BlockJob] = []
      gate.leave(jobs[running.remove(at: place)], ready: &ready)
      for job in ready { start(Int(job.id)) }
    }
    for index in 0..<400 {
      let first = UInt64.random(in: 0..<12, using: &random)
      let isPart = Int.random(in: 0..<3, using: &random) == 0
      writes.append(
        Write(
          reach: first * 8..<(first + (isPart ? 1 : .random(in: 1...4, using: &random))) * 8, isPart: isPart))
      let job = BlockJob()
      job.id = UInt32(index)
      jobs.append(job)
      if gate.enter(job, reach: writes[index].reach, isPart: isPart) { start(index) }
      if Bool.random(using: &random) { end() }
    }
    while !running.isEmpty { end() }
    #expect(started.count == 400 && gate.isEmpty)
  }
}
