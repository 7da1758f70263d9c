import Testing

@testable import Analysis

/// Handlers of one wakeup, one after the other.
@Suite("Handlers behind those of other devices")
struct QueuedHandlerTests {
  /// A wakeup with handlers of these devices, each 10 ns long, 5 ns after the one before.
  private static func wakeup(_ seq: UInt64, at begin: Int64, _ devices: [UInt64]) -> [SyntheticRow] {
    var rows = [
      SyntheticRow(begin, .loopWait, [0, seq, 0]),
      SyntheticRow(begin + 100, .loopWakeup, [0, seq, UInt64(devices.count)]),
    ]
    for (place, device) in devices.enumerated() {
      let handler = begin + 105 + Int64(place) * 15
      rows.append(SyntheticRow(handler, .handlerBegin, [0, seq, 0, device, 0]))
      rows.append(SyntheticRow(handler + 10, .handlerEnd, [0, seq, 0, device, 0]))
    }
    return rows
  }

  private static func waits(_ slice: SliceAnalysis, _ device: Int) -> LatencySummary? {
    slice.result().paths.first { $0.device == device }?[.behindOther]
  }

  @Test("wait from its begin on, but not for the same device's, nor across wakeups, wherever slices are cut")
  func waits() throws {
    let rows =
      Self.wakeup(1, at: 0, [1, 2, 2, 3]) + Self.wakeup(2, at: 1000, [1]) + Self.wakeup(3, at: 2000, [2, 1])
    let whole = analyse(rows)
    #expect(Self.waits(whole, 1)?.count == 1 && Self.waits(whole, 1)?.sum == 15)
    #expect(Self.waits(whole, 2)?.count == 1 && Self.waits(whole, 2)?.sum == 15)
    #expect(Self.waits(whole, 3)?.count == 1)
    for cut in Set(rows.map(\.timestamp)) {
      #expect(analyse(rows, cuts: [cut]).result() == whole.result(), "\(cut)")
      #expect(analyse(rows, cuts: [cut, cut + 15]).result() == whole.result(), "\(cut)")
    }
  }

  @Test("are not told of where events may be missing between the two")
  func gap() {
    var rows = Self.wakeup(1, at: 0, [1, 2])
    // Between the end of the one and the begin of the other.
    rows.insert(SyntheticRow(gapFrom: 116, to: 117, stream: 0), at: 4)
    let whole = analyse(rows)
    #expect(Self.waits(whole, 2)?.count == 0)
  }
}
