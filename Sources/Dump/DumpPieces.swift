import CTF

/// Prints an event that is too large for memory while it is being decoded.
final class DumpPieces: EventPieces {
  private let code: DumpCode
  private let sink: UnsafeMutablePointer<ByteSink>
  private var place = DumpInterpreter.Place()

  /// - Parameter sink: Has to outlive the printing.
  init(_ code: DumpCode, _ sink: UnsafeMutablePointer<ByteSink>) {
    self.code = code
    self.sink = sink
  }

  func words(_ words: UnsafePointer<UInt64>, _ count: Int) {
    DumpInterpreter.run(code, words, count, &place, &sink.pointee)
  }

  func text(_ part: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) {
    // What stands before the text has been printed with the words before it, unless there were none.
    if isFirst { finish() }
    guard place.step < code.steps.count else { return }
    let step = code.steps[place.step]
    if let start = part.baseAddress {
      switch step.kind {
      case .text where code.isText:
        TextEscape.write(start, part.count, to: &sink.pointee, opens: isFirst, closes: isLast)
      case .text: JSONText.write(start, part.count, to: &sink.pointee, opens: isFirst, closes: isLast)
      case .encodedText:
        DumpInterpreter.encodedText(
          start, part.count, TextEncoding(rawValue: UInt8(step.a)) ?? .utf8, code.isText, &sink.pointee,
          opens: isFirst, closes: isLast)
      case .blob:
        DumpInterpreter.blob(start, part.count, code.isText, &sink.pointee, opens: isFirst, closes: isLast)
      default: break
      }
    }
    if isLast { place.step += 1 }
  }

  /// Prints what needs no more words.
  func finish() {
    var nothing: UInt64 = 0
    DumpInterpreter.run(code, &nothing, 0, &place, &sink.pointee)
  }
}
