import Analysis
import Foundation
import Reporting
import TestSupport
import Testing

/// What a timeline shows in a browser is what the models say.
@Suite("Timelines in a browser", .serialized, .enabled(if: Chromium.isThere, Chromium.missing))
struct TimelineBrowserTests {
  /// Things of a track as the page's script reads them: begin, end, key.
  private static let everything = """
    view.run.tracks.map((track) => {
      const things = [];
      track.visit(-Infinity, Infinity, -1, {
        group: () => { throw new Error('a group'); },
        thing: (chunk, index) => {
          things.push([chunk.begin[index], chunk.hasEnd[index] ? chunk.end[index] : -1, track.keyOf(chunk, index)]);
          return false;
        },
      });
      return things;
    })
    """

  @Test("the script reads of each track what was written", arguments: TimelineRun.recorded)
  func things(_ name: String) throws {
    try TimelinePage.with(recorded: name) { page in
      var answer = try page.run([.value(Self.everything)])
      let found: [[[Int64]]] = try answer.next()
      let reader = page.run.reader
      #expect(found.count == reader.header.tracks.count)
      for (track, found) in zip(reader.header.tracks, found) {
        let things = try reader.things(track).compactMap { $0 }
        let expected = things.map { thing in
          [thing.begin, thing.duration.map { thing.begin + $0 } ?? -1, Int64(thing.key)]
        }
        #expect((found == expected) == true, "\(track.name)")
      }
    }
  }

  /// What of a track is between two moments.
  private struct Account: Decodable, Equatable {
    var count: Int
    /// ns by label; of what has no duration how many.
    var times: [String: Int64]
  }

  private static func account(
    _ reader: TimelineReader, _ track: TimelineReader.Header.Track, _ from: Int64, _ to: Int64
  ) throws -> Account {
    var account = Account(count: 0, times: [:])
    var covered = Int64.min
    func add(_ label: String, _ begin: Int64, _ end: Int64) {
      let time = min(end, to) - max(begin, from)
      if time > 0 { account.times[label, default: 0] += time }
    }
    for thing in try reader.things(track) {
      let thing = try #require(thing)
      let end = thing.begin + (thing.duration ?? 0)
      let label = reader.header.labels[thing.key]
      let isBegun = thing.begin >= from && thing.begin < to
      if isBegun { account.count += 1 }
      switch track.kind {
      case "interrupts", "marks": if isBegun { account.times[label, default: 0] += 1 }
      case "gaps":
        add(label, max(thing.begin, covered), end)
        covered = max(covered, end)
      case "requests":
        let stages = thing.extras[7...8].map { $0 == 0 ? nil : thing.begin + TimelineReader.signed($0 - 1) }
        guard thing.duration != nil else { break }
        if let submitted = stages[0], let completed = stages[1] {
          add(label, thing.begin, submitted)
          add("\(label) in the host", submitted, min(completed, end))
          add(label, completed, end)
        } else {
          add(label, thing.begin, end)
        }
      default: add(label, thing.begin, end)
      }
    }
    return account
  }

  @Test(
    "sums of any part are those of the things in it", arguments: ["mixed", "lossy", "overlapping", "made up"])
  func sums(_ name: String) throws {
    func check(_ page: TimelinePage) throws {
      var random = SeededGenerator(seed: 5)
      let reader = page.run.reader
      let span = UInt64(reader.header.span)
      let parts: [[Int64]] = (0..<40).map { number in
        let from = Int64(random.next() % span)
        let length = Int64(random.next() % (number % 2 == 0 ? span : 100_000)) + 1
        return [from, from + length]
      }
      let text = String(decoding: try JSONSerialization.data(withJSONObject: parts), as: UTF8.self)
      var answer = try page.run([
        .value(
          """
          \(text).map(([from, to]) => view.run.tracks.map((track) => {
            const sum = track.account(from, to);
            if (!sum.isExact) throw new Error('not exact');
            return { count: sum.count, times: Object.fromEntries([...sum.times].map(([key, value]) => [view.run.keys[key].label, value])) };
          }))
          """)
      ])
      let found: [[Account]] = try answer.next()
      for (part, accounts) in zip(parts, found) {
        for (track, found) in zip(reader.header.tracks, accounts) {
          let expected = try Self.account(reader, track, part[0], part[1])
          #expect(found == expected, "\(track.name) from \(part[0]) to \(part[1])")
        }
      }
    }
    if name == "made up" {
      try TimelinePage.with(SyntheticRecording(rounds: 3000), [], check)
    } else {
      try TimelinePage.with(recorded: name, [], check)
    }
  }

  @Test("a search counts what a query does, and steps through it in order")
  func search() throws {
    for (name, searches) in [
      (
        "mixed",
        [
          ("exit", "exits"), ("exits vcpu1", "exits WHERE vcpu = 1"),
          ("io exits", "exits WHERE reason = 'io'"),
          ("exit in scratch0", "exits WHERE direction = 'in' AND device = 'scratch0'"),
          ("exit >10us", "exits WHERE handling_ns > 10000"),
          ("exit <=2.5us", "exits WHERE handling_ns <= 2500"),
          ("exit >=8us <20us", "exits WHERE handling_ns >= 8000 AND handling_ns < 20000"),
          ("0x3f8", "exits WHERE address = 0x3f8"), ("wakeups", "wakeups"),
          ("wakeup >50us", "wakeups WHERE busy_ns > 50000"),
          ("request", "requests"), ("request >700ns", "requests WHERE duration_ns > 700"),
          ("interrupt irqfd", "interrupts WHERE mechanism = 'irqfd'"), ("mark", "marks"),
          ("state asleep >1ms", "intervals WHERE state = 'asleep' AND duration_ns > 1000000"),
          ("state kvm_run vcpu1", "intervals WHERE state = 'in_kvm_run' AND thread = 'vcpu1'"),
          ("nothing-of-this-kind", "exits WHERE 0"),
        ]
      ),
      (
        "overlapping",
        [
          ("request write", "requests WHERE kind = 'write'"),
          ("request read >1ms", "requests WHERE kind = 'read' AND duration_ns > 1000000"),
        ]
      ),
      ("lossy", [("gap", "gaps"), ("events missing >5ms", "gaps WHERE duration_ns > 5000000")]),
    ] {
      try TimelinePage.with(recorded: name) { page in
        var steps: [Chromium.Step] = []
        for (words, _) in searches {
          steps += [
            .value("view.parts.find.value = '', view.parts.find.focus()"), .init("type", words),
            .init("wait", "view.search.isDone && view.panel.searching !== undefined"),
            .value(
              """
              [view.search.count, view.search.hits.length, view.parts.found.textContent,
                view.search.hits.every((hit, place, all) => place === 0 || all[place - 1].begin <= hit.begin)].map(String)
              """),
          ]
        }
        var answer = try page.run(steps)
        for (words, sql) in searches {
          _ = try answer.next(String?.self)
          let found: [String] = try answer.next()
          let expected = try page.count("SELECT count(*) FROM \(sql)")
          #expect(found[0] == String(expected) && found[1] == found[0] && found[3] == "true", "\(words)")
          let text = found[2].replacing("\u{a0}", with: "")
          #expect(text == (expected == 0 ? "Nothing found" : String(expected)), "\(words)")
        }
      }
    }
  }

  /// Zooms so that a thing takes a third of the width, and gives the place in the middle of it.
  private static func place(_ track: String, _ begin: Int64, _ duration: Int64) -> String {
    """
    new Promise((done) => {
      const track = view.run.tracks.find((track) => track.name === '\(track)');
      const length = Math.max(100, \(duration));
      view.show(\(begin) - length, \(begin) + 2 * length);
      view.parts.revealRow(view.layout.rows[track.number]);
      requestAnimationFrame(() => requestAnimationFrame(() => {
        const stage = view.parts.picture.getBoundingClientRect();
        const thing = TimelineWays.at(track, \(begin));
        const y = TimelineLayout.middle(view.layout.rows[track.number], thing.chunk, thing.index) - view.scroll;
        done([stage.left + view.x(\(begin) + \(duration) / 2), stage.top + y]);
      }));
    })
    """
  }

  @Test("the pointer on a thing shows the numbers of the models")
  func hover() throws {
    for name in ["mixed", "overlapping"] {
      try TimelinePage.with(recorded: name) { page in
        let begin = page.run.begin
        var expected: [(place: String, words: [String])] = []
        func add(_ track: String, _ at: Int64, _ duration: Int64?, _ words: [String?]) {
          expected.append((Self.place(track, at - begin, duration ?? 0), words.compactMap { $0 }))
        }
        func every<Item>(_ count: Int, _ items: [Item]) -> [Item] {
          items.enumerated().filter { $0.offset % max(1, items.count / count) == 0 }.map(\.element)
        }
        let exits = page.run.items.compactMap { if case .exit(let exit) = $0 { exit } else { nil } }
        for exit in every(4, exits) where exit.handling ?? 0 > 0 {
          add(
            "vcpu\(exit.vcpu) exits", exit.timestamp, exit.handling,
            [
              "exit \(exit.seq) of vcpu\(exit.vcpu): ",
              exit.handling.map { "handled in \(Text.duration($0))" },
              exit.inKvmRun.map { "\(Text.duration($0)) in KVM_RUN before" },
              exit.address.map { "address 0x\(String($0, radix: 16))" },
            ])
        }
        let wakeups = page.run.items.compactMap { if case .wakeup(let wakeup) = $0 { wakeup } else { nil } }
        for wakeup in every(3, wakeups) where wakeup.busy ?? 0 > 0 {
          add(
            "io\(wakeup.loop) wakeups", wakeup.timestamp, wakeup.busy,
            [
              "\(wakeup.isPoll ? "poll" : "wakeup") \(wakeup.seq) of io\(wakeup.loop)",
              wakeup.busy.map { "busy for \(Text.duration($0))" },
              wakeup.slept.map { "\(Text.duration($0)) asleep before" },
              wakeup.handlers == 1 ? "1 handler" : "\(wakeup.handlers) handlers",
            ])
        }
        let requests = page.run.items.compactMap {
          if case .request(let request) = $0 { request } else { nil }
        }
        for request in every(5, requests) {
          guard let end = request.end, end > request.begin else { continue }
          let device = name == "mixed" ? "doorbell0" : "device \(request.device)"
          add(
            "\(device) queue \(request.queue)", request.begin, end - request.begin,
            [
              "request \(request.id) of \(device) queue \(request.queue)",
              request.arrived.map { "taken after \(Text.duration(request.begin - $0))" },
              request.submitted == nil ? "pushed after \(Text.duration(end - request.begin))" : nil,
              request.interrupted.map { "interrupt after \(Text.duration($0 - end))" },
            ])
        }
        var steps: [Chromium.Step] = []
        for (place, _) in expected {
          steps += [
            .init("move", "[5, 5]"), .init("move", place),
            .value("view.parts.tip.hidden ? '' : view.parts.tip.textContent"),
          ]
        }
        var answer = try page.run(steps)
        #expect(expected.count > 8)
        for (place, words) in expected {
          let found: String = try answer.next()
          func plain(_ text: String) -> String { text.replacing("\u{a0}", with: " ") }
          for word in words { #expect(plain(found).contains(plain(word)), "\(word) in \(found), \(place)") }
        }
      }
    }
  }

  private struct Arrow: Decodable, Equatable {
    var what: String
    var from: [String]
    var to: [String]
  }

  @Test("arrows lead from the kick to the wakeup, to the request, to the interrupt, and are drawn there")
  func arrows() throws {
    try TimelinePage.with(SyntheticRecording(rounds: 200)) { page in
      let begin = page.run.begin
      let requests = page.run.items.compactMap { if case .request(let request) = $0 { request } else { nil } }
      let chosen = requests.enumerated().filter { $0.offset % 40 == 3 }.map(\.element)
      var steps: [Chromium.Step] = []
      for request in chosen {
        steps += [
          .init(
            "click",
            Self.place(
              "disk0 queue \(request.queue)", request.begin - begin, (request.end ?? 0) - request.begin)),
          .init("move", "[5, 5]"),
          .value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))"),
          .value(
            """
            view.marks.arrows.filter((arrow) => arrow.isChosen).map(({ what, from, to }) => ({
              what, from: [from.track.name, String(from.moment)], to: [to.track.name, String(to.moment)] }))
            """),
          // Whether there is something of the selection's colour around each end that is in view, and between the two.
          .value(
            """
            (() => {
              const context = view.parts.marks.getContext('2d');
              const color = view.colors.value('accent');
              const wanted = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
              const isDrawn = (x, y, width, height) => {
                const { data } = context.getImageData(Math.round(x), Math.round(y), width, height);
                for (let at = 0; at < data.length; at += 4) {
                  if (data[at + 3] > 150 && wanted.every((value, place) => Math.abs(data[at + place] - value) < 12)) return true;
                }
                return false;
              };
              return view.marks.arrows.filter((arrow) => arrow.isChosen && [arrow.from.x, arrow.to.x].every((x) => x > 3 && x < view.width - 3))
                .flatMap(({ from, to }) => [isDrawn(from.x - 3, from.y - 3, 6, 6), isDrawn(to.x - 3, to.y - 3, 6, 6),
                  isDrawn(Math.min(from.x, to.x) - 60, (from.y + to.y) / 2, Math.abs(from.x - to.x) + 120, 1)]);
            })()
            """),
        ]
      }
      var answer = try page.run(steps)
      for request in chosen {
        _ = try answer.next(Int.self)
        let arrows: [Arrow] = try answer.next()
        let drawn: [Bool] = try answer.next()
        func text(_ moment: Int64?) throws -> String { String(try #require(moment) - begin) }
        let queue = "disk0 queue \(request.queue)"
        #expect(
          arrows == [
            Arrow(
              what: "kick", from: [queue, try text(request.kicked)],
              to: ["io0 wakeups", try text(request.arrived)]),
            Arrow(
              what: "request", from: ["io0 wakeups", try text(request.arrived)],
              to: [queue, try text(request.begin)]),
            Arrow(
              what: "interrupt", from: [queue, try text(request.end)],
              to: ["disk0 interrupts", try text(request.interrupted)]),
          ])
        #expect(drawn.count >= 3 && drawn.allSatisfy { $0 }, "\(drawn)")
      }
    }
  }

  @Test("time of which several streams lack events counts once in any part")
  func gaps() throws {
    let lengths: [Int64] = [50, 150, 30, 250]
    let gaps: [(Int64, Int64)] = (0..<100).map { (number: Int) -> (Int64, Int64) in
      let begin = Int64(number) * 100
      return (begin, begin + lengths[number % 4])
    }
    let data = try TimelineRun.data(gaps: gaps, span: 20_000)
    let parts: [[Int64]] = (0..<30).map { (number: Int) -> [Int64] in
      let from = Int64(number * 331 % 9000)
      return [from, from + 40 + Int64(number * number)]
    }
    try TimelinePage.with(recorded: "whole") { page in
      var answer = try page.run([
        .value(
          """
          \(String(decoding: try JSONSerialization.data(withJSONObject: parts), as: UTF8.self)).map(([from, to]) => {
            const sum = new TimelineRun(\(data.header), '\(data.data)').tracks[0].account(from, to);
            return [...sum.times.values()].reduce((a, b) => a + b, 0);
          })
          """)
      ])
      let found: [Int64] = try answer.next()
      let expected = parts.map { part -> Int64 in
        var count: Int64 = 0
        for moment in part[0]..<part[1] where gaps.contains(where: { $0.0 <= moment && moment < $0.1 }) {
          count += 1
        }
        return count
      }
      #expect(found == expected)
    }
  }

  @Test(
    "every exemplar's link leads to what begins at its moment, or to the request on whose way it is",
    arguments: ["mixed", "doorbell-exits", "polling-loop"])
  func links(_ name: String) throws {
    try TimelinePage.with(recorded: name) { page in
      var answer = try page.run([
        .value(
          """
          (async () => {
            const found = [];
            const links = [...document.querySelectorAll('main a[href^="#at="]')].map((link) => link.getAttribute('href'));
            for (const link of new Set(links)) {
              document.querySelector(`a[href="${link}"]`).click();
              await new Promise((done) => setTimeout(done, 30));
              const thing = view.selection ?? { chunk: { begin: [-1], end: [-1] }, index: 0 };
              const box = view.parts.box.getBoundingClientRect();
              found.push([Number(link.split(':')[1]), thing.chunk.begin[thing.index], thing.chunk.end[thing.index],
                view.from, view.to, box.top >= 0 && box.top < innerHeight / 2 ? 1 : 0, document.activeElement === view.parts.box ? 1 : 0]);
            }
            return found;
          })()
          """)
      ])
      let found: [[Double]] = try answer.next()
      #expect(found.count > 3)
      let begin = page.run.begin
      for link in found {
        let (moment, selected, from, to) = (Int64(link[0]), Int64(link[1]), link[3], link[4])
        let isOnWay = page.run.items.contains {
          guard case .request(let request) = $0, request.begin - begin == selected else { return false }
          let first = min(request.begin, request.kicked ?? .max, request.arrived ?? .max) - begin
          let last = max(request.begin, request.end ?? 0, request.interrupted ?? 0) - begin
          return first <= moment && moment <= last
        }
        #expect(moment == selected || isOnWay, "\(link)")
        #expect(
          from <= link[0] && link[0] <= to && to - from <= max(50_000, 5 * (link[2] - link[1])), "\(link)")
        #expect(link[5...] == [1, 1], "\(link)")
      }
    }
  }
}
