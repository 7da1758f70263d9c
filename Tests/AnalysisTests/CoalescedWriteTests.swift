import Testing

@testable import Analysis

@Suite("Writes that KVM kept")
struct CoalescedWriteTests {
  /// An exit of the register 0x590 of device 3 at 100 with two writes to device 3 and one to device 9 before its dispatch from 160 to 170.
  private static let rows: [SyntheticRow] = [
    SyntheticRow(0, .vcpuRunEnter, [0, 7]), SyntheticRow(100, .vcpuRunExit, [0, 7, 2, 0x590, 4, 1, 1]),
    SyntheticRow(110, .coalescedBegin, [0, 7, 3, 0, 0, 0x590, 4]),
    SyntheticRow(115, .coalescedEnd, [0, 7, 3]),
    SyntheticRow(120, .coalescedBegin, [0, 7, 3, 0, 0, 0x590, 4]),
    SyntheticRow(127, .coalescedEnd, [0, 7, 3]),
    SyntheticRow(130, .coalescedBegin, [0, 7, 9, 0, 0, 0x70, 1]),
    SyntheticRow(140, .coalescedEnd, [0, 7, 9]),
    SyntheticRow(160, .dispatchBegin, [0, 0, 7, 3, 0]), SyntheticRow(170, .dispatchEnd, [0, 0, 7, 3]),
    SyntheticRow(200, .vcpuRunEnter, [0, 8]),
  ]

  private func path(_ result: AnalysisResult, _ kind: PathKind, _ device: Int) throws -> PathResult {
    try #require(result.paths.first { $0.kind == kind && $0.device == device })
  }

  @Test("are no exits, and leave the exit at which they are carried out its way")
  func counted() throws {
    let slice = analyse(Self.rows)
    let result = slice.result()
    #expect(result.counts.exits == 1 && result.counts.io == 1 && result.counts.coalesced == 3)
    let writes = try path(result, .coalesced, 3)
    #expect(writes.handlers == 2 && writes[.handler].count == 2 && writes[.handler].sum == 12)
    #expect(writes[.arrivalToBegin].count == 0 && writes[.endToReentry].count == 0)
    let index = try path(result, .coalesced, 9)
    #expect(index.handlers == 1 && index[.handler].sum == 10)
    // The exit's own access: what was done before it is on its way, and not its handler's.
    let own = try path(result, .exitAccess, 3)
    #expect(own.handlers == 1 && own[.handler].sum == 10)
    #expect(own[.arrivalToBegin].sum == 60 && own[.arrivalToReentry].sum == 100)
    #expect(result.vcpus[0].brokenDispatches == 0)
    // All of it closes: the devices' time is in the writes, too.
    let times = result.vcpus[0].times.times
    #expect(times[TimeCategory.device(3)] == 22 && times[TimeCategory.device(9)] == 10)
    #expect(times[TimeCategory.inKvmRun] == 100 && times[TimeCategory.other] == 68)
    #expect(times[TimeCategory.unknown] == 0)
  }

  @Test("are the same wherever slices are cut")
  func cuts() {
    let whole = Findings(analyse(Self.rows))
    let moments = Set(Self.rows.map(\.timestamp))
    for cut in moments {
      #expect(Findings(analyse(Self.rows, cuts: [cut])) == whole, "\(cut)")
      for other in moments where other > cut {
        #expect(Findings(analyse(Self.rows, cuts: [cut, other])) == whole, "\(cut), \(other)")
      }
    }
  }

  @Test("have no duration across lost events, nor one of another device or exit")
  func broken() throws {
    for (change, words) in [
      ({ $0.insert(SyntheticRow(gapFrom: 111, to: 113, stream: 0), at: 3) }, "a gap"),
      ({ $0[3] = SyntheticRow(115, .coalescedEnd, [0, 7, 4]) }, "another device"),
      ({ $0[3] = SyntheticRow(115, .coalescedEnd, [0, 8, 3]) }, "another exit"),
    ] as [((inout [SyntheticRow]) -> Void, String)] {
      var rows = Self.rows
      change(&rows)
      let writes = try path(analyse(rows).result(), .coalesced, 3)
      #expect(writes.handlers == 2 && writes[.handler].count == 1, "\(words)")
      #expect(writes[.handler].sum == 7, "\(words)")
    }
  }
}
