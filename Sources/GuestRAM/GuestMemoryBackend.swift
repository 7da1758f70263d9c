import CLinux
import Glibc
import Platform

/// What guest RAM is made of.
public enum GuestMemoryBackend: Sendable, Equatable {
  /// An anonymous file in memory: memfd_create(2).
  case memfd
  /// A file, which is made and sized as needed, or an unnamed file in a directory: on hugetlbfs, huge pages.
  case path(String)
}

/// Guest RAM that could not be had.
public struct GuestMemoryAllocationError: Error, Sendable, CustomStringConvertible {
  /// What was tried, what went wrong and what to do.
  public let description: String
}

extension GuestMemory {
  /// Allocates guest RAM.
  ///
  /// - Parameters:
  ///   - bytes: a multiple of 4 KiB, at least 1 MiB; on hugetlbfs a multiple of its page size.
  ///   - backend: what it is made of.
  ///   - preallocate: touch all of it now, so that the guest never waits for the host's memory, and a host without
  ///     enough says so at the start.
  /// - Throws: `GuestMemoryAllocationError` when the host cannot provide it.
  public static func allocate(
    bytes: UInt64, backend: GuestMemoryBackend, preallocate: Bool
  ) throws(GuestMemoryAllocationError) -> GuestMemory {
    let file = try BackingFile.make(backend, bytes: bytes)
    try file.checkHostCanHold(bytes: bytes, preallocate: preallocate)
    let mapping: MemoryMapping
    do {
      try file.resize(bytes)
      mapping = try MemoryMapping(descriptor: file.descriptor.raw, length: Int(bytes))
    } catch {
      throw file.failure("mapping \(describe(bytes: bytes)) of guest RAM", error)
    }
    if preallocate {
      // MADV_POPULATE_WRITE (Linux 5.14) fails with an error where touching the pages would be killed by SIGBUS.
      let populateWrite: CInt = 23
      if madvise(mapping.base, mapping.length, populateWrite) != 0 {
        // EFAULT (madvise(2)): touching a page would have been killed by SIGBUS, because the file system is full.
        let error = Errno.current == .badAddress ? Errno.noSpace : Errno.current
        throw file.failure("preallocating \(describe(bytes: bytes)) of guest RAM", error)
      }
    }
    return GuestMemory(layout: RAMLayout(bytes: bytes), mapping: mapping, backing: file.name)
  }

  /// What is wrong with asking a host for RAM that is made of the host's own; nil where it may be had.
  ///
  /// - Parameters:
  ///   - total: the host's memory, bytes.
  ///   - available: what of it is free or can be freed, bytes; nil where the host does not tell.
  static func shortage(bytes: UInt64, preallocate: Bool, total: UInt64, available: UInt64?) -> String? {
    if bytes > total {
      return "--memory \(describe(bytes: bytes)): this host has \(total >> 20) MiB; choose less"
    }
    if preallocate, let available, bytes > available {
      return
        "--mem-prealloc with --memory \(describe(bytes: bytes)): this host has \(available >> 20) MiB to "
        + "spare; choose less, or leave out --mem-prealloc"
    }
    return nil
  }

  static func describe(bytes: UInt64) -> String {
    bytes % (1 << 30) == 0
      ? "\(bytes >> 30) GiB" : bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes) bytes"
  }
}

/// The file behind guest RAM.
private struct BackingFile: ~Copyable {
  let descriptor: FileDescriptor
  let name: String
  let isHugeTLB: Bool
  /// Whether every page of it is a page of the host's memory, which nothing can take back: memfd and tmpfs.
  let isHostMemory: Bool

  static func make(_ backend: GuestMemoryBackend, bytes: UInt64) throws(GuestMemoryAllocationError)
    -> BackingFile
  {
    switch backend {
    case .memfd:
      let raw = clinux_memfd_create("guest-ram", UInt32(MFD_CLOEXEC))
      guard raw >= 0 else {
        throw GuestMemoryAllocationError(
          description:
            "making guest RAM: memfd_create failed: \(Errno.current); use --mem-path with a file instead")
      }
      return BackingFile(
        descriptor: FileDescriptor(owning: raw), name: "memfd", isHugeTLB: false, isHostMemory: true)
    case .path(let path):
      let opened = try open(path)
      var information = statfs()
      guard fstatfs(opened.raw, &information) == 0 else {
        throw GuestMemoryAllocationError(description: "--mem-path \(path): fstatfs failed: \(Errno.current)")
      }
      let kind = UInt32(truncatingIfNeeded: information.f_type)
      guard kind == UInt32(CLINUX_HUGETLBFS_MAGIC) else {
        return BackingFile(
          descriptor: opened, name: path, isHugeTLB: false, isHostMemory: kind == UInt32(CLINUX_TMPFS_MAGIC))
      }
      let pageSize = max(UInt64(information.f_bsize), 1)
      let page = GuestMemory.describe(bytes: pageSize)
      guard bytes % pageSize == 0 else {
        throw GuestMemoryAllocationError(
          description:
            "--mem-path \(path): its huge pages have \(page), and --memory is not a multiple of that")
      }
      guard UInt64(information.f_bfree) >= bytes / pageSize else {
        throw GuestMemoryAllocationError(
          description: "--mem-path \(path): \(information.f_bfree) huge pages of \(page) are free, "
            + "\(bytes / pageSize) are needed; reserve more through /proc/sys/vm/nr_hugepages")
      }
      return BackingFile(descriptor: opened, name: "hugetlbfs \(path)", isHugeTLB: true, isHostMemory: false)
    }
  }

  /// Opens the file, or makes an unnamed one where the path is a directory, as QEMU does.
  private static func open(_ path: String) throws(GuestMemoryAllocationError) -> FileDescriptor {
    var information = stat()
    let exists = stat(path, &information) == 0
    do {
      if exists, information.st_mode & S_IFMT == S_IFDIR {
        return try openUnnamed(in: path)
      }
      if exists, information.st_mode & S_IFMT != S_IFREG {
        throw Errno.invalidArgument
      }
      return try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o600)
    } catch {
      throw GuestMemoryAllocationError(
        description: "--mem-path \(path): cannot be opened as a file or directory for guest RAM: \(error); "
          + "name a file, or a directory on hugetlbfs or tmpfs that you may write to")
    }
  }

  /// hugetlbfs has no O_TMPFILE, so the file is made under a name of its own and unlinked at once.
  private static func openUnnamed(in directory: String) throws(Errno) -> FileDescriptor {
    var template = Array("\(directory)/exeunt-ram-XXXXXX".utf8CString)
    let raw = template.withUnsafeMutableBufferPointer { mkstemp($0.baseAddress!) }
    guard raw >= 0 else { throw Errno.current }
    let descriptor = FileDescriptor(owning: raw)
    _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    _ = template.withUnsafeBufferPointer { unlink($0.baseAddress!) }
    return descriptor
  }

  /// Makes the file at least as large as RAM. A larger one is left as it is: its owner may want the rest.
  borrowing func resize(_ bytes: UInt64) throws(Errno) {
    var information = stat()
    guard fstat(descriptor.raw, &information) == 0 else { throw Errno.current }
    if UInt64(information.st_size) < bytes, ftruncate(descriptor.raw, Int(bytes)) != 0 { throw Errno.current }
  }

  /// Refuses what the host has no memory for: without this the guest would start and the host's out-of-memory killer
  /// would end the run some time later.
  borrowing func checkHostCanHold(bytes: UInt64, preallocate: Bool) throws(GuestMemoryAllocationError) {
    guard bytes <= UInt64(Int.max) else { throw failure("allocating \(bytes) bytes of guest RAM", .noMemory) }
    let pages = sysconf(CInt(_SC_PHYS_PAGES))
    let pageSize = sysconf(CInt(_SC_PAGESIZE))
    guard isHostMemory, pages > 0, pageSize > 0 else { return }
    let shortage = GuestMemory.shortage(
      bytes: bytes, preallocate: preallocate, total: UInt64(pages) * UInt64(pageSize),
      available: BackingFile.availableMemory())
    if let shortage { throw GuestMemoryAllocationError(description: shortage) }
  }

  /// MemAvailable of proc(5), in bytes.
  private static func availableMemory() -> UInt64? {
    guard let text = TextFile.read("/proc/meminfo"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
    else { return nil }
    return kibibytes << 10
  }

  borrowing func failure(_ doing: String, _ error: Errno) -> GuestMemoryAllocationError {
    let advice =
      isHugeTLB
      ? "reserve more huge pages through /proc/sys/vm/nr_hugepages"
      : "choose a smaller --memory or another --mem-path"
    return GuestMemoryAllocationError(description: "\(doing) from \(name) failed: \(error); \(advice)")
  }
}
