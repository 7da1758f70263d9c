import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// Disks over block devices of the host: real ones, of the loop driver.
@Suite("Block devices behind a disk", .enabled(if: LoopDevice.isThere, "a loop device needs root"))
struct BlockDeviceFileTests {
  private func refusal(_ path: String, isReadOnly: Bool = false, cache: CacheMode = .writeback) -> String {
    do throws(DiskError) {
      _ = try DiskFile(path: path, isReadOnly: isReadOnly, cache: cache)
      return ""
    } catch {
      return error.description
    }
  }

  @Test(
    "Its size, its blocks and what direct I/O has to be aligned to are the kernel's, however they are asked for"
  )
  func geometry() throws {
    for size in [512, 1024, 4096] {
      let device = try LoopDevice([UInt8](repeating: 1, count: 1 << 20), sectorSize: size)
      let plain = try DiskFile(path: device.path, isReadOnly: true)
      #expect(plain.isDevice && plain.sectors == 2048 && plain.tail == 0)
      #expect(plain.blockSize == size && plain.alignment == nil)
      let direct = try DiskFile(path: device.path, isReadOnly: true, cache: .none)
      #expect(direct.alignment?.block == size)
      // What is done where the kernel does not tell finds the same.
      #expect(DirectAlignment.ofDevice(direct.raw)?.block == size)
      #expect(DirectAlignment.probed(direct.raw)?.block == size)
    }
  }

  @Test("The driver is told of blocks that are larger than a sector, and that sectors are still 512 bytes")
  func topology() throws {
    for cache in [CacheMode.writeback, .none] {
      let bench = try DiskBench(cache: cache, on: try LoopDevice(sectorSize: 4096))
      #expect(MMIODriver.offered(bench.transport) & 1 << 10 != 0)
      #expect(MMIODriver.offered(bench.transport) & 1 << 6 == 0)
      #expect(bench.transport.read(0x118, size: 1) == 3)
      #expect(bench.transport.read(0x11a, size: 2) == 8)
      #expect(bench.transport.read(0x100, size: 8) == 64)
      let usual = try DiskBench(cache: cache, on: try LoopDevice())
      #expect(MMIODriver.offered(usual.transport) & 1 << 10 == 0)
      #expect(usual.transport.read(0x118, size: 1) == 0)
    }
  }

  @Test("A device that another has claimed is not written, and one that is only read not at all")
  func claims() throws {
    let device = try LoopDevice()
    do {
      // As mount(2) does.
      let claim = try FileDescriptor.open(device.path, O_RDONLY | O_EXCL)
      #expect(refusal(device.path).contains("mounted, or another program has it"))
      #expect(refusal(device.path, isReadOnly: true) == "")
      #expect(claim.raw >= 0)
    }
    #expect(refusal(device.path) == "")
    let readOnly = try LoopDevice(isReadOnly: true)
    #expect(refusal(readOnly.path).contains("can only be read; give readonly=on"))
    #expect(refusal(readOnly.path, isReadOnly: true) == "")
  }

  @Test("What is discarded takes no room any more; parts of blocks stay", arguments: DiskWay.usable)
  func discard(method: DiskWay) throws {
    let features: UInt64 = 1 << 32 | 1 << 9 | BlockDevice.Feature.discard
    for size in [512, 4096] {
      for cache in [CacheMode.writeback, .none] {
        let content = [UInt8](repeating: 9, count: 1 << 20)
        let device = try LoopDevice(content, sectorSize: size)
        let bench = try DiskBench(features: features, by: method, cache: cache, on: device)
        let before = try device.allocated
        // Of large blocks sectors 3 to 7 and 1024 to 1026 are parts.
        let (first, count) = size == 512 ? (8, 1016) : (3, 1024)
        let segment = rangeSegment(first, count)
        try bench.memory.write(segment, at: bench.data())
        #expect(try bench.request(11, 0, data: 16, isWritable: false).status == 0)
        #expect(try bench.request(4, 0, data: 0).status == 0)
        let range = 8 * 512..<1024 * 512
        var model = content
        model.replaceSubrange(range, with: repeatElement(0, count: range.count))
        #expect(try device.content == model)
        #expect(try before - device.allocated >= range.count - 2 * 4096)
        #expect(
          bench.observer.backendEvents.first == .submitted(0, .discard, bytes: UInt32(range.count)))
        #expect(bench.transport.troubles.isEmpty)
      }
    }
  }

  @Test("Zeros come to parts of blocks, too", arguments: DiskWay.usable)
  func zeros(method: DiskWay) throws {
    let features: UInt64 = 1 << 32 | 1 << 9 | BlockDevice.Feature.writeZeroes
    for cache in [CacheMode.writeback, .none] {
      let bench = try DiskBench(
        features: features, by: method, cache: cache, on: try LoopDevice(sectorSize: 4096))
      var model = try bench.file
      for (first, count) in [(3, 30), (40, 8)] {
        let segment = rangeSegment(first, count)
        try bench.memory.write(segment, at: bench.data())
        #expect(try bench.request(13, 0, data: 16, isWritable: false).status == 0)
        let range = first * 512..<(first + count) * 512
        model.replaceSubrange(range, with: repeatElement(0, count: range.count))
        let last = bench.observer.backendEvents.last { if case .submitted = $0 { true } else { false } }
        let part: BackendWork = cache == .none ? .bouncedWrite : .write
        let work = first == 3 ? part : BackendWork.zero
        #expect(last == .submitted(first == 3 ? 0 : 1, work, bytes: UInt32(range.count)))
      }
      #expect(try bench.request(4, 0, data: 0).status == 0)
      #expect(try bench.file == model)
    }
  }

  @Test("A file system without direct I/O, and a file that ends within a block, are refused in words")
  func refusals() throws {
    try withTemporaryDirectory { directory in
      let odd = directory + "/odd"
      try Data(count: 1535).write(to: URL(fileURLWithPath: odd))
      let message = refusal(odd, isReadOnly: true, cache: .none)
      #expect(
        message.contains("1535 bytes are no multiple of") && message.contains("truncate -s %"), "\(message)")
      try #require(mount("ramfs", directory, "ramfs", 0, nil) == 0, "errno \(errno)")
      defer { umount2(directory, CInt(MNT_DETACH)) }
      let file = directory + "/disk"
      try Data(count: 4096).write(to: URL(fileURLWithPath: file))
      #expect(refusal(file, cache: .directsync).contains("no direct I/O (O_DIRECT); use cache=writeback"))
      #expect(refusal(file) == "")
    }
  }
}

/// A range as a request to discard or to write zeros has it (virtio 1.2, section 5.2.6).
func rangeSegment(_ sector: Int, _ count: Int) -> [UInt8] {
  var bytes: [UInt8] = withUnsafeBytes(of: UInt64(sector).littleEndian, Array.init)
  bytes += withUnsafeBytes(of: UInt32(count).littleEndian, Array.init)
  return bytes + [0, 0, 0, 0]
}
