import Foundation
import Testing

/// Names are bytes; those that are not UTF-8 must not become other names.
@Suite("Names that are not UTF-8")
struct NotUTF8Tests {
  /// Runs a shell script in which `$1` is `exeunt`, `$2` a directory with a small guest (`guest`), and `$bad` the byte 0xff.
  private func shell(_ directory: TemporaryDirectory, _ script: String) throws -> Output {
    // Says nothing and ends the run with a status: mov $0x2a, %al; out %al, $0xf4
    try Data([0xb0, 0x2a, 0xe6, 0xf4]).write(to: directory.url.appendingPathComponent("guest"))
    return try run(
      URL(fileURLWithPath: "/bin/sh"),
      ["-c", "bad=$(printf '\\377'); cd \"$2\"; \(script)", "sh", Tools.exeunt.path, directory.url.path])
  }

  @Test(
    "as arguments they are refused, wherever they stand, and no file of another name is used",
    arguments: [
      "run --flat x$bad", "run --kernel guest --append x$bad", "run --guest port-io,x$bad=1",
      "run --guest port-io iterations=$bad", "run --flat guest --serial x$bad",
      "run --flat guest --result x$bad",
      "run --flat guest --trace x$bad", "run --guest blk --disk x$bad,readonly=on",
      "run --flat guest --mem-path x$bad", "sweep --plan x$bad", "agent --socket x$bad ping", "guests x$bad",
    ])
  func refused(_ arguments: String) throws {
    let directory = try TemporaryDirectory()
    // What the name would be with U+FFFD for the byte that is none of UTF-8.
    let output = try shell(directory, "cp guest x$bad; cp guest x\u{fffd}; exec \"$1\" \(arguments)")
    #expect(output.status == 2)
    let error = output.standardError
    #expect(error.contains("\\xff") && error.contains("' is not UTF-8"), "\(arguments): \(error)")
    #expect(output.standardError.split(separator: "\n").count == 1, "\(output.standardError)")
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    #expect(names.count == 3, "\(names)")
    let other = try Data(contentsOf: directory.url.appendingPathComponent("x\u{fffd}"))
    #expect(other.count == 4)
  }

  @Test("are reached by links and from directories, with all of their bytes", .needsEngine)
  func links() throws {
    let directory = try TemporaryDirectory()
    let output = try shell(
      directory,
      """
      mkdir d$bad; mv guest d$bad/g$bad; ln -s d$bad/g$bad guest; ln -s d$bad/s$bad serial; ln -s d$bad way
      "$1" run --flat guest --serial serial --result way/r; echo $?
      [ -e d$bad/s$bad ] && cat d$bad/r; ls | wc -l
      cd d$bad; "$1" run --flat ../guest --serial s2 2>/dev/null; ls | wc -l
      """)
    #expect(output.text.hasPrefix("85\n"), "\(output.text)\(output.standardError)")
    #expect(output.text.contains("\"debugExitValue\" : 42"), "\(output.text)")
    #expect(output.text.hasSuffix("4\n4\n"), "\(output.text)")
  }
}
