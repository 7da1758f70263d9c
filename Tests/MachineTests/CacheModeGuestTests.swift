import Foundation
import GuestPrograms
import TestSupport
import Testing
import Virtio

@testable import Machine

/// The disk's guest in each cache mode. The file is what its writes leave, computed here from the parameters alone.
@Suite("The guest blk in every cache mode", .needsEngine)
struct CacheModeGuestTests {
  private static let places = 24
  private static let size = 2048
  private static let iterations = 300

  /// The words at both ends of each sector (blk.c): its number, and how often its place was written.
  private static var words: [[UInt64]] {
    // Half of the requests write, one place after the other, after all were written once.
    var generations = [UInt64](repeating: 1, count: places)
    for write in 0..<iterations / 2 { generations[write % places] += 1 }
    return (0..<UInt64(places * size / 512)).map { sector in
      let word = sector | generations[Int(sector) * 512 / size] << 48
      return [word, ~word]
    }
  }

  private struct Result: Decodable {
    struct Guest: Decodable {
      let diskRequests: DiskRequests?
    }
    let guest: Guest?
  }

  @Test(
    "It makes flushes where there is a cache to flush, none elsewhere, and the file has what it wrote",
    arguments: CacheMode.allCases, [0, 7])
  func contents(cache: CacheMode, flush: Int) throws {
    // What the host offers, and what each does.
    for method in ["", ",aio=threads"] {
      try withTemporaryDirectory { directory in
        let disk = "\(directory)/disk"
        #expect(
          FileManager.default.createFile(atPath: disk, contents: Data(count: Self.places * Self.size)))
        let outcome = try Exeunt.run([
          "run", "--guest", "blk", "iterations=\(Self.iterations)", "places=\(Self.places)",
          "size=\(Self.size)", "depth=4", "flush=\(flush)", "announce=flushes", "--disk",
          "\(disk),cache=\(cache.rawValue)\(method)", "--result", "\(directory)/result",
        ])
        #expect(outcome.exitStatus == 0, "\(outcome.standardError)")
        let rounds = flush == 0 ? 0 : Self.iterations / 2 / flush
        let result = try JSONDecoder().decode(
          Result.self, from: Data(contentsOf: URL(filePath: "\(directory)/result")))
        let hasCache = cache != .writethrough && cache != .directsync
        #expect(
          result.guest?.diskRequests
            == DiskRequests(
              reads: UInt64(Self.iterations / 2), writes: UInt64(Self.places + Self.iterations / 2),
              flushes: hasCache ? UInt64(rounds) : 0))
        #expect(outcome.standardOutput == String(repeating: ".", count: rounds))
        let bytes = try Data(contentsOf: URL(filePath: disk))
        let found = bytes.withUnsafeBytes { bytes in
          stride(from: 0, to: bytes.count, by: 512).map { sector in
            [sector, sector + 504].map {
              UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
            }
          }
        }
        #expect(found == Self.words)
      }
    }
  }

  /// Runs the guest on a disk of which it was told something else.
  private func failure(queues: Int, told: [String]) throws -> String? {
    let program = try GuestProgram.named("blk")
    let arguments = try program.arguments(["iterations=1", "places=1"] + told)
    var configuration = MachineConfiguration.ofThisHost
    configuration.mode = .long
    configuration.loadAddress = program.loadAddress
    configuration.entry = program.entry
    configuration.serial = .none
    configuration.disks = [.scratch(bytes: GuestProgram.scratchDiskBytes)]
    configuration.disks[0].queues = queues
    configuration.timeLimit = 30_000_000_000
    let machine = try Machine(configuration) { _ throws(MachineError) in
      do {
        let told = GuestMachine(disk: GuestDevice(queues: 8))
        return try configuration.flatPlan(
          Array(program.image), parameterBlock: program.parameterBlock(arguments, on: told))
      } catch {
        throw MachineError("\(error)")
      }
    }
    let report = try #require(try machine.run().report)
    return try report.withUnsafeBytes { try GuestReport(decoding: $0) }.failureText(.disk)
  }

  @Test("What a disk lacks is told as what it is: features by name, or how many queues there are")
  func lacking() throws {
    #expect(
      try failure(queues: 1, told: ["queues=2"])
        == "the device lacks features that its driver needs (VIRTIO_BLK_F_MQ)")
    #expect(try failure(queues: 2, told: ["queues=4"]) == "too few queues (the device has 2)")
    #expect(try failure(queues: 4, told: ["queues=4"]) == nil)
  }
}
