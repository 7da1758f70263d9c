import Foundation
import Testing

@Suite("Files that a run writes", .needsEngine)
struct OutputFilesTests {
  @Test(
    "an output that is the disk, the image or another output is refused, by whatever name, before any is emptied"
  )
  func same() throws {
    let directory = try TemporaryDirectory()
    func path(_ name: String) -> String { directory.url.appendingPathComponent(name).path }
    let content = Data(repeating: 7, count: 1 << 20)
    for name in ["disk", "log"] { try content.write(to: URL(fileURLWithPath: path(name))) }
    try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("disk"))
    try FileManager.default.linkItem(atPath: path("log"), toPath: path("hard"))
    let guest = ["run", "--guest", "blk", "iterations=1", "--disk", path("disk")]
    for options in [
      guest + ["--result", path("disk")], guest + ["--serial", path("link")],
      guest + ["--debugcon", path("disk")],
      guest + ["--serial", path("log"), "--result", path("hard")],
      guest + ["--serial", path("new"), "--result", path("new")],
      guest + ["--serial", path("log"), "--debugcon", path("log")],
      ["run", "--flat", path("log"), "--result", path("hard")],
      guest + [
        "--device", "virtio-serial-device", "--chardev", "file,id=c,path=\(path("log"))", "--device",
        "virtconsole,chardev=c", "--result", path("log"),
      ],
    ] {
      let output = try run(Tools.exeunt, options)
      #expect(output.status == 2 && output.standardError.contains("are one file"), "\(output.standardError)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: path("disk"))) == content, "\(options)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: path("log"))) == content, "\(options)")
    }
    let several = try run(
      Tools.exeunt,
      ["run", "--guest", "port-io", "iterations=1", "--serial", "/dev/null", "--result", "/dev/null"])
    #expect(several.status == 0, "\(several.standardError)")
  }

  @Test(
    "of a run that is refused are as they were, whatever refuses it, and those that were not there are not made",
    arguments: [
      "--result /nowhere/r", "--debugcon /nowhere/d",
      "--chardev socket,id=s,path=/nowhere/s --device virtconsole,chardev=s",
      "--mem-path /nowhere/at/all", "--cgroup io0=/nowhere/at/all", "--disk /nowhere/disk", "--trace full",
      "--net tap:no/such", "--kernel /nowhere/k", "--pin vcpu7=0", "--cpus 1000000", "--serial-limit x",
    ])
  func refused(_ refusal: String) throws {
    let directory = try TemporaryDirectory()
    let names = ["serial", "result", "debugcon", "port"]
    func file(_ name: String) -> URL { directory.url.appendingPathComponent(name) }
    try FileManager.default.createDirectory(at: file("full"), withIntermediateDirectories: true)
    try Data("x".utf8).write(to: file("full/x"))
    let words = refusal.split(separator: " ").map { $0 == "full" ? file("full").path : String($0) }
    var arguments = [
      "run", "--guest", "port-io", "iterations=1", "--serial", file("serial").path, "--device",
      "virtio-serial-device", "--chardev", "file,id=f,path=\(file("port").path)", "--device",
      "virtserialport,chardev=f",
    ]
    // What refuses the run comes in the place of an output.
    if words[0] != "--result" { arguments += ["--result", file("result").path] }
    if words[0] != "--debugcon" { arguments += ["--debugcon", file("debugcon").path] }
    if words[0] == "--kernel" { arguments.removeSubrange(1...3) }
    for isThere in [false, true] {
      if isThere { for name in names { try Data("kept".utf8).write(to: file(name)) } }
      let output = try run(Tools.exeunt, arguments + words)
      #expect(output.status == 2, "\(output.standardError)")
      for name in names {
        #expect((try? Data(contentsOf: file(name))) == (isThere ? Data("kept".utf8) : nil), "\(name)")
      }
    }
    // Of one that is not refused they are written from their start.
    let old = Data(repeating: 7, count: 100_000)
    for name in names { try old.write(to: file(name)) }
    let well = try run(
      Tools.exeunt,
      [
        "run", "--guest", "serial", "iterations=100", "--serial", file("serial").path, "--result",
        file("result").path,
        "--debugcon", file("debugcon").path, "--device", "virtio-serial-device", "--chardev",
        "file,id=f,path=\(file("port").path)", "--device", "virtserialport,chardev=f",
      ])
    #expect(well.status == 0, "\(well.standardError)")
    #expect(try Data(contentsOf: file("serial")).count == 100)
    #expect(try Data(contentsOf: file("debugcon")).isEmpty && Data(contentsOf: file("port")).isEmpty)
    #expect(try JSONSerialization.jsonObject(with: Data(contentsOf: file("result"))) is [String: Any])
  }

  @Test("an option with nothing behind its sign has an empty value, and not the next option's name")
  func emptyValue() throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("guest.bin")
    // Says nothing and ends the run with a status: mov $0x2a, %al; out %al, $0xf4
    try Data([0xb0, 0x2a, 0xe6, 0xf4]).write(to: image)
    let checked = try run(Tools.exeunt, ["run", "--flat", image.path, "--timeout=", "--check"])
    #expect(checked.status == 2 && !checked.standardError.contains("--check"), "\(checked.standardError)")
    let appended = try run(Tools.exeunt, ["run", "--kernel", image.path, "--append=", "--check"])
    // Checked, and not run with "--check" as the kernel's words.
    #expect(appended.status == 0 && !appended.standardError.contains("exits in"), "\(appended.standardError)")
  }

  @Test("doctor says that runs can be recorded where they can", .needsEngine, .needsTracing)
  func doctor() throws {
    let output = try run(Tools.exeunt, ["doctor"])
    #expect(output.text.contains("liblttng-ust") && !output.text.contains("nothing can be recorded"))
  }

  @Test("a sweep's directory has a name")
  func sweepDirectory() throws {
    let directory = try TemporaryDirectory()
    let experiment = directory.url.appendingPathComponent("e.yaml")
    try Data("guests:\n  - port-io iterations=1\nfactors:\n  irqfd: [on, off]\n".utf8).write(to: experiment)
    let output = try run(Tools.exeunt, ["sweep", "-o", "", experiment.path])
    #expect(output.status != 0 && output.standardError.contains("name"), "\(output.standardError)")
    #expect(!FileManager.default.fileExists(atPath: "/plan.json"))
  }
}
