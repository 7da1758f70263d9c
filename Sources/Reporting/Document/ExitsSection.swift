import Reports

extension DocumentBuilder {
  mutating func exits() {
    guard let exits = report.exits else { return }
    if let filter = exits.filter { paragraph("only \(filter)") }
    guard exits.groups.contains(where: { $0.exits.count > 0 }) else {
      blank()
      line("no such exits in this trace")
      return
    }
    places(exits.places)
    let shown = exits.groups.filter { $0.exits.count > 0 }
    let names = Text.cut(shown.prefix(40).map { row($0.label) }, to: 30)
    exitTable(zip(names, shown).map { ($0, $1.exits) }, nil, exits.costs)
    exitLegend(shown.prefix(40).map(\.exits.handling), exits.costs)
    for group in shown.prefix(40) { histograms(group) }
    if shown.count > 40 {
      blank()
      paragraph(
        "\(shown.count - 40) more groups: narrow it down with --reason, --device, --address, or use --format json"
      )
    }
  }

  /// What is known of where exits come from.
  private mutating func places(_ places: ExitPlacesReport?) {
    guard let places else { return }
    var words: [String] = []
    if let symbols = places.symbols, let named = places.named {
      let offset = places.kaslrOffset.map { ", moved by 0x" + String($0, radix: 16) } ?? ""
      words.append(
        "\(Text.count(named)) of \(Text.number(places.count, "exit")) come from functions of \(symbols)\(offset)"
          + (named > 0 || places.count == 0
            ? ""
            : ": it is another program's, or the guest's addresses are others (--kaslr-offset)")
      )
    } else if report.exits?.by == ExitGrouping.symbol.rawValue {
      words.append("without --symbols, by the guest's instruction pointer")
    }
    if places.without > 0 {
      words.append("the instruction pointers of \(Text.number(places.without, "exit")) are not recorded")
    }
    if !words.isEmpty { paragraph(words.joined(separator: "; ")) }
  }

  private mutating func histograms(_ group: ExitHistogramReport) {
    let exits = group.exits
    heading(
      "\(short(group.label)) · \(Text.number(exits.count, "exit"))"
        + (exits.rate.map { ", \($0.text) per s" } ?? ""))
    if let place = exits.place { self.place(place) }
    histogram("in \(report.guestRun) before the exit", exits.inKvmRun, group.inKvmRun)
    histogram("handling until the next entry", exits.handling, group.handling)
  }

  /// Where in a function exits are, and what they are.
  private mutating func place(_ place: ExitPlaceReport) {
    func hexadecimal(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
    let kinds = place.kinds.prefix(6).map { "\($0.exits) (\(Text.count($0.count)))" }
    let more = place.kinds.count - kinds.count + (place.otherKinds ?? 0)
    let what =
      kinds.joined(separator: ", ") + (more > 0 ? ", and \(more) more \(more == 1 ? "kind" : "kinds")" : "")
    var position = ""
    if place.symbol != nil, let start = place.symbolAddress {
      let (first, last) = (place.from &- start, place.through &- start)
      position =
        "at \(hexadecimal(start))+\(hexadecimal(first))"
        + (first == last ? "" : " to +\(hexadecimal(last)), \(place.instructions) instructions") + ": "
    } else if place.instructions > 1 {
      position = "\(place.instructions) instructions: "
    }
    paragraph(position + what, indent: 2)
  }

  /// Names come from the trace and can be long.
  private func short(_ label: String) -> String {
    Text.cut(label, to: 60)
  }

  /// As in a summary, `×3` says `(3 addresses)`.
  private func row(_ label: String) -> String {
    label.replacing(/\(([0-9]+) addresses\)$/) { "×\($0.1)" }
  }

  /// Bars, one for each quarter of a power of two that is not empty, scaled to the largest.
  private mutating func histogram(_ title: String, _ latency: LatencyReport, _ bars: [BarReport]) {
    guard latency.count > 0, let largest = bars.map(\.count).max() else {
      paragraph("\(title): none that is proven by the trace", indent: 2)
      return
    }
    line("  \(title)")
    paragraph(
      "total \(Text.duration(latency.total)) · min \(Text.duration(latency.minimum)) · p50 \(Text.duration(latency.p50))"
        + " · p90 \(Text.duration(latency.p90)) · p99 \(Text.duration(latency.p99)) · p99.9 \(Text.duration(latency.p999))",
      indent: 4
    )
    paragraph("max \(Text.duration(latency.maximum)) \(place(latency.maximumExemplar))", indent: 4)
    var table = DocumentTable([.right, .right, .right, .left])
    let bars = merged(bars, most: 24)
    let most = max(largest, bars.map(\.count).max() ?? 1)
    // Beside the bar: both limits, and the count.
    let beside = 4 + 7 + 2 + 9 + 2 + Text.count(most).count + 2
    table.hasTitles = false
    table.bars = DocumentTable.BarRoom(beside: beside, most: 100)
    for bar in bars {
      table.add([
        .text(Text.duration(bar.from)), .text("– " + Text.duration(bar.through)),
        .text(Text.count(bar.count)), .bar(Double(bar.count) / Double(most)),
      ])
    }
    show(table, indent: 4, isTitled: false)
  }

  /// Joins neighbouring bars, two by two, until there are few enough for a screen.
  private func merged(_ bars: [BarReport], most: Int) -> [BarReport] {
    var bars = bars
    while bars.count > most {
      bars = stride(from: 0, to: bars.count, by: 2).map { place in
        guard place + 1 < bars.count else { return bars[place] }
        return BarReport(
          from: bars[place].from, through: bars[place + 1].through,
          count: bars[place].count + bars[place + 1].count)
      }
    }
    return bars
  }

  func place(_ location: LocationReport?) -> String {
    guard let location else { return "" }
    var text = at(location)
    if let file = location.file, let packet = location.packet, let offset = location.packetOffset {
      let name = file.split(separator: "/").last ?? ""
      text += " s (\(name), packet \(packet) at byte \(Text.count(UInt64(offset))))"
    }
    return text
  }
}
