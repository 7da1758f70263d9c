import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@testable import GuestPrograms

/// A guest that sends without an end fills no disk: files get what they may have, and what is left out is counted and told.
@Suite("Files that are as large as they may be", .needsEngine)
struct SerialLimitTests {
  private let bytes = 5000
  private var serial: [String] { ["run", "--guest", "serial", "iterations=\(bytes)"] }
  private let text = String(repeating: "They have their exits and their entrances\n", count: 200)

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func told(_ output: String, _ count: Int, of source: String) -> String {
    "\(output): \(count) bytes of \(source) are left out, from "
  }

  /// What a result says of one file: its name, and bytes.
  private func leftOut(_ path: String) throws -> [String: Int] {
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    let items = try #require((object as? [String: Any])?["leftOutput"] as? [[String: Any]])
    return try items.reduce(into: [:]) { found, item in
      let since = try #require(item["since"] as? Double)
      #expect(since >= 0 && since < 3600)
      found[try #require(item["output"] as? String)] = try #require(item["bytes"] as? Int)
    }
  }

  @Test("The serial port's file gets what it may have; the run goes on, and says what is left out")
  func serialPort() throws {
    try withTemporaryDirectory { directory in
      let (log, result) = ("\(directory)/log", "\(directory)/result")
      let outcome = try Exeunt.run(serial + ["--serial", log, "--serial-limit", "1K", "--result", result])
      #expect(outcome.exitStatus == 8)
      #expect(outcome.standardError.contains("\(bytes) iterations"), "\(outcome.standardError)")
      #expect(
        outcome.standardError.contains(told("--serial \(log)", bytes - 1024, of: "the serial port's output")),
        "\(outcome.standardError)")
      #expect(outcome.standardError.contains("(--serial-limit), and the run went on"))
      #expect(try text(log) == text.prefix(1024))
      #expect(try leftOut(result) == ["--serial \(log)": bytes - 1024])
    }
  }

  @Test("So does standard output that is a file, from where this run began to write")
  func standardOutput() throws {
    try withTemporaryDirectory { directory in
      let (log, result) = ("\(directory)/log", "\(directory)/result")
      try Data("before".utf8).write(to: URL(filePath: log))
      let file = try FileDescriptor.open(log, O_WRONLY | O_APPEND)
      let running = try RunningExeunt(
        serial + ["--serial-limit", "1000", "--result", result], output: file.raw)
      #expect(running.exitStatus() == 8)
      #expect(try text(log) == "before" + text.prefix(1000))
      #expect(try leftOut(result) == ["standard output": bytes - 1000])
    }
  }

  @Test("So does the debug console's file")
  func debugConsole() throws {
    try withTemporaryDirectory { directory in
      let (image, log, result) = ("\(directory)/image", "\(directory)/log", "\(directory)/result")
      // mov $5000, %cx; mov $'x', %al; 1: out %al, $0xe9; loop 1b; cli; hlt
      try Data([0xb9, 0x88, 0x13, 0xb0, 0x78, 0xe6, 0xe9, 0xe2, 0xfc, 0xfa, 0xf4]).write(
        to: URL(filePath: image))
      let run = ["run", "--flat", image, "--serial", "none", "--debugcon", log, "--result", result]
      let outcome = try Exeunt.run(run + ["--serial-limit", "7"])
      #expect(outcome.exitStatus == 8)
      #expect(
        outcome.standardError.contains(
          told("--debugcon \(log)", bytes - 7, of: "the debug console's output")), "\(outcome.standardError)")
      #expect(try text(log) == "xxxxxxx")
      #expect(try leftOut(result) == ["--debugcon \(log)": bytes - 7])
      #expect(try Exeunt.run(run + ["--serial-limit", "5000"]).exitStatus == 0)
      #expect(try text(log).count == bytes)
      #expect(try leftOut(result).isEmpty)
    }
  }

  @Test("So does the file of a console's port, whose guest is told nothing")
  func port() throws {
    try withTemporaryDirectory { directory in
      let (log, result) = ("\(directory)/log", "\(directory)/result")
      var pipe = try Pipe()
      // Sends 8 times 64 bytes at once, and waits for an answer.
      let guest = try RunningExeunt(
        [
          "run", "--guest", "console", "depth=8", "--device", "virtio-serial-device",
          "--chardev", "file,id=a,path=\(log)", "--device", "virtconsole,chardev=a", "--chardev",
          "null,id=b", "--device", "virtserialport,chardev=b", "--serial-limit", "100", "--result", result,
        ], error: pipe.writeEnd)
      pipe.closeWriteEnd()
      #expect(
        guest.waitUntil { _ in (try? FileManager.default.attributesOfItem(atPath: log)[.size] as? Int) == 100
        })
      kill(guest.process, SIGTERM)
      #expect(guest.exitStatus() == 143)
      let error = pipe.readText(until: "\u{0}", timeout: 5000)
      let option = "--chardev file,path=\(log)"
      let count = try #require(try leftOut(result)[option])
      #expect(count % 64 == 28 && count <= 8 * 64 - 100)
      #expect(error.contains(told(option, count, of: "what port 0 of the console sent")), "\(error)")
      #expect(!error.contains("cannot be written"))
    }
  }

  @Test("Whoever reads has no limit, nor have files where none is wanted or reached")
  func unlimited() throws {
    try withTemporaryDirectory { directory in
      let (log, result) = ("\(directory)/log", "\(directory)/result")
      let wanted = String(text.prefix(bytes))
      let toPipe = try Exeunt.run(serial + ["--serial-limit", "1", "--result", result])
      #expect(toPipe.exitStatus == 0 && toPipe.standardOutput == wanted)
      #expect(try leftOut(result).isEmpty)
      for limit in [["--serial-limit", "none"], ["--serial-limit", "\(bytes)"], []] {
        let toFile = try Exeunt.run(serial + ["--serial", log, "--result", result] + limit)
        #expect(toFile.exitStatus == 0 && !toFile.standardError.contains("left out"))
        #expect(try text(log) == wanted)
        #expect(try leftOut(result).isEmpty)
      }
    }
  }

  @Test("What is no size is refused", arguments: ["0", "-1", "x", "1Q", ""])
  func mistakes(limit: String) throws {
    let outcome = try Exeunt.run(serial + ["--serial-limit", limit])
    #expect(outcome.exitStatus == 2 && outcome.standardError.contains("--serial-limit"))
  }
}
