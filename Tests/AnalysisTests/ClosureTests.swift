import Testing

@testable import Analysis

@Suite("Wall time closes")
struct ClosureTests {
  @Test(
    "whatever is lost or broken: categories add up to first to last event",
    arguments: MergeTests.Damage.allCases)
  func closes(_ damage: MergeTests.Damage) {
    for seed in 1..<120 as Range<UInt64> {
      let result = analyse(MergeTests.run(seed, damage).rows).result()
      for thread in result.vcpus.map(\.times) + result.loops.map(\.times) {
        #expect(thread.times.reduce(0, +) == thread.last - thread.first, "seed \(seed)")
        #expect(thread.times.allSatisfy { $0 >= 0 })
      }
    }
  }

  @Test("a complete recording has every category exactly and nothing unknown")
  func complete() {
    for seed in 1..<30 as Range<UInt64> {
      let run = SyntheticRun(seed: seed, vcpus: 2, loops: 1, exits: 60)
      let result = analyse(run.rows).result()
      for vcpu in result.vcpus {
        let expected = run.totals[vcpu.times.id] ?? [:]
        for (category, time) in vcpu.times.times.enumerated() {
          #expect(time == expected[category] ?? 0, "seed \(seed), category \(category)")
        }
        #expect(vcpu.times.times[TimeCategory.unknown] == 0)
        #expect(vcpu.times.unexplained == 0)
        #expect(vcpu.brokenDispatches == 0)
        #expect(vcpu.unmatchedRequests == 0)
        #expect(vcpu.exits == 60)
        #expect(vcpu.missingExits == 0)
      }
      for loop in result.loops {
        #expect(loop.times.times[TimeCategory.unknown] == 0)
        #expect(loop.brokenHandlers == 0)
        #expect(loop.wakeups == 60)
        #expect(loop.unmatchedRequests == 0)
      }
      let all = analyse(run.rows).exitGroups { _ in 0 }
      #expect(all[0].inKvmRun.count == UInt64(run.inKvmRun.count))
      #expect(all[0].inKvmRun.sum == run.inKvmRun.reduce(0, +))
      #expect(all[0].inKvmRun.maximum == run.inKvmRun.max())
      #expect(all[0].handling.count == UInt64(run.handling.count))
      #expect(all[0].handling.sum == run.handling.reduce(0, +))
      #expect(all[0].handling.maximum == run.handling.max())
      #expect(all[0].handling.minimum == run.handling.min())
    }
  }

  /// enter 0, exit 10, dispatch 12–20, enter 30, with events of other threads lost from 14 to 16.
  func rows(gap: ClosedRange<Int64>?) -> [SyntheticRow] {
    var rows = [
      SyntheticRow(0, .vcpuRunEnter, [0, 7]), SyntheticRow(10, .vcpuRunExit, [0, 7, 2, 0x80, 1, 2, 1]),
      SyntheticRow(12, .dispatchBegin, [0, 0, 7, 3, 0]), SyntheticRow(20, .dispatchEnd, [0, 0, 7, 3]),
      SyntheticRow(30, .vcpuRunEnter, [0, 8]), SyntheticRow(45, .vcpuRunExit, [0, 8, 2, 0x80, 1, 2, 1]),
    ]
    if let gap {
      let place = rows.firstIndex { $0.timestamp > gap.lowerBound } ?? rows.count
      rows.insert(SyntheticRow(gapFrom: gap.lowerBound, to: gap.upperBound, stream: 1), at: place)
    }
    return rows
  }

  @Test("a gap inside a dispatch makes that time unknown, and the pairs that seq proves stay")
  func gapInDispatch() {
    let slice = analyse(rows(gap: 14...16))
    let vcpu = slice.result().vcpus[0]
    #expect(vcpu.times.times[TimeCategory.unknown] == 8)
    #expect(vcpu.times.times[TimeCategory.devices + 3] == 0)
    #expect(vcpu.times.times[TimeCategory.other] == 12)
    #expect(vcpu.times.times[TimeCategory.inKvmRun] == 25)
    #expect(vcpu.brokenDispatches == 1)
    let group = slice.exitGroups { $0.address }[0]
    #expect(group.count == 2)
    #expect(group.handling.count == 1)
    #expect(group.handling.maximum == 20)
    #expect(group.inKvmRun.count == 2)
  }

  @Test("a gap while in KVM_RUN changes nothing: exit n proves that enter n was the last event")
  func gapInKvmRun() {
    let vcpu = analyse(rows(gap: 2...8)).result().vcpus[0]
    #expect(vcpu.times.times[TimeCategory.unknown] == 0)
    #expect(vcpu.times.times[TimeCategory.inKvmRun] == 25)
  }

  @Test(
    "an exit lost in a gap: its time is unknown, it is counted as missing and nothing is paired across it")
  func lostExit() {
    var lossy = rows(gap: 8...11)
    lossy.removeAll { $0.timestamp == 10 }
    let slice = analyse(lossy)
    let vcpu = slice.result().vcpus[0]
    #expect(vcpu.times.times[TimeCategory.inKvmRun] == 15)
    #expect(vcpu.times.times[TimeCategory.unknown] == 12)
    #expect(vcpu.times.times[TimeCategory.devices + 3] == 8)
    #expect(vcpu.entersWithoutExit == 1)
    #expect(vcpu.missingExits == 1)
    #expect(slice.exitGroups { $0.address }[0].handling.count == 0)
    #expect(slice.exitGroups { $0.address }[0].inKvmRun.count == 1)
  }

  @Test("an exit that vanished without a gap is noticed by its number")
  func unexplained() {
    var broken = rows(gap: nil)
    broken.removeAll { $0.timestamp == 10 || $0.timestamp == 12 || $0.timestamp == 20 }
    let vcpu = analyse(broken).result().vcpus[0]
    #expect(vcpu.times.times[TimeCategory.unknown] == 30)
    #expect(vcpu.times.unexplained == 1)
    #expect(vcpu.missingExits == 1)
  }
}
