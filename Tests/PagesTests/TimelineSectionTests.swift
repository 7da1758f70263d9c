import CTF
import TestSupport
import Testing

@testable import Analysis
@testable import Pages

/// What a page has of a run is what the models say of it: one by one, and on each level of detail together.
@Suite("The data of timelines")
struct TimelineSectionTests {
  private static let kinds = ["states", "exits", "wakeups", "requests", "interrupts", "marks", "gaps"]

  private static func kind(_ item: ModelItem) -> String {
    switch item {
    case .interval: "states"
    case .exit: "exits"
    case .wakeup: "wakeups"
    case .request: "requests"
    case .interrupt: "interrupts"
    case .mark: "marks"
    case .gap: "gaps"
    }
  }

  /// Begin and duration of an item on the timeline, ns since the run's first event.
  private static func time(_ item: ModelItem, since begin: Int64) -> [Int64?] {
    switch item {
    case .interval(let item): [item.begin - begin, item.end - item.begin]
    case .exit(let item): [item.timestamp - begin, item.handling]
    case .wakeup(let item): [item.timestamp - begin, item.busy]
    case .request(let item): [item.begin - begin, item.end.map { $0 - item.begin }]
    case .interrupt(let item): [item.timestamp - begin, nil]
    case .mark(let item): [item.timestamp - begin, nil]
    case .gap(let item): [max(0, item.begin - begin), nil]
    }
  }

  private func check(_ run: TimelineRun) throws {
    let (reader, items) = (run.reader, run.items)
    #expect(run.section.leftOut == 0 && reader.header.leftOut == [0, 0])
    for kind in Self.kinds {
      let expected = items.filter { Self.kind($0) == kind }
      let tracks = reader.header.tracks.filter { $0.kind == kind }
      #expect(tracks.map(\.count).reduce(0, +) == expected.count, "\(kind)")
      let things = try tracks.flatMap { try reader.things($0) }.compactMap { $0 }
      #expect(things.count == expected.count, "\(kind)")
      func order(_ left: [Int64?], _ right: [Int64?]) -> Bool {
        (left[0] ?? -1, left[1] ?? -1) < (right[0] ?? -1, right[1] ?? -1)
      }
      // What ends after the last event is cut: only gaps do.
      let found = things.map { [$0.begin, kind == "gaps" ? nil : $0.duration] }.sorted(by: order)
      let wanted = expected.map { Self.time($0, since: run.begin) }.sorted(by: order)
      #expect((found == wanted) == true, "\(kind)")
    }
    for track in reader.header.tracks { try Self.checkLevels(track, reader) }
  }

  /// Each group is what its 16 members add up to, and the lowest ones are what the things do.
  private static func checkLevels(_ track: TimelineReader.Header.Track, _ reader: TimelineReader) throws {
    let what = "\(track.kind) \(track.name)"
    let top = track.levels.count - 1
    #expect(reader.count(track, top) <= reader.header.branching && top >= 1, "\(what)")
    let things = try reader.things(track)
    for level in 1...top {
      let groups = try reader.groups(track, level)
      let below = level > 1 ? try reader.groups(track, level - 1) : []
      for (place, group) in groups.enumerated() {
        guard let group else { continue }
        let members =
          place
          * reader.header.branching..<min(
            (place + 1) * reader.header.branching, reader.count(track, level - 1))
        if level > 1 {
          let known = below[members].compactMap { $0 }
          guard known.count == members.count else { continue }
          #expect(group.begin == known.map(\.begin).min() && group.end == known.map(\.end).max(), "\(what)")
          #expect(group.count == known.map(\.count).reduce(0, +), "\(what)")
          #expect(group.longest == known.map(\.longest).max(), "\(what)")
          let shares = known.reduce(into: [:]) { $0.merge($1.shares, uniquingKeysWith: +) }
          #expect(group.shares == shares, "\(what)")
        } else {
          let known = things[members].compactMap { $0 }
          guard known.count == members.count else { continue }
          #expect(group.begin == known.map(\.begin).min(), "\(what)")
          #expect(group.end == known.map { $0.begin + ($0.duration ?? 0) }.max(), "\(what)")
          #expect(group.count == UInt64(known.count), "\(what)")
          #expect(group.longest == known.map { $0.duration ?? 0 }.max(), "\(what)")
          // Of gaps, which overlap, time counts once; the host's part of a request has a key of its own.
          let time = known.reduce(0) {
            $0 + ($1.duration ?? (["interrupts", "marks"].contains(track.kind) ? 1 : 0))
          }
          let sum = group.shares.values.reduce(0, +)
          #expect(track.kind == "gaps" ? sum <= time : sum == time, "\(what)")
          if ["states", "exits", "wakeups"].contains(track.kind) {
            let times = known.reduce(into: [:]) { $0[$1.key, default: 0] += $1.duration ?? 0 }
            #expect(group.shares == times.filter { $0.value > 0 }, "\(what)")
          }
        }
      }
    }
  }

  @Test("are those of the models, on every level of detail", arguments: TimelineRun.recorded)
  func recorded(_ name: String) throws { try check(try TimelineRun(recorded: name)) }

  @Test("are those of the models, on every level of detail, where chunks and groups do not come out even")
  func madeUp() throws {
    // 1024 entries are a chunk, 16 a group: below, at and above both.
    for rounds in [1, 15, 16, 17, 1024, 1025, 5000] {
      try check(try TimelineRun(SyntheticRecording(rounds: rounds, vcpus: 1 + rounds % 3)))
    }
  }

  @Test("the host's part of requests is what backend_submit and backend_complete say")
  func host() throws {
    for rounds in [1, 3000] {
      let run = try TimelineRun(SyntheticRecording(rounds: rounds))
      var (host, whole): (Int64, Int64) = (0, 0)
      for case .request(let request) in run.items {
        guard let end = request.end else { continue }
        whole += end - request.begin
        if let from = request.submitted, let to = request.completed { host += min(to, end) - from }
      }
      var found: [Bool: Int64] = [:]
      for track in run.reader.header.tracks where track.kind == "requests" {
        for group in try run.reader.groups(track, track.levels.count - 1) {
          for (key, value) in try #require(group).shares {
            found[run.reader.header.labels[key].hasSuffix(" in the host"), default: 0] += value
          }
        }
      }
      #expect(found[true] == host && found[false] == whole - host && host > 0)
    }
  }

  @Test("requests on one lane do not overlap, and lanes are as many as requests at a time")
  func lanes() throws {
    let run = try TimelineRun(recorded: "overlapping")
    var most = 0
    for track in run.reader.header.tracks where track.kind == "requests" {
      let things = try run.reader.things(track).compactMap { $0 }
      var ends: [UInt64: Int64] = [:]
      for thing in things.sorted(by: { $0.begin < $1.begin }) {
        #expect(ends[thing.extras[0]] ?? .min <= thing.begin)
        ends[thing.extras[0]] = thing.begin + (thing.duration ?? 0)
        let overlapping = things.count {
          $0.begin <= thing.begin && thing.begin < $0.begin + ($0.duration ?? 0)
        }
        most = max(most, overlapping)
        #expect(overlapping <= track.lanes)
      }
      #expect(ends.count == track.lanes)
    }
    #expect(most > 1)
  }

  @Test("without room for all things sums stay whole, links lead to things, and it says what is left out")
  func budget() throws {
    let recording = SyntheticRecording(rounds: 20_000)
    let whole = try TimelineRun(recording)
    let moment = whole.begin + whole.reader.header.span * 3 / 4
    var options = TimelineSection.Options()
    (options.items, options.moments) = (40_000, [moment])
    let run = try TimelineRun(recording, options)
    var (kept, missing, near) = (0, 0, 0)
    var first = Int64.max
    for (track, all) in zip(run.reader.header.tracks, whole.reader.header.tracks) {
      let (things, expected) = (try run.reader.things(track), try whole.reader.things(all))
      #expect(things.count == expected.count)
      for (thing, expected) in zip(things, expected) {
        let expected = try #require(expected)
        if let thing {
          kept += 1
          #expect((thing == expected) == true)
          if abs(thing.begin - (moment - run.begin)) < 50_000 { near += 1 }
        } else {
          missing += 1
          first = min(first, expected.begin)
          if abs(expected.begin - (moment - run.begin)) < 50_000 { Issue.record("nothing around \(moment)") }
        }
      }
      try Self.checkLevels(track, run.reader)
      let (top, wholeTop) = (track.levels.count - 1, all.levels.count - 1)
      #expect(try run.reader.groups(track, top) == whole.reader.groups(all, wholeTop))
    }
    #expect(kept <= 40_000 && kept > 20_000 && near > 0)
    #expect(run.section.leftOut == missing && run.reader.header.leftOut == [Int64(missing), first])
    #expect(run.section.html.utf8.count < whole.section.html.utf8.count / 2)
  }

  @Test("of a part only it is there, and threads' times add up to it")
  func part() throws {
    let recording = SyntheticRecording(rounds: 2000)
    let whole = try TimelineRun(recording)
    let span = whole.reader.header.span
    var options = TimelineSection.Options()
    options.part = whole.begin + span / 3..<whole.begin + span / 2
    let run = try TimelineRun(recording, options)
    #expect(run.reader.header.window == [span / 3, span / 2])
    for track in run.reader.header.tracks {
      let things = try run.reader.things(track).compactMap { $0 }
      #expect(
        things.allSatisfy { $0.begin < span / 2 && $0.begin + ($0.duration ?? 0) >= span / 3 - 100_000 })
      if track.kind == "states" {
        #expect(things.reduce(0) { $0 + ($1.duration ?? 0) } == span / 2 - span / 3)
      }
    }
  }

  @Test("time of which several streams lack events counts once")
  func gaps() throws {
    for (gaps, sum) in [
      ([(10, 20)], 10), ([(0, 100), (50, 80), (70, 150)], 150), ([(0, 10), (10, 30), (60, 60)], 30),
    ] as [([(Int64, Int64)], Int64)] {
      let data = try TimelineRun.data(gaps: gaps, span: 200)
      let reader = try TimelineReader(
        "class=\"timeline-header\">\(data.header)</script>class=\"timeline-data\">\(data.data)</script>")
      let track = try #require(reader.header.tracks.first)
      #expect(track.count == gaps.count)
      let groups = try reader.groups(track, track.levels.count - 1).compactMap { $0 }
      #expect(groups.reduce(0) { $0 + $1.shares.values.reduce(0, +) } == sum)
    }
  }

  @Test("ids of requests are whole, also those that scripts' numbers would round")
  func ids() throws {
    let ids: [UInt64] = [0, 7, 1 << 32 - 1, 1 << 53 + 1, .max]
    let budget = TimelineBudget(items: 1000, estimate: 0, moments: [])
    var collector = TimelineCollector(StateDump(), begin: 1000, span: 200, window: 0..<201, budget)
    collector.add(
      ids.enumerated().map {
        .request(ModelRequest(device: 1, queue: 0, id: $1, kind: 0, bytes: 1, begin: 1000 + Int64($0)))
      })
    collector.finish()
    let header = TimelineHeader.json(1, collector, span: 200, 0..<200)
    let data = String(decoding: collector.data.characters, as: UTF8.self)
    let reader = try TimelineReader(
      "class=\"timeline-header\">\(header)</script>class=\"timeline-data\">\(data)</script>")
    let things = try reader.things(try #require(reader.header.tracks.first)).compactMap { $0 }
    #expect(things.map { $0.extras[10] << 32 | $0.extras[1] } == ids)
    #expect(things.allSatisfy { $0.extras.allSatisfy { $0 < 1 << 53 } })
  }

  @Test("names are data: none ends the element that it is in, or turns the direction of what follows")
  func hostileNames() throws {
    let name = "</script><!--<script>\"'\\&]]>\u{202e}\u{7}\n\u{2028}"
    let run = try TimelineRun(SyntheticRecording(rounds: 20, device: name))
    let html = run.section.html
    #expect(html.components(separatedBy: "</script>") == 3 && html.components(separatedBy: "<script") == 3)
    for bad in ["<!--", "]]>", "\u{202e}", "\u{7}", "\u{2028}"] { #expect(!html.contains(bad)) }
    let shown = "</script><!--<script>\"'\\&]]>\u{fffd}␇␊\u{fffd}"
    #expect(run.reader.header.labels.contains { $0.hasSuffix(shown) }, "\(run.reader.header.labels)")
    #expect(run.reader.header.tracks.contains { $0.name == "\(shown) queue 0" })
  }

  @Test("a run without events, and one of more than 104 days, have a sentence instead")
  func nothing() throws {
    let day: UInt64 = 86_400_000_000_000
    for (recording, words) in [
      (SyntheticRecording.empty, "There are no events to draw a timeline of."),
      (SyntheticRecording(rounds: 3, pause: 40 * day), "No timeline is drawn of more than 104 days."),
    ] {
      let html = try withTemporaryDirectory { path in
        try recording.write(to: path)
        let trace = try Trace(opening: [path])
        return TimelineSection(number: 1, trace: trace, analysis: TraceAnalysis.read(trace)).html
      }
      #expect(html == "<p class=\"remark\">\(words)</p>\n")
    }
    _ = try TimelineRun(SyntheticRecording(rounds: 3, pause: 30 * day))
  }
}

extension String {
  /// How many parts a separator makes of it.
  fileprivate func components(separatedBy separator: String) -> Int {
    var (count, rest) = (1, self[...])
    while let found = rest.firstRange(of: separator) {
      count += 1
      rest = rest[found.upperBound...]
    }
    return count
  }
}
