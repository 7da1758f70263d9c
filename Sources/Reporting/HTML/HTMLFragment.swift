/// Where in a page a report's sections are.
package struct HTMLPlace: Sendable {
  /// What the names of its sections begin with, so that a page's are all different.
  package var prefix: String
  /// The number of the run in the page, from 1, and its first event, ns since the clock's origin: moments lead to
  /// `#at=RUN:NS`, which is what the page's timeline follows. nil: the page has no timeline of this run.
  package var timeline: (run: Int, begin: Int64)?

  /// By itself: without prefix and timeline.
  package init(prefix: String = "", timeline: (run: Int, begin: Int64)? = nil) {
    self.prefix = prefix
    self.timeline = timeline
  }

  /// Where a moment leads; nil: nowhere.
  func target(of timestamp: Int64) -> String? {
    guard let timeline else { return nil }
    let (time, overflow) = timestamp.subtractingReportingOverflow(timeline.begin)
    return overflow ? nil : "#at=\(timeline.run):\(time)"
  }
}

/// Parts of a page.
package struct HTMLFragment: Sendable {
  /// A section without its heading.
  package struct Section: Sendable {
    /// Its name, the only one of the page.
    package let anchor: String
    /// Plain text.
    package let title: String
    /// What is in it.
    package var html = ""

    package init(anchor: String, title: String, html: String = "") {
      self.anchor = anchor
      self.title = title
      self.html = html
    }

    /// The whole section.
    ///
    /// - Parameter level: Of its heading, 2 to 6.
    package func element(level: Int = 2) -> String {
      "<section aria-labelledby=\"\(anchor)\">\n"
        + "<h\(level) id=\"\(anchor)\"><a href=\"#\(anchor)\">\(HTMLText.escaped(title))</a></h\(level)>\n"
        + html + "</section>\n"
    }
  }

  /// What is before the first section.
  package var introduction = ""
  /// In reading order.
  package var sections: [Section] = []
}
