import GuestRAM
import Synchronization
import Testing

@testable import Virtio

/// A translator forgets what it has translated of bytes that a device writes. Told before they are there it would translate the old ones
/// once more.
@Suite("Who has made something of RAM is told of what a disk's read wrote")
struct ToldWritesTests {
  @Test("when all of it is there", arguments: DiskWay.usable)
  func ofARead(method: DiskWay) throws {
    let bench = try DiskBench(by: method)
    _ = try bench.add(0, 3, data: 1024)
    let place = bench.data()
    let told = ToldWrites(of: bench.memory)
    try bench.kick()
    _ = try bench.complete(1)
    told.stop()
    #expect(try bench.status() == 0)
    #expect(told.pieces == [.init(place.value, Array(DiskBench.content[1536..<2560]))])
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

/// What who has made something of RAM is told that a device wrote, and what was there when it was told.
final class ToldWrites: Sendable {
  struct Piece: Equatable {
    let address: UInt64
    let bytes: [UInt8]

    init(_ address: UInt64, _ bytes: [UInt8]) {
      self.address = address
      self.bytes = bytes
    }
  }

  private let list = Mutex<[Piece]>([])
  private let memory: GuestMemory

  /// From now on.
  ///
  /// - Parameter memory: less than 3 GiB, so that its offsets are addresses.
  init(of memory: GuestMemory) {
    self.memory = memory
    memory.onDeviceWrite = { [unowned self, unowned memory] offset, count in
      let bytes = (try? memory.read(count: count, at: GuestAddress(offset))) ?? []
      list.withLock { $0.append(Piece(offset, bytes)) }
    }
  }

  func stop() { memory.onDeviceWrite = nil }

  /// In the order in which it was told.
  var pieces: [Piece] { list.withLock { $0 } }
}
