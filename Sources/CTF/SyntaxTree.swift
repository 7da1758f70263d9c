/// The third stage's result: what the metadata says, before names have a meaning.
///
/// Line numbers stay with whatever may turn out wrong later.
enum Syntax {
  /// A statement at the top level or inside a block or a compound type.
  enum Statement {
    /// `trace { … };` and the like: keyword and contents.
    case block(String, [Statement], line: Int)
    /// `a.b = value;`
    case assign([String], Value, line: Int)
    /// `a.b := type;`
    case assignType([String], TypeSpecifier, line: Int)
    /// `typedef type declarator…;`
    case typeDefinition(TypeSpecifier, [Declarator], line: Int)
    /// `typealias type declarator := name;`
    case typeAlias(TypeSpecifier, Declarator, name: String, line: Int)
    /// A field of a compound type, or a named compound type alone (no declarators).
    case declaration(TypeSpecifier, [Declarator], line: Int)
  }

  /// The value of an attribute.
  enum Value {
    case integer(UInt64, isNegative: Bool)
    case string(String)
    /// A word, or words joined by dots: `le`, `clock.monotonic.value`.
    case path([String])
  }

  struct Attribute {
    let name: String
    let value: Value
    let line: Int
  }

  indirect enum TypeSpecifier {
    case integer([Attribute], line: Int)
    case floatingPoint([Attribute], line: Int)
    case string([Attribute], line: Int)
    case structure(name: String?, body: [Statement]?, alignment: UInt64?, line: Int)
    case variant(name: String?, tag: [String]?, body: [Statement]?, line: Int)
    case enumeration(name: String?, container: TypeSpecifier?, entries: [Entry]?, line: Int)
    /// The name of a type alias: `uint32_t`, `unsigned long`.
    case named(String, line: Int)
  }

  /// One label of an enumeration; without a range it continues after the one before.
  struct Entry {
    let label: String
    let range: (low: SignedNumber, high: SignedNumber)?
    let line: Int
  }

  /// An integer with its sign kept apart: both UInt64.max and Int64.min have to fit.
  struct SignedNumber {
    let magnitude: UInt64
    let isNegative: Bool
  }

  /// What is declared with a type: `*`s, a name, array lengths from left to right.
  struct Declarator {
    var pointers = 0
    var name: String?
    var lengths: [Length] = []
  }

  enum Length {
    case constant(UInt64)
    case reference([String])
  }
}

extension Syntax.Statement {
  /// Where the statement begins.
  var line: Int {
    switch self {
    case .block(_, _, let line), .assign(_, _, let line), .assignType(_, _, let line),
      .typeDefinition(_, _, let line), .typeAlias(_, _, _, let line), .declaration(_, _, let line):
      line
    }
  }
}
