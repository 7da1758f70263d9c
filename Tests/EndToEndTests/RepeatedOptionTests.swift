import Foundation
import Testing

/// Options that take one value, given twice: one of the two would be forgotten.
@Suite("Options given twice")
struct RepeatedOptionTests {
  private struct Tool: Decodable {
    struct Command: Decodable {
      let commandName: String
      let subcommands: [Command]?
      let arguments: [Argument]?
    }
    struct Argument: Decodable {
      struct Name: Decodable {
        let kind, name: String
      }
      let kind: String
      let isRepeating: Bool
      let names: [Name]?
    }
    let command: Command
  }

  @Test(
    "are refused, whichever command's they are, and those that add up are not",
    arguments: ["exeunt", "exeunt-analyze"])
  func all(_ name: String) throws {
    let program = name == "exeunt" ? Tools.exeunt : Tools.analyzer
    let help = try run(program, ["--experimental-dump-help"])
    let tool = try JSONDecoder().decode(Tool.self, from: help.standardOutput)
    var seen = 0
    for command in tool.command.subcommands ?? [] {
      for option in command.arguments ?? [] where option.kind == "option" {
        for given in option.names ?? [] {
          let word = (given.kind == "long" ? "--" : "-") + given.name
          let output = try run(program, [command.commandName, word, "1", word, "1"])
          let says = output.standardError.contains("\(word) is given twice: give it once")
          #expect(says == !option.isRepeating, "\(command.commandName) \(word): \(output.standardError)")
          #expect(output.status == 2)
          seen += 1
        }
      }
    }
    #expect(seen > 30)
  }

  @Test("are seen however they are written, and values are not taken for options")
  func written() throws {
    for (arguments, option) in [
      (["run", "--mem-pages", "huge", "--mem-pages=small"], "--mem-pages"),
      (["run", "--guest", "port-io", "iterations=5", "--cpus=1", "--cpus=1"], "--cpus"),
      (["sweep", "-o", "a", "--output", "b", "c.yaml"], "--output"),
    ] {
      let output = try run(Tools.exeunt, arguments)
      #expect(output.status == 2 && output.standardError.contains("\(option) is given twice"))
    }
    let summary = try run(
      Tools.analyzer,
      ["--format", "text", "--format", "json", Tools.root.appendingPathComponent("traces/mixed").path])
    #expect(summary.status == 2 && summary.standardError.contains("--format is given twice"))
    let checked = try run(
      Tools.exeunt,
      ["run", "--check", "--guest", "port-io", "--pin", "vcpu0=0", "--pin", "io0=0", "--serial", "none"])
    #expect(checked.status == 0, "\(checked.standardError)")
    // The command line of a kernel may look like an option.
    let value = try run(Tools.exeunt, ["run", "--kernel", "/none", "--append", "--cpus", "--cpus", "1"])
    #expect(
      value.standardError.contains("/none") && !value.standardError.contains("given twice"),
      "\(value.standardError)")
  }

  @Test("Parameters and keys that are given twice are refused as options are")
  func names() throws {
    for (arguments, what) in [
      (["--guest", "port-io", "iterations=5", "iterations=6"], "iterations"),
      (["--guest", "port-io", "iterations=5", "iterations=5"], "iterations"),
      (["--guest", "port-io,iterations=5", "iterations=6"], "iterations"),
      (["--guest", "port-io,iterations=5,iterations=6"], "iterations"),
      (["--guest", "blk", "--drive", "file=a,file=b,id=x"], "file"),
      (["--guest", "blk", "--disk", "a,readonly=on,readonly=off"], "readonly"),
      (["--guest", "blk", "--device", "virtio-blk-device,drive=a,drive=b"], "drive"),
      (["--guest", "net", "--net", "user,net=10.0.2.0/24,net=10.0.3.0/24"], "net"),
      (["--guest", "net", "--netdev", "tap,id=a,id=b,ifname=t"], "id"),
      (["--guest", "console", "--chardev", "file,id=a,path=a,path=b"], "path"),
      (["--guest", "port-io", "--object", "iothread,id=a,id=b"], "id"),
      (["--guest", "port-io", "--serial", "unix:s,server=on,server=off"], "server"),
    ] {
      let output = try run(Tools.exeunt, ["run"] + arguments)
      #expect(
        output.status == 2 && output.standardError.contains("\(what) is given twice"),
        "\(output.standardError)")
    }
    for (limit, what) in [
      ("reason=io,reason=mmio,p99=1s", "reason"), ("address=1,p99=1s,address=2", "address"),
      ("p99=1s,p99=1s", "p99"),
    ] {
      let output = try run(Tools.analyzer, ["exits", "--fail-if-over", limit, "/none"])
      #expect(
        output.status == 2 && output.standardError.contains("\(what) is given twice"),
        "\(output.standardError)")
    }
  }

  @Test("Numbers below 0 are told to be wrong, and not to be options")
  func negative() throws {
    for option in ["--poll-max-ns", "--cpus", "--iothreads", "--doorbells"] {
      let output = try run(Tools.exeunt, ["run", "--check", "--guest", "port-io", option, "-1"])
      #expect(
        output.status == 2 && output.standardError.contains(option) && output.standardError.contains("-1")
          && !output.standardError.contains("Missing"), "\(output.standardError)")
    }
    let poll = try run(
      Tools.exeunt, ["run", "--check", "--guest", "port-io", "--iothread-poll", "999999999h"])
    #expect(
      poll.status == 2 && poll.standardError.contains("whole nanoseconds up to 4s"), "\(poll.standardError)")
    let single = try run(
      Tools.exeunt, ["run", "--check", "--guest", "port-io", "--threads", "single", "--iothreads", "1"])
    #expect(
      single.status == 2 && single.standardError.contains("--iothreads with --threads single"),
      "\(single.standardError)")
  }
}
