import Foundation
import Platform
import Testing

@testable import Virtio

/// A block device whose sectors are in a file (loop(4)), gone with its owner.
final class LoopDevice {
  private static let losetup: String? = {
    let places: [String] = ["/usr/sbin/losetup", "/sbin/losetup"]
    return places.first { access($0, X_OK) == 0 }
  }()
  /// Whether this process can make one.
  static let isThere = geteuid() == 0 && losetup != nil && access("/dev/loop-control", R_OK | W_OK) == 0

  let path: String
  private let file = FileManager.default.temporaryDirectory.appendingPathComponent("exeunt-loop-\(UUID())")

  /// - Parameter sectorSize: bytes of its logical blocks.
  init(_ content: [UInt8] = DiskBench.content, sectorSize: Int = 512, isReadOnly: Bool = false) throws {
    try Data(content).write(to: file)
    let outcome = try Subprocess.run(
      try #require(LoopDevice.losetup),
      ["--find", "--show", "--sector-size", "\(sectorSize)"] + (isReadOnly ? ["--read-only"] : []) + [
        file.path
      ], timeout: 20_000)
    try #require(outcome.succeeded, "\(outcome.standardError)")
    path = outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  deinit {
    if let losetup = LoopDevice.losetup {
      _ = try? Subprocess.run(losetup, ["--detach", path], timeout: 20_000)
    }
    try? FileManager.default.removeItem(at: file)
  }

  /// What is in the file.
  var content: [UInt8] { get throws { Array(try Data(contentsOf: file)) } }

  /// Bytes of the file that take room.
  var allocated: Int {
    get throws {
      var information = stat()
      try #require(stat(file.path, &information) == 0)
      return 512 * Int(information.st_blocks)
    }
  }
}
