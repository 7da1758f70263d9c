import Foundation
import Statistics
import TestSupport
import Testing

/// Estimates, intervals and p-values against scipy's, on values drawn at random.
@Suite("Statistics against scipy", .enabled(if: Scipy.python != nil, "needs python3 with scipy"))
struct ScipyTests {
  @Test("shifts, p-values and intervals are scipy's, of pairs and of two sides")
  func untied() throws {
    try Self.compare((1...40).map { Case(seed: $0, isTied: false) })
  }

  @Test("ties share ranks and pairs without a difference are left out, exactly")
  func tied() throws {
    try Self.compare((1...40).map { Case(seed: $0, isTied: true) })
  }

  @Test("step-down maxT is that of Westfall and Young, with Student's t over all arrangements")
  func stepDown() throws {
    let families = (1...16).map { seed -> [Case] in
      var random = SeededGenerator(seed: UInt64(seed))
      let isPaired = seed % 2 == 0
      let counts =
        isPaired ? (Int.random(in: 2...9, using: &random), 0) : (5, Int.random(in: 3...5, using: &random))
      return (1...Int.random(in: 1...5, using: &random)).map { metric in
        Case(
          seed: seed * 100 + metric, isTied: seed % 5 == 0 && seed > 5, isPaired: isPaired, counts: counts)
      }
    }
    let answers = try Scipy.ask(families.map { Question(metrics: $0) })
    for (family, answer) in zip(families, answers) {
      let found = FamilyWise.stepDown(family.map(\.samples))
      for (found, expected) in zip(found, try #require(answer.family)) {
        #expect(abs(found - expected) < 1e-9, "\(family.map(\.seed)): \(found), not \(expected)")
      }
    }
  }

  @Test("Holm's correction is that of its definition")
  func holm() throws {
    let lists = (1...20).map { seed -> [Double] in
      var random = SeededGenerator(seed: UInt64(seed))
      return (0..<(seed % 7 + 1)).map { _ in Double.random(in: 0...(seed % 3 == 0 ? 1 : 0.1), using: &random)
      }
    }
    for (list, answer) in zip(lists, try Scipy.ask(lists.map { Question(p: $0) })) {
      let expected = try #require(answer.family)
      #expect(zip(FamilyWise.holm(list), expected).allSatisfy { abs($0 - $1) < 1e-12 }, "\(list)")
    }
  }

  private static func compare(_ cases: [Case]) throws {
    let answers = try Scipy.ask(cases.map { Question($0) })
    #expect(answers.count == cases.count)
    for (one, answer) in zip(cases, answers) {
      let samples = one.samples
      func same(_ what: String, _ found: Double?, _ expected: Double?) {
        guard let found, let expected else {
          #expect((found == nil) == (expected == nil), "seed \(one.seed): \(what)")
          return
        }
        #expect(
          abs(found - expected) <= 1e-9 * max(1e-3, expected.magnitude),
          "seed \(one.seed): \(what) \(found), not \(expected)")
      }
      same("shift", samples.shift, answer.shift)
      same("p", samples.pValue(.twoSided), answer.twoSided)
      same("p of greater", samples.pValue(.greater), answer.greater)
      same("p of less", samples.pValue(.less), answer.less)
      guard !one.isTied else { continue }
      let interval = samples.interval(level: one.level)
      same("lower end", interval?.lower, answer.interval?.lower)
      same("upper end", interval?.upper, answer.interval?.upper)
      same("coverage", interval?.coverage, answer.interval?.coverage)
      #expect((interval == nil) == (samples.smallestP() > one.level), "seed \(one.seed)")
    }
  }
}

/// Samples drawn at random.
private struct Case {
  let seed: Int
  let isTied: Bool
  let samples: Samples
  let level: Double

  /// - Parameter counts: Of pairs, how many; else those of both sides. nil: drawn as well.
  init(seed: Int, isTied: Bool, isPaired: Bool? = nil, counts: (Int, Int)? = nil) {
    (self.seed, self.isTied) = (seed, isTied)
    var random = SeededGenerator(seed: UInt64(seed) &+ (isTied ? 1000 : 0))
    level = [0.01, 0.05, 0.1][seed % 3]
    // Of tied values all arrangements are gone through by a program that is not fast.
    let fewest = isTied ? 2 : 1
    let most = isTied ? 7 : [6, 12, 30][seed / 2 % 3]
    let (one, two) =
      counts ?? (Int.random(in: fewest...most, using: &random), Int.random(in: fewest...most, using: &random))
    let offset = Double(seed % 5) / 4
    func values(_ count: Int, _ offset: Double) -> [Double] {
      (0..<count).map { _ in
        let value = (0..<4).reduce(offset) { sum, _ in sum + Double.random(in: -1...1, using: &random) }
        return isTied ? (value * 1.5).rounded() : value
      }
    }
    samples =
      isPaired ?? (seed % 2 == 0)
      ? .pairs(values(one, offset)) : .sides(a: values(one, 0), b: values(two, offset))
  }
}

private struct Question: Encodable {
  var d: [Double]?
  var a: [Double]?
  var b: [Double]?
  var level: Double?
  var isUntied: Bool?
  var metrics: [Question]?
  var p: [Double]?

  init(_ one: Case) {
    switch one.samples {
    case .pairs(let differences): d = differences
    case .sides(let a, let b): (self.a, self.b) = (a, b)
    }
    (level, isUntied) = (one.level, !one.isTied)
  }

  init(metrics: [Case]) { self.metrics = metrics.map { Question($0) } }

  init(p: [Double]) { self.p = p }
}

private struct Answer: Decodable {
  struct Interval: Decodable {
    let lower: Double
    let upper: Double
    let coverage: Double
  }

  let shift: Double?
  let twoSided: Double?
  let greater: Double?
  let less: Double?
  let interval: Interval?
  let family: [Double]?
}

/// A Python that has scipy.
private enum Scipy {
  static let python: String? = {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let places = path.split(separator: ":").map { "\($0)/python3" } + ["/usr/bin/python3"]
    return places.first {
      access($0, X_OK) == 0 && (try? run($0, ["-c", "import scipy"], input: nil)) != nil
    }
  }()

  /// The answer to each question.
  static func ask(_ questions: [Question]) throws -> [Answer] {
    let encoder = JSONEncoder()
    let lines = try questions.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Oracle/oracle.py")
    let answers = try withTemporaryDirectory { directory -> Data in
      let input = directory + "/questions"
      try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: input))
      return try run(
        try #require(python), [script.path],
        input: try FileHandle(forReadingFrom: URL(fileURLWithPath: input)))
    }
    return try answers.split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(Answer.self, from: Data($0))
    }
  }

  private struct Failure: Error {
    let status: Int32
  }

  private static func run(_ program: String, _ arguments: [String], input: FileHandle?) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = input ?? FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    if input == nil { process.standardError = FileHandle.nullDevice }
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    return data
  }
}
