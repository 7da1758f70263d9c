import ArgumentParser
import CTF
import Export
import Glibc
import InertText
import Reporting
import Reports

extension QueryFormat: ExpressibleByArgument {}

/// `exeunt-analyze query`: SQL over what the models know.
struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "Ask a recording, or a database made by export, in SQL.",
    discussion: """
      Tables and columns are in docs/export.md, ready queries in analysis/queries. The SQL is SQLite's. A database is only
      read; of recordings a temporary one is made each time, so that many questions are better put to an exported one.

      EXAMPLES:
        exeunt-analyze query 'SELECT state, sum(duration_ns) FROM intervals GROUP BY 1' run1
        exeunt-analyze query --from 10ms --to 20ms 'SELECT count(*) FROM exits' run1
        exeunt-analyze query --file analysis/queries/slowest-requests.sql run1.sqlite
        exeunt-analyze query --format csv 'SELECT * FROM marks' run1 run2 > marks.csv
      """)

  @Argument(
    help: ArgumentHelp(
      "The SQL, unless --file has it; then a database, or directories with traces, each of which is a run.",
      valueName: "sql-or-path"), completion: .file())
  var words: [String]

  @Option(help: ArgumentHelp("A file with the SQL.", valueName: "file"), completion: .file())
  var file: String?

  @Option(
    help: ArgumentHelp(
      "text: a table. csv: RFC 4180. jsonl: an object for each row, without what is null.",
      valueName: "text|csv|jsonl"))
  var format = QueryFormat.text

  @OptionGroup var options: RunOptions

  func validate() throws {
    if paths.isEmpty {
      throw ValidationError(
        file == nil ? "give the SQL, and a database or directories" : "give a database or directories")
    }
  }

  private var paths: [String] { Array(file == nil ? words.dropFirst() : words[...]) }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let sql = try file.map(SQLFile.read) ?? words[0]
    let paths = paths
    if paths.count == 1, SQLFile.isDatabase(paths[0]) {
      if options.part.isChosen {
        throw Terminal.mistake(
          "a database has all that was exported: --from, --to and --around need the recording, here or of export"
        )
      }
      try query(paths[0], sql)
      return
    }
    try StateInput.refuse(paths)
    let temporary = try OutputFile.make("\(SQLFile.temporaryDirectory)/exeunt-query.sqlite", mode: 0o600)
    let place = temporary.place
    let damaged = try fill(place, paths)
    try query(place, sql)
    try AnalysisOptions.checkDamage(damaged)
    withExtendedLifetime(temporary) {}
  }

  /// Makes the database that is asked, and closes it.
  private func fill(_ place: String, _ paths: [String]) throws -> [TraceReport] {
    var exporter = SQLiteExporter(
      try SQLiteDatabase.open(place, for: .fill) { RunOptions.failed(place, $0) })
    return try options.export(paths, as: place, to: &exporter)
  }

  private func query(_ path: String, _ sql: String) throws {
    let database = try SQLiteDatabase.open(path, for: .query) { message in
      Terminal.report("cannot read the database \(PathText.shown(path)): \(message)")
      return ExitCode(3)
    }
    var writer = QueryWriter(
      descriptor: STDOUT_FILENO, format: format, bigIntegers: options.integers.bigIntegers,
      printable: { Terminal.shown(InertText.replaced($0)) })
    var problem: SQLiteError?
    do throws(SQLiteError) {
      try database.run(sql) { (statement) throws(SQLiteError) in try writer.write(statement) }
    } catch {
      problem = error
    }
    writer.finish()
    if let code = writer.failure {
      if code == EPIPE { throw ExitCode.success }
      throw RunOptions.failed(nil, String(cString: strerror(code)))
    }
    guard let problem else { return }
    guard problem.isDamage else { throw Terminal.mistake("SQL: \(InertText.replaced(problem.description))") }
    Terminal.report("cannot read the database \(PathText.shown(path)): \(problem.description)")
    throw ExitCode(3)
  }
}

/// Files that queries have to do with.
private enum SQLFile {
  /// Bytes of a query: nobody writes a longer one.
  private static let largest = 1 << 20

  /// Where files are made that nobody is to see.
  static var temporaryDirectory: String {
    getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
  }

  /// Whether a path is a file that begins like a database (https://sqlite.org/fileformat2.html#magic_header_string).
  static func isDatabase(_ path: String) -> Bool {
    let magic = Array("SQLite format 3\0".utf8)
    return bytes(path, most: magic.count) == magic
  }

  /// The text of a file, or ends the program with one line and status 2.
  static func read(_ path: String) throws -> String {
    guard let bytes = bytes(path, most: largest + 1) else {
      throw Terminal.mistake("cannot read \(PathText.shown(path)): \(String(cString: strerror(errno)))")
    }
    guard bytes.count <= largest else {
      throw Terminal.mistake("\(PathText.shown(path)) is larger than \(largest >> 20) MiB, which no query is")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The first bytes of a file; nil, with `errno`, where it cannot be read.
  private static func bytes(_ path: String, most: Int) -> [UInt8]? {
    let descriptor = PathText.withBytes(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < most {
      let count = Glibc.read(descriptor, &piece, min(piece.count, most - bytes.count))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    return bytes
  }
}
