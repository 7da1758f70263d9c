import Foundation
import Testing

/// `make install`, with programs that are built already.
@Suite("What is installed", .enabled(if: Tools.find("make") != nil && Tools.find("python3") != nil))
struct InstallTests {
  private func install(_ variables: [String], _ directory: URL) throws -> Output {
    try run(
      #require(Tools.find("make")),
      [
        "--directory", Tools.root.path, "--no-print-directory", "install",
        "BUILT=\(Tools.buildDirectory.path)",
      ]
        + variables)
  }

  private func commands(_ program: URL) throws -> [[String]] {
    let text = try run(program, ["--help"]).text
    let list = text.components(separatedBy: "SUBCOMMANDS:\n").last ?? ""
    return list.split(separator: "\n").compactMap { line in
      line.wholeMatch(of: #/  ([a-z]+)(?: .*)?/#).map { [String($0.1)] }
    }
  }

  private func options(_ text: String) -> Set<String> {
    Set(text.matches(of: /--[a-z][a-z-]+[a-z]/).map { String($0.output) })
  }

  /// Pages without roff's escapes, as a reader sees them.
  private func page(_ name: String, _ root: URL) throws -> String {
    try String(contentsOf: root.appendingPathComponent("share/man/man1/\(name).1"), encoding: .utf8)
      .replacingOccurrences(of: "\\-", with: "-").replacingOccurrences(of: "\\fB", with: "")
      .replacingOccurrences(of: "\\fR", with: "").replacingOccurrences(of: "\\fI", with: "")
  }

  @Test("programs that run, a page for each command, completions that complete")
  func everything() throws {
    let directory = try TemporaryDirectory()
    let output = try install(["DESTDIR=\(directory.url.path)", "PREFIX=/opt/x y"], directory.url)
    #expect(output.status == 0, "\(output.standardError)")
    let root = directory.url.appendingPathComponent("opt/x y")
    for program in ["exeunt", "exeunt-analyze"] {
      let installed = root.appendingPathComponent("bin/\(program)")
      #expect(try run(installed, ["--version"]).status == 0)
      let all = try [[]] + commands(installed)
      #expect(all.count > 3)
      for command in all {
        let name = ([program] + command).joined(separator: "-")
        let page = try page(name, root)
        let missing = options(try run(installed, command + ["--help"]).text).subtracting(options(page))
        #expect(missing.isEmpty, "\(name): \(missing)")
        // What a page refers to is there.
        let others = page.components(separatedBy: ".SH SEE ALSO").last ?? ""
        for other in others.matches(of: /(exeunt[a-z-]*)\(1\)/) { _ = try self.page(String(other.1), root) }
      }
    }
    try completions(root)
  }

  private func completions(_ root: URL) throws {
    let bash = try #require(Tools.find("bash"))
    func complete(_ words: [String], in place: String) throws -> [String] {
      let script = """
        cd '\(place)'
        . '\(root.path)/share/bash-completion/completions/\(words[0])'
        COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))); COMP_CWORD=\(words.count - 1)
        COMP_LINE='\(words.joined(separator: " "))'; COMP_POINT=${#COMP_LINE}
        handler=$(complete -p \(words[0]) | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $handler \(words[0]) '\(words.last!)' '\(words.dropLast().last!)' 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      return try run(bash, ["-c", script]).lines.map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    let directory = try TemporaryDirectory()
    let place = directory.url
    try FileManager.default.createDirectory(
      at: place.appendingPathComponent("runs"), withIntermediateDirectories: true)
    try Data().write(to: place.appendingPathComponent("runner"))
    #expect(try complete(["exeunt", "run", "--guest", "doo"], in: place.path) == ["doorbell"])
    #expect(try complete(["exeunt", "run", "--trace", "run"], in: place.path) == ["runs"])
    #expect(Set(try complete(["exeunt", "run", "--kernel", "run"], in: place.path)) == ["runs", "runner"])
    #expect(
      try complete(["exeunt", "run", "--guest", "doorbell", "iterat"], in: place.path) == ["iterations="])
    #expect(try complete(["exeunt-analyze", "summary", "run"], in: place.path) == ["runs"])
    for (shell, file) in [
      ("zsh", "share/zsh/site-functions/_exeunt"), ("fish", "share/fish/vendor_completions.d/exeunt.fish"),
    ] {
      let path = root.appendingPathComponent(file)
      #expect(try String(contentsOf: path, encoding: .utf8).contains("doorbell"), "\(shell)")
      if let program = Tools.find(shell) {
        #expect(
          try run(program, [shell == "zsh" ? "-n" : "--no-execute", path.path]).status == 0, "\(shell)")
      }
    }
  }

  @Test("a prefix that is not absolute is refused before anything is done")
  func relative() throws {
    let directory = try TemporaryDirectory()
    let output = try install(["PREFIX=relative"], directory.url)
    #expect(output.status != 0)
    #expect(output.standardError.contains("PREFIX has to be an absolute path"))
  }
}
