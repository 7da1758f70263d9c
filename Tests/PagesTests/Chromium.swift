import Foundation
import Testing

/// A headless Chromium, driven by `Tests/Browser/steps.py`.
enum Chromium {
  /// What is done to a page.
  struct Step {
    let parts: [Any]

    /// - Parameters:
    ///   - name: Of one of the script's steps.
    ///   - with: What it takes.
    ///   - more: What else.
    init(_ name: String, _ with: Any, _ more: [String: Any] = [:]) { parts = [name, with, more] }

    static func value(_ expression: String) -> Step { Step("value", expression) }
    static func press(_ keys: String...) -> [Step] { keys.map { Step("press", $0) } }
  }

  /// What the steps that give something gave, and what the browser says.
  struct Answer {
    fileprivate var values: [Any]
    let complaints: [String]
    let requests: [String]

    /// What the next of these steps gave.
    mutating func next<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
      let value = values.removeFirst()
      return try JSONDecoder().decode(
        [Value].self, from: JSONSerialization.data(withJSONObject: [value]))[0]
    }
  }

  static var isThere: Bool {
    python != nil && ["chromium", "chromium-browser", "google-chrome"].contains { find($0) != nil }
  }
  private static let python = find("python3")
  static let missing: Comment = "needs Chromium and Python"

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func find(_ name: String) -> URL? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { URL(fileURLWithPath: "\($0)/\(name)") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// Does some steps in one browser.
  static func run(_ steps: [Step]) throws -> Answer {
    let script = root.appendingPathComponent("Tests/Browser/steps.py").path
    let input = try JSONSerialization.data(withJSONObject: steps.map(\.parts))
    let (status, output, error) = try Self.run(try #require(python), [script], input)
    try #require(status == 0, "\(error.suffix(2000))")
    let answer = try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
    return Answer(
      values: answer["values"] as? [Any] ?? [], complaints: answer["complaints"] as? [String] ?? [],
      requests: answer["requests"] as? [String] ?? [])
  }

  /// Runs a program to its end.
  static func run(
    _ program: URL, _ arguments: [String], _ input: Data = Data()
  ) throws -> (status: Int32, output: Data, error: String) {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    // Files rather than pipes, which can fill up while nobody reads.
    let name = FileManager.default.temporaryDirectory.appendingPathComponent("exeunt-\(UUID().uuidString)")
      .path
    let files = [name + ".in", name + ".out", name + ".err"]
    defer { files.forEach { try? FileManager.default.removeItem(atPath: $0) } }
    try input.write(to: URL(fileURLWithPath: files[0]))
    for file in files[1...] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    process.standardInput = FileHandle(forReadingAtPath: files[0])
    process.standardOutput = FileHandle(forWritingAtPath: files[1])
    process.standardError = FileHandle(forWritingAtPath: files[2])
    try process.run()
    process.waitUntilExit()
    return (
      process.terminationStatus, try Data(contentsOf: URL(fileURLWithPath: files[1])),
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: files[2])), as: UTF8.self)
    )
  }
}
