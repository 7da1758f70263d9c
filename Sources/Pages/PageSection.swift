import Reporting

/// A section of a page, with those inside of it.
struct PageSection {
  /// Its name, the only one of the page.
  let anchor: String
  /// Plain text.
  let title: String
  /// What comes first in it.
  var html = ""
  var sections: [PageSection] = []

  init(_ title: String, at place: HTMLPlace, html: String = "", sections: [PageSection] = []) {
    self.init(anchor: place.prefix + HTMLText.anchor(title), title: title, html: html, sections: sections)
  }

  init(anchor: String, title: String, html: String = "", sections: [PageSection] = []) {
    self.anchor = anchor
    self.title = title
    self.html = html
    self.sections = sections
  }

  init(_ section: HTMLFragment.Section) {
    self.init(anchor: section.anchor, title: section.title, html: section.html)
  }

  /// Whether there is anything in it.
  var isEmpty: Bool { html.isEmpty && sections.isEmpty }

  /// The section with those inside of it, each of a level below.
  ///
  /// - Parameter level: Of its heading, 2 to 6.
  func element(level: Int = 2) -> String {
    let inner = sections.map { $0.element(level: min(6, level + 1)) }.joined()
    return HTMLFragment.Section(anchor: anchor, title: title, html: html + inner).element(level: level)
  }
}

/// Pieces that pages are made of.
enum PagePiece {
  /// A chart, with its name below. It is scrolled by itself, also with the keyboard, where the page is too narrow.
  static func figure(_ svg: String, _ caption: String, isWide: Bool = false) -> String {
    let words = HTMLText.escaped(caption)
    let chart =
      isWide
      ? "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"\(words)\">\n\(svg)</div>\n" : svg
    return "<figure>\n\(chart)<figcaption>\(words)</figcaption>\n</figure>\n"
  }

  /// Charts beside each other, as many as there is room for.
  static func cards(_ figures: [String]) -> String {
    figures.isEmpty ? "" : "<div class=\"cards\">\n\(figures.joined())</div>\n"
  }

  static func remark(_ text: String) -> String { "<p class=\"remark\">\(HTMLText.escaped(text))</p>\n" }

  /// What colours stand for.
  ///
  /// - Parameter kinds: The class of what is drawn, and what it is.
  static func key(_ kinds: [(kind: String, words: String)]) -> String {
    let items = kinds.map { kind, words in
      "<span><svg class=\"chart swatch\" aria-hidden=\"true\"><rect class=\"\(kind)\" width=\"100%\" height=\"100%\" />"
        + "</svg>\(HTMLText.escaped(words))</span>\n"
    }
    return "<p class=\"key\">\(items.joined())</p>\n"
  }
}
