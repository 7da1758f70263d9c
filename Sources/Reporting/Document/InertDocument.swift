import InertText
import Reports

/// Documents quote traces, and whoever wrote a trace chose the names in it. They become inert before a renderer adds what is
/// its own, as colours, which could not be told from others' afterwards.
extension Document {
  /// The document with one visible character for each that commands a terminal or turns writing around.
  var inert: Document {
    Document(target: InertText.replaced(target), blocks: blocks.map(\.inert))
  }
}

extension Document.Block {
  fileprivate var inert: Document.Block {
    switch self {
    case .blank: .blank
    case .heading(let text): .heading(InertText.replaced(text))
    case .paragraph(let text, let emphasis, let indent, let hanging):
      .paragraph(InertText.replaced(text), emphasis, indent: indent, hanging: hanging)
    case .line(let text): .line(InertText.replaced(text))
    case .table(let table): .table(table.inert)
    case .legend(let clauses, let emphasis): .legend(clauses.map(\.inert), emphasis)
    case .command(let words, let arguments, let moment):
      .command(words: InertText.replaced(words), arguments: InertText.replaced(arguments), at: moment)
    case .lanes(let timeline, let origin, let guestRun):
      .lanes(timeline.inert, origin: origin, guestRun: guestRun)
    }
  }
}

extension Document.Clause {
  fileprivate var inert: Document.Clause {
    Document.Clause(
      text: InertText.replaced(text), columns: Set(columns.map(InertText.replaced)),
      otherwise: otherwise.map(InertText.replaced))
  }
}

extension DocumentTable {
  fileprivate var inert: DocumentTable {
    var table = self
    table.rows = rows.map { row in
      row.map { cell in
        switch cell {
        case .text(let text): .text(InertText.replaced(text))
        case .moment(let text, let moment): .moment(InertText.replaced(text), moment)
        case .bar, .span: cell
        }
      }
    }
    if case .says(let heading, let paragraphs) = narrowing {
      table.narrowing = .says(
        heading: InertText.replaced(heading), paragraphs.map(InertText.replaced))
    }
    return table
  }
}

extension TimelineReport {
  fileprivate var inert: TimelineReport {
    var timeline = self
    for lane in lanes.indices {
      timeline.lanes[lane].name = InertText.replaced(lanes[lane].name)
      for cell in lanes[lane].cells.indices {
        if let device = lanes[lane].cells[cell].device, !InertText.isInert(device) {
          timeline.lanes[lane].cells[cell].device = InertText.replaced(device)
        }
      }
    }
    return timeline
  }
}
