import GuestRAM
import Synchronization
import Testing

@testable import Virtio

/// A translator forgets what it has translated of bytes that a device writes. Told before they are there it would translate the old ones
/// once more.
@Suite("Who has made something of RAM is told of what a disk's read wrote")
struct ToldWritesTests {
  private final class Told: Sendable {
    let pieces = Mutex<[Range<UInt64>]>([])
  }

  @Test("when all of it is there", arguments: DiskWay.usable)
  func ofARead(method: DiskWay) throws {
    let bench = try DiskBench(by: method)
    _ = try bench.add(0, 3, data: 1024)
    let (told, early) = (Told(), Told())
    let memory = bench.memory
    let place = bench.data()
    memory.onDeviceWrite = { offset, count in
      told.pieces.withLock { $0.append(offset..<offset + UInt64(count)) }
      let there = try? memory.read(count: 1024, at: place)
      if there != Array(DiskBench.content[1536..<2560]) {
        early.pieces.withLock { $0.append(offset..<offset + UInt64(count)) }
      }
    }
    try bench.kick()
    _ = try bench.complete(1)
    memory.onDeviceWrite = nil
    #expect(try bench.status() == 0)
    #expect(told.pieces.withLock { $0 } == [place.value..<place.value + 1024])
    #expect(early.pieces.withLock { $0 } == [])
  }

  @Test(
    "of whole pieces, however a job got through them", arguments: [[], [5], [5, 6], [16], [3, 20, 1], [40]])
  func ofPieces(steps: [Int]) throws {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 40, alignment: 8)
    defer { bytes.deallocate() }
    let parts = [0..<16, 16..<17, 17..<40].map { UnsafeMutableRawBufferPointer(rebasing: bytes[$0]) }
    let job = BlockJob()
    job.begin(at: 0)
    for part in parts { job.append(part) }
    for step in steps { job.advance(by: step) }
    var taken: [UnsafeMutableRawBufferPointer] = []
    job.takePieces { taken.append($0) }
    #expect(taken.map(\.baseAddress) == parts.map(\.baseAddress))
    #expect(taken.map(\.count) == parts.map(\.count))
  }
}
