import CLinux
import CURing
import Glibc
import Platform

/// A file that holds a disk's sectors as they are: a regular file or a block device.
package struct DiskFile: ~Copyable, Sendable {
  private let descriptor: FileDescriptor
  /// 512-byte sectors; bytes beyond the last whole one are not shown to the guest.
  package let sectors: UInt64
  /// Bytes behind the last whole sector.
  package let tail: Int
  /// Whether it is only read.
  package let isReadOnly: Bool
  /// Whether it is a block device.
  package let isDevice: Bool
  /// What requests have to be aligned to; nil where they go through the page cache, which takes any.
  package let alignment: DirectAlignment?
  /// What is read and written at once below the file: a device's logical block, or what direct I/O takes; 512 bytes or more.
  package let blockSize: Int

  /// Its descriptor, open as long as this is there.
  package var raw: CInt { descriptor.raw }

  /// Opens a file.
  ///
  /// - Throws: `DiskError` with what was tried, what failed and what to do.
  package init(path: String, isReadOnly: Bool, cache: CacheMode = .writeback) throws(DiskError) {
    let isDevice = try DiskFile.isDevice(path)
    let descriptor = try DiskFile.open(path, isReadOnly, isDevice: isDevice, cache)
    let bytes = try DiskFile.bytes(of: descriptor.raw, path, isDevice: isDevice)
    try DiskFile.lock(descriptor.raw, path, isReadOnly)
    alignment = cache.isDirect ? try DiskFile.alignment(descriptor.raw, path, isDevice, bytes) : nil
    blockSize = max(
      512, isDevice ? Int(clinux_block_size(descriptor.raw)) : 0, alignment?.block ?? 0)
    sectors = bytes / 512
    tail = Int(bytes % 512)
    self.descriptor = descriptor
    self.isReadOnly = isReadOnly
    self.isDevice = isDevice
  }

  private init(scratch descriptor: consuming FileDescriptor, bytes: UInt64) {
    self.descriptor = descriptor
    sectors = bytes / 512
    tail = 0
    isReadOnly = false
    isDevice = false
    alignment = nil
    blockSize = 512
  }

  /// Makes a file that has no name and is gone when it is closed: a disk for one run, all zeros, in `TMPDIR` or `/tmp`.
  ///
  /// - Parameter bytes: its size; room is taken as it is written.
  /// - Throws: `DiskError` with what was tried, what failed and what to do.
  package static func scratch(bytes: UInt64) throws(DiskError) -> DiskFile {
    let preferred = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    let directory = preferred.isEmpty ? "/tmp" : preferred
    do {
      let descriptor = try FileDescriptor.temporary(in: directory)
      guard ftruncate(descriptor.raw, off_t(clamping: bytes)) == 0 else { throw Errno.current }
      return DiskFile(scratch: descriptor, bytes: bytes)
    } catch {
      throw DiskError(
        description:
          "scratch disk of \(bytes >> 20) MiB in \(directory): \(error); set TMPDIR to a directory with "
          + "room for it, or give a disk: --disk FILE")
    }
  }

  /// Whether what is there is a block device; before it is opened, as opening a FIFO may wait for somebody.
  private static func isDevice(_ path: String) throws(DiskError) -> Bool {
    var information = stat()
    guard stat(path, &information) == 0 else { throw failure(path, Errno.current) }
    return try isDevice(information, path)
  }

  private static func isDevice(_ information: stat, _ path: String) throws(DiskError) -> Bool {
    let kind = information.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFBLK else {
      throw DiskError(description: "disk \(path) is neither a file nor a block device; choose another")
    }
    return kind == S_IFBLK
  }

  private static func failure(_ path: String, _ error: Errno) -> DiskError {
    let advice =
      switch error {
      case .noSuchFileOrDirectory: "make it first, such as with truncate -s 1G"
      case .permissionDenied, .readOnlyFileSystem, .notPermitted: "it has to be readable and writable"
      case .resourceBusy:
        "it is mounted, or another program has it (see lsblk and fuser): end that first, or give readonly=on"
      default: "choose another"
      }
    return DiskError(description: "disk \(path): \(error); \(advice)")
  }

  /// A device is opened for writing only where nobody has claimed it (O_EXCL, which means that for block devices alone): one with a mounted file
  /// system would be written by two.
  private static func open(
    _ path: String, _ isReadOnly: Bool, isDevice: Bool, _ cache: CacheMode
  ) throws(DiskError) -> FileDescriptor {
    let claim = isDevice && !isReadOnly ? O_EXCL : 0
    let descriptor: FileDescriptor
    do {
      descriptor = try FileDescriptor.open(
        path, (isReadOnly ? O_RDONLY : O_RDWR) | claim | (cache.isDirect ? clinux_direct_flag() : 0))
    } catch {
      if cache.isDirect, error == .invalidArgument { throw noDirect(path) }
      throw failure(path, error)
    }
    // Opening such a device is no error; writing to it is.
    if isDevice, !isReadOnly, clinux_block_is_read_only(descriptor.raw) == 1 {
      throw DiskError(description: "disk \(path): the device can only be read; give readonly=on")
    }
    return descriptor
  }

  private static func noDirect(_ path: String) -> DiskError {
    DiskError(
      description:
        "disk \(path): its file system has no direct I/O (O_DIRECT); use cache=writeback or another place")
  }

  private static func alignment(
    _ descriptor: CInt, _ path: String, _ isDevice: Bool, _ bytes: UInt64
  ) throws(DiskError) -> DirectAlignment {
    guard let alignment = DirectAlignment.find(descriptor, isDevice: isDevice) else { throw noDirect(path) }
    // Writing the rest would make the file longer.
    guard bytes % UInt64(alignment.block) == 0 else {
      throw DiskError(
        description:
          "disk \(path): its \(bytes) bytes are no multiple of \(alignment.block), which direct I/O moves; use "
          + "cache=writeback, or make it longer: truncate -s %\(alignment.block)")
    }
    return alignment
  }

  /// Keeps others from writing the file, and from reading it where it is written here: an open file description's lock
  /// (fcntl(2), F_OFD_SETLK), which holds between disks of one process too. QEMU's locks of images are of the same kind.
  private static func lock(_ descriptor: CInt, _ path: String, _ isReadOnly: Bool) throws(DiskError) {
    var lock = flock()
    lock.l_type = Int16(isReadOnly ? F_RDLCK : F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    while fcntl(descriptor, DiskFile.setLock, &lock) != 0 {
      switch errno {
      case EINTR: continue
      case EAGAIN, EACCES:
        throw DiskError(
          description:
            "disk \(path): another disk or another program "
            + (isReadOnly ? "writes it; wait for that, or copy it" : "uses it; give each a file of its own")
            + (isReadOnly ? "" : ", or readonly=on to all of them"))
      // A file system without locks.
      default: return
      }
    }
  }

  /// F_OFD_SETLK of <bits/fcntl-linux.h>, which Swift does not see.
  private static let setLock: CInt = 37

  private static func bytes(
    of descriptor: CInt, _ path: String, isDevice wasDevice: Bool
  ) throws(DiskError) -> UInt64 {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw failure(path, Errno.current) }
    guard try isDevice(information, path) == wasDevice else {
      throw DiskError(description: "disk \(path) was replaced while it was opened; try again")
    }
    // Of a block device the size is not in its node; here it is what BLKGETSIZE64 says, too.
    let bytes = lseek(descriptor, 0, SEEK_END)
    guard bytes >= 512 else {
      throw DiskError(description: "disk \(path) has \(max(bytes, 0)) bytes; a sector has 512")
    }
    return UInt64(bytes)
  }

  /// Carries a request out and waits for it: preadv(2), pwritev(2), fdatasync(2), fallocate(2), and BLKDISCARD of a device.
  ///
  /// - Returns: why not all of it was done; nil where it was. A file that others have cut has less than was asked for: EIO.
  package borrowing func perform(_ job: BlockJob) -> Errno? {
    switch job.work {
    case .read: transfer(job, preadv)
    case .write: transfer(job, pwritev)
    case .writeThrough: transfer(job, pwritev) ?? synchronise()
    case .flush: synchronise()
    case .discard, .clear, .zero: change(job)
    }
  }

  private borrowing func change(_ job: BlockJob) -> Errno? {
    let change = job.work == .zero ? CURING_ZERO : CURING_DISCARD
    while let range = job.ranges.first {
      let result =
        isDevice && job.work == .discard
        ? clinux_block_discard(descriptor.raw, range.lowerBound, UInt64(range.count))
        : curing_change_range_now(descriptor.raw, change, range.lowerBound, UInt64(range.count))
      switch -result {
      case 0: job.endRange()
      case EINTR: continue
      case EOPNOTSUPP:
        job.doWithout()
        // Zeros are written now.
        if !job.isDone { return perform(job) }
      default: return Errno(rawValue: -result)
      }
    }
    return job.isDurable ? synchronise() : nil
  }

  private borrowing func synchronise() -> Errno? {
    while fdatasync(descriptor.raw) != 0 {
      let error = Errno.current
      guard error == .interrupted else { return error }
    }
    return nil
  }

  private borrowing func transfer(
    _ job: BlockJob, _ call: (CInt, UnsafePointer<iovec>, CInt, off_t) -> Int
  ) -> Errno? {
    while !job.isDone {
      let parts = job.parts
      let moved = call(descriptor.raw, parts.baseAddress!, CInt(parts.count), off_t(job.offset))
      if moved < 0 {
        let error = Errno.current
        if error == .interrupted || error == .resourceTemporarilyUnavailable { continue }
        return error
      }
      guard moved > 0 else { return .ioError }
      job.advance(by: moved)
    }
    return nil
  }
}

/// A disk that cannot be had.
package struct DiskError: Error, Sendable, CustomStringConvertible {
  /// What was tried, what went wrong and what to do.
  package let description: String
}
