import Reports

/// Makes the document of a report. What each command says of it is in a file of its own, `…Section.swift`.
struct DocumentBuilder {
  let report: Report
  private(set) var document: Document

  private init(_ report: Report) {
    self.report = report
    document = Document(target: report.trace.paths.map(Text.shellWord).joined(separator: " "))
  }

  /// Makes the document of any command's report.
  ///
  /// - Parameters:
  ///   - saysRun: What was run and read comes first.
  ///   - parts: What is told of a summary.
  static func document(
    _ report: Report, saysRun: Bool = true, parts: Set<SummaryPart> = Set(SummaryPart.allCases)
  ) -> Document {
    var builder = DocumentBuilder(report)
    if saysRun { builder.headers() }
    if report.summary != nil { builder.summary(parts) }
    if report.exits != nil { builder.exits() }
    if report.timeline != nil { builder.timeline() }
    if report.paths != nil { builder.paths() }
    if report.explain != nil { builder.explain() }
    if report.compare != nil { builder.compare() }
    if report.sweep != nil { builder.sweep() }
    if report.check != nil { builder.check() }
    builder.footer()
    return builder.document
  }

  // MARK: Pieces

  mutating func add(_ block: Document.Block) { document.blocks.append(block) }

  mutating func blank() { add(.blank) }

  mutating func heading(_ text: String) { add(.heading(text)) }

  /// Adds what is one line on any page.
  mutating func line(_ text: String) { add(.line(text)) }

  /// Adds a paragraph; lines after the first are indented.
  mutating func paragraph(_ text: String, indent: Int = 0, hanging: Int = 2) {
    add(.paragraph(text, .plain, indent: indent, hanging: hanging))
  }

  /// Adds a paragraph that nobody should miss.
  mutating func strong(_ text: String) { add(.paragraph(text, .strong, indent: 0, hanging: 2)) }

  /// Adds a paragraph that is less important.
  mutating func remark(_ text: String) { add(.paragraph(text, .remark, indent: 2, hanging: 0)) }

  /// Adds a table.
  ///
  /// - Parameter isTitled: Whether the titles are the heading of a section.
  mutating func show(_ table: DocumentTable, indent: Int = 0, isTitled: Bool = true) {
    var table = table
    (table.indent, table.isTitled) = (indent, isTitled)
    add(.table(table))
  }

  /// Adds what explains the latest table.
  mutating func legend(_ clauses: [Document.Clause], _ emphasis: Document.Emphasis = .plain) {
    add(.legend(clauses, emphasis))
  }

  /// Adds a command that the reader may want to try.
  ///
  /// - Parameter moment: What it is about, ns since the clock's origin; nil: it is about more.
  mutating func suggestion(_ words: String, _ arguments: String, at moment: Int64? = nil) {
    // Several machines' recordings are on other machines, or nowhere any more.
    guard report.machines == nil else { return }
    add(.command(words: words, arguments: arguments, at: moment))
  }

  /// Adds a command that shows what is around a moment.
  mutating func suggestMoment(_ words: String, _ timestamp: Int64) {
    suggestion(words, "timeline --around \(moment(timestamp))", at: timestamp)
  }

  /// The time that shares are of, in words.
  var wholeTime: String {
    report.machines == nil ? Text.duration(report.trace.duration) : "each machine's recorded time"
  }

  /// A moment as the `timeline` command takes it.
  func moment(_ timestamp: Int64) -> String {
    Text.moment(timestamp, since: report.trace.begin ?? timestamp)
  }

  func at(_ location: LocationReport?) -> String { location.map { "@" + moment($0.timestamp) } ?? "" }

  func cell(_ location: LocationReport?) -> DocumentTable.Cell {
    location.map { .moment(at($0), $0.timestamp) } ?? ""
  }

  var isExeunt: Bool { report.trace.begin != nil }

  // MARK: What was run and read

  /// That of the trace, or of both traces that are compared.
  private mutating func headers() {
    // Of a sweep's many runs the first one says nothing.
    guard report.sweep == nil else { return }
    guard let compare = report.compare else { return header() }
    var other = Report(command: report.command, trace: compare.other)
    other.machine = compare.otherMachine
    for (place, side) in [("A", report), ("B", other)].enumerated() {
      if place > 0 { blank() }
      paragraph("\(side.0): " + side.1.trace.paths.joined(separator: " "))
      var builder = DocumentBuilder(side.1)
      builder.header()
      builder.document.blocks.forEach { add($0) }
    }
  }

  private mutating func header() {
    if let machine = report.machine { strong(describe(machine)) }
    for machine in report.machines ?? [] {
      strong("\(machine.name): " + (machine.machine.map(describe) ?? "not described"))
    }
    paragraph(describeTrace())
    if report.configuration("engine") == "tcg" {
      paragraph(
        "note: run by a translator, not by a processor: exits are calls out of translated code, and no time here is a processor's"
      )
    }
    if report.trace.isPartial { strong("PARTIAL: " + partial()) }
    if let end = endMissing() { strong(end) }
    if report.trace.check?.isLimited == true {
      strong(
        "LIMITED: the run went on when the trace was as large as it may be (--trace-limit); all that is said is of the time until then"
      )
    }
    for note in report.trace.notes { paragraph("note: " + note) }
    for problem in report.trace.diagnostics.prefix(5) { paragraph("damaged: " + problem) }
    if report.trace.diagnostics.count > 5 {
      line("damaged: \(report.trace.diagnostics.count - 5) more places")
    }
  }

  private func describe(_ machine: MachineReport) -> String {
    let isSingle = report.configuration("threads") == "single"
    var words = [
      machine.guest, number(machine.vcpus, "vCPU"),
      isSingle ? "its thread runs the event loop" : number(machine.loops, "I/O thread"),
    ]
    let configuration = report.configuration()
    var modes = ["ioeventfd", "irqfd"].compactMap { name in
      configuration[name].map { value in
        // A device may have it otherwise.
        let differs = configuration.contains { $0.value.contains("\(name)=off") }
        return "\(name) \(value)" + (value == "on" && differs ? " (off for some devices)" : "")
      }
    }
    if configuration["coalescedIO"] == "on" { modes.append("coalesced I/O on") }
    if let lock = report.configuration("lock"), lock != "device" { modes.append("lock \(lock)") }
    if !modes.isEmpty { words.append(modes.joined(separator: ", ")) }
    // A disk that is slow because somebody asked for that.
    let latencies = (configuration["disks"] ?? "").split(separator: " ").filter { $0.hasPrefix("latency=") }
    if !latencies.isEmpty {
      words.append("disk latency from " + latencies.map { $0.dropFirst(8) }.joined(separator: ", ") + " on")
    }
    words.append(Text.bytes(machine.ramBytes))
    var engine = report.configuration("engine") == "tcg" ? "TCG" : "KVM \(machine.kvm)"
    if let architecture = report.configuration("architecture"), architecture != "x86_64" {
      engine += " of \(architecture)"
    }
    words.append("\(engine), Linux \(machine.kernel)")
    return words.joined(separator: " · ")
  }

  func number(_ count: Int, _ noun: String) -> String { Text.number(UInt64(max(0, count)), noun) }

  private func describeTrace() -> String {
    let trace = report.trace
    var words: [String] = []
    if let begin = trace.begin, let end = trace.end {
      if report.machines != nil {
        // Recorded at different times, perhaps days apart.
        words.append(
          "at most \(Text.duration(trace.duration)) recorded of each"
            + (trace.isUnixTime ? ", between \(Text.date(begin)) and \(Text.date(end))" : ""))
      } else {
        let seconds = Text.fixed(Double(end &- begin) / 1e9, 3)
        words.append("\(seconds) s recorded" + (trace.isUnixTime ? " from \(Text.date(begin))" : ""))
      }
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
      if place == 0 { blank() }
      var text = "limit: " + limit.words + ": "
      text += number(limit.checked, "kind") + " of exits checked, "
      text += limit.over.isEmpty ? "none over it" : "\(limit.over.count) over it"
      if let leftOut = limit.leftOut, leftOut > 0 {
        text += "; " + number(leftOut, "kind") + " of start-up and power-off not"
      }
      paragraph(text)
    }
    for finding in report.findings {
      blank()
      strong("FOUND: " + finding)
    }
    for exceeded in (report.limits ?? []).flatMap(\.over).prefix(3) {
      if let slowest = exceeded.slowest { suggestMoment("see: ", slowest.timestamp) }
    }
  }
}
