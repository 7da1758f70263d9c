import Foundation
import TestSupport
import Testing

/// What a guest has written and flushed, after nobody had time to put anything in order.
@Suite("A VMM that is killed leaves what its guest has flushed", .needsEngine)
struct KilledDiskTests {
  private static let places = 32
  private static let size = 8192
  private static let writesAFlush = 5

  /// One after the other: each run takes some tenths of a second.
  @Test(
    "in the file: each place as it was at the last flush that the guest knew of, or newer", arguments: [1, 8])
  func survives(depth: Int) throws {
    var random = SeededGenerator(seed: UInt64(depth))
    var flushesSeen = 0
    for round in 0..<25 {
      let isRandom = round % 2 == 1
      let isDirect = round % 4 >= 2
      let directory = try TemporaryDirectory()
      let disk = directory.url.appendingPathComponent("disk")
      #expect(
        FileManager.default.createFile(atPath: disk.path, contents: Data(count: Self.places * Self.size)))
      let guest = try AnnouncingGuest(
        disk,
        [
          "iterations=1000000", "reads=0", "places=\(Self.places)", "size=\(Self.size)", "depth=\(depth)",
          "flush=\(Self.writesAFlush)", "order=\(isRandom ? "random" : "sequential")",
        ], keys: (round % 5 < 2 ? ",aio=threads" : "") + (isDirect ? ",cache=none" : ""),
        flags: round % 3 == 0 ? ["--ioeventfd", "off"] : [])
      _ = guest.awaitFlushes(Int.random(in: 1...40, using: &random))
      #expect(try Self.isDirect(disk.path, guest.process.processIdentifier) == isDirect)
      kill(guest.process.processIdentifier, SIGKILL)
      guest.process.waitUntilExit()
      #expect(guest.process.terminationReason == .uncaughtSignal)
      let flushes = guest.awaitFlushes(.max)
      #expect(flushes > 0)
      flushesSeen += flushes
      try hold(Data(contentsOf: disk), against: Self.generations(after: flushes, isRandom), "round \(round)")
      withExtendedLifetime(directory) {}
    }
    #expect(flushesSeen > 100)
  }

  /// Whether a process has a file open with O_DIRECT, which is 00040000 (<asm-generic/fcntl.h>).
  private static func isDirect(_ path: String, _ process: pid_t) throws -> Bool {
    let files = FileManager.default
    let descriptor = try files.contentsOfDirectory(atPath: "/proc/\(process)/fd").first {
      (try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\($0)")) == path
    }
    let information = try String(
      contentsOfFile: "/proc/\(process)/fdinfo/\(try #require(descriptor))", encoding: .utf8)
    let flags = information.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t")
      .last
    return try #require(flags.flatMap { Int($0, radix: 8) }) & 0o40000 != 0
  }

  /// How often each place has been written when so many flushes were completed (blk.c).
  private static func generations(after flushes: Int, _ isRandom: Bool) -> [Int] {
    var generations = [Int](repeating: 1, count: places)
    var state: UInt32 = 1
    for write in 0..<flushes * writesAFlush {
      state = state &* 1_664_525 &+ 1_013_904_223
      generations[isRandom ? (Int(state >> 16) * places) >> 16 : write % places] += 1
    }
    return generations
  }

  private func hold(_ file: Data, against generations: [Int], _ comment: Comment) throws {
    try #require(file.count == Self.places * Self.size)
    func word(_ offset: Int) -> UInt64 {
      file[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    for sector in 0..<file.count / 512 {
      let first = word(sector * 512)
      #expect(first & 0xffff_ffff_ffff == UInt64(sector), comment)
      #expect(word(sector * 512 + 504) == ~first, comment)
      #expect(Int(first >> 48) >= generations[sector * 512 / Self.size], "sector \(sector), \(comment)")
    }
  }
}
