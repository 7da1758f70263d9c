import CLinux
import Glibc
import Platform

/// What direct I/O (O_DIRECT of open(2)) with a file has to be aligned to; powers of two, bytes.
package struct DirectAlignment: Sendable, Equatable {
  /// Of memory: addresses.
  package let memory: Int
  /// Of the file: offsets, and the length of each part of a request; 512 or more.
  package let block: Int

  /// The most that there is on Linux, whose blocks are pages at the most or, since 6.12, 64 KiB.
  static let maximum = 64 << 10
  /// What is enough for every device that is known, where nobody can tell.
  private static let safe = 4096

  /// Describes what is wanted; nil where it makes no sense.
  package init?(memory: Int, block: Int) {
    let block = max(block, Int(BlockRequest.sectorSize))
    guard memory > 0, memory & (memory - 1) == 0, block & (block - 1) == 0, memory <= DirectAlignment.maximum,
      block <= DirectAlignment.maximum
    else { return nil }
    self.memory = memory
    self.block = block
  }

  /// Asks the kernel about a file that was opened with O_DIRECT: statx(2), before Linux 6.1 and where a file system does not tell BLKSSZGET of a
  /// device; a file is tried out.
  ///
  /// - Returns: nil where the file has no direct I/O, or none that can be used.
  static func find(_ file: CInt, isDevice: Bool) -> DirectAlignment? {
    var memory: CUnsignedInt = 0
    var block: CUnsignedInt = 0
    if clinux_direct_alignment(file, &memory, &block) == 1 {
      return DirectAlignment(memory: Int(memory), block: Int(block))
    }
    return isDevice ? ofDevice(file) : probed(file)
  }

  /// Logical blocks are enough for memory as well (open(2)).
  static func ofDevice(_ file: CInt) -> DirectAlignment? {
    let block = Int(clinux_block_size(file))
    return DirectAlignment(memory: block, block: block)
  }

  /// The smallest read of a file's beginning that the kernel takes.
  static func probed(_ file: CInt) -> DirectAlignment? {
    withUnsafeTemporaryAllocation(byteCount: safe, alignment: safe) { buffer in
      for size in [1, 512, 1024, 2048, safe] {
        var count = pread(file, buffer.baseAddress!, size, 0)
        while count < 0, Errno.current == .interrupted { count = pread(file, buffer.baseAddress!, size, 0) }
        if count < 0 { continue }
        // Of a hole many file systems read anything. Nothing is known then, as where there is no limit at all.
        return DirectAlignment(memory: size == 1 ? safe : size, block: size == 1 ? safe : size)
      }
      return nil
    }
  }
}
