import Testing

@testable import Analysis
@testable import CTF

/// Fields hold whatever the trace's writer declared and wrote: any 64 bits.
@Suite("Hostile field values")
struct HostileValuesTests {
  @Test("the largest ids and kinds are counted like others")
  func largest() throws {
    let huge = UInt64.max
    let rows = [
      SyntheticRow(0, .vcpuRunEnter, [0, huge]),
      SyntheticRow(1, .vcpuRunExit, [0, huge, huge, huge, huge, huge, huge]),
      SyntheticRow(2, .lockWait, [huge, 0, 0, huge]), SyntheticRow(5, .lockAcquired, [huge, 0, 0, huge]),
      SyntheticRow(6, .dispatchBegin, [0, 0, huge, huge, huge]),
      SyntheticRow(7, .requestBegin, [0, 0, huge, huge, huge, huge, huge, huge]),
      SyntheticRow(8, .requestEnd, [0, 0, huge, huge, huge, huge, huge]),
      SyntheticRow(9, .interrupt, [0, 0, huge, huge, huge, huge]),
      SyntheticRow(10, .dispatchEnd, [0, 0, huge, huge]),
      SyntheticRow(10, .coalescedBegin, [0, huge, huge, huge, huge, huge, huge]),
      SyntheticRow(10, .coalescedEnd, [0, huge, huge]),
      SyntheticRow(11, .guestMark, [huge, huge, huge, huge]),
      SyntheticRow(12, .kvmStats, Array(repeating: huge, count: 22)),
      SyntheticRow(13, .handlerBegin, [0, huge, huge, huge, huge]),
      SyntheticRow(14, .ioeventfdSignal, [0, huge, huge, huge, huge]),
      SyntheticRow(15, .guestKickStamp, [1, 0, huge, huge, huge, huge, huge]),
      SyntheticRow(16, .handlerEnd, [0, huge, huge, huge, huge]),
      SyntheticRow(17, .loopWakeup, [0, huge, huge]), SyntheticRow(18, .loopWait, [huge, huge, huge]),
    ]
    let result = analyse(rows).result()
    #expect(result.locks.map(\.lock) == [Int.max])
    #expect(result.locks.first?.wait.maximum == 3)
    // Kinds are bytes.
    #expect(result.requests.map(\.kind) == [255])
    #expect(result.requests.first?.begun == 1)
    #expect(result.vcpus.first?.unmatchedRequests == 2)
    // The mark's vCPU and the loop.
    #expect(result.unanalysed == 2)
  }
}
