import ArgumentParser
import Testing

@testable import Machine
@testable import exeunt

/// Disks as QEMU's users spell them.
@Suite("Disks on the command line")
struct DiskOptionTests {
  private func configuration(_ arguments: String) throws -> MachineConfiguration {
    try MachineOptions.parse(arguments.split(separator: " ").map(String.init)).configuration()
  }

  private func message(_ arguments: String) -> String {
    do {
      let configuration = try configuration(arguments)
      try configuration.validate()
      return ""
    } catch let error as MachineError {
      return error.description
    } catch {
      return MachineOptions.message(for: error)
    }
  }

  @Test("Drives meet their devices, whatever order they come in")
  func whole() throws {
    let found = try configuration(
      "--device virtio-blk-device,drive=d1,num-queues=4,iothread-vq-mapping=io1:fast,serial=abc "
        + "--drive file=a,,b=c,if=none,id=d0,format=raw,aio=threads,readonly=on --object iothread,id=io1 "
        + "--drive file=x,id=d1,aio=io_uring,cache=directsync --disk short,readonly=on,latency=1.5ms --object iothread,id=fast "
        + "--device virtio-blk-device,drive=d0,iothread=io1,ioeventfd=off")
    #expect(found.namedIOThreads == ["io1", "fast"])
    var short = MachineConfiguration.Disk(path: "short", isReadOnly: true)
    short.queues = 1
    short.latency = 1_500_000
    var first = MachineConfiguration.Disk(path: "x")
    first.method = .ring
    first.cache = .directsync
    first.queues = 4
    first.service.ioThreads = ["io1", "fast"]
    first.serial = "abc"
    var second = MachineConfiguration.Disk(path: "a,b=c", isReadOnly: true)
    second.method = .threads
    second.service = .init(ioThreads: ["io1"], kicksExit: true)
    #expect(found.disks == [short, first, second])
    let layout = try found.boardLayout()
    #expect(layout.threads.loopNames == ["io0", "io1", "fast"])
    #expect(layout.slots(of: .disk).map { $0.kicks.map(\.loop) } == [[0], [1, 2, 1, 2], [1]])
    #expect(
      try configuration("--drive file=x,id=d --device virtio-blk-device,drive=d,iothread-vq-mapping=io0:io0")
        .disks[0].queues == 2)
  }

  @Test("What is unknown or contradicts itself is refused, with what to do")
  func refused() {
    let device = "--device virtio-blk-device,drive=d"
    let drive = "--drive file=x,id=d"
    for (arguments, words) in [
      ("--drive id=d", "file= is missing"), ("--drive file=x", "id= is missing"),
      ("--drive file=x,id=1d", "id=1d: give a letter"),
      ("--drive fle=x,id=d", "unknown key 'fle'; did you mean 'file'?"),
      ("--drive file=x,id=d,format=qcow2", "format=qcow2: give raw"),
      ("--drive file=x,id=d,if=virtio", "if=virtio: give none"),
      ("--drive file=x,id=d,latency=11s", "latency=11s: give a time of 0 s to 10 s, such as 100us"),
      ("--disk x,latency=fast", "latency=fast: give a time"),
      ("--drive file=x,id=d,aio=native", "aio=native: give io_uring or threads"),
      (
        "--drive file=x,id=d,cache=nothing",
        "cache=nothing: give writeback or none or writethrough or directsync or unsafe"
      ),
      ("--drive file=x,id=d,readonly=yes", "readonly=yes: give on or off"),
      ("--disk x,readnoly=on", "did you mean 'readonly'?"), ("--disk ,readonly=on", "begin with a file"),
      (drive, "no device has it; give --device virtio-blk-device,drive=d"),
      (device, "there is no drive 'd'; give --drive"),
      ("\(device) --drive file=x,id=dd", "did you mean 'dd'?"),
      ("\(drive) \(drive) \(device)", "two of --drive have id=d"),
      ("\(drive) \(device) \(device)", "another device has the drive d"),
      (
        "--device virtio-blk-devise,drive=d",
        "unknown driver 'virtio-blk-devise'; did you mean 'virtio-blk-device'?"
      ),
      ("\(drive) \(device),num-queues=17", "num-queues=17: give 1 to 16"),
      ("\(drive) \(device),num-queues=0", "give 1 to 16"),
      ("\(drive) \(device),queues=2", "unknown key 'queues'"),
      ("\(drive) \(device),iothread=io0,iothread-vq-mapping=io0", "give one of them"),
      ("\(drive) \(device),iothread-vq-mapping=io0::io0", "with ':' between them"),
      ("\(drive) \(device),iothread=io7", "there is no I/O thread 'io7'; there is io0 ("),
      ("\(drive) \(device),serial=123456789012345678901", "shows 20 bytes"),
      ("\(drive) \(device),ioeventfd=on --ioeventfd off", "contradicts --ioeventfd off"),
      ("--object iothrea,id=a", "did you mean 'iothread'?"), ("--object iothread", "id= is missing"),
    ] {
      #expect(message(arguments).contains(words), "\(arguments): \(message(arguments))")
    }
    #expect(message("\(drive) \(device)") == "")
  }
}
