import Glibc
import Platform
import TestSupport
import Testing

@testable import GuestRAM

@Suite("What guest RAM is made of")
struct GuestMemoryBackendTests {
  private func status(_ path: String) -> stat? {
    var information = stat()
    return stat(path, &information) == 0 ? information : nil
  }

  /// The message of an allocation that must fail; it names what was asked for.
  private func refusal(
    _ bytes: UInt64, _ path: String?, preallocate: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> String {
    let error = #expect(throws: GuestMemoryAllocationError.self, sourceLocation: sourceLocation) {
      _ = try GuestMemory.allocate(
        bytes: bytes, backend: path.map { .path($0) } ?? .anonymous, preallocate: preallocate)
    }
    if let path {
      #expect(error?.description.contains(path) == true, sourceLocation: sourceLocation)
    }
    return error?.description ?? ""
  }

  @Test("Anonymous RAM can have huge pages: its regions begin where one would, in guest and host alike")
  func anonymous() throws {
    let memory = try GuestMemory.allocate(bytes: 4 << 30, backend: .anonymous, preallocate: false)
    #expect(memory.backing == "anonymous")
    #expect(memory.layout.regions.count == 2)
    for region in memory.layout.regions {
      let host = UInt64(UInt(bitPattern: memory.hostMemory(of: region).baseAddress))
      #expect(host % (2 << 20) == 0 && region.start.value % (2 << 20) == 0)
    }
    // "hg" is in the flags of a mapping that huge pages were asked for, where the kernel has them: proc(5), smaps.
    guard status("/sys/kernel/mm/transparent_hugepage") != nil else { return }
    let start = String(
      UInt(bitPattern: memory.hostMemory(of: memory.layout.regions[0]).baseAddress), radix: 16)
    let text = try #require(TextFile.read("/proc/self/smaps", limit: 1 << 24))
    let lines = text.split(separator: "\n")
    let begin = try #require(lines.firstIndex { $0.hasPrefix("\(start)-") })
    let flags = try #require(lines[begin...].first { $0.hasPrefix("VmFlags:") })
    #expect(flags.split(separator: " ").contains("hg"), "\(flags)")
  }

  /// A mapping of this process: proc(5), smaps.
  private struct Mapping {
    var range: Range<UInt64>
    var permissions: Substring
    var flags: [Substring] = []
  }

  private func mappings() throws -> [Mapping] {
    let text = try #require(TextFile.read("/proc/self/smaps", limit: 1 << 24))
    var mappings: [Mapping] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words[0] == "VmFlags:" {
        mappings[mappings.count - 1].flags = Array(words.dropFirst())
      } else if let dash = words[0].firstIndex(of: "-"), let start = UInt64(words[0][..<dash], radix: 16),
        let end = UInt64(words[0][words[0].index(after: dash)...], radix: 16)
      {
        mappings.append(Mapping(range: start..<end, permissions: words[1]))
      }
    }
    return mappings
  }

  @Test(
    "RAM lies between pages that nobody may touch, and in no core dump", arguments: [false, true],
    [3 << 12, 4 << 20])
  func guards(isFile: Bool, excess: UInt64) throws {
    try withTemporaryDirectory { directory in
      let bytes = (1 << 20) + excess
      let memory = try GuestMemory.allocate(
        bytes: bytes, backend: isFile ? .path("\(directory)/ram") : .anonymous, preallocate: false)
      let host = memory.hostMemory(of: memory.layout.regions[0])
      let start = UInt64(UInt(bitPattern: host.baseAddress))
      #expect(start % (2 << 20) == 0)
      let mappings = try mappings()
      let ram = mappings.filter { $0.range.overlaps(start..<start + bytes) }
      #expect(ram.first?.range.lowerBound == start && ram.last?.range.upperBound == start + bytes)
      #expect(ram.allSatisfy { $0.permissions.hasPrefix("rw") && $0.flags.contains("dd") }, "\(ram)")
      for guardPage in [start - 4096, start + bytes] {
        let around = mappings.first { $0.range.contains(guardPage) }
        #expect(around?.permissions == "---p", "\(String(describing: around))")
      }
    }
  }

  @Test("A file is made as large as RAM and holds what the guest writes")
  func newFile() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/ram"
      let memory = try GuestMemory.allocate(bytes: 2 << 20, backend: .path(path), preallocate: false)
      #expect(memory.backing == path)
      try memory.write(0x1122_3344 as UInt32, at: GuestAddress(0x1_2344), .big)
      let file = try FileDescriptor.open(path, O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: 4)
      _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0x1_2344) }
      #expect(bytes == [0x11, 0x22, 0x33, 0x44])
      #expect(status(path)?.st_size == 2 << 20)
      #expect((status(path)?.st_mode ?? 0) & 0o777 == 0o600)
    }
  }

  @Test("A larger file is not cut, a smaller one grows")
  func existingFile() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/ram"
      close(open(path, O_RDWR | O_CREAT, 0o600))
      truncate(path, 8 << 20)
      _ = try GuestMemory.allocate(bytes: 2 << 20, backend: .path(path), preallocate: false)
      #expect(status(path)?.st_size == 8 << 20)
      truncate(path, 4096)
      _ = try GuestMemory.allocate(bytes: 2 << 20, backend: .path(path), preallocate: false)
      #expect(status(path)?.st_size == 2 << 20)
    }
  }

  @Test("In a directory the file has no name: nothing is left behind")
  func directory() throws {
    try withTemporaryDirectory { directory in
      let memory = try GuestMemory.allocate(bytes: 2 << 20, backend: .path(directory), preallocate: true)
      try memory.write(1 as UInt64, at: GuestAddress(2 << 20 - 8), .little)
      #expect(Directory.names(in: directory) == [])
    }
  }

  @Test("Preallocated RAM is there before it is touched")
  func preallocated() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/ram"
      let lazy = try GuestMemory.allocate(bytes: 4 << 20, backend: .path(path), preallocate: false)
      #expect(lazy.size == 4 << 20)
      #expect(status(path)?.st_blocks ?? .max < 8 << 20 / 512 / 2)
      _ = try GuestMemory.allocate(bytes: 4 << 20, backend: .path(path), preallocate: true)
      #expect(status(path)?.st_blocks ?? 0 >= 4 << 20 / 512)
    }
  }

  /// A kernel before 5.14 does not know MADV_POPULATE_WRITE.
  private func olderKernel(_: UnsafeMutableRawPointer, _: Int, _: CInt) -> CInt {
    errno = EINVAL
    return -1
  }

  @Test(
    "An older kernel preallocates all pages too, in the file and in this process, and keeps what is in them")
  func preallocatedByOlderKernel() throws {
    try withTemporaryDirectory { directory in
      let size = 4 << 20
      let file = try FileDescriptor.open("\(directory)/ram", O_RDWR | O_CREAT)
      #expect(ftruncate(file.raw, size) == 0)
      #expect(pwrite(file.raw, "kept", 4, 8192) == 4)
      let mapping = try MemoryMapping(descriptor: file.raw, length: size)
      try Preallocation.run(mapping, descriptor: file.raw, advise: olderKernel)
      #expect(status("\(directory)/ram")?.st_blocks ?? 0 >= size / 512)
      #expect(mapping.bytes[8192..<8196].elementsEqual("kept".utf8))
      var resident = [UInt8](repeating: 0, count: size / 4096)
      #expect(mincore(mapping.base, size, &resident) == 0)
      #expect(resident.allSatisfy { $0 & 1 == 1 })
    }
  }

  @Test(
    "An older kernel's full file system is an error as well",
    .enabled(if: getuid() == 0, "needs root, to mount"))
  func preallocatingBeyondFileSystemByOlderKernel() throws {
    try withTemporaryDirectory { directory in
      #expect(mount("tmpfs", directory, "tmpfs", 0, "size=4m") == 0)
      defer { umount(directory) }
      let file = try FileDescriptor.open("\(directory)/ram", O_RDWR | O_CREAT)
      #expect(ftruncate(file.raw, 8 << 20) == 0)
      let mapping = try MemoryMapping(descriptor: file.raw, length: 8 << 20)
      #expect(throws: Errno.noSpace) {
        try Preallocation.run(mapping, descriptor: file.raw, advise: olderKernel)
      }
    }
  }

  @Test(
    "Preallocation from a file system that is too small says so",
    .enabled(if: getuid() == 0, "needs root, to mount"))
  func preallocatingBeyondFileSystem() throws {
    try withTemporaryDirectory { directory in
      #expect(mount("tmpfs", directory, "tmpfs", 0, "size=4m") == 0)
      defer { umount(directory) }
      #expect(
        refusal(8 << 20, directory, preallocate: true).contains(String(describing: Errno.noSpace)))
    }
  }

  @Test("What is no file or directory is refused without waiting for it")
  func notAFile() throws {
    try withTemporaryDirectory { directory in
      mkfifo("\(directory)/fifo", 0o600)
      for path in [
        "\(directory)/fifo", "/dev/null", "\(directory)/missing/ram", "/proc/version", "/sys/kernel",
      ] {
        let message = refusal(1 << 20, path)
        #expect(message.contains("--mem-path"), "\(message)")
      }
      #expect(refusal(1 << 20, "").contains("--mem-path"))
      // What is meant as a directory is not made as a file.
      for path in ["\(directory)/missing/", "\(directory)/hugepages", "\(directory)/hugepages-1G/"] {
        let message = refusal(1 << 20, path)
        #expect(message.contains("there is no such directory"), "\(message)")
      }
      #expect(Directory.names(in: directory) == ["fifo"])
    }
  }

  @Test("Preallocation takes no more than the host can spare: its other programs would be killed for it")
  func preallocatingTooMuch() {
    func shortage(_ bytes: UInt64, preallocate: Bool, available: UInt64?) -> String? {
      GuestMemory.shortage(bytes: bytes, preallocate: preallocate, total: 8 << 30, available: available)
    }
    #expect(shortage(4 << 30, preallocate: true, available: 4 << 30) == nil)
    #expect(
      shortage(4 << 30 + 4096, preallocate: true, available: 4 << 30)?.contains("4096 MiB to spare") == true)
    #expect(shortage(8 << 30, preallocate: false, available: 4 << 30) == nil)
    #expect(shortage(8 << 30, preallocate: true, available: nil) == nil)
    #expect(shortage(8 << 30 + 4096, preallocate: false, available: nil)?.contains("8192 MiB") == true)
  }

  @Test("More RAM than the host has is refused at once, whatever it is made of")
  func moreThanTheHost() {
    let host = UInt64(sysconf(CInt(_SC_PHYS_PAGES))) * UInt64(sysconf(CInt(_SC_PAGESIZE)))
    #expect(refusal(host + 4096, nil).contains("this host has"))
    #expect(refusal(1 << 62, nil).contains("this host has"))
    #expect(refusal(1 << 63, nil).contains("choose"))
    #expect(refusal(UInt64.max - 4095, nil).contains("choose"))
  }

  /// The host's pool of huge pages of 2 MiB.
  private static let pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

  @Test(
    "hugetlbfs without a size: free pages are the pool's, and too few are told with their number",
    .enabled(
      if: getuid() == 0 && access(pool, W_OK) == 0, "needs root, to mount and to reserve huge pages"))
  func hugePages() throws {
    func pages() -> Int { TextFile.read(Self.pool).flatMap { Int($0.dropLast()) } ?? 0 }
    func reserve(_ count: Int) throws {
      let file = try FileDescriptor.open(Self.pool, O_WRONLY)
      let text = Array("\(count)\n".utf8)
      #expect(write(file.raw, text, text.count) == text.count)
    }
    let before = pages()
    defer { try? reserve(before) }
    try reserve(before + 40)
    // A host without 80 MiB in one piece each.
    guard pages() == before + 40 else { return }
    try withTemporaryDirectory { directory in
      #expect(mount("none", directory, "hugetlbfs", 0, "pagesize=2M") == 0)
      defer { umount(directory) }
      let memory = try GuestMemory.allocate(bytes: 64 << 20, backend: .path(directory), preallocate: true)
      #expect(memory.backing == "hugetlbfs \(directory)")
      try memory.write(1 as UInt64, at: GuestAddress(64 << 20 - 8), .little)
      let text = refusal(64 << 20, directory)
      #expect(text.contains("8 huge pages of 2 MiB are free, 32 are needed"), "\(text)")
      #expect(refusal(65 << 20, directory).contains("not a multiple"))
    }
    try withTemporaryDirectory { directory in
      #expect(mount("none", directory, "hugetlbfs", 0, "pagesize=2M,size=16M") == 0)
      defer { umount(directory) }
      let text = refusal(64 << 20, directory)
      #expect(text.contains("its mount allows 8 more huge pages of 2 MiB"), "\(text)")
    }
  }

  @Test("A control group's limit counts as the host's memory does")
  func controlGroup() {
    let files = [
      "/proc/self/mountinfo": "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n", "/proc/self/cgroup": "0::/a/b\n",
      "/cg/a/memory.max": "\(512 << 20)\n", "/cg/a/memory.current": "\(200 << 20)\n",
    ]
    let limits = MemoryLimits { files[$0] }
    func shortage(_ bytes: UInt64, preallocate: Bool) -> String? {
      GuestMemory.shortage(bytes: bytes, preallocate: preallocate, limits: limits)
    }
    #expect(shortage(512 << 20, preallocate: false) == nil)
    #expect(
      shortage(512 << 20 + 4096, preallocate: false)?.contains("the control group /cg/a has 512 MiB") == true)
    #expect(shortage(312 << 20, preallocate: true) == nil)
    #expect(shortage(312 << 20 + 4096, preallocate: true)?.contains("312 MiB to spare") == true)
    #expect(GuestMemory.shortage(bytes: 1 << 40, preallocate: true, limits: MemoryLimits { _ in nil }) == nil)
  }
}
