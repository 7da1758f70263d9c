import CLinux
import Glibc
import Platform

/// Makes all pages of guest RAM at the start.
enum Preallocation {
  /// Takes pages from the host, and says so when there are not enough.
  ///
  /// - Parameters:
  ///   - descriptor: the file behind the mapping; nil for anonymous memory.
  ///   - advise: madvise(2); another one in tests, which stands for a kernel that is older.
  static func run(
    _ mapping: borrowing MemoryMapping, descriptor: CInt?,
    advise: (UnsafeMutableRawPointer, Int, CInt) -> CInt = { unsafe madvise($0, $1, $2) }
  ) throws(Errno) {
    // MADV_POPULATE_WRITE (Linux 5.14) fails with an error where touching the pages would be killed by SIGBUS.
    let populateWrite: CInt = 23
    // The mapping's own begin and length.
    if unsafe advise(mapping.base, mapping.length, populateWrite) == 0 { return }
    switch Errno.current {
    // EFAULT (madvise(2)): touching a page would have been killed by SIGBUS, because the file system is full.
    case .badAddress: throw .noSpace
    case .invalidArgument: break
    case let error: throw error
    }
    // An older kernel: have the file system give the file its pages, which fails where there are none, and only then
    // touch each. What the file holds stays. Where the file system cannot do that, glibc writes to each block.
    if let descriptor {
      let error = posix_fallocate(descriptor, 0, mapping.length)
      guard error == 0 else { throw Errno(rawValue: error) }
    }
    let page = max(sysconf(CInt(_SC_PAGESIZE)), 1)
    for offset in stride(from: 0, to: mapping.length, by: page) {
      // `offset` is inside the mapping. Nobody else has it yet; a file's own bytes must survive, so each is written back as it
      // was.
      let byte = unsafe mapping.base.advanced(by: offset).assumingMemoryBound(to: UInt8.self)
      unsafe clinux_touch(byte)
    }
  }
}
