import CLinux
import Glibc

/// A range of this process's memory that mmap(2) made; it is unmapped when its owner goes away.
public struct MemoryMapping: ~Copyable, @unchecked Sendable {
  /// The first byte.
  public let base: UnsafeMutableRawPointer
  /// The size in bytes, greater than zero.
  public let length: Int
  /// Bytes before and behind it that are nobody's and go away with it.
  private let guardLength: Int

  /// Maps `length` bytes of a file, or anonymous memory where `descriptor` is -1.
  ///
  /// - Parameters:
  ///   - descriptor: the file, or -1.
  ///   - offset: where in the file, a multiple of the page size.
  ///   - length: bytes, greater than zero.
  ///   - protection: `PROT_READ`, `PROT_WRITE`.
  ///   - flags: `MAP_SHARED` or `MAP_PRIVATE`, with `MAP_POPULATE`, `MAP_NORESERVE` and so on.
  public init(
    descriptor: CInt, offset: Int = 0, length: Int, protection: CInt = PROT_READ | PROT_WRITE,
    flags: CInt = MAP_SHARED
  ) throws(Errno) {
    guard length > 0 else { throw Errno.invalidArgument }
    let address = mmap(nil, length, protection, flags, descriptor, offset)
    guard let address, address != MAP_FAILED else { throw Errno.current }
    base = address
    self.length = length
    guardLength = 0
  }

  /// Maps anonymous memory, which is zero, private, and given no page before it is touched; nothing is reserved. A page before
  /// it and a page behind it are nobody's: whoever touches one is killed (SIGSEGV).
  ///
  /// - Parameters:
  ///   - length: bytes, a multiple of the page size greater than zero.
  ///   - alignment: what the address is a multiple of: a power of two, at least the page size.
  public init(anonymous length: Int, alignment: Int) throws(Errno) {
    try self.init(
      guarded: length, alignment: alignment, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
      descriptor: -1)
  }

  /// Maps the first bytes of a file, shared with others, between two pages that are nobody's, as above.
  ///
  /// - Parameters:
  ///   - length: bytes, a multiple of the file's pages greater than zero.
  ///   - alignment: a power of two, at least the size of the file's pages.
  public init(guarding descriptor: CInt, length: Int, alignment: Int) throws(Errno) {
    try self.init(guarded: length, alignment: alignment, flags: MAP_SHARED, descriptor: descriptor)
  }

  private init(guarded length: Int, alignment: Int, flags: CInt, descriptor: CInt) throws(Errno) {
    precondition(alignment > 0 && alignment & (alignment - 1) == 0, "the alignment is no power of two")
    let page = max(sysconf(CInt(_SC_PAGESIZE)), 1)
    let (room, overflow) = length.addingReportingOverflow(2 * page)
    let (reserved, tooMuch) = room.addingReportingOverflow(alignment)
    guard length > 0, length % page == 0, !overflow, !tooMuch else { throw Errno.invalidArgument }
    for _ in 0..<64 {
      if let base = try MemoryMapping.place(
        length, page: page, alignment: alignment, reserved: reserved, flags: flags, descriptor: descriptor)
      {
        self.base = base
        self.length = length
        guardLength = page
        return
      }
    }
    throw Errno.resourceBusy
  }

  /// Maps memory between two pages that are nobody's.
  ///
  /// The addresses are looked for by reserving all of them; the pages at the ends stay reserved, so that nothing else is ever there.
  /// What is between them is given up and mapped only where it is still free: MAP_FIXED over the reservation would unmap it also where it
  /// then fails, as on hugetlbfs without enough pages, and what another thread maps into such a hole must not be unmapped with it.
  ///
  /// - Returns: where it is; nil where another thread has mapped something there meanwhile.
  private static func place(
    _ length: Int, page: Int, alignment: Int, reserved: Int, flags: CInt, descriptor: CInt
  ) throws(Errno) -> UnsafeMutableRawPointer? {
    let address = mmap(nil, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let address, address != MAP_FAILED else { throw Errno.current }
    let before = (alignment - Int(bitPattern: address + page) & (alignment - 1)) & (alignment - 1)
    let base = address + before + page
    // What is outside the guards goes back, and what is between them.
    if before > 0 { munmap(address, before) }
    if alignment > before { munmap(base + length + page, alignment - before) }
    munmap(base, length)
    let mapped = mmap(
      base, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, descriptor, 0)
    if mapped == base { return base }
    let error = Errno.current
    for part in [base - page, base + length] { munmap(part, page) }
    guard let mapped, mapped != MAP_FAILED else {
      if error == .fileExists { return nil }
      throw error
    }
    // A kernel before 4.17 takes the address for a hint.
    munmap(mapped, length)
    return nil
  }

  /// Tells the kernel that huge pages suit this memory, where its policy for them is `madvise`: madvise(2),
  /// MADV_HUGEPAGE. A kernel without them goes on with ordinary pages.
  public func adviseHugePages() {
    madvise(base, length, MADV_HUGEPAGE)
  }

  /// Has the kernel use ordinary pages only: madvise(2), MADV_NOHUGEPAGE. A kernel without huge pages uses no others.
  public func refuseHugePages() {
    madvise(base, length, MADV_NOHUGEPAGE)
  }

  /// Leaves this memory out of core dumps: madvise(2), MADV_DONTDUMP.
  public func leaveOutOfDumps() {
    madvise(base, length, MADV_DONTDUMP)
  }

  /// Names anonymous memory in /proc/PID/maps: prctl(2), PR_SET_VMA_ANON_NAME. A kernel before 5.17 leaves it unnamed.
  public func setName(_ name: String) {
    clinux_name_memory(base, length, name)
  }

  /// Ends this process, with a message on standard error, as soon as memory of the mapping is touched that the file
  /// behind it no longer has (SIGBUS): there is nothing to go on with. One mapping of a process can be watched.
  ///
  /// - Parameters:
  ///   - message: with its newline, at most 511 bytes.
  ///   - status: the exit status.
  public func endProcessWhenLost(message: String, status: CInt) throws(Errno) {
    let result = clinux_end_when_lost(base, length, message, status)
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  deinit {
    munmap(base - guardLength, length + 2 * guardLength)
  }

  /// The mapped bytes.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: length)
  }
}
