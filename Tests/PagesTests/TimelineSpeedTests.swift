import Foundation
import TestSupport
import Testing

/// A timeline of a million intervals opens at once and moves smoothly.
@Suite("Timelines of a million intervals", .serialized, .enabled(if: Chromium.isThere, Chromium.missing))
struct TimelineSpeedTests {
  /// ms that a page has until its timeline is drawn, and that each picture has for its script.
  private static let (opening, picture) = (3000.0, 50.0)
  /// Machines that test have other things to do: the best of so many tries counts.
  private static let tries = 5

  /// Notes when each picture was begun and how long its script took, and tasks of more than 50 ms.
  private static let observer = """
    globalThis.pictures = [];
    globalThis.tasks = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntriesByName('exeunt-timeline')) pictures.push([entry.startTime, entry.duration]);
    }).observe({ entryTypes: ['measure'] });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) tasks.push(entry.duration);
    }).observe({ entryTypes: ['longtask'] });
    """

  /// Does something in each of some pictures, and says how many there were, and how long the longest and the longest task took.
  private static func measure(_ body: String) -> Chromium.Step {
    .value(
      """
      (async () => {
        const frame = () => new Promise(requestAnimationFrame);
        const settle = async () => { do await frame(); while (view.isRequested || view.run.isWaiting); };
        await settle();
        await new Promise((done) => setTimeout(done, 100));
        pictures.length = tasks.length = 0;
        const whole = view.last - view.first;
        \(body)
        await settle();
        await new Promise((done) => setTimeout(done, 100));
        return [pictures.length, Math.max(...pictures.map(([, duration]) => duration)), Math.max(0, ...tasks)];
      })()
      """)
  }

  private static let uses: [(String, String)] = [
    (
      "zooming in",
      "for (let step = 0; step < 50; step++) { view.zoom(0.75, view.first + whole * 0.37); await frame(); }"
    ),
    ("moving", "for (let step = 0; step < 50; step++) { view.pan(0.4); await frame(); }"),
    ("zooming out", "for (let step = 0; step < 50; step++) { view.zoom(1 / 0.75); await frame(); }"),
    (
      "moving far",
      "view.zoom(0.02); for (let step = 0; step < 50; step++) { view.pan(0.9); await frame(); } view.show(view.first, view.last);"
    ),
    (
      "jumping",
      "for (let step = 0; step < 30; step++) { const at = whole * (step * 0.37 % 1); view.show(at, at + whole / 4 ** (step % 9)); await frame(); } view.show(view.first, view.last);"
    ),
    (
      "the pointer",
      "for (let step = 0; step < 50; step++) { const found = view.at(step * 19, 40 + step * 4); view.hover = found; view.panel.hover(found, 50, 50); view.request(); await frame(); }"
    ),
    ("searching", "view.panel.search('io out >1us'); while (!view.search.isDone) await frame();"),
    (
      "what was found",
      "for (let step = 0; step < 30; step++) { view.panel.next(1); await frame(); } view.show(view.first, view.last);"
    ),
    (
      "the table",
      "view.parts.tableBox.open = true; for (let step = 0; step < 12; step++) { view.zoom(0.5, view.first + whole * 0.61); await new Promise((done) => setTimeout(done, 300)); } view.parts.tableBox.open = false;"
    ),
  ]

  @Test("opens within 3 s, and no picture takes more than 50 ms")
  func million() throws {
    try TimelinePage.with(SyntheticRecording(rounds: 100_000)) { page in
      let kinds = ["states", "exits", "wakeups", "requests"]
      let intervals = page.run.reader.header.tracks.filter { kinds.contains($0.kind) }.map(\.count).reduce(
        0, +)
      #expect(intervals >= 1_000_000 && page.run.section.leftOut == 0)
      var best = [String: [Double]]()
      var openings: [Double] = []
      for _ in 0..<Self.tries {
        let steps =
          [.init("before", Self.observer)] + page.opened + [
            .init("wait", "pictures.length > 0"), .value("pictures[0][0] + pictures[0][1]"),
          ]
          + Self.uses.map { Self.measure($0.1) }
        var answer = try Chromium.run(steps)
        #expect(answer.complaints == [])
        _ = try answer.next(Int.self)
        openings.append(try answer.next())
        for (name, _) in Self.uses {
          let found: [Double] = try answer.next()
          #expect(found[0] >= 1, "\(name)")
          if found[1] < best[name]?[1] ?? .infinity { best[name] = found }
          if found[2] < best[name]?[2] ?? .infinity { best[name]?[2] = found[2] }
        }
        if openings.min()! <= Self.opening,
          best.values.allSatisfy({ $0[1] <= Self.picture && $0[2] <= Self.picture })
        {
          break
        }
      }
      print(
        "a million intervals: drawn after \(openings) ms; pictures, the longest, the longest task, ms: \(best)"
      )
      #expect(openings.min()! <= Self.opening, "\(openings)")
      for (name, found) in best {
        #expect(found[1] <= Self.picture && found[2] <= Self.picture, "\(name): \(found)")
      }
    }
  }
}
