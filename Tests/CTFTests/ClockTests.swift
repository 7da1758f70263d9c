import Foundation
import Testing

@testable import CTF
@testable import Reporting

/// Times: exact as far as 64 bits reach, with right differences or an error beyond.
@Suite struct ClockTests {
  private func clock(_ frequency: UInt64, seconds: Int64, cycles: Int64) -> ClockInfo {
    ClockInfo(
      name: "c", uuid: nil, frequency: frequency, offsetSeconds: seconds, offsetCycles: cycles,
      isAbsolute: false)
  }

  /// Division that rounds down.
  private func floor(_ a: Int128, _ b: Int128) -> Int128 {
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder < 0 ? quotient - 1 : quotient
  }

  @Test("Every frequency, offset and number of cycles gives the exact time, or is told to be out of range")
  func exact() {
    var random = Random(seed: 21)
    let frequencies: [UInt64] = [
      1, 1000, 999_999_999, 1_000_000_000, 2_400_000_001, 1 << 33, 1 << 40, UInt64.max >> 1,
    ]
    for _ in 0..<20_000 {
      let frequency = frequencies[random.below(frequencies.count)]
      let seconds = Int64(bitPattern: random.next()) >> Int64(28 + random.below(35))
      let cycles = Int64(bitPattern: random.next()) >> Int64(random.below(63))
      let info = clock(frequency, seconds: seconds, cycles: cycles)
      let frame = TimeFrame([info])
      let conversion = ClockConversion(info, frame)
      let value = random.next() >> UInt64(random.below(64))
      let exact =
        Int128(seconds) * 1_000_000_000
        + floor((Int128(cycles) + Int128(value)) * 1_000_000_000, Int128(frequency))
      let time = exact - frame.origin
      if conversion.isBeyond(value) {
        #expect(time < Int128(frame.floor) + 2 || time >= Int128(frame.last))
        #expect([frame.floor, frame.last].contains(conversion(value)))
      } else {
        #expect(Int128(conversion(value)) == time)
        #expect(conversion.exact(value) == exact)
      }
      if frame.origin == 0, time >= Int128(frame.floor), time < Int128(frame.last) - 2 {
        #expect(!conversion.isBeyond(value))
      }
    }
  }

  private func trace(_ clock: String, _ stamps: [UInt64], hasPacketTimes: Bool) throws -> TemporaryTrace {
    let context =
      hasPacketTimes ? "packet.context := struct { t64 timestamp_begin; t64 timestamp_end; };" : ""
    let metadata =
      HandmadeTraceTests.head + """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 1000000000; \(clock) };
        typealias integer { size = 64; map = clock.c.value; } := t64;
        stream { \(context) event.header := struct { t64 t; }; };
        event { name = e; fields := struct { u8 x; }; };
        """
    func bytes(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    var stream = hasPacketTimes ? bytes(stamps[0]) + bytes(stamps[stamps.count - 1]) : []
    for stamp in stamps { stream += bytes(stamp) + [7] }
    return try TemporaryTrace(metadata: metadata, stream: stream)
  }

  /// The times of the events, which all readers have to agree on, and what there is to say.
  private func times(_ trace: TemporaryTrace) throws -> (times: [Int64], warnings: Int, diagnostics: Int) {
    let opened = try Trace(opening: [trace.path])
    var events = MergedEvents(opened)
    var times: [Int64] = []
    while let event = events.next() { times.append(event.timestamp) }
    var selection = FieldSelection()
    selection.select(event: "e", tag: 1, fields: ["x"])
    var rows = MergedRows(opened, selection: selection)
    var same: [Int64] = []
    while let run = rows.nextRun() {
      for index in 0..<run.count { same.append(Row.timestamp(run.base + index * run.stride)) }
    }
    #expect(times == same)
    let problems = rows.diagnostics
    #expect(problems == events.diagnostics)
    return (times, opened.warnings.count, problems.count)
  }

  @Test("Times up to 2^63 ns are exact, with and without times in packets", arguments: [false, true])
  func far(hasPacketTimes: Bool) throws {
    let last = UInt64(Int64.max) - 1
    #expect(
      try times(trace("offset_s = 9000000000;", [0, 1000, 2000], hasPacketTimes: hasPacketTimes))
        == ([9_000_000_000_000_000_000, 9_000_000_000_000_001_000, 9_000_000_000_000_002_000], 0, 0))
    #expect(
      try times(trace("", [1 << 62, last - 1, last], hasPacketTimes: hasPacketTimes))
        == ([1 << 62, Int64.max - 2, Int64.max - 1], 0, 0))
    #expect(
      try times(trace("offset_s = -9000000000;", [0, 5], hasPacketTimes: hasPacketTimes))
        == ([-9_000_000_000_000_000_000, -8_999_999_999_999_999_995], 0, 0))
  }

  @Test("Beyond, differences are kept and a warning is given, or it is an error") func beyond() throws {
    #expect(
      try times(trace("offset_s = 10000000000;", [0, 1000], hasPacketTimes: false)) == ([0, 1000], 1, 0))
    #expect(
      try times(trace("offset_s = -10000000000;", [3, 1003], hasPacketTimes: true)) == ([3, 1003], 1, 0))
    let end = UInt64(1) << 63
    #expect(
      try times(trace("", [end - 3, end + 5, end + 1005], hasPacketTimes: true)) == ([0, 8, 1008], 1, 0))
    #expect(
      try times(trace("offset_s = 9000000000;", [end, end + 9], hasPacketTimes: true)) == ([0, 9], 1, 0))
    let wrong = try times(trace("", [1, end + 5, end + 1005], hasPacketTimes: false))
    #expect(wrong == ([1, Int64.max - 1, Int64.max - 1], 0, 1))
    #expect(try times(trace("", [1, end + 5, 9], hasPacketTimes: false)).times.count == 3)
  }
}
