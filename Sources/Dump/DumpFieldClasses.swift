import CTF

/// How values of field classes that only CTF 2 has are printed.
///
/// As babeltrace2 prints them: `true`, `0x2A` for bits, `<none>` for an optional field that is not there, `{ … }` around
/// one that is. Bits with names look like an enumeration; bytes are digits of base 16.
extension DumpProgram {
  mutating func bits(_ array: BitArrayType) {
    guard array.flags != nil else { return append(.bits, array.bits.size) }
    bitMaps.append(array)
    append(.flags, array.bits.size, bitMaps.count - 1)
  }

  mutating func selection(_ selection: SelectionType) {
    guard selection.isOptional else {
      if style == .text { literal("{ ") }
      options(selection.options.map(\.type)) { $0.value($1) }
      if style == .text { literal(" }") }
      return
    }
    optional {
      $0.literal($0.style == .text ? "<none>" : "null")
    } present: {
      if $0.style == .text { $0.literal("{ ") }
      $0.value(selection.options[0].type)
      if $0.style == .text { $0.literal(" }") }
    }
  }

  mutating func skip(_ selection: SelectionType) {
    if selection.isOptional {
      optional { _ in
      } present: {
        $0.skip(selection.options[0].type)
      }
    } else {
      options(selection.options.map(\.type)) { $0.skip($1) }
    }
  }

  /// Two cases: the word is 0 or 1.
  mutating func optional(
    absent: (inout DumpProgram) -> Void, present: (inout DumpProgram) -> Void
  ) {
    append(.variant, targets.count)
    let first = targets.count
    targets += [0, 0]
    targets[first] = steps.count
    absent(&self)
    append(.jump)
    let jump = steps.count - 1
    targets[first + 1] = steps.count
    present(&self)
    settle()
    steps[jump].a = steps.count
  }
}

extension DumpInterpreter {
  static func bits(
    _ step: DumpProgram.Step, _ word: UnsafePointer<UInt64>, _ code: DumpCode, _ sink: inout ByteSink
  ) {
    let isText = code.isText
    if step.kind == .flags {
      let flags = code.bitMaps[step.b].activeFlags(word)
      if isText {
        let shown = flags.map { TextEscape.quoted(Array($0.utf8)) }.joined(separator: Array(", ".utf8))
        sink.text("( ")
        sink.array(flags.isEmpty ? Array("<unknown>".utf8) : Array(shown))
        sink.text(" : container = ")
      } else {
        sink.array(Array("{\"flags\":[\(flags.map(JSONText.quoted).joined(separator: ","))],\"value\":".utf8))
      }
    }
    let number = step.a > 64 ? WideNumber(word, bits: step.a, isSigned: false) : nil
    switch (isText, number) {
    case (true, let number?):
      sink.array(Array(("0x" + number.digits(bitsPerDigit: 4, isPadded: false)).utf8))
    case (true, nil):
      sink.text("0x")
      sink.hexadecimal(word[0])
    case (false, let number?) where code.quotesBigIntegers: sink.exactDecimal(number.decimal)
    case (false, let number?): sink.array(Array(number.decimal.utf8))
    case (false, nil) where code.quotesBigIntegers: sink.exactDecimal(word[0])
    case (false, nil): sink.decimal(word[0])
    }
    if step.kind == .flags { sink.text(isText ? " )" : "}") }
  }

  static func encodedText(
    _ word: UnsafePointer<UInt64>, _ encoding: TextEncoding, _ isText: Bool, _ sink: inout ByteSink
  ) {
    guard let start = UnsafePointer<UInt8>(bitPattern: UInt(word[0])), word[1] > 0 else {
      sink.text("\"\"")
      return
    }
    encodedText(start, Int(word[1]), encoding, isText, &sink, opens: true, closes: true)
  }

  /// A part of a text.
  static func encodedText(
    _ start: UnsafePointer<UInt8>, _ count: Int, _ encoding: TextEncoding, _ isText: Bool,
    _ sink: inout ByteSink, opens: Bool, closes: Bool
  ) {
    if opens { sink.byte(UInt8(ascii: "\"")) }
    encoding.utf8(start, count) { bytes in
      let quoted =
        isText
        ? TextEscape.quoted(Array(bytes))
        : Array(JSONText.quoted(String(decoding: bytes, as: UTF8.self)).utf8)
      sink.array(Array(quoted.dropFirst().dropLast()))
    }
    if closes { sink.byte(UInt8(ascii: "\"")) }
  }

  static func blob(_ word: UnsafePointer<UInt64>, _ isText: Bool, _ sink: inout ByteSink) {
    let start = UnsafePointer<UInt8>(bitPattern: UInt(word[0]))
    blob(start, start == nil ? 0 : Int(word[1]), isText, &sink, opens: true, closes: true)
  }

  /// A part of a BLOB: digits of base 16, two for each byte.
  static func blob(
    _ start: UnsafePointer<UInt8>?, _ count: Int, _ isText: Bool, _ sink: inout ByteSink, opens: Bool,
    closes: Bool
  ) {
    let digits: StaticString = "0123456789ABCDEF"
    if opens { sink.text(isText ? "0x" : "\"") }
    if let start {
      for index in 0..<count {
        sink.byte(digits.utf8Start[Int(start[index] >> 4)])
        sink.byte(digits.utf8Start[Int(start[index] & 15)])
      }
    }
    if closes, !isText { sink.byte(UInt8(ascii: "\"")) }
  }
}
