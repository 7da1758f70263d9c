import Devices
import Foundation
import GuestRAM
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// Another vCPU: changes a request in memory as soon as the device has taken it.
private final class Meddler: DeviceObserver, @unchecked Sendable {
  let wantsKickStamps = false
  // Set before the request is made, by the one thread of the test.
  var meddle: () -> Void = {}

  func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) { meddle() }
  func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {}
  func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {}
  func mark(_ value: UInt32, by thread: ThreadContext) {}
}

@Suite("A virtio disk, a guest that changes its mind, and a host without room")
struct HostileDiskTests {
  @Test(
    "A header or descriptors changed after they were read change nothing: the request is what it was",
    arguments: DiskWay.usable)
  func changedAfterwards(method: DiskWay) throws {
    let meddler = Meddler()
    let bench = try DiskBench(by: method, watchedBy: meddler)
    let before = try bench.file
    let memory = bench.memory
    let head = try bench.add(0, 3, data: 512)
    meddler.meddle = {
      // It has become a write, far beyond the disk's end, of what is outside of RAM.
      try? memory.write(DiskBench.header(1, 1 << 50), at: GuestAddress(0x10000))
      for index: UInt16 in 0..<64 {
        try? bench.ring.setDescriptor(index, 1 << 40, .max, SplitRing.next | SplitRing.write, index)
      }
    }
    try bench.kick()
    let used = try bench.complete(1)
    #expect(used == [.init(head: head, written: 513)])
    #expect(try bench.status() == 0)
    #expect(try memory.read(count: 512, at: bench.data()) == Array(before[3 * 512..<4 * 512]))
    #expect(try bench.file == before)
    #expect(bench.faults.faults.isEmpty)
    meddler.meddle = {}
  }

  @Test(
    "A failed request is told of at the end: how many, what the first was, and why",
    arguments: DiskWay.usable)
  func told(method: DiskWay) throws {
    let bench = try DiskBench(by: method)
    #expect(bench.transport.troubles == [])
    #expect(truncate(bench.path, 512) == 0)
    #expect(try bench.request(0, 40, data: 512).status == 1)
    #expect(try bench.request(0, 41, data: 512).status == 1)
    #expect(
      bench.transport.troubles == [
        "2 requests of the guest failed, the first, a read, because of: Input/output error"
      ])
    // What the device refuses by itself is the guest's own trouble.
    #expect(try bench.request(0, 1 << 40, data: 512).status == 1)
    #expect(bench.transport.troubles.first?.hasPrefix("2 ") == true)
  }

  @Test(
    "On a full file system writes fail, what was written stays, flushes work, and the reason is told",
    .enabled(if: geteuid() == 0, "mounting a small file system needs root"), arguments: DiskWay.usable)
  func full(method: DiskWay) throws {
    let mounted = FileManager.default.temporaryDirectory.appendingPathComponent("exeunt-full-\(UUID())")
    try FileManager.default.createDirectory(at: mounted, withIntermediateDirectories: true)
    defer { rmdir(mounted.path) }
    try #require(mount("tmpfs", mounted.path, "tmpfs", 0, "size=131072") == 0, "errno \(errno)")
    defer { umount2(mounted.path, CInt(MNT_DETACH)) }
    let bench = try DiskBench(by: method, in: mounted, bytes: 1 << 20)
    var statuses: [UInt8] = []
    for place: UInt64 in 0..<64 {
      try bench.memory.write([UInt8](repeating: UInt8(place + 1), count: 4096), at: bench.data())
      statuses.append(try bench.request(1, 8 * place, data: 4096).status)
    }
    let written = statuses.prefix { $0 == 0 }.count
    #expect(16..<64 ~= written)
    #expect(statuses.dropFirst(written).allSatisfy { $0 == 1 })
    #expect(try bench.request(4, 0, data: 0).status == 0)
    for place in 0..<written {
      #expect(try bench.request(0, 8 * UInt64(place), data: 4096).status == 0)
      #expect(
        try bench.memory.read(count: 4096, at: bench.data()).areAll(UInt8(place + 1)),
        "place \(place)")
    }
    #expect(
      bench.transport.troubles == [
        "\(64 - written) requests of the guest failed, the first, a write, because of: No space left on device"
      ])
    #expect(bench.faults.faults.isEmpty)
  }

  @Test("A disk is its file's sectors, whatever format they look like, and no file that they name")
  func sectors() throws {
    let bench = try DiskBench()
    // Copy on write as QEMU has it, version 2, one terabyte: the file behind it is named in the second sector.
    let name = Array("/etc/passwd".utf8)
    var header = Array("QFI".utf8) + [0xfb]
    for number: UInt32 in [2, 0, 512, UInt32(name.count), 16, 256, 0] {
      header += withUnsafeBytes(of: number.bigEndian, Array.init)
    }
    header += [UInt8](repeating: 0, count: 512 - header.count) + name
    header += [UInt8](repeating: 0, count: 1024 - header.count)
    try bench.memory.write(header, at: bench.data())
    #expect(try bench.request(1, 0, data: 1024).status == 0)
    let file = try bench.file
    #expect(Array(file[..<1024]) == header && file[1024...] == DiskBench.content[1024...])
    // Whoever opens it the next time finds what was written.
    try withTemporaryDirectory { directory in
      let copy = directory + "/copy"
      try Data(file).write(to: URL(fileURLWithPath: copy))
      for isReadOnly in [false, true] {
        #expect(try DiskFile(path: copy, isReadOnly: isReadOnly).sectors == UInt64(DiskBench.sectors))
      }
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: copy))) == file)
    }
    #expect(try bench.request(0, 0, data: 1024).status == 0)
    #expect(try bench.memory.read(count: 1024, at: bench.data()) == header)
  }
}
