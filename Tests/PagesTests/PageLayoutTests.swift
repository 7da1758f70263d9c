import Foundation
import Pages
import TestSupport
import Testing

/// How pages look, as far as a browser can tell: nothing is cut off, nothing is wider than the window, and all of it can be read.
@Suite("Looks of pages", .serialized, .enabled(if: Chromium.isThere, Chromium.missing))
struct PageLayoutTests {
  private struct Looks: Decodable {
    /// Texts of drawings that are not all inside of them.
    var cut: [String]
    /// Texts of drawings of which one is over another.
    var covered: [String]
    /// How much wider than the window the page is, CSS pixels.
    var excess: Double
    /// What is wider than the window and cannot be scrolled by itself.
    var wide: [String]
    /// Texts whose contrast to what is behind them is below 4.5 (WCAG 2.2, 1.4.3), with it.
    var faint: [String]
    /// Drawings, and texts in them.
    var drawings: Int
    var texts: Int
  }

  /// Looks at the page as it is.
  private static let look = """
    (() => {
      const looks = { cut: [], covered: [], wide: [], faint: [], drawings: 0, texts: 0,
        excess: document.documentElement.scrollWidth - innerWidth };
      for (const svg of document.querySelectorAll('svg.chart:not(.swatch)')) {
        looks.drawings++;
        const box = svg.viewBox.baseVal;
        const places = [];
        for (const text of svg.querySelectorAll('text')) {
          looks.texts++;
          const own = text.getBBox();
          const name = `${svg.querySelector('title').textContent}: ${text.textContent}`;
          if (own.x < -1 || own.y < -1 || own.x + own.width > box.width + 1 || own.y + own.height > box.height + 1) looks.cut.push(name);
          // Letters are lower than their lines.
          const [top, bottom] = [own.y + own.height * 0.2, own.y + own.height * 0.8];
          if (places.some((other) => own.x < other.right - 1 && own.x + own.width > other.left + 1 && top < other.bottom && bottom > other.top)) {
            looks.covered.push(name);
          }
          places.push({ left: own.x, right: own.x + own.width, top, bottom });
        }
      }
      const isScrolled = (element) => element && (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX) || isScrolled(element.parentElement));
      for (const element of document.querySelectorAll('main *')) {
        if (element.closest('.timeline')) continue;
        if (element.getBoundingClientRect().right > innerWidth + 1 && !isScrolled(element)) looks.wide.push(element.outerHTML.slice(0, 80));
      }
      const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
      const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
      const back = (element) => {
        for (; element; element = element.parentElement) {
          const color = rgb(getComputedStyle(element).backgroundColor);
          if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
      };
      // What is drawn behind a text of a drawing: the last filled shape before it that holds its middle.
      const behind = (text) => {
        const own = text.getBBox();
        const [x, y] = [own.x + own.width / 2, own.y + own.height / 2];
        let color = back(text);
        for (const shape of text.ownerSVGElement.querySelectorAll('rect')) {
          if (shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING) break;
          const place = shape.getBBox();
          const fill = getComputedStyle(shape).fill;
          if (x >= place.x && x <= place.x + place.width && y >= place.y && y <= place.y + place.height && fill !== 'none') color = rgb(fill);
        }
        return color;
      };
      const check = (element, ink, paper) => {
        const value = contrast(rgb(ink), paper);
        if (value < 4.5) looks.faint.push(`${value.toFixed(2)} ${element.textContent.trim().slice(0, 60)} ${ink} on ${paper}`);
      };
      for (const text of document.querySelectorAll('svg.chart text')) check(text, getComputedStyle(text).fill, behind(text));
      for (const element of document.querySelectorAll('p, th, td, a, code, h1, h2, h3, h4, figcaption, span')) {
        if (element.closest('.timeline') || !element.textContent.trim()) continue;
        check(element, getComputedStyle(element).color, back(element));
      }
      looks.faint = [...new Set(looks.faint)];
      return looks;
    })()
    """

  /// A page of each kind: of one run, and of runs that can be judged.
  private static func withPages(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      func analyze(_ arguments: [String]) throws {
        let output = try TimelinePage.analyze(arguments)
        try #require(output.status == 0, "\(output.error)")
      }
      func trace(_ name: String) -> String { Chromium.root.appendingPathComponent("traces/\(name)").path }
      for name in ["mixed", "polling-loop", "lossy"] {
        try analyze(["report", "-o", "\(directory)/\(name).html", trace(name)])
        try body("\(directory)/\(name).html")
      }
      // Parts of recordings in place of runs.
      let sides = try ["doorbell-ioeventfd", "doorbell-exits"].map { name in
        try (0..<5).map { number in
          let file = "\(directory)/\(name)-\(number)"
          try analyze([
            "state", trace(name), "--from", "\(number * 11)ms", "--to", "\(number * 11 + 9)ms", "-o", file,
          ])
          return file
        }
      }
      try analyze(
        ["report", "-o", "\(directory)/compared.html", "--details", "1"] + sides[0] + ["--against"] + sides[1]
      )
      try body("\(directory)/compared.html")
    }
  }

  /// Pages of sweeps whose points are far apart, on top of each other, and more than have room.
  private static func withSweeps(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      for (name, levels, spread) in [("few", 2, 0.4), ("alike", 3, 0.001), ("many", 6, 0.3)] {
        let file = "\(directory)/sweep-\(name).html"
        let report = try SweepPage.report(levels: levels, spread: spread)
        try ReportPage(sweep: report, name: "sweep \(name)").html.write(
          toFile: file, atomically: true, encoding: .utf8)
        try body(file)
      }
    }
  }

  @Test("nothing is cut off, covered, wider than the window or too faint to read, in both schemes")
  func looks() throws {
    var drawings = 0
    func look(_ path: String) throws {
      for (width, scheme) in [(1400, "light"), (1400, "dark"), (800, "light"), (360, "dark")] {
        var answer = try Chromium.run([
          .init("size", [width, 900]), .init("scheme", scheme), .init("open", "file://\(path)"),
          .init("wait", "document.readyState == 'complete'"), .value(Self.look),
        ])
        let looks = try answer.next(Looks.self)
        let name = "\(URL(fileURLWithPath: path).lastPathComponent), \(width) \(scheme)"
        #expect(looks.cut == [], "\(name)")
        #expect(looks.covered == [], "\(name)")
        #expect(looks.excess <= 0 && looks.wide == [], "\(name)")
        #expect(looks.faint == [], "\(name)")
        #expect(answer.complaints == [])
        #expect(answer.requests == ["file://\(path)"])
        drawings += looks.drawings
      }
    }
    try Self.withPages(look)
    try Self.withSweeps(look)
    #expect(drawings > 100)
  }
}
