import Foundation
import TestSupport
import Testing

/// Everything that a timeline shows is reached without a mouse, with fingers, on paper and in both schemes.
@Suite("Using timelines", .serialized, .enabled(if: Chromium.isThere, Chromium.missing))
struct TimelineUseTests {
  private static var settled: Chromium.Step {
    .value(
      "new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(0))), 120))"
    )
  }

  /// What is selected, what was said of it, and what has the focus.
  private struct State: Decodable {
    var title: String?
    var said: String
    var focus: String
    var from: Double
    var to: Double
    var track: String
  }

  private static var state: Chromium.Step {
    .value(
      """
      new Promise((done) => setTimeout(() => done({
        title: view.parts.details.querySelector('h3')?.textContent, said: view.parts.live.textContent,
        focus: document.activeElement.className || document.activeElement.textContent, from: view.from, to: view.to,
        track: view.layout.rows[view.row].track.name }), 120))
      """)
  }

  @Test("the keyboard alone reaches what there is, and what is selected is said")
  func keyboard() throws {
    try TimelinePage.with(recorded: "mixed") { page in
      var steps: [Chromium.Step] = [.value("view.parts.bar.previousElementSibling?.focus(), 0")]
      // From the link before it by Tab alone: the buttons, the search, the timeline itself.
      steps += [.value("document.querySelector('h2 a[href=\"#timeline\"]').focus(), 0")]
      for _ in 0..<10 { steps += Chromium.Step.press("Tab") + [Self.state] }
      // Two things on, one back; the first is what the page's data has first.
      steps += [.value("view.parts.box.focus(), 0")]
      for key in ["n", "n", "p", "ArrowDown", "n", "+", "ArrowRight", "0", "Enter"] {
        steps += Chromium.Step.press(key) + [Self.state]
      }
      steps += Chromium.Step.press("Escape", "?") + [Self.state]
      steps += Chromium.Step.press("Escape", "/") + [.init("type", "mark")]
      steps += [.init("wait", "view.search?.isDone")] + Chromium.Step.press("Enter") + [Self.state]
      steps +=
        Chromium.Step.press("Enter") + [Self.state] + Chromium.Step.press("Escape", "Escape") + [Self.state]
      steps +=
        Chromium.Step.press("t") + [Self.state, .value("view.parts.table.innerText.split('\\n').length")]
      var answer = try page.run(steps)
      _ = try answer.next(Int.self)
      _ = try answer.next(Int.self)
      let tabs = try (0..<10).map { _ in try answer.next(State.self).focus }
      #expect(
        tabs == [
          "tl-left", "tl-right", "tl-out", "tl-in", "tl-all", tabs[5], "tl-previous", "tl-next", "tl-help",
          "tl-box",
        ])
      _ = try answer.next(Int.self)
      let first: State = try answer.next()
      #expect(first.title != nil && first.said.hasPrefix(first.title ?? "-") && first.track == "vcpu0")
      let second: State = try answer.next()
      #expect(second.title != nil && second.said != first.said)
      #expect(try answer.next(State.self).said == first.said)
      let below: State = try answer.next()
      #expect(below.track == "vcpu0 exits" && below.said.hasPrefix("vcpu0 exits: "))
      let exit: State = try answer.next()
      #expect(exit.title?.hasPrefix("exit ") == true && exit.said.contains("handled in"))
      let zoomed: State = try answer.next()
      #expect(abs((zoomed.to - zoomed.from) / (exit.to - exit.from) - 0.5) < 0.01)
      let moved: State = try answer.next()
      #expect(abs((moved.from - zoomed.from) / (zoomed.to - zoomed.from) - 0.2) < 0.01)
      let whole: State = try answer.next()
      #expect(whole.from == 0 && Int64(whole.to) == page.run.reader.header.span)
      #expect(try answer.next(State.self).focus == "tl-details")
      #expect(try answer.next(State.self).focus == "tl-manual")
      let found: State = try answer.next()
      let next: State = try answer.next()
      #expect(found.title?.hasPrefix("mark ") == true && next.title?.hasPrefix("mark ") == true)
      #expect(found.said != next.said && next.track == "marks")
      let none: State = try answer.next()
      #expect(none.title == nil && none.focus == "tl-box" && none.said == "Nothing is selected.")
      #expect(try answer.next(State.self).focus == "What is in view, as text")
      #expect(try answer.next(Int.self) > page.run.reader.header.tracks.count)
    }
  }

  @Test("what is selected is heard, not that it had to be brought into view")
  func saying() throws {
    try TimelinePage.with(recorded: "mixed") { page in
      let later = Chromium.Step.value("new Promise((done) => setTimeout(() => done(0), 600))")
      let said = Chromium.Step.value(
        "[view.parts.details.querySelector('h3')?.textContent ?? '-', view.parts.live.textContent, String(view.from)]"
      )
      var answer = try page.run(
        [.value("view.show(0, 2000), view.parts.box.focus(), 0"), later, said]
          + Chromium.Step.press("n", "n", "n", "n", "n", "n") + [later, said])
      _ = try answer.next(Int.self)
      _ = try answer.next(Int.self)
      let before: [String] = try answer.next()
      #expect(before[1].hasPrefix("2.00\u{a0}µs from "))
      _ = try answer.next(Int.self)
      let after: [String] = try answer.next()
      #expect(after[1].hasPrefix(after[0]) && after[2] != before[2], "\(after)")
    }
  }

  @Test("screen readers find names and roles, and a description of the keys")
  func roles() throws {
    try TimelinePage.with(recorded: "mixed") { page in
      var answer = try page.run([
        .value(
          """
          [view.parts.box.getAttribute('role'), view.parts.box.getAttribute('aria-label'),
            document.getElementById(view.parts.box.getAttribute('aria-describedby')).textContent,
            view.parts.live.getAttribute('aria-live'), view.parts.bar.getAttribute('role'), view.parts.help.getAttribute('role'),
            ...[...view.element.querySelectorAll('button, input, summary')].map((each) => each.getAttribute('aria-label') ?? each.textContent)]
          """)
      ])
      let words: [String] = try answer.next()
      #expect(
        words[0] == "application" && words[1].hasPrefix("Timeline of run 1: ")
          && words[2].contains("Arrow keys"))
      #expect(words[3] == "polite" && words[4] == "toolbar" && words[5] == "dialog")
      #expect(
        words.count > 14 && words.allSatisfy { !$0.isEmpty } && Set(words[6...]).count == words.count - 6)
    }
  }

  @Test("the mouse zooms where it is, drags, measures and selects; two fingers zoom")
  func pointer() throws {
    try TimelinePage.with(SyntheticRecording(rounds: 2000)) { page in
      let middle = """
        (() => { const box = view.parts.picture.getBoundingClientRect(); return [box.left + box.width * 0.25, box.top + 60]; })()
        """
      let span = "[view.from, view.to, view.moment(view.width * 0.25)]"
      let across = { (from: Double, to: Double) in
        """
        (() => { const box = view.parts.picture.getBoundingClientRect();
          return [box.left + box.width * \(from), box.top + 60, box.left + box.width * \(to), box.top + 60]; })()
        """
      }
      let steps: [Chromium.Step] = [
        .value(span), .init("wheel", middle, ["by": [0, -300], "ctrl": true]), Self.settled, .value(span),
        .init("drag", across(0.6, 0.4)), Self.settled, .value(span),
        .init("wheel", middle, ["by": [0, 100], "shift": true]), Self.settled, .value(span),
        .init("wheel", middle, ["by": [0, 100]]), Self.settled, .value(span),
        .init("drag", across(0.3, 0.5), ["shift": true]), Self.settled,
        .value("[...view.range, view.moment(view.width * 0.3), view.moment(view.width * 0.5)]"),
        .value("view.parts.details.textContent"), .value("view.element.scrollIntoView(), 0"),
        .init("click", middle, ["count": 2]), Self.settled, .value(span),
        .init("size", [400, 800], ["touch": true]),
        .value("view.element.scrollIntoView(), view.show(view.first, view.last), 0"),
        Self.settled, .value(span),
        .init(
          "pinch",
          """
          (() => { const box = view.parts.picture.getBoundingClientRect(); const at = (part) => box.left + box.width * part;
            return [[at(0.4), at(0.6), box.top + 60], [at(0.2), at(0.8), box.top + 60]]; })()
          """), Self.settled, .value(span),
      ]
      var answer = try page.run(steps)
      func next() throws -> [Double] { try answer.next() }
      func skip() throws { _ = try answer.next(Int.self) }
      let whole = try next()
      try skip()
      let zoomed = try next()
      #expect(zoomed[1] - zoomed[0] < 0.5 * (whole[1] - whole[0]))
      #expect(abs(zoomed[2] - whole[2]) < 0.01 * (whole[1] - whole[0]))
      try skip()
      let dragged = try next()
      #expect(abs((dragged[0] - zoomed[0]) / (zoomed[1] - zoomed[0]) - 0.2) < 0.02)
      try skip()
      let wheeled = try next()
      #expect(wheeled[0] > dragged[0] && abs(wheeled[1] - wheeled[0] - dragged[1] + dragged[0]) < 1)
      try skip()
      // The wheel alone is the page's.
      #expect(try next() == wheeled)
      try skip()
      let range = try next()
      #expect(
        abs(range[0] - range[2]) < 0.01 * (wheeled[1] - wheeled[0])
          && abs(range[1] - range[3]) < 0.01 * (wheeled[1] - wheeled[0]))
      let words: String = try answer.next()
      #expect(words.contains("In this part") && words.contains("disk0 queue 0"))
      try skip()
      try skip()
      let closer = try next()
      #expect(abs((closer[1] - closer[0]) / (wheeled[1] - wheeled[0]) - 0.25) < 0.01)
      try skip()
      try skip()
      let narrow = try next()
      try skip()
      let pinched = try next()
      // 0.2 of the width became 0.6 of it.
      #expect(
        abs((pinched[1] - pinched[0]) / (narrow[1] - narrow[0]) - 1.0 / 3) < 0.05, "\(narrow) \(pinched)")
    }
  }

  @Test("names of a trace stay text, whatever they are")
  func hostileNames() throws {
    let name = "</script><img src=x onerror=alert(1)><!--\"'&\u{202e}gnp"
    try TimelinePage.with(SyntheticRecording(rounds: 300, device: name)) { page in
      var answer = try page.run(
        [
          .value(
            "view.show(0, 2e6), view.row = view.run.tracks.findIndex((track) => track.kind === 'requests'), view.parts.box.focus(), 0"
          )
        ] + Chromium.Step.press("n", "t") + [
          Self.settled,
          .value(
            """
            [document.querySelectorAll('img, iframe, object, embed').length, document.scripts.length,
              document.querySelectorAll('.timeline').length]
            """),
          .value(
            "[view.parts.details, view.parts.table, view.parts.names, view.parts.key, view.parts.live].map((each) => each.textContent)"
          ),
        ])
      _ = try answer.next(Int.self)
      _ = try answer.next(Int.self)
      // Two with data, and the page's one script.
      #expect(try answer.next([Int].self) == [0, 3, 1])
      let texts: [String] = try answer.next()
      for text in texts { #expect(text.contains("</script><img src=x onerror=alert(1)><!--\"'&\u{fffd}gnp")) }
    }
  }

  @Test("both schemes, paper and a telephone have a picture in their colours that nothing hangs out of")
  func schemes() throws {
    try TimelinePage.with(recorded: "mixed") { page in
      let paper = page.directory + "/page.pdf"
      let look = Chromium.Step.value(
        """
        (() => {
          const context = view.parts.picture.getContext('2d');
          const { data } = context.getImageData(0, 0, view.picture.width, view.picture.height);
          const colors = new Set();
          for (let at = 0; at < data.length; at += 4) colors.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
          const names = ['page', 'band', 'guest', 'asleep', 'hue-0', 'wakeup', 'interrupt'];
          const all = Object.keys(TimelineColors.looks).map((place) => TimelineColors.looks[place]).filter((look) => !/device|exit|request|host/.test(look))
            .concat([...Array(8).keys()].map((hue) => `hue-${hue}`), [0, 1, 2, 3].flatMap((kind) => [`request-${kind}`, `host-${kind}`]));
          const faint = all.filter((name) => view.colors.contrast(name, view.colors.letters(name)) < 4.5);
          const rgb = (text) => '#' + text.match(/\\d+/g).slice(0, 3).map((part) => Number(part).toString(16).padStart(2, '0')).join('');
          const ground = (element) => {
            const color = getComputedStyle(element).backgroundColor;
            return /, 0\\)$/.test(color) && element.parentElement ? ground(element.parentElement) : rgb(color);
          };
          for (const element of view.element.querySelectorAll('p, li, button, span, summary, .tl-name, h3, a')) {
            if (element.closest('[hidden]') || !element.textContent.trim() || view.element.classList.contains('tl-print')) continue;
            view.colors.text.set('test-1', rgb(getComputedStyle(element).color)).set('test-2', ground(element));
            if (view.colors.contrast('test-1', 'test-2') < 4.5) faint.push(element.textContent);
          }
          // Names of tracks are in front of what is drawn.
          view.element.scrollIntoView();
          view.parts.names.parentElement.style.pointerEvents = 'auto';
          let seen = 0;
          for (const name of view.parts.names.children) {
            const { left, top, bottom } = name.getBoundingClientRect();
            if (top < 0 || bottom > innerHeight) continue;
            seen++;
            if (document.elementFromPoint(left + 6, (top + bottom) / 2) !== name) faint.push(name.textContent);
          }
          return [names.filter((name) => !colors.has(parseInt(view.colors.value(name).slice(1), 16))).join(' ') + faint.join(' '),
            view.colors.value('page'), String(document.documentElement.scrollWidth <= innerWidth),
            String(new Set(names.map((name) => view.colors.value(name))).size),
            // Where there is little room the picture has all of it.
            String((innerWidth > 640 || view.width > innerWidth * 0.85) && seen > 5)];
        })()
        """)
      let printed = Chromium.Step.value("dispatchEvent(new Event('beforeprint')), 0")
      let screen = Chromium.Step.value("dispatchEvent(new Event('afterprint')), 0")
      var answer = try page.run([
        .init("scheme", "light"), Self.settled, look, .init("scheme", "dark"), Self.settled, look,
        printed, look, screen, Self.settled, look, .init("size", [400, 800], ["touch": true]), Self.settled,
        look,
        .init("print", paper),
        .init("scheme", "dark", ["media": "print"]), Self.settled,
        .value("getComputedStyle(document.body).backgroundColor"),
      ])
      for (place, dark) in [false, true, false, true, true].enumerated() {
        _ = try answer.next(Int.self)
        if place == 3 { _ = try answer.next(Int.self) }
        let found: [String] = try answer.next()
        #expect(found == ["", dark ? "#14171a" : "#ffffff", "true", "7", "true"], "\(place)")
      }
      _ = try answer.next(Int.self)
      #expect(try answer.next(String.self) == "rgb(255, 255, 255)")
      // The picture is on the paper, too.
      let document = try Data(contentsOf: URL(fileURLWithPath: paper))
      #expect(document.range(of: Data("/Subtype /Image".utf8)) != nil)
    }
  }

  @Test("of two runs on a page each link leads to its own, and names of elements are not used twice")
  func twoRuns() throws {
    try withTemporaryDirectory { directory in
      let runs = ["doorbell-ioeventfd", "doorbell-exits"].map {
        Chromium.root.appendingPathComponent("traces/\($0)").path
      }
      let output = try TimelinePage.analyze(["report", "-o", directory + "/page.html"] + runs)
      try #require(output.status == 0, "\(output.error)")
      let exits = try runs.map { path in
        let run = try TimelineRun(path)
        let all = run.items.compactMap {
          if case .exit(let exit) = $0 { exit.timestamp - run.begin } else { nil }
        }
        return all[all.count / 2]
      }
      var answer = try Chromium.run([
        .init("size", [1280, 900]), .init("open", "file://\(directory)/page.html#at=2:\(exits[1])"),
        .init("wait", "document.readyState == 'complete' && TimelineView.all.length == 2"),
        .value("TimelineView.all.map((view) => view.selection?.chunk.begin[view.selection.index] ?? -1)"),
        .value("location.hash = '#at=1:\(exits[0])', new Promise((done) => setTimeout(() => done(0), 100))"),
        .value("TimelineView.all.map((view) => view.selection?.chunk.begin[view.selection.index] ?? -1)"),
        .value(
          "(() => { const ids = [...document.querySelectorAll('[id]')].map((each) => each.id); return ids.length - new Set(ids).size; })()"
        ),
      ])
      #expect(answer.complaints == [])
      #expect(try answer.next([Int64].self) == [-1, exits[1]])
      _ = try answer.next(Int.self)
      #expect(try answer.next([Int64].self) == exits)
      #expect(try answer.next(Int.self) == 0)
    }
  }

  @Test("of a run that does not fit sums are shown and told of, and a search says what it could not see")
  func partOnly() throws {
    try TimelinePage.with(SyntheticRecording(rounds: 20_000), ["--timeline-items", "30000"]) { page in
      var answer = try page.run([
        .value("view.parts.find.focus(), 0"), .init("type", "exit"), .init("wait", "view.search?.isDone"),
        .value(
          "[view.parts.found.textContent, view.element.querySelector(':scope > p.remark').textContent]"),
        // Late in the run there are no things: the picture is made of sums, and the table says so.
        .value("view.show(view.last * 0.9, view.last * 0.9 + 2e5), view.parts.tableBox.open = true, 0"),
        Self.settled,
        .value("[view.words.sum(view.run.tracks[0], view.from, view.to), view.parts.table.textContent]"),
        .value(
          """
          [...new Uint32Array(view.parts.picture.getContext('2d').getImageData(0, Math.round(view.layout.rows[0].y) + 10, view.picture.width, 1).data.buffer)]
            .filter((pixel) => pixel === view.colors.pixel('guest')).length / view.picture.width
          """),
      ])
      _ = try answer.next(Int.self)
      let found: [String] = try answer.next()
      #expect(found[0].hasSuffix("of what is one by one") && found[1].contains("as sums only"))
      _ = try answer.next(Int.self)
      _ = try answer.next(Int.self)
      let words: [String] = try answer.next()
      #expect(words[0].hasPrefix("about ") && words[1].contains("about "))
      #expect(try answer.next(Double.self) > 0.5)
    }
  }
}
