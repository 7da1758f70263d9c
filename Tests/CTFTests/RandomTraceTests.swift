import CTF
import Testing

/// Random types, random values: the dump has to print what the generator wrote, and babeltrace2 has to agree.
@Suite struct RandomTraceTests {
  /// The line without the clock and the difference, which the generator does not make.
  private func core(_ line: String) -> Substring {
    guard let dot = line.firstIndex(of: "."), let bracket = line.firstIndex(of: ")") else { return line[...] }
    let nanoseconds = line[line.index(after: dot)...].prefix(9)
    return nanoseconds + line[line.index(after: bracket)...]
  }

  @Test(arguments: 0..<300)
  func dumpPrintsWhatWasWritten(seed: Int) throws {
    let random = RandomTrace(seed: UInt64(seed))
    let trace = try TemporaryTrace(metadata: random.metadata, stream: random.stream)
    let (lines, diagnostics) = try trace.dump()
    #expect(diagnostics == [], "\(random.metadata)")
    #expect(lines.map(core) == random.lines.map { $0[...] }, "\(random.metadata)")
  }

  @Test(.enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"), arguments: 0..<60)
  func babeltraceAgrees(seed: Int) throws {
    let random = RandomTrace(seed: UInt64(seed))
    let trace = try TemporaryTrace(metadata: random.metadata, stream: random.stream)
    guard let expected = try Babeltrace.lines(trace.path) else {
      Issue.record("babeltrace2 cannot read it: \(random.metadata)")
      return
    }
    let ours = try trace.dump().lines
    #expect(ours == expected, "\(random.metadata)")
  }
}
