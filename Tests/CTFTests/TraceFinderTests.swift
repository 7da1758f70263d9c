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

  @Test("A link to a directory above, or to very many files, is not followed, and told of")
  func linksToEverything() throws {
    try withTraces { directory in
      symlink("/", "\(directory)/root")
      symlink("../..", "\(directory)/a/above")
      var finder = TraceFinder()
      try finder.search(directory)
      #expect(finder.found.map(\.directory) == ["\(directory)/a/deep/trace", "\(directory)/b"])
      #expect(finder.warnings.map(\.file) == ["\(directory)/a/above", "\(directory)/root"])
      #expect(finder.diagnostics == [])
    }
  }

  @Test(
    "What cannot be reached is damage: links that lead nowhere or round in circles, paths that are too long")
  func unreachable() throws {
    try withTraces { directory in
      symlink("loop", "\(directory)/b/loop")
      symlink("missing", "\(directory)/b/dangling")
      // Deeper than any path can say.
      let name = String(repeating: "d", count: 250)
      var chain = [open("\(directory)/b", O_RDONLY)]
      for _ in 0..<20 {
        mkdirat(chain[chain.count - 1], name, 0o755)
        chain.append(openat(chain[chain.count - 1], name, O_RDONLY))
      }
      close(openat(chain[20], "stream", O_CREAT | O_WRONLY, 0o644))
      defer {
        unlinkat(chain[20], "stream", 0)
        while let last = chain.popLast() {
          close(last)
          if let parent = chain.last { unlinkat(parent, name, AT_REMOVEDIR) }
        }
      }
      var finder = TraceFinder()
      try finder.search(directory)
      #expect(finder.found.count == 2)
      let messages = finder.diagnostics.map(\.message).sorted()
      #expect(messages.count == 3)
      #expect(messages.filter { $0.hasPrefix("the link cannot be followed") }.count == 2)
      #expect(messages.contains { $0.hasSuffix("File name too long") })
    }
  }

  @Test("Names that are not UTF-8 are kept: files and directories are read, and shown with escapes")
  func names() throws {
    let strange: [UInt8] = Array("s_".utf8) + [0xe9, 0x80, 0xf4, 0x8f, 0xb8, 0x81, 0xc3, 0xa9, 0xff]
    #expect(PathText.shown(PathText.text(strange)) == "s_\\xe9\\x80\\xf4\\x8f\\xb8\\x81é\\xff")
    for seed in 0..<200 {
      var random = Random(seed: UInt64(seed))
      let bytes = (0..<random.below(9)).map { _ in
        [0x61, 0xe2, 0x82, 0xac, 0xf4, 0x8f, 0xb8, 0x80, 0xff, 0xc3][random.below(10)] as UInt8
      }
      let back = PathText.withBytes(PathText.text(bytes)) { start in
        (0..<strlen(start)).map { UInt8(bitPattern: start[$0]) }
      }
      #expect(back == bytes)
    }
    try withTraces { directory in
      let path = PathText.text(Array("\(directory)/".utf8) + strange)
      #expect(PathText.withBytes(path) { mkdir($0, 0o755) } == 0)
      for file in ["metadata", PathText.text([0xe9]), PathText.text([0xe8])] {
        let descriptor = PathText.withBytes("\(path)/\(file)") { open($0, O_CREAT | O_WRONLY, 0o644) }
        #expect(descriptor >= 0)
        close(descriptor)
      }
      var finder = TraceFinder()
      try finder.search(directory)
      #expect(finder.diagnostics == [])
      let found = try #require(finder.found.first { $0.directory == path })
      #expect(found.names.count == 2)
      for name in found.names { #expect((try? DataFile(path: found.path(name))) != nil) }
    }
  }

  @Test("A file with several names is read once, under its own name where that is among those searched")
  func sharedFiles() throws {
    try withTraces { directory in
      link("\(directory)/b/stream", "\(directory)/b/hard")
      symlink("../../../b/stream", "\(directory)/a/deep/trace/soft")
      try Data([1]).write(to: URL(filePath: "\(directory)/elsewhere"))
      symlink("../elsewhere", "\(directory)/b/x")
      symlink("../elsewhere", "\(directory)/b/y")
      var finder = TraceFinder()
      try finder.search(directory)
      finder.finish()
      #expect(finder.found.map(\.names) == [["stream"], ["hard", "x"]])
      #expect(finder.found.map(\.repeats) == [["soft"], ["stream", "y"]])
    }
  }
}
