import CLinux
import Glibc
import Platform

/// What guest RAM is made of.
public enum GuestMemoryBackend: Sendable, Equatable {
  /// Memory of this process alone, in huge pages where the host gives them: mmap(2), MAP_ANONYMOUS.
  case anonymous
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
  ///   - layout: where it is for the guest, all of it; nil: as on a PC.
  ///   - backend: what it is made of.
  ///   - hugePages: whether the host may use huge pages for it where it likes to (transparent huge pages). On hugetlbfs they are
  ///     huge in any case.
  ///   - preallocate: touch all of it now, so that the guest never waits for the host's memory, and a host without
  ///     enough says so at the start.
  ///   - controlGroup: the directory of the control group that the process joins before the guest runs; nil: none.
  /// - Throws: `GuestMemoryAllocationError` when the host cannot provide it.
  public static func allocate(
    bytes: UInt64, layout: RAMLayout? = nil, backend: GuestMemoryBackend, hugePages: Bool = true,
    preallocate: Bool, controlGroup: String? = nil
  ) throws(GuestMemoryAllocationError) -> GuestMemory {
    let layout = layout ?? RAMLayout(bytes: bytes)
    precondition(layout.bytes == bytes, "a layout of another size")
    switch backend {
    case .anonymous:
      let source = "anonymous memory"
      let advice = "choose a smaller --memory"
      try checkHostCanHold(bytes: bytes, preallocate: preallocate, controlGroup)
      let mapping = try mapped(bytes, from: source, advice) { length throws(Errno) in
        try MemoryMapping(anonymous: length, alignment: 2 << 20)
      }
      // As QEMU does: fewer faults while the guest starts, and fewer levels of page tables for all that it does.
      if hugePages { mapping.adviseHugePages() } else { mapping.refuseHugePages() }
      mapping.setName("guest-ram")
      mapping.leaveOutOfDumps()
      if preallocate { try populate(mapping, descriptor: nil, of: source, advice) }
      return GuestMemory(layout: layout, mapping: mapping, backing: "anonymous")
    case .path(let path):
      let file = try BackingFile.make(path: path, bytes: bytes)
      guard hugePages || !file.hasHugePages else {
        throw GuestMemoryAllocationError(
          description:
            "--mem-pages small with --mem-path \(path): all pages of hugetlbfs are huge; leave one of the two out"
        )
      }
      if file.isHostMemory { try checkHostCanHold(bytes: bytes, preallocate: preallocate, controlGroup) }
      let mapping = try mapped(bytes, from: file.name, file.advice(bytes)) { length throws(Errno) in
        try file.resize(bytes)
        return try MemoryMapping(guarding: file.descriptor.raw, length: length, alignment: file.alignment)
      }
      mapping.leaveOutOfDumps()
      // tmpfs gives them by itself only where it is mounted so (huge=), or where shmem_enabled says so.
      if file.isHostMemory { if hugePages { mapping.adviseHugePages() } else { mapping.refuseHugePages() } }
      if preallocate {
        try populate(mapping, descriptor: file.descriptor.raw, of: file.name, file.advice(bytes))
      }
      return GuestMemory(layout: layout, mapping: mapping, backing: file.name)
    }
  }

  /// Looks whether the host, and the control group that is joined, could hold RAM without a file, without taking any.
  ///
  /// - Throws: `GuestMemoryAllocationError`, as `allocate` would.
  public static func check(
    bytes: UInt64, preallocate: Bool, controlGroup: String?
  ) throws(GuestMemoryAllocationError) {
    try checkHostCanHold(bytes: bytes, preallocate: preallocate, controlGroup)
  }

  private static func mapped(
    _ bytes: UInt64, from source: String, _ advice: @autoclosure () -> String,
    _ map: (Int) throws(Errno) -> MemoryMapping
  ) throws(GuestMemoryAllocationError) -> MemoryMapping {
    do {
      guard let length = Int(exactly: bytes) else { throw Errno.noMemory }
      return try map(length)
    } catch {
      throw GuestMemoryAllocationError(
        description:
          "mapping \(describe(bytes: bytes)) of guest RAM from \(source) failed: \(error); \(advice())")
    }
  }

  private static func populate(
    _ mapping: borrowing MemoryMapping, descriptor: CInt?, of source: String,
    _ advice: @autoclosure () -> String
  ) throws(GuestMemoryAllocationError) {
    do {
      try unsafe Preallocation.run(mapping, descriptor: descriptor)
    } catch {
      throw GuestMemoryAllocationError(
        description:
          "preallocating \(describe(bytes: UInt64(mapping.length))) of guest RAM from \(source) failed: "
          + "\(error); \(advice())")
    }
  }

  /// Refuses what the host, or a control group, has no memory for: without this the guest would start and the kernel's
  /// out-of-memory killer would end the run some time later.
  private static func checkHostCanHold(
    bytes: UInt64, preallocate: Bool, _ controlGroup: String?
  ) throws(GuestMemoryAllocationError) {
    let pages = sysconf(CInt(_SC_PHYS_PAGES))
    let pageSize = sysconf(CInt(_SC_PAGESIZE))
    if pages > 0, pageSize > 0 {
      let shortage = shortage(
        bytes: bytes, preallocate: preallocate, total: UInt64(pages) * UInt64(pageSize),
        available: availableMemory())
      if let shortage { throw GuestMemoryAllocationError(description: shortage) }
    }
    // What is allocated now is of the group that the process is in now, which it may have joined for that; the rest of the one that it
    // joins.
    let shortage =
      shortage(
        bytes: bytes, preallocate: false,
        limits: MemoryLimits(joining: controlGroup.map(realPath)))
      ?? (preallocate ? shortage(bytes: bytes, preallocate: true, limits: MemoryLimits()) : nil)
    if let shortage { throw GuestMemoryAllocationError(description: shortage) }
  }

  private static func realPath(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// What is wrong with asking a control group for RAM; nil where it may be had.
  static func shortage(bytes: UInt64, preallocate: Bool, limits: MemoryLimits) -> String? {
    if let limit = limits.lowest, bytes > limit.bytes {
      return
        "--memory \(describe(bytes: bytes)): the control group \(limit.group) has \(limit.bytes >> 20) MiB; choose less, "
        + "or change its \(limit.file)"
    }
    if preallocate, let limit = limits.fullest, let available = limit.available, bytes > available {
      return
        "--mem-prealloc with --memory \(describe(bytes: bytes)): the control group \(limit.group) has "
        + "\(available >> 20) MiB to spare; choose less, or leave out --mem-prealloc"
    }
    return nil
  }

  /// MemAvailable of proc(5), in bytes.
  private static func availableMemory() -> UInt64? {
    guard let text = TextFile.read("/proc/meminfo"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
    else { return nil }
    return kibibytes << 10
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

/// The file behind guest RAM. System calls below are given names, which end with NUL, and structures of the size that they fill.
private struct BackingFile: ~Copyable {
  let descriptor: FileDescriptor
  let name: String
  /// Of hugetlbfs: bytes of a page, and how many its mount allows beyond those that are in use; nil where it has no limit. Nil for
  /// other files.
  let hugePages: (size: UInt64, allowed: UInt64?)?
  /// What addresses of its bytes have to be multiples of: the size of its pages, or of the pages that it might get.
  let alignment: Int
  /// Whether every page of it is a page of the host's memory, which nothing can take back: tmpfs.
  let isHostMemory: Bool

  /// Whether it is on hugetlbfs.
  var hasHugePages: Bool { hugePages != nil }

  /// What to do where it cannot be as large as RAM. The kernel promises huge pages when they are mapped, so nothing has to be
  /// counted before.
  borrowing func advice(_ bytes: UInt64) -> String {
    guard let hugePages else { return "choose a smaller --memory or another --mem-path" }
    let page = GuestMemory.describe(bytes: hugePages.size)
    let needed = bytes / hugePages.size
    if let allowed = hugePages.allowed, allowed < needed {
      return "its mount allows \(allowed) more huge pages of \(page) (size=), \(needed) are needed"
    }
    let free =
      HugePages.available(pageSize: hugePages.size).map { "\($0) huge pages of \(page) are free, " } ?? ""
    return "\(free)\(needed) are needed; reserve more through /proc/sys/vm/nr_hugepages"
  }

  static func make(path: String, bytes: UInt64) throws(GuestMemoryAllocationError) -> BackingFile {
    let descriptor = try open(path)
    var information = statfs()
    guard unsafe fstatfs(descriptor.raw, &information) == 0 else {
      throw GuestMemoryAllocationError(description: "--mem-path \(path): fstatfs failed: \(Errno.current)")
    }
    let kind = UInt32(truncatingIfNeeded: information.f_type)
    guard kind == UInt32(CLINUX_HUGETLBFS_MAGIC) else {
      return BackingFile(
        descriptor: descriptor, name: path, hugePages: nil, alignment: 2 << 20,
        isHostMemory: kind == UInt32(CLINUX_TMPFS_MAGIC))
    }
    let pageSize = max(UInt64(information.f_bsize), 1)
    guard bytes % pageSize == 0 else {
      throw GuestMemoryAllocationError(
        description:
          "--mem-path \(path): its huge pages have \(GuestMemory.describe(bytes: pageSize)), and --memory is not a "
          + "multiple of that")
    }
    // Mounted without size= it has no numbers at all (hugetlbfs_statfs of fs/hugetlbfs/inode.c); with min_size= alone, all ones.
    let blocks = UInt64(information.f_blocks)
    let isLimited = blocks != 0 && blocks < UInt64(Int64.max)
    return BackingFile(
      descriptor: descriptor, name: "hugetlbfs \(path)",
      hugePages: (pageSize, isLimited ? UInt64(information.f_bfree) : nil),
      alignment: Int(max(pageSize, 4096)), isHostMemory: false)
  }

  /// Opens the file, or makes an unnamed one where the path is a directory, as QEMU does.
  private static func open(_ path: String) throws(GuestMemoryAllocationError) -> FileDescriptor {
    var information = stat()
    let exists = unsafe stat(path, &information) == 0
    if !exists, errno == ENOENT, let missing = missingDirectory(path) {
      throw GuestMemoryAllocationError(description: "--mem-path \(path): \(missing)")
    }
    do {
      if exists, information.st_mode & S_IFMT == S_IFDIR {
        return try openUnnamed(in: path)
      }
      // Not even opened: what a device does then is anybody's guess.
      if exists, information.st_mode & S_IFMT != S_IFREG { throw PathError.system(.invalidArgument) }
      let file = try TrustedPath.open(path, O_RDWR | O_CREAT | O_NONBLOCK, mode: 0o600)
      guard unsafe fstat(file.raw, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
        throw PathError.system(.invalidArgument)
      }
      return file
    } catch {
      throw GuestMemoryAllocationError(
        description: "--mem-path \(path): cannot be opened as a file or directory for guest RAM: \(error); "
          + "name a file, or a directory on hugetlbfs or tmpfs that you may write to")
    }
  }

  /// What is wrong with a path that is not there, where a directory is meant and a file would be made; nil: nothing.
  private static func missingDirectory(_ path: String) -> String? {
    if path.hasSuffix("/") { return "there is no such directory; make it first" }
    // Who names such a directory expects huge pages, which a file beside the missing mount would not have.
    guard let name = path.split(separator: "/").last, name.contains("huge") else { return nil }
    let parent = name.startIndex == path.startIndex ? "." : String(path[..<name.startIndex])
    var system = statfs()
    guard unsafe statfs(parent, &system) == 0,
      UInt32(truncatingIfNeeded: system.f_type) != UInt32(CLINUX_HUGETLBFS_MAGIC)
    else { return nil }
    return
      "there is no such directory; mount hugetlbfs there (mkdir, mount -t hugetlbfs none \(path)), or make the file first, if an ordinary one is meant"
  }

  /// hugetlbfs has no O_TMPFILE, so the file is made under a name of its own and unlinked at once.
  private static func openUnnamed(in path: String) throws(PathError) -> FileDescriptor {
    let directory = try TrustedPath.openDirectory(path)
    while true {
      let name = "exeunt-ram-\(getpid())-\(UInt64.random(in: 0 ... .max))"
      let raw = unsafe openat(directory.raw, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard raw >= 0 else {
        if errno == EEXIST { continue }
        throw .system(.current)
      }
      unsafe unlinkat(directory.raw, name, 0)
      return FileDescriptor(owning: raw)
    }
  }

  /// Makes the file at least as large as RAM. A larger one is left as it is: its owner may want the rest.
  borrowing func resize(_ bytes: UInt64) throws(Errno) {
    var information = stat()
    guard unsafe fstat(descriptor.raw, &information) == 0 else { throw Errno.current }
    if UInt64(information.st_size) < bytes, ftruncate(descriptor.raw, Int(bytes)) != 0 { throw Errno.current }
  }
}
