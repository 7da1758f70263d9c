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

  /// Its descriptor, open as long as this is there.
  package var raw: CInt { descriptor.raw }

  /// Opens a file.
  ///
  /// - Throws: `DiskError` with what was tried, what failed and what to do.
  package init(path: String, isReadOnly: Bool) throws(DiskError) {
    let descriptor = try DiskFile.open(path, isReadOnly)
    let bytes = try DiskFile.bytes(of: descriptor.raw, path)
    try DiskFile.lock(descriptor.raw, path, isReadOnly)
    sectors = bytes / 512
    tail = Int(bytes % 512)
    self.descriptor = descriptor
    self.isReadOnly = isReadOnly
  }

  private init(scratch descriptor: consuming FileDescriptor, bytes: UInt64) {
    self.descriptor = descriptor
    sectors = bytes / 512
    tail = 0
    isReadOnly = false
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

  private static func open(_ path: String, _ isReadOnly: Bool) throws(DiskError) -> FileDescriptor {
    do {
      return try FileDescriptor.open(path, isReadOnly ? O_RDONLY : O_RDWR)
    } catch {
      let advice =
        switch error {
        case .noSuchFileOrDirectory: "make it first, such as with truncate -s 1G"
        case .permissionDenied, .readOnlyFileSystem: "it has to be readable and writable"
        default: "choose another"
        }
      throw DiskError(description: "disk \(path): \(error); \(advice)")
    }
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

  private static func bytes(of descriptor: CInt, _ path: String) throws(DiskError) -> UInt64 {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else {
      throw DiskError(description: "disk \(path): \(Errno.current)")
    }
    let kind = information.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFBLK else {
      throw DiskError(description: "disk \(path) is neither a file nor a block device; choose another")
    }
    // Of a block device the size is not in its node.
    let bytes = lseek(descriptor, 0, SEEK_END)
    guard bytes >= 512 else {
      throw DiskError(description: "disk \(path) has \(max(bytes, 0)) bytes; a sector has 512")
    }
    return UInt64(bytes)
  }

  /// Carries a request out and waits for it: preadv(2), pwritev(2), fdatasync(2), fallocate(2).
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
      let result = curing_change_range_now(descriptor.raw, change, range.lowerBound, UInt64(range.count))
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
