import Foundation
import Testing

/// `state` and `merge`, each a process of its own, as on several machines.
@Suite("States between processes")
struct StateCommandTests {
  private static func trace(_ name: String) -> String {
    Tools.root.appendingPathComponent("traces/\(name)").path
  }

  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func path(_ name: String) -> String { directory.url.appendingPathComponent(name).path }

  private func analyze(_ arguments: String...) throws -> Output { try run(Tools.analyzer, arguments) }

  private func done(_ output: Output) { #expect(output.status == 0, "\(output.standardError)") }

  private static let reports = [
    ["summary"], ["exits", "--by", "address"], ["exits", "--by", "reason", "--sort", "max"], ["check"],
    ["explain"],
  ]

  @Test(
    "a state, and parts that are merged, say what the recording says, byte for byte",
    arguments: ["mixed", "whole", "lossy"])
  func parts(_ name: String) throws {
    let trace = Self.trace(name)
    done(try analyze("state", "-o", path("all.state"), trace))
    done(try analyze("state", "--to", "0.003", "-o", path("1.state"), trace))
    done(try analyze("state", "--from", "0.003", "--to", "0.005", "-o", path("2.state"), trace))
    done(try analyze("state", "--from", "0.005", "-o", path("3.state"), trace))
    // The later ones first; the result takes the place of one of its parts.
    done(try analyze("merge", "-o", path("2.state"), path("3.state"), path("2.state")))
    done(try analyze("merge", "-o", path("merged.state"), path("2.state"), path("1.state")))
    for arguments in Self.reports {
      let expected = try run(Tools.analyzer, arguments + ["--format", "json", trace])
      for state in ["all.state", "merged.state"] {
        let found = try run(Tools.analyzer, arguments + ["--format", "json", path(state)])
        #expect(found.standardOutput == expected.standardOutput, "\(arguments) of \(state)")
        #expect(found.status == expected.status)
      }
    }
    let text = try analyze("summary", "--width", "100", path("merged.state"))
    #expect(try analyze("summary", "--width", "100", trace).standardOutput == text.standardOutput)
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    #expect(Set(files) == ["all.state", "merged.state", "1.state", "2.state", "3.state"])
  }

  @Test("machines are kept apart, and their days put together")
  func machines() throws {
    for (name, trace) in [("web1", "doorbell-exits"), ("web2", "doorbell-ioeventfd")] {
      let trace = Self.trace(trace)
      for day in ["mon", "tue"] {
        try FileManager.default.createDirectory(atPath: path(day), withIntermediateDirectories: true)
        let option = day == "mon" ? "--to" : "--from"
        done(try analyze("state", option, "0.004", "-o", path("\(day)/\(name).state"), trace))
      }
      done(try analyze("state", "-o", path("\(name).state"), trace))
    }
    for day in ["mon", "tue"] {
      done(
        try analyze(
          "merge", "--machines", "-o", path("\(day).state"), path("\(day)/web1.state"),
          path("\(day)/web2.state")
        ))
    }
    done(try analyze("merge", "-o", path("week.state"), path("tue.state"), path("mon.state")))
    done(try analyze("merge", "--machines", "-o", path("all.state"), path("web1.state"), path("web2.state")))
    for arguments in Self.reports {
      let expected = try run(Tools.analyzer, arguments + ["--format", "json", path("all.state")])
      let found = try run(Tools.analyzer, arguments + ["--format", "json", path("week.state")])
      #expect(found.standardOutput == expected.standardOutput, "\(arguments)")
    }
    let text = try analyze("summary", path("all.state")).text
    for name in ["web1/vcpu0", "web2/vcpu0", "web1/io0", "web2/io0", "web1/doorbell0", "web2/doorbell0"] {
      #expect(text.contains(name), "\(name)")
    }
    // The one kicks by exits, the other does not.
    let explained = try analyze("explain", "--width", "1000", path("all.state")).text
    #expect(explained.contains(": web1: vcpu0 spent ") && explained.contains(": web2: requests of doorbell0"))
    #expect(!explained.contains(": web2: vcpu0 spent "))
    let one = try analyze("exits", "--device", "web1/doorbell0", path("all.state"))
    done(one)
    #expect(!one.text.contains("web2/"))
  }

  @Test("what does not fit together, or needs the recording, is refused with a reason")
  func refused() throws {
    let trace = Self.trace("mixed")
    done(try analyze("state", "--to", "0.003", "-o", path("1.state"), trace))
    done(try analyze("state", "--from", "0.005", "-o", path("3.state"), trace))
    done(try analyze("state", "-o", path("all.state"), trace))
    done(try analyze("state", "-o", path("other.state"), Self.trace("whole")))
    let whole = try Data(contentsOf: URL(fileURLWithPath: path("all.state")))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path("cut.state")))
    try Data("no state".utf8).write(to: URL(fileURLWithPath: path("text.state")))
    try Data().write(to: URL(fileURLWithPath: path("empty.state")))
    try whole.write(to: URL(fileURLWithPath: path(".state")))
    let cases: [(arguments: [String], status: Int32, words: String)] = [
      (["merge", "-o", path("x"), path("1.state"), path("3.state")], 3, "the time before it is missing"),
      (["merge", "-o", path("x"), path("1.state"), path("1.state")], 3, "another one is about"),
      (["merge", "-o", path("x"), path("all.state"), path("all.state")], 3, "do not come after"),
      (["merge", "-o", path("x"), path("other.state"), path("all.state")], 3, "another recording"),
      (["merge", "-o", path("x"), path("text.state")], 3, "it is no state"),
      (["merge", "-o", path("x"), path("cut.state")], 3, "it is cut"),
      (["merge", "-o", path("x"), path("gone.state")], 3, "No such file"),
      (["merge", "-o", path("x/y"), path("1.state")], 1, "cannot write"),
      (["merge", "--machines", "-o", path("x"), path("1.state"), path("1.state")], 2, "another name"),
      (["merge", "--machines", "-o", path("x"), path("1.state"), path("3.state")], 2, "the same recording"),
      (["merge", "--machines", "-o", path("x"), path(".state"), path("other.state")], 2, "no name before"),
      (["summary", path("cut.state")], 3, "it is cut"),
      (["summary", path("empty.state")], 3, "an empty file"),
      (["summary", path("text.state")], 3, "a file, and no state"),
      (["dump", path("all.state")], 2, "needs the recording"),
      (["dump", path("empty.state")], 3, "an empty file"),
      (["state", "-o", path("x"), path("all.state")], 2, "needs the recording"),
      (["state", "-o", path("x"), "--from", "99999", trace], 2, "nothing in this window"),
      (["summary", "--from", "0.001", path("all.state")], 2, "need the recording"),
      (["exits", "--by", "vcpu", path("all.state")], 2, "need the recording"),
      (["timeline", path("all.state")], 2, "needs the recording"),
      (["summary", path("1.state"), path("3.state")], 2, "exeunt-analyze merge"),
      (["state", "-o", path("x"), path("nowhere")], 3, "cannot read the trace"),
    ]
    for (arguments, status, words) in cases {
      let output = try run(Tools.analyzer, arguments)
      #expect(output.status == status, "\(arguments.prefix(2)): \(output.standardError)")
      #expect(output.standardError.contains(words), "\(arguments): \(output.standardError)")
      #expect(output.standardOutput.isEmpty)
    }
    #expect(!FileManager.default.fileExists(atPath: path("x")))
  }
}
