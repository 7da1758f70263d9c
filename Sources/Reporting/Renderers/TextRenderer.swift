/// Renders reports as text for a terminal. No line is wider than asked for, but for what is to be copied: a path in a
/// command is not broken.
package struct TextRenderer {
  let report: Report
  let style: TextStyle
  /// How to name the trace in commands that the reader may want to try next.
  let target: String
  var lines: [String] = []

  /// Renders a report.
  ///
  /// - Parameters:
  ///   - report: Any command's report.
  ///   - style: What the output can show.
  package static func render(_ report: Report, style: TextStyle = TextStyle()) -> String {
    let text = lines(report, style: style).joined(separator: "\n").replacing(Text.space, with: " ") + "\n"
    return style.isASCII ? ASCIIText.text(text) : text
  }

  /// The lines of a report, with ``Text/space`` inside of what is read as one.
  static func lines(_ report: Report, style: TextStyle) -> [String] {
    var renderer = TextRenderer(report: report, style: style)
    renderer.headers()
    if report.summary != nil { renderer.summary() }
    if report.exits != nil { renderer.exits() }
    if report.timeline != nil { renderer.timeline() }
    if report.paths != nil { renderer.paths() }
    if report.compare != nil { renderer.compare() }
    if report.check != nil { renderer.check() }
    renderer.footer()
    return renderer.lines.map { Text.printable($0, keepsColor: style.usesColor) }
  }

  private init(report: Report, style: TextStyle) {
    self.report = report
    self.style = style
    target = report.trace.paths.map(Text.shellWord).joined(separator: " ")
  }

  // MARK: Pieces

  /// Columns.
  var width: Int { style.width }

  var usesColor: Bool { style.usesColor }

  mutating func line(_ text: String = "") { lines.append(text) }

  mutating func heading(_ text: String) {
    line()
    lines += wrapped(text).map(bold)
  }

  func bold(_ text: String) -> String { usesColor ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

  func dim(_ text: String) -> String { usesColor ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  /// Adds a paragraph, broken where the page ends; lines after the first are indented.
  mutating func paragraph(_ text: String, indent: Int = 0, hanging: Int = 2) {
    lines += wrapped(text, indent: indent, hanging: hanging)
  }

  /// Adds a paragraph that is less important.
  mutating func remark(_ text: String, indent: Int = 2, hanging: Int = 0) {
    lines += wrapped(text, indent: indent, hanging: hanging).map(dim)
  }

  /// Adds a table, and says which columns there was no room for.
  ///
  /// - Parameter isTitled: Whether the titles are the heading of a section.
  /// - Returns: Titles of the columns that are left out.
  @discardableResult
  mutating func show(_ table: TextTable, indent: Int = 0, isTitled: Bool = true) -> Set<String> {
    let layout = table.layout(indent: indent, width: width)
    if isTitled { line() }
    lines += layout.lines.prefix(1).map { isTitled ? bold($0) : $0 } + layout.lines.dropFirst()
    guard !layout.leftOut.isEmpty else { return [] }
    var names: [String] = []
    for name in layout.leftOut where !names.contains(name) { names.append(name) }
    remark("no room at \(width) columns for: " + names.joined(separator: ", "))
    return Set(names)
  }

  func wrapped(_ text: String, indent: Int = 0, hanging: Int = 2) -> [String] {
    var wrapped: [String] = []
    var current = String(repeating: " ", count: indent)
    var isEmpty = true
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      var word = word
      if !isEmpty && current.count + 1 + word.count > width {
        wrapped.append(current)
        current = String(repeating: " ", count: indent + hanging)
        isEmpty = true
      }
      // Names and paths can be longer than a line.
      while isEmpty && current.count + word.count > width {
        let part = word.prefix(width - current.count)
        wrapped.append(current + part)
        word = word.dropFirst(part.count)
        current = String(repeating: " ", count: indent + hanging)
      }
      current += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    return isEmpty ? wrapped : wrapped + [current]
  }

  /// Adds a command that the reader may want to try, continued on further lines where one is too short.
  mutating func suggestion(_ words: String, _ command: String) {
    var text = words + "exeunt-analyze"
    let indent = String(repeating: " ", count: min(words.count, 16) + 2)
    // An option stays with its value, and the trace in one piece.
    var pieces: [String] = []
    for word in command.split(separator: " ") {
      if let last = pieces.last, last.hasPrefix("--"), !last.contains(" ") {
        pieces[pieces.count - 1] += " " + word
      } else {
        pieces.append(String(word))
      }
    }
    pieces.append(target)
    for (place, piece) in pieces.enumerated() {
      let isLast = place == pieces.count - 1
      if text.count + 1 + piece.count + (isLast ? 0 : 2) > width {
        line(dim(text + " \\"))
        text = String(indent.prefix(max(0, width - piece.count - (isLast ? 0 : 2)))) + piece
      } else {
        text += " " + piece
      }
    }
    line(dim(text))
  }

  /// A moment as the `timeline` command takes it.
  func moment(_ timestamp: Int64) -> String {
    Text.moment(timestamp, since: report.trace.begin ?? timestamp)
  }

  func at(_ location: LocationReport?) -> String { location.map { "@" + moment($0.timestamp) } ?? "" }

  var isExeunt: Bool { report.trace.begin != nil }

  // MARK: What was run and read

  /// That of the trace, or of both traces that are compared.
  private mutating func headers() {
    guard let compare = report.compare else { return header() }
    var other = Report(command: report.command, trace: compare.other)
    other.machine = compare.otherMachine
    for (place, side) in [("A", report), ("B", other)].enumerated() {
      if place > 0 { line() }
      paragraph("\(side.0): " + side.1.trace.paths.joined(separator: " "))
      var renderer = TextRenderer(report: side.1, style: style)
      renderer.header()
      lines += renderer.lines
    }
  }

  private mutating func header() {
    if let machine = report.machine { lines += wrapped(describe(machine)).map(bold) }
    paragraph(describeTrace())
    if report.trace.isPartial { lines += wrapped("PARTIAL: " + partial()).map(bold) }
    if let end = endMissing() { lines += wrapped(end).map(bold) }
    for note in report.trace.notes { paragraph("note: " + note) }
    for problem in report.trace.diagnostics.prefix(5) { paragraph("damaged: " + problem) }
    if report.trace.diagnostics.count > 5 {
      line("damaged: \(report.trace.diagnostics.count - 5) more places")
    }
  }

  private func describe(_ machine: MachineReport) -> String {
    var words = [machine.guest, number(machine.vcpus, "vCPU"), number(machine.loops, "I/O thread")]
    let modes = ["ioeventfd", "irqfd"].compactMap { name in
      report.configuration(name).map { "\(name) \($0)" }
    }
    if !modes.isEmpty { words.append(modes.joined(separator: ", ")) }
    words.append(Text.bytes(machine.ramBytes))
    words.append("KVM \(machine.kvm), Linux \(machine.kernel)")
    return words.joined(separator: " · ")
  }

  func number(_ count: Int, _ noun: String) -> String { Text.number(UInt64(max(0, count)), noun) }

  private func describeTrace() -> String {
    let trace = report.trace
    var words: [String] = []
    if let begin = trace.begin, let end = trace.end {
      let seconds = Text.fixed(Double(end &- begin) / 1e9, 3)
      words.append("\(seconds) s recorded" + (trace.isUnixTime ? " from \(Text.date(begin))" : ""))
    } else {
      words.append("no events of exeunt")
    }
    if let window = trace.window {
      words.append(
        "of these \(Text.duration(trace.duration)) analysed, from \(moment(window.begin)) to "
          + "\(moment(window.end)) s")
    }
    if isExeunt { words.append("\(Text.count(trace.events)) events") }
    if trace.otherEvents > 0 && isExeunt { words.append("\(Text.count(trace.otherEvents)) of others") }
    let scope = trace.window == nil ? "" : " in the whole recording"
    if trace.discardedEvents > 0 { words.append("\(Text.count(trace.discardedEvents)) LOST" + scope) }
    if trace.lostPackets > 0 { words.append(Text.number(trace.lostPackets, "packet") + " LOST" + scope) }
    words += wholeness(trace)
    return words.joined(separator: " · ")
  }

  private func partial() -> String {
    let trace = report.trace
    var words: [String] = []
    if trace.discardedEvents > 0, trace.window != nil {
      words.append(
        "\(Text.count(trace.discardedEvents)) events lost for want of room in the buffers, in the whole recording"
      )
    } else if trace.discardedEvents > 0 {
      let all = trace.events + trace.otherEvents + trace.discardedEvents
      let share = Text.percent(Int64(clamping: trace.discardedEvents), of: Int64(clamping: all))
      words.append(
        "\(Text.count(trace.discardedEvents)) of \(Text.count(all)) events lost (\(share)) for want of room in the buffers"
      )
    }
    if trace.lostPackets > 0 { words.append(Text.number(trace.lostPackets, "packet") + " missing") }
    if !words.isEmpty, let gaps = trace.window?.gaps {
      words.append(
        (gaps == 0 ? "no gap begins" : Text.number(gaps, "gap") + (gaps == 1 ? " begins" : " begin"))
          + " in this window")
    }
    if !trace.diagnostics.isEmpty || trace.streams.contains(where: \.isDamaged) {
      words.append("some of the files cannot be read")
    }
    if let missing = unaccountedByPackets(trace), let emitted = trace.check?.emitted {
      words.append(
        "\(Text.count(missing)) of \(Text.number(emitted, "event")) that were emitted are missing"
          + (trace.discardedEvents > 0 ? " beyond these" : ""))
    }
    if let excess = trace.check?.excess {
      words.append(Text.number(excess, "event") + " more than were emitted: something was read twice")
    }
    if words.isEmpty { words.append("some events are beyond what is analysed") }
    return words.joined(separator: "; ")
  }

  private mutating func footer() {
    for (place, limit) in (report.limits ?? []).enumerated() {
      if place == 0 { line() }
      var text = "limit: " + limit.words + ": "
      text += number(limit.checked, "kind") + " of exits checked, "
      text += limit.over.isEmpty ? "none over it" : "\(limit.over.count) over it"
      if let leftOut = limit.leftOut, leftOut > 0 {
        text += "; " + number(leftOut, "kind") + " of start-up and power-off not"
      }
      paragraph(text)
    }
    for finding in report.findings {
      line()
      lines += wrapped("FOUND: " + finding).map(bold)
    }
    for exceeded in (report.limits ?? []).flatMap(\.over).prefix(3) {
      if let slowest = exceeded.slowest {
        suggestion("see: ", "timeline --around \(moment(slowest.timestamp))")
      }
    }
  }
}
