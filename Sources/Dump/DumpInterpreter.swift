import CTF

/// A program in memory that does not move, so that printing needs neither copies nor counts of references.
final class DumpCode {
  let isText: Bool
  let quotesBigIntegers: Bool
  let steps: UnsafeMutableBufferPointer<DumpProgram.Step>
  let literals: UnsafeMutableBufferPointer<UInt8>
  let targets: UnsafeMutableBufferPointer<Int>
  let labels: UnsafeMutableBufferPointer<LabelTable>
  let bitMaps: [BitArrayType]

  init(_ program: DumpProgram) {
    isText = program.style == .text
    quotesBigIntegers = program.quotesBigIntegers
    steps = Self.copy(program.steps)
    // So that short ones can be read as if they were longer.
    literals = Self.copy(program.literals + [UInt8](repeating: 0, count: ByteSink.paddedLength))
    targets = Self.copy(program.targets)
    labels = Self.copy(program.enumerations)
    bitMaps = program.bitMaps
  }

  private static func copy<T>(_ items: [T]) -> UnsafeMutableBufferPointer<T> {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: items.count)
    _ = memory.initialize(from: items)
    return memory
  }

  deinit {
    steps.deallocate()
    literals.deallocate()
    targets.deallocate()
    labels.deinitialize()
    labels.deallocate()
  }
}

/// Prints values as a program says.
enum DumpInterpreter {
  struct Loop {
    var left: UInt64
    var index: UInt64
  }

  /// Where printing goes on.
  struct Place {
    var step = 0
    var loops: [Loop] = []
  }

  static func run(_ code: DumpCode, _ values: UnsafePointer<UInt64>, _ sink: inout ByteSink) {
    var place = Place()
    run(code, values, nil, &place, &sink)
  }

  /// Prints as far as there are words: `available` of them, nil when there are all.
  @inline(__always)
  static func run(
    _ code: DumpCode, _ values: UnsafePointer<UInt64>, _ available: Int?, _ resume: inout Place,
    _ sink: inout ByteSink
  ) {
    let isText = code.isText
    let literals = UnsafePointer(code.literals.baseAddress!)
    let steps = code.steps.baseAddress!
    let count = code.steps.count
    var word = values
    let end = available.map { values + $0 }
    var place = resume.step
    var loops = resume.loops
    defer {
      if available != nil { resume = Place(step: place, loops: loops) }
    }
    while place < count {
      let step = steps[place]
      if let end, end - word < step.words { return }
      place &+= 1
      switch step.kind {
      case .literal: sink.paddedBytes(literals + step.a, step.b &- step.a)
      case .unsigned:
        sink.decimal(word[0])
        word += 1
      case .signed:
        sink.signedDecimal(Int64(bitPattern: word[0]))
        word += 1
      case .exactUnsigned:
        sink.exactDecimal(word[0])
        word += 1
      case .exactSigned:
        sink.exactSignedDecimal(Int64(bitPattern: word[0]))
        word += 1
      case .hexadecimal:
        sink.text("0x")
        sink.hexadecimal(masked(word[0], (step.a + 3) & ~3))
        word += 1
      case .octal:
        sink.text("0")
        sink.octal(step.b == 1 ? masked(word[0], (step.a + 2) / 3 * 3) : word[0])
        word += 1
      case .binary:
        sink.text("0b")
        sink.digits(word[0], bitsPerDigit: 1, count: step.a)
        word += 1
      case .enumeration:
        // The number follows in a step of its own.
        if step.b == 1 || WideNumber.fits(word, step.b, code.labels[step.a].isSigned) {
          code.labels[step.a].write(word[0], to: &sink)
        } else {
          code.labels[step.a].writeUnknown(to: &sink)
        }
      case .wideDecimal, .wideHexadecimal, .wideOctal, .wideBinary:
        wide(step, word, code.quotesBigIntegers, &sink)
        word += (step.a + 63) / 64
      case .wideFloat:
        let number = WideFloat(word, bits: step.a)
        if let value = number.double {
          self.number(value, isText, &sink)
        } else {
          sink.array(Array((isText ? number.hexadecimal : "\"\(number.hexadecimal)\"").utf8))
        }
        word += (step.a + 63) / 64
      case .float:
        number(Double(bitPattern: word[0]), isText, &sink)
        word += 1
      case .text:
        text(word, isText, &sink)
        word += 2
      case .boolean:
        sink.text(word[0] == 0 ? "false" : "true")
        word += 1
      case .bits, .flags:
        bits(step, word, code, &sink)
        word += (step.a + 63) / 64
      case .encodedText:
        encodedText(word, TextEncoding(rawValue: UInt8(step.a)) ?? .utf8, isText, &sink)
        word += 2
      case .blob:
        blob(word, isText, &sink)
        word += 2
      case .skip: word += step.a
      case .loop, .sequence:
        var count = UInt64(step.a)
        if step.kind == .sequence {
          count = word[0]
          word += 1
        }
        if count == 0 { place = step.b } else { loops.append(Loop(left: count, index: 0)) }
      case .element:
        let index = loops[loops.count - 1].index
        if isText {
          sink.text(index == 0 ? " [" : ", [")
          sink.decimal(index)
          sink.text("] = ")
        } else if index > 0 {
          sink.byte(UInt8(ascii: ","))
        }
      case .endLoop:
        loops[loops.count - 1].left -= 1
        loops[loops.count - 1].index += 1
        if loops[loops.count - 1].left > 0 { place = step.a } else { loops.removeLast() }
      case .variant:
        place = code.targets[step.a + Int(word[0])]
        word += 1
      case .jump: place = step.a
      }
    }
  }

  private static func wide(
    _ step: DumpProgram.Step, _ word: UnsafePointer<UInt64>, _ quotesBigIntegers: Bool, _ sink: inout ByteSink
  ) {
    let number = WideNumber(word, bits: step.a, isSigned: step.b == 1)
    let text: String =
      switch step.kind {
      case .wideHexadecimal: "0x" + number.digits(bitsPerDigit: 4, isPadded: false)
      case .wideOctal: "0" + number.digits(bitsPerDigit: 3, isPadded: false)
      case .wideBinary: "0b" + number.digits(bitsPerDigit: 1, isPadded: true)
      default: number.decimal
      }
    if quotesBigIntegers { sink.exactDecimal(text) } else { sink.array(Array(text.utf8)) }
  }

  private static func masked(_ value: UInt64, _ bits: Int) -> UInt64 {
    bits >= 64 ? value : value & (1 << UInt64(bits) - 1)
  }

  private static func number(_ value: Double, _ isText: Bool, _ sink: inout ByteSink) {
    if isText {
      sink.float(value)
    } else if value.isFinite {
      sink.array(Array(value.description.utf8))
    } else {
      // JSON has no number for it.
      sink.array(Array("\"\(value)\"".utf8))
    }
  }

  static func text(_ word: UnsafePointer<UInt64>, _ isText: Bool, _ sink: inout ByteSink) {
    let length = Int(word[1])
    guard let start = UnsafePointer<UInt8>(bitPattern: UInt(word[0])), length > 0 else {
      sink.text("\"\"")
      return
    }
    if isText { TextEscape.write(start, length, to: &sink) } else { JSONText.write(start, length, to: &sink) }
  }
}
