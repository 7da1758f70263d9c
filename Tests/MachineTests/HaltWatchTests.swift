import ScriptedEngine
import Testing

@testable import Machine

@Suite("Whether every vCPU has halted for good")
struct HaltWatchTests {
  private struct Found: Equatable {
    let asked: [Int]
    let halted: Int?

    init(_ asked: [Int], _ halted: Int?) {
      self.asked = asked
      self.halted = halted
    }
  }

  /// Runs a watch through seconds: what vCPUs have used by then, and what they would say.
  private func run(_ seconds: [(used: UInt64?, waits: [UInt64]?)]) -> Found {
    var watch = HaltWatch()
    var asked: [Int] = []
    for (second, (used, waits)) in seconds.enumerated() {
      if watch.tick(used: used, waits: { waits }, ask: { asked.append(second) }) {
        return Found(asked, second)
      }
    }
    return Found(asked, nil)
  }

  @Test("A machine that uses any time is never asked")
  func busy() {
    let seconds = (0..<20).map { (used: UInt64?(UInt64($0 / 2)), waits: [UInt64]?([1])) }
    #expect(run(seconds) == Found([], nil))
    #expect(run(Array(repeating: (nil, [1]), count: 20)) == Found([], nil))
  }

  @Test("One that uses none is asked after two seconds, and has halted when it has said so twice")
  func halted() {
    // Answering takes time.
    #expect(run([(5, nil), (5, nil), (5, nil), (6, [1, 2]), (7, [1, 2])]) == Found([2, 3], 4))
    // From another place the second time: somebody has woken it.
    #expect(run([(5, nil), (5, nil), (5, nil), (6, [1]), (7, [2]), (8, [2])]) == Found([2, 3, 4], 5))
  }

  @Test("One that may be woken is asked once, and again only when it has run")
  func waiting() {
    #expect(run([(5, nil), (5, nil), (5, nil)] + Array(repeating: (6, nil), count: 20)) == Found([2], nil))
    let later: [(UInt64?, [UInt64]?)] = [(9, nil), (9, nil), (9, nil), (10, [3]), (11, [3])]
    #expect(run([(5, nil), (5, nil), (5, nil), (6, nil), (6, nil)] + later) == Found([2, 7, 8], 9))
  }

  @Test("Every vCPU is asked, and goes on; one that does not answer keeps the machine running")
  func asking() throws {
    let run = try ScriptedRun { $0.vcpus = 2 }
    let control = run.machine.control
    // Nobody is interrupted before there are threads.
    for vcpu in run.vcpus { try vcpu.exit(Script.look) }
    run.vcpus[0].setEndlessWait(7)
    run.vcpus[1].setEndlessWait(0)
    run.vcpus[1].setDeaf(true)
    control.look()
    try run.vcpus[0].exit(Script.look)
    #expect(control.endlessWaits == nil)
    run.vcpus[1].setDeaf(false)
    for vcpu in run.vcpus { try vcpu.exit(Script.look) }
    #expect(control.endlessWaits == [7, 0])
    run.vcpus[1].setEndlessWait(nil)
    control.look()
    for vcpu in run.vcpus { try vcpu.exit(Script.look) }
    #expect(control.endlessWaits == nil)
    #expect(try run.powerOff().outcome == .poweredOff)
  }
}
