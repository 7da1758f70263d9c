import Testing

@testable import Recorder

@Suite("Sizes of the trace buffers")
struct BufferPlanTests {
  private func fit(
    _ size: Int?, _ count: Int?, cpus: Int, available: UInt64?
  ) throws(RecorderError) -> BufferPlan {
    var options = RecordingOptions(directory: "")
    options.subbufferSize = size
    options.subbufferCount = count
    return try BufferPlan.fit(options, cpus: cpus, available: available)
  }

  @Test("with room enough they are the usual ones")
  func usual() throws {
    #expect(try fit(nil, nil, cpus: 64, available: 8 << 30) == .usual)
    #expect(try fit(nil, nil, cpus: 64, available: nil) == .usual)
  }

  @Test("the trace may have half of what is free, 256 MiB to 32 GiB, where nobody says")
  func limit() {
    #expect(RecordingOptions.defaultLimit(free: 0) == 256 << 20)
    #expect(RecordingOptions.defaultLimit(free: 10 << 30) == 5 << 30)
    #expect(RecordingOptions.defaultLimit(free: .max) == 32 << 30)
    var options = RecordingOptions(directory: "")
    #expect(options.limit(free: 10 << 30) == 5 << 30)
    options.limit = 7
    #expect(options.limit(free: 10 << 30) == 7)
    options.limit = 0
    #expect(options.limit(free: 10 << 30) == .max)
  }

  @Test("they use at most half of what is free", arguments: [1, 2, 64, 512], [64 << 20, 1 << 30, 16 << 30])
  func shrinks(_ cpus: Int, _ available: Int) throws {
    guard let plan = try? fit(nil, nil, cpus: cpus, available: UInt64(available)) else {
      #expect(cpus * (128 << 10) * 4 > available / 2)
      return
    }
    #expect(plan.bytes(cpus: cpus) <= UInt64(available / 2))
    #expect((plan.warning == nil) == (plan.bytes(cpus: cpus) == BufferPlan.usual.bytes(cpus: cpus)))
  }

  @Test("what the user chose is not changed, and may use all there is")
  func chosen() throws {
    let plan = try fit(1 << 20, 32, cpus: 2, available: 64 << 20)
    #expect(plan == BufferPlan(size: 1 << 20, count: 32, warning: nil))
    #expect(throws: RecorderError.self) { try fit(1 << 20, 32, cpus: 2, available: (64 << 20) - 1) }
    #expect(try fit(1 << 20, nil, cpus: 2, available: 16 << 20).size == 1 << 20)
  }

  @Test(
    "sizes that LTTng would change or refuse are refused",
    arguments: [0, -1, 1000, 2048, 5000, 1 << 31, .max])
  func impossibleSizes(_ size: Int) {
    #expect(throws: RecorderError.self) { try fit(size, nil, cpus: 1, available: nil) }
  }

  @Test("counts that LTTng would change or refuse are refused", arguments: [0, -2, 1, 3, 1 << 17, .max])
  func impossibleCounts(_ count: Int) {
    #expect(throws: RecorderError.self) { try fit(nil, count, cpus: 1, available: nil) }
  }

  @Test("the counters of all channels are added up")
  func counters() {
    let xml = "<a><lost>3</lost><x/><lost>40</lost></a>"
    #expect(RecordingSession.sum(of: "lost", in: xml) == 43)
    #expect(RecordingSession.sum(of: "discarded", in: xml) == nil)
    #expect(RecordingSession.sum(of: "lost", in: "<lost>x</lost>") == nil)
  }
}
