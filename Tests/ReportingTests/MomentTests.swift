import Analysis
import CTF
import Foundation
import Reports
import Testing

@testable import Dump
@testable import Reporting

@Suite("Times and moments as users write them")
struct MomentTests {
  @Test(
    "a time is exact",
    arguments: [
      ("50000ns", 50_000), ("0us", 0), ("0", 0), ("50us", 50_000), ("50µs", 50_000), ("0.1", 100_000_000),
      ("1.5", 1_500_000_000), ("1500ms", 1_500_000_000), ("-2s", -2_000_000_000), ("2m", 120_000_000_000),
      ("1.5h", 5_400_000_000_000), ("3min", 180_000_000_000), ("1e-3", 1_000_000), ("1e3us", 1_000_000),
      ("0.0000000005", 1), ("0.0000000004999", 0), ("9223372036.854775807", .max), ("12 us", 12_000),
      ("0.077056 s", 77_056_000), ("1.0000000000000000000000000000000000000000000001", 1_000_000_000),
    ] as [(String, Int64)])
  func times(_ text: String, _ nanoseconds: Int64) {
    #expect(TimeQuantity.nanoseconds(text[...]) == nanoseconds)
  }

  @Test(
    "what is no time is none",
    arguments: [
      "", "s", ".", "1x", "1 2", "0x10", "1..2", "1.2.3", "--1", "1us2", "ns", "nan", "inf", "1e", "1e99",
      "9223372037",
      "1_000", "１",
    ])
  func nonsense(_ text: String) { #expect(TimeQuantity.nanoseconds(text[...]) == nil) }

  @Test("every number of ns comes back from every unit")
  func units() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let time =
        Int64.random(in: 0...Int64.max, using: &generator) >> Int64.random(in: 0...60, using: &generator)
      for (unit, digits) in [("ns", 0), ("us", 3), ("ms", 6), ("s", 9), ("", 9)] {
        let text = String(time)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        let point = digits > 0 ? "." + padded.suffix(digits) : ""
        let written = padded.dropLast(digits) + point + unit
        #expect(TimeQuantity.nanoseconds(written[...]) == time, "\(written)")
      }
    }
  }

  @Test(
    "the forms of a moment",
    arguments: [
      ("1.5", .sinceStart(1_500_000_000)), ("@0.077056", .sinceStart(77_056_000)),
      ("@0.077056 s", .sinceStart(77_056_000)), ("20us", .sinceStart(20_000)),
      ("1795379063.759962704", .clock(1_795_379_063_759_962_704)),
      ("[1795379063.759962704]", .clock(1_795_379_063_759_962_704)),
      ("1795379063759962704", .clock(1_795_379_063_759_962_704)), ("[12.5]", .clock(12_500_000_000)),
      ("[00000008021140678361]", .cycles(8_021_140_678_361)), ("mark=3", .mark(3)), ("mark=0x10", .mark(16)),
      ("vcpu0:1234", .exit(vcpu: 0, seq: 1234)), ("slowest", .slowest), ("guest_mark", .event("guest_mark")),
      ("exeunt:guest_mark", .event("exeunt:guest_mark")),
    ] as [(String, Moment)])
  func forms(_ text: String, _ moment: Moment) { #expect(Moment(text) == moment) }

  @Test(
    "what is no moment is none",
    arguments: [
      "", "@", "@x", "[", "[]", "[1", "12:", "25:00", "12:60", "2026-13-01", "vcpu0:", "mark=", "a b", "1-2",
    ])
  func noMoments(_ text: String) { #expect(Moment(text) == nil) }

  @Test(
    "clock times",
    arguments: [
      ("2026-11-22 20:24:23.759962704 UTC", 1_795_379_063_759_962_704),
      ("2026-11-22T20:24:23.759962704Z", 1_795_379_063_759_962_704),
      ("2026-11-22 21:24:23.759962704+01:00", 1_795_379_063_759_962_704),
      ("[20:24:23.759962704] (+0.000000102) vm exeunt:loop_wait: ", 1_795_379_063_759_962_704),
      ("20:24:23.759962704", 1_795_379_063_759_962_704), ("20:24", 1_795_379_040_000_000_000),
      // The recording goes on after midnight.
      ("03:00:00", 1_795_402_800_000_000_000), ("2026-11-22", 1_795_305_600_000_000_000),
    ] as [(String, Int64)])
  func calendar(_ text: String, _ timestamp: Int64) {
    guard case .calendar(let reading) = Moment(text) else {
      Issue.record("\(text) is no clock time")
      return
    }
    #expect(reading.timestamp(from: 1_795_379_063_759_962_704, isUTC: true) == timestamp)
  }

  @Test(
    "days that are not there are not found",
    arguments: ["2026-02-30 12:00", "2026-06-31 00:00", "2026-02-29 01:00"])
  func noDay(_ text: String) {
    guard case .calendar(let reading) = Moment(text) else { return }
    #expect(reading.timestamp(from: 0, isUTC: true) == nil)
  }

  @Test(
    "a moment of a report and a time of a dump, in every style, lead to the same event",
    arguments: ReportTests.names)
  func roundTrip(_ name: String) throws {
    let (trace, _) = try ReportTests.builder(name)
    var search = MomentSearch(trace) { nil }
    let begin = try #require(search.begin)
    var events = MergedEvents(trace)
    var count = 0
    while let event = events.next() {
      count += 1
      guard count % 97 == 1 else { continue }
      let moment = try #require(Moment("@" + Text.moment(event.timestamp, since: begin)))
      let found = try search.find(moment).timestamp
      #expect(found <= event.timestamp && event.timestamp - found < 1000)
      for isUTC in [false, true] {
        search = MomentSearch(trace, isUTC: isUTC) { nil }
        for layout in [ClockStyle.Layout.time, .date, .seconds, .cycles] {
          var clock = DumpClock(ClockStyle(layout: layout, isUTC: isUTC))
          var sink = ByteSink.inMemory()
          clock.write(event.timestamp, cycles: event.cycles, to: &sink)
          let text = String(decoding: sink.take(), as: UTF8.self)
          let pasted = try #require(Moment(text), "\(text)")
          #expect(try search.find(pasted).timestamp == event.timestamp, "\(text)")
        }
      }
    }
    #expect(count > 1000)
  }

  @Test("moments by what happened", arguments: ReportTests.names)
  func happenings(_ name: String) throws {
    let (trace, builder) = try ReportTests.builder(name)
    let slowest = try #require(builder.models.slowestExit()?.slowest)
    let search = MomentSearch(trace) { slowest.exemplar.timestamp }
    let found = try search.find(.slowest)
    let exit = try #require(found.exit)
    #expect(
      exit.exit == slowest.exemplar.timestamp && exit.reentry.map { $0 - exit.exit } == slowest.handling)
    #expect(try search.find(.exit(vcpu: exit.vcpu, seq: exit.seq)) == found)
    #expect(
      try search.find(.event("vcpu_run_exit")).timestamp
        == search.find(.event("exeunt:vcpu_run_exit")).timestamp)
    for moment in [Moment.mark(99), .exit(vcpu: 7, seq: 0), .event("no_such_event")] {
      #expect(throws: MomentError.self) { try search.find(moment) }
    }
  }
}
