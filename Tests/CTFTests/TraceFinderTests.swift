import Foundation
import Testing

@testable import CTF

@Suite("Where traces are found")
struct TraceFinderTests {
  private func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory.path)
  }

  /// Where traces are found, or what is wrong.
  private func find(_ paths: String...) -> [String] {
    var finder = TraceFinder()
    do {
      for path in paths { try finder.search(path) }
    } catch {
      return [error.message]
    }
    return finder.found.map(\.directory)
  }

  /// A directory with two traces in it.
  private func withTraces(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      for name in ["a/deep/trace", "b"] {
        let path = "\(directory)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for file in ["metadata", "stream"] { try Data().write(to: URL(filePath: "\(path)/\(file)")) }
      }
      try body(directory)
    }
  }

  @Test("A link to a trace, or to a directory with traces, is as good as the directory")
  func links() throws {
    try withTraces { directory in
      try withTemporaryDirectory { other in
        symlink("\(directory)/b", "\(other)/trace")
        #expect(find("\(other)/trace") == ["\(other)/trace"])
        #expect(find(other) == ["\(other)/trace"])
        symlink(directory, "\(other)/all")
        #expect(find("\(other)/all") == ["\(other)/all/a/deep/trace", "\(other)/all/b"])
      }
    }
  }

  @Test("Links that lead round in circles, or nowhere, end; a trace reached twice is one, by its own name")
  func circles() throws {
    try withTraces { directory in
      symlink("..", "\(directory)/a/up")
      symlink(".", "\(directory)/b/self")
      symlink("\(directory)/b", "\(directory)/a/deep/trace/b")
      symlink("\(directory)/0", "\(directory)/0")
      symlink("\(directory)/missing", "\(directory)/1")
      #expect(
        find(directory) == ["\(directory)/a/deep/trace", "\(directory)/a/deep/trace/b"])
      symlink("a/deep/trace", "\(directory)/00")
      #expect(find(directory, "\(directory)/00").count == 2)
    }
  }

  @Test("A circle without a trace in it is no trace")
  func nothing() throws {
    try withTemporaryDirectory { directory in
      symlink(directory, "\(directory)/self")
      #expect(find("\(directory)/self/self").first?.hasPrefix("no CTF trace") == true)
    }
  }
}
