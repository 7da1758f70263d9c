import CTF
import InertText

/// How to print the values of an event class: a flat list of steps over the words that ``MergedEvents`` delivers,
/// made once for each class. Everything that does not depend on values is in literals.
struct DumpProgram {
  enum Style {
    /// As babeltrace2 prints by default.
    case text
    case json
  }

  struct Step {
    enum Kind {
      /// Bytes `a` ..< `b` of the literals.
      case literal
      case unsigned, signed
      /// Integers of JSON that may be beyond what doubles keep exact.
      case exactUnsigned, exactSigned
      /// Base 16, 8 and 2 of an integer of `a` bits, `b` 1 if signed.
      case hexadecimal, octal, binary
      /// Integers of `a` bits, more than 64; `b` 1 if signed.
      case wideDecimal, wideHexadecimal, wideOctal, wideBinary
      /// Enumeration `a` of the program, its number has `b` words.
      case enumeration
      case float, text
      /// A text in encoding `a`.
      case encodedText
      case boolean, blob
      /// Bits, `a` of them; with names, those of flags `b` of the program.
      case bits, flags
      /// A floating-point number of `a` bits, 128 or more.
      case wideFloat
      /// Ignore `a` words.
      case skip
      /// `a` elements, or as many as a word says; `b` is the step after the loop.
      case loop, sequence
      /// What stands before an element.
      case element
      /// Back to step `a` while there are elements left.
      case endLoop
      /// Go on at the step that entry `a` + option of the targets says.
      case variant
      /// Go on at step `a`.
      case jump
    }

    var kind: Kind
    var a = 0
    var b = 0

    /// The number of words that the step takes.
    var words: Int {
      switch kind {
      case .literal, .loop, .element, .endLoop, .jump: 0
      // The label is chosen by the number that follows.
      case .enumeration: b
      case .unsigned, .signed, .exactUnsigned, .exactSigned, .hexadecimal, .octal, .binary, .float, .boolean,
        .sequence, .variant:
        1
      case .text, .encodedText, .blob: 2
      case .wideDecimal, .wideHexadecimal, .wideOctal, .wideBinary, .wideFloat, .bits, .flags: (a + 63) / 64
      case .skip: a
      }
    }
  }

  let style: Style
  /// Whether integers are text where doubles would round them.
  let quotesBigIntegers: Bool
  var steps: [Step] = []
  private(set) var literals: [UInt8] = []
  private(set) var enumerations: [LabelTable] = []
  var bitMaps: [BitArrayType] = []
  var targets: [Int] = []
  private var pending: [UInt8] = []

  init(_ style: Style, quotesBigIntegers: Bool) {
    self.style = style
    self.quotesBigIntegers = quotesBigIntegers && style == .json
  }

  mutating func literal(_ text: String) { pending += Array(text.utf8) }

  var isEmpty: Bool { steps.isEmpty && pending.isEmpty }

  mutating func append(_ kind: Step.Kind, _ a: Int = 0, _ b: Int = 0) {
    settle()
    steps.append(Step(kind: kind, a: a, b: b))
  }

  /// Turns what has been said so far into a step.
  mutating func settle() {
    guard !pending.isEmpty else { return }
    steps.append(Step(kind: .literal, a: literals.count, b: literals.count + pending.count))
    literals += pending
    pending = []
  }

  /// Prints a structure.
  ///
  /// - Parameter hidden: Indices of fields that are not shown.
  mutating func structure(_ structure: StructureType, hidden: Set<Int> = []) {
    literal("{")
    var isFirst = true
    // The members of an object of JSON have to differ.
    let names = style == .json ? structure.distinctNames : structure.fields.map(\.name)
    for (index, (_, type)) in structure.fields.enumerated() {
      let name = names[index]
      if hidden.contains(index) || type.isHidden {
        skip(type)
        continue
      }
      switch style {
      case .text:
        let name = InertText.replaced(name)
        literal(isFirst ? " \(name) = " : ", \(name) = ")
      case .json: literal((isFirst ? "" : ",") + JSONText.quoted(name) + ":")
      }
      isFirst = false
      value(type)
    }
    literal(style == .text ? " }" : "}")
  }

  mutating func value(_ type: FieldType) {
    switch type {
    case .integer(let integer): number(integer)
    case .enumeration(let enumeration):
      enumerations.append(LabelTable(enumeration, style))
      append(.enumeration, enumerations.count - 1, enumeration.container.words)
      if style == .text {
        number(enumeration.container)
        literal(" )")
      } else {
        number(enumeration.container)
        literal("}")
      }
    case .floatingPoint(let float): append(float.words == 1 ? .float : .wideFloat, float.size)
    case .string: append(.text)
    case .array(let array) where array.isText: append(.text)
    case .array(let array): elements(array) { $0.value(array.element) }
    case .structure(let structure): self.structure(structure)
    case .variant(let variant):
      if style == .text { literal("{ ") }
      options(variant.options.map(\.type)) { program, type in program.value(type) }
      if style == .text { literal(" }") }
    case .boolean: append(.boolean)
    case .bitArray(let array): bits(array)
    case .text(let text) where text.encoding == .utf8: append(.text)
    case .text(let text): append(.encodedText, Int(text.encoding.rawValue))
    case .blob: append(.blob)
    case .selection(let selection): self.selection(selection)
    }
  }

  private mutating func number(_ type: IntegerType) {
    let base = style == .text ? type.base : 10
    if type.words > 1 {
      let kind: Step.Kind =
        switch base {
        case 16: .wideHexadecimal
        case 8: .wideOctal
        case 2: .wideBinary
        default: .wideDecimal
        }
      append(kind, type.size, type.isSigned ? 1 : 0)
      return
    }
    switch base {
    case 16: append(.hexadecimal, type.size, type.isSigned ? 1 : 0)
    case 8: append(.octal, type.size, type.isSigned ? 1 : 0)
    case 2: append(.binary, type.size, type.isSigned ? 1 : 0)
    case _ where quotesBigIntegers && type.size > 53: append(type.isSigned ? .exactSigned : .exactUnsigned)
    default: append(type.isSigned ? .signed : .unsigned)
    }
  }

  private mutating func elements(
    _ array: ArrayType, isHidden: Bool = false, _ body: (inout DumpProgram) -> Void
  ) {
    if !isHidden { literal("[") }
    let loop: Int
    switch array.length {
    case .constant(let count):
      append(.loop, count)
    case .reference, .location: append(.sequence)
    }
    loop = steps.count - 1
    if !isHidden { append(.element) }
    let first = steps.count - (isHidden ? 0 : 1)
    body(&self)
    append(.endLoop, first)
    steps[loop].b = steps.count
    if !isHidden { literal(style == .text ? " ]" : "]") }
  }

  mutating func options(_ options: [FieldType], _ body: (inout DumpProgram, FieldType) -> Void) {
    append(.variant, targets.count)
    let first = targets.count
    targets += [Int](repeating: 0, count: options.count)
    var jumps: [Int] = []
    for (index, option) in options.enumerated() {
      targets[first + index] = steps.count
      body(&self, option)
      append(.jump)
      jumps.append(steps.count - 1)
    }
    for jump in jumps { steps[jump].a = steps.count }
  }

  /// Goes over a value that is not shown.
  mutating func skip(_ type: FieldType) {
    switch type {
    case .integer(let type): append(.skip, type.words)
    case .enumeration(let type): append(.skip, type.container.words)
    case .floatingPoint(let type): append(.skip, type.words)
    case .boolean: append(.skip, 1)
    case .bitArray(let array): append(.skip, array.bits.words)
    case .string, .text, .blob: append(.skip, 2)
    case .array(let array) where array.isText: append(.skip, 2)
    case .array(let array): elements(array, isHidden: true) { $0.skip(array.element) }
    case .structure(let structure): for field in structure.fields { skip(field.type) }
    case .variant(let variant): options(variant.options.map(\.type)) { $0.skip($1) }
    case .selection(let selection): skip(selection)
    }
  }
}

extension FieldType {
  /// babeltrace2 does not show values of the clock, as the timestamp says the same, nor fields with a role.
  var isHidden: Bool {
    switch self {
    case .integer(let type): type.clock != nil || !type.roles.isEmpty
    case .enumeration(let type): type.container.clock != nil || !type.container.roles.isEmpty
    case .blob(let type): type.hasRoles
    case .array(let type): type.element.isHidden
    case .structure(let type): !type.fields.isEmpty && type.fields.allSatisfy(\.type.isHidden)
    default: false
    }
  }
}
