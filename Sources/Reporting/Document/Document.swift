import Reports

/// What a report says, in reading order, and nothing of how it looks: ``TextRenderer`` prints it on a terminal, ``HTMLRenderer`` makes
/// a page of it.
///
/// Strings hold ``Text/space`` inside of what is read as one, as a number and its unit are.
struct Document: Sendable, Equatable {
  /// How much a paragraph matters.
  enum Emphasis: Sendable, Equatable {
    case plain
    case strong
    /// What explains the rest, and can be passed over by those who know.
    case remark
  }

  enum Block: Sendable, Equatable {
    /// Space between what does not belong together.
    case blank
    /// Begins a section.
    case heading(String)
    /// Is broken where the page ends; `indent` columns of it stay free, and `hanging` more in lines after the first.
    case paragraph(String, Emphasis, indent: Int, hanging: Int)
    /// One line that is short on any page, kept as it is.
    case line(String)
    case table(DocumentTable)
    /// Explains columns of the latest table.
    case legend([Clause], Emphasis)
    /// A command of this program about ``Document/target`` that the reader may want to try next, after a few words; it is
    /// about this moment, if any.
    case command(words: String, arguments: String, at: Int64?)
    /// Threads' states over time.
    case lanes(TimelineReport, origin: Int64, guestRun: String)
  }

  /// A part of a legend.
  struct Clause: Sendable, Equatable {
    /// What it says where one of its columns is shown.
    var text: String
    /// Titles of the columns that it is about; none: it is always said.
    var columns: Set<String> = []
    /// What it says where none of them is; nil: nothing.
    var otherwise: String?
  }

  /// How to name the trace in commands: words for a shell.
  var target: String
  var blocks: [Block] = []
}

/// Columns of a document. The first row is the titles, if it has some.
package struct DocumentTable: Sendable, Equatable {
  /// How a column is set.
  package enum Alignment: Sendable, Equatable {
    /// A text, which may be cut off.
    case left
    /// A number.
    case right
    /// A number that is aligned like a text.
    case leftNumber
  }

  /// What is in a cell.
  package enum Cell: Sendable, Equatable, ExpressibleByStringInterpolation {
    case text(String)
    /// A moment as text, and when it is, ns since the clock's origin.
    case moment(String, Int64)
    /// A bar from the left, as a part (0 to 1) of the longest that there is room for; it is never so short as not to be seen.
    case bar(Double)
    /// A bar somewhere on a line: begin and length as parts (0 to 1) of the line.
    case span(begin: Double, length: Double)

    package init(stringLiteral value: String) { self = .text(value) }
  }

  /// What is done where there is no room for all columns.
  enum Narrowing: Sendable, Equatable {
    /// Those with the highest rank are left out, and named below the table; then texts are cut off.
    case leavesOut
    /// Further tables with the same first column take them.
    case splits
    /// Nothing may be left out or cut off: these paragraphs say the same.
    case says(heading: String, [String])
  }

  var alignments: [Alignment]
  /// One for each column; rank 0 is never left out.
  var ranks: [Int]
  /// Between columns.
  var separator: String
  var rows: [[Cell]] = []
  var indent = 0
  /// Whether the titles are the heading of a section.
  var isTitled = true
  /// Whether the first row is the titles of the columns.
  var hasTitles = true
  var narrowing = Narrowing.leavesOut
  /// Room for bars.
  var bars = BarRoom(beside: 0, most: 0)

  /// How long bars can be.
  struct BarRoom: Sendable, Equatable {
    /// Columns that a line needs beside the bar.
    var beside: Int
    /// The most columns that a bar takes.
    var most: Int
  }

  /// - Parameters:
  ///   - alignments: One for each column.
  ///   - ranks: One for each column; by default columns go from the right, and the first stays.
  ///   - separator: Between columns.
  package init(_ alignments: [Alignment], ranks: [Int]? = nil, separator: String = "  ") {
    self.alignments = alignments
    self.ranks = ranks ?? Array(alignments.indices)
    self.separator = separator
  }

  /// Adds a row; missing cells are empty, cells beyond the last column are left out.
  package mutating func add(_ cells: [String]) { add(cells.map(Cell.text)) }

  /// Adds a row with bars or moments.
  package mutating func add(_ cells: [Cell]) { rows.append(Array(cells.prefix(alignments.count))) }
}
