/// A kernel file, recognised and checked.
package enum KernelImage: Sendable {
  /// A bzImage.
  case linux(LinuxImage)
  /// An ELF executable without a multiboot header: a vmlinux.
  case elf(ELFImage)
  /// A multiboot kernel.
  case multiboot(MultibootImage)
  /// A multiboot 2 kernel.
  case multiboot2(Multiboot2Image)
  /// Nothing that says what it is: an image that is copied to RAM as it is.
  case flat

  /// Recognises a file by what it begins with, and reads its headers.
  ///
  /// - Parameter wanted: the protocol that is asked for, if any: with a header of each version of multiboot, the first counts
  ///   unless the second is asked for.
  /// - Throws: what is wrong with a file that begins like a kernel, and what a file is that cannot be one.
  package init(_ source: some ImageSource, for wanted: BootPlan.BootProtocol? = nil) throws(BootError) {
    let start = try source.prefix(Multiboot2Image.searchLimit)
    let second = Multiboot2Image.find(start)
    let first = second != nil && wanted == .multiboot2 ? nil : MultibootImage.find(start)
    if LinuxImage.isRecognised(start) {
      self = .linux(try LinuxImage(source))
    } else if let offset = first {
      self = .multiboot(try MultibootImage(source, headerOffset: offset, start: start))
    } else if let offset = second {
      self = .multiboot2(try Multiboot2Image(source, headerOffset: offset, start: start))
    } else if start.hasBytes(ELFImage.magic, at: 0) {
      self = .elf(try ELFImage(source))
    } else if let other = KernelImage.otherFormats.first(where: { start.hasBytes($0.magic, at: $0.offset) }) {
      throw .unsupported("is \(other.what)")
    } else {
      self = .flat
    }
  }

  /// What people give by mistake, and what to do instead.
  private static let otherFormats: [(magic: [UInt8], offset: Int, what: String)] = [
    ([0x1f, 0x8b], 0, "compressed with gzip; unpack it, or give the bzImage"),
    ([0xfd, 0x37, 0x7a, 0x58, 0x5a], 0, "compressed with xz; unpack it, or give the bzImage"),
    ([0x28, 0xb5, 0x2f, 0xfd], 0, "compressed with zstd; unpack it, or give the bzImage"),
    (Array("070701".utf8), 0, "a cpio archive, such as a ramdisk; give it with --initrd"),
    (Array("!<arch>".utf8), 0, "an archive of objects or a Debian package; give the kernel in it"),
    ([0x4d, 0x5a], 0, "an EFI program without a Linux/x86 setup header, so no kernel for this machine"),
    (
      [0xd6, 0x50, 0x52, 0xe8], 0,
      "a multiboot 2 kernel with a damaged header: its checksum is wrong"
    ),
  ]
}
