import GuestRAM
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// Requests about ranges of a disk that have no data: to discard, and to write zeros (virtio 1.2, section 5.2.6).
@Suite("Ranges of a virtio disk")
struct DiskRangeTests {
  private static let features: UInt64 =
    1 << 32 | 1 << 9 | BlockDevice.Feature.discard | BlockDevice.Feature.writeZeroes
  private static let discard: UInt32 = 11
  private static let writeZeroes: UInt32 = 13

  private struct Segment {
    var sector: UInt64
    var count: UInt32
    var flags: UInt32 = 0

    var bytes: [UInt8] {
      withUnsafeBytes(of: sector.littleEndian, Array.init)
        + withUnsafeBytes(of: count.littleEndian, Array.init)
        + withUnsafeBytes(of: flags.littleEndian, Array.init)
    }
  }

  private func request(_ bench: DiskBench, _ type: UInt32, _ segments: [Segment]) throws -> UInt8 {
    try bench.memory.write(segments.flatMap(\.bytes), at: bench.data())
    let (status, written) = try bench.request(type, 0, data: UInt32(16 * segments.count), isWritable: false)
    #expect(written == 1)
    return status
  }

  @Test("The configuration tells how much one request may be about; a disk that is only read has neither")
  func configuration() throws {
    let bench = try DiskBench()
    #expect(MMIODriver.offered(bench.transport) & (3 << 13) == 3 << 13)
    #expect(
      [0x124, 0x128, 0x12c, 0x130, 0x134].map { bench.transport.read($0) } == [1 << 22, 16, 8, 1 << 13, 1])
    #expect(bench.transport.read(0x138, size: 1) == 1)
    let readOnly = try DiskBench(isReadOnly: true)
    #expect(MMIODriver.offered(readOnly.transport) & (3 << 13) == 0)
    #expect(readOnly.transport.read(0x124) == 0)
  }

  @Test(
    "Ranges read zeros, and all around them stays, as a model has it", arguments: 0..<4,
    DiskWay.usable)
  func ranges(seed: UInt64, method: DiskWay) throws {
    var random = SeededGenerator(seed: seed)
    // Without flushes zeros are durable as they complete.
    let features = seed % 2 == 0 ? Self.features : Self.features & ~(1 << 9)
    let bench = try DiskBench(features: features, by: method)
    var model = try bench.file
    for _ in 0..<60 {
      func segment(_ count: ClosedRange<UInt32>) -> Segment {
        let first = UInt64.random(in: 0..<64, using: &random)
        return Segment(sector: first, count: min(.random(in: count, using: &random), UInt32(64 - first)))
      }
      var segments: [Segment]
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        segments = (0..<Int.random(in: 1...16, using: &random)).map { _ in segment(0...4) }
        #expect(try request(bench, Self.discard, segments) == 0)
      case 1:
        segments = [segment(0...64)]
        segments[0].flags = .random(in: 0...1, using: &random)
        #expect(try request(bench, Self.writeZeroes, segments) == 0)
      default:
        segments = []
        let bytes = [UInt8](repeating: .random(in: 1...255, using: &random), count: 2048)
        let first = Int.random(in: 0...60, using: &random)
        try bench.memory.write(bytes, at: bench.data())
        #expect(try bench.request(1, UInt64(first), data: 2048).status == 0)
        model.replaceSubrange(first * 512..<first * 512 + 2048, with: bytes)
      }
      for segment in segments {
        let range = Int(segment.sector) * 512..<(Int(segment.sector) + Int(segment.count)) * 512
        model.replaceSubrange(range, with: repeatElement(0, count: range.count))
      }
    }
    #expect(try bench.request(4, 0, data: 0).status == 0)
    #expect(try bench.file == model)
    #expect(bench.faults.faults.isEmpty)
    #expect(bench.observer.events.count % 2 == 0)
  }

  @Test("What cannot be done is the guest's error, each kind its own, and the file stays as it is")
  func refusals() throws {
    let bench = try DiskBench(features: Self.features)
    let before = try bench.file
    let many = Array(repeating: Segment(sector: 0, count: 1), count: 17)
    for (type, segments, status): (UInt32, [Segment], UInt8) in [
      // Flags that there are not, and for discarding any: before all else.
      (Self.discard, [Segment(sector: 0, count: 1, flags: 1)], 2),
      (Self.discard, [Segment(sector: .max, count: 1, flags: 2)], 2),
      (Self.writeZeroes, [Segment(sector: 0, count: 1, flags: 3)], 2),
      (Self.discard, [Segment(sector: 0, count: 1), Segment(sector: 0, count: 1, flags: 0x8000_0000)], 2),
      (Self.discard, [Segment(sector: 64, count: 1)], 1), (Self.discard, [Segment(sector: 63, count: 2)], 1),
      (Self.discard, [Segment(sector: 0, count: 1), Segment(sector: .max, count: 1)], 1),
      (Self.writeZeroes, [Segment(sector: 63, count: 2)], 1),
      (Self.writeZeroes, [Segment(sector: 1 << 55, count: 1)], 1),
      (Self.discard, [Segment(sector: 0, count: .max)], 1),
      (Self.writeZeroes, [Segment(sector: 0, count: 8193)], 1),
      (Self.discard, many, 1), (Self.writeZeroes, Array(many.prefix(2)), 1), (Self.discard, [], 1),
      (Self.discard, [Segment(sector: 64, count: 0)], 0),
    ] {
      #expect(try request(bench, type, segments) == status, "type \(type), \(segments)")
    }
    // No whole number of ranges.
    #expect(try bench.request(Self.discard, 0, data: 17, isWritable: false).status == 1)
    #expect(try bench.file == before)
    #expect(bench.faults.faults.isEmpty)
    let readOnly = try DiskBench(features: Self.features & ~(3 << 13), isReadOnly: true)
    #expect(try request(readOnly, Self.discard, [Segment(sector: 0, count: 1)]) == 2)
    // Not agreed on.
    let plain = try DiskBench()
    #expect(try request(plain, Self.writeZeroes, [Segment(sector: 0, count: 1)]) == 2)
    #expect(try plain.file == before)
  }

  @Test("Where a file cannot be made to read zeros they are written, and what was to be discarded stays")
  func without() {
    let job = BlockJob()
    job.work = .zero
    job.begin([1024..<(1024 + 200_000)], isDurable: true)
    job.doWithout()
    #expect(job.work == .writeThrough && job.offset == 1024 && job.ranges.isEmpty)
    #expect(job.parts.reduce(0) { $0 + $1.iov_len } == 200_000)
    for part in job.parts {
      #expect(UnsafeRawBufferPointer(start: part.iov_base, count: part.iov_len).allSatisfy { $0 == 0 })
    }
    job.work = .clear
    job.begin([0..<512], isDurable: false)
    job.doWithout()
    #expect(job.work == .write && job.parts.count == 1)
    job.work = .discard
    job.begin([0..<512, 1024..<2048], isDurable: false)
    job.doWithout()
    #expect(job.work == .discard && job.ranges.isEmpty && job.isDone)
  }
}
