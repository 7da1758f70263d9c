/// A token of the metadata language TSDL (CTF 1.8, appendix C).
enum Token: Equatable {
  case identifier(String)
  case integer(UInt64)
  case string(String)
  case punctuation(Punctuation)
  case end

  enum Punctuation: String {
    case leftBrace = "{"
    case rightBrace = "}"
    case leftBracket = "["
    case rightBracket = "]"
    case leftParenthesis = "("
    case rightParenthesis = ")"
    case less = "<"
    case greater = ">"
    case colon = ":"
    case typeAssign = ":="
    case semicolon = ";"
    case comma = ","
    case equals = "="
    case ellipsis = "..."
    case dot = "."
    case arrow = "->"
    case star = "*"
    case plus = "+"
    case minus = "-"
  }

  /// The token as an error message shows it.
  var shown: String {
    switch self {
    case .identifier(let name): "'\(name.prefix(64))'"
    case .integer(let value): "\(value)"
    case .string: "a string"
    case .punctuation(let mark): "'\(mark.rawValue)'"
    case .end: "the end of the metadata"
    }
  }

  /// Whether it cannot belong to the definition of a type that stands before it: it is the semicolon, or begins or ends
  /// something else.
  var beginsAnother: Bool {
    switch self {
    case .identifier(let word): Self.keywords.contains(word) && word != "align" && word != "const"
    case .punctuation(let mark): mark == .semicolon || mark == .rightBrace
    case .end: true
    case .integer, .string: false
    }
  }

  /// Words that cannot name a field or a type.
  static let keywords: Set<String> = [
    "align", "callsite", "const", "char", "clock", "double", "enum", "env", "event", "floating_point",
    "float",
    "integer", "int", "long", "short", "signed", "stream", "string", "struct", "trace", "typealias",
    "typedef",
    "unsigned", "variant", "void", "_Bool", "_Complex", "_Imaginary",
  ]
}
