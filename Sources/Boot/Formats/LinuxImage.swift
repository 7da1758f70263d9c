/// A bzImage: a setup header, and a kernel that unpacks itself (Linux, Documentation/arch/x86/boot.rst).
package struct LinuxImage: Sendable {
  /// The boot protocol's version, major << 8 | minor.
  let version: UInt16
  /// The setup header, from file offset 0x1f1 on, as it goes into boot_params.
  let header: [UInt8]
  /// Where the protected-mode code is in the file, and how many bytes it has.
  let codeOffset: UInt64
  let codeSize: UInt64
  /// Whether there is a 64-bit entry, 0x200 behind the start (XLF_KERNEL_64).
  let has64BitEntry: Bool
  /// Where the 32-bit entry is, behind the start; nil where the header names a place outside of the code.
  let entryOffset: UInt64?
  /// Whether it runs wherever it is loaded.
  let isRelocatable: Bool
  /// What its load address should be a multiple of where it is relocatable.
  let alignment: UInt64
  /// What its load address must be a multiple of; the same, or a smaller power of two.
  let minimumAlignment: UInt64
  /// Where it wants to be loaded, or moves itself; 0 where it does not say.
  let preferredAddress: UInt64
  /// Whether it moves itself to the preferred address where it is loaded below, whatever its header says: Linux does so in
  /// its first instructions (`LOAD_PHYSICAL_ADDR` in arch/x86/boot/compressed), in all kernels with this version.
  var movesItselfUp: Bool { version >= 0x20d }
  /// Bytes that it needs from its start on until it knows its memory map.
  let initialSize: UInt64
  /// The highest byte that a ramdisk may have.
  let ramdiskLimit: UInt64
  /// The longest command line, without the zero behind it.
  let commandLineLimit: Int
  /// The kernel's version as it states it; empty where it does not.
  let release: String

  static let headerOffset = 0x1f1
  /// Where a bzImage is loaded unless it can be moved.
  static let loadAddress: UInt64 = 0x10_0000
  private static let headerLimit = 0x290

  /// Whether a file claims to be one: the boot sector's mark and the header's magic.
  static func isRecognised(_ start: Fields) -> Bool {
    start.hasBytes(Array("HdrS".utf8), at: 0x202) && start.hasBytes([0x55, 0xaa], at: 0x1fe)
  }

  /// Reads the header and checks what it announces against the file.
  init(_ source: some ImageSource) throws(BootError) {
    // Up to and with `init_size`, whatever the version: fields that a version lacks are not looked at.
    let start = try source.bytes(at: 0, count: LinuxImage.headerLimit, what: "the Linux setup header")
    guard LinuxImage.isRecognised(start) else { throw .malformed("has no Linux setup header") }
    let version: UInt16 = start.number(0x206)
    let name = "boot protocol \(version >> 8).\(version & 0xff)"
    guard version >= 0x202, version >> 8 == 2 else {
      throw .unsupported("has Linux \(name); this loader needs 2.02 or newer, within 2")
    }
    guard start.bytes[0x211] & 1 != 0 else {
      throw .unsupported("is a zImage, which loads below 1 MiB; build a bzImage")
    }
    let end = 0x202 + Int(start.bytes[0x201])
    guard start.bytes[0x200] == 0xeb, end <= LinuxImage.headerLimit, end >= LinuxImage.minimumEnd(version)
    else {
      throw .malformed("has a Linux setup header of an impossible length (it ends at \(hexadecimal(end)))")
    }
    let sectors = start.bytes[0x1f1] == 0 ? 4 : UInt64(start.bytes[0x1f1])
    let setupSize = (sectors + 1) * 512
    guard setupSize < source.size else {
      throw .truncated(
        "the file ends within the setup code: \(setupSize) bytes of a file of \(source.size) bytes")
    }
    var size = source.size - setupSize
    if version >= 0x204 {
      let announced = UInt64(start.number(0x1f4, UInt32.self)) * 16
      guard announced > 0 else { throw .malformed("announces a kernel of no bytes (syssize is 0)") }
      // Counted in paragraphs of 16 bytes, of which the file need not fill the last.
      guard announced < size + 16 else {
        throw .truncated(
          "the file ends within the kernel: \(announced) bytes are announced (syssize), \(size) are there")
      }
      // What follows, such as a signature, is not the kernel's.
      size = min(size, announced)
    }
    if version >= 0x208 {
      let payload = UInt64(start.number(0x248, UInt32.self))
      let length = UInt64(start.number(0x24c, UInt32.self))
      guard payload + length <= size else {
        throw .malformed(
          "announces a payload of \(length) bytes at \(hexadecimal(payload)) in a kernel of \(size) bytes")
      }
    }
    self.version = version
    header = Array(start.bytes[LinuxImage.headerOffset..<end])
    codeOffset = setupSize
    codeSize = size
    has64BitEntry = version >= 0x20c && start.number(0x236, UInt16.self) & 1 != 0
    if has64BitEntry, size <= 0x200 {
      throw .malformed("announces a 64-bit entry at 0x200 in a kernel of \(size) bytes")
    }
    let codeEntry = UInt64(start.number(0x214, UInt32.self))
    entryOffset =
      codeEntry >= LinuxImage.loadAddress && codeEntry - LinuxImage.loadAddress < size
      ? codeEntry - LinuxImage.loadAddress : nil
    guard has64BitEntry || entryOffset != nil else {
      throw .unsupported(
        "has its 32-bit entry (code32_start) at \(hexadecimal(codeEntry)), outside of what is loaded to "
          + "\(hexadecimal(LinuxImage.loadAddress)): it starts in real mode, with the help of a BIOS, which this "
          + "machine does not have")
    }
    isRelocatable = version >= 0x205 && start.bytes[0x234] != 0
    let alignment = version >= 0x205 ? UInt64(start.number(0x230, UInt32.self)) : 0
    guard !isRelocatable || alignment.nonzeroBitCount == 1 else {
      throw .malformed("wants to be aligned to \(hexadecimal(alignment)), which is no power of two")
    }
    self.alignment = max(alignment, 1)
    let least = version >= 0x20a ? start.bytes[0x235] : 0
    minimumAlignment = 1...31 ~= least ? min(self.alignment, 1 << UInt64(least)) : self.alignment
    preferredAddress = version >= 0x20a ? start.number(0x258) : 0
    guard preferredAddress < 1 << 52 else {
      throw .malformed("wants to run at \(hexadecimal(preferredAddress)), which no processor has")
    }
    initialSize = max(size, version >= 0x20a ? UInt64(start.number(0x260, UInt32.self)) : 0)
    ramdiskLimit = version >= 0x203 ? UInt64(start.number(0x22c, UInt32.self)) : 0x37ff_ffff
    commandLineLimit = version >= 0x206 ? Int(start.number(0x238, UInt32.self)) : 255
    release = try LinuxImage.release(source, pointer: start.number(0x20e), setupSize: setupSize)
  }

  /// Where the header of a version must end at the least for its fields to be there.
  private static func minimumEnd(_ version: UInt16) -> Int {
    switch version {
    case 0x20c...: 0x264
    case 0x20a...: 0x264
    case 0x208...: 0x250
    case 0x206...: 0x23c
    case 0x205...: 0x235
    case 0x203...: 0x230
    default: 0x22c
    }
  }

  private static func release(_ source: some ImageSource, pointer: UInt16, setupSize: UInt64)
    throws(BootError) -> String
  {
    let offset = UInt64(pointer) + 0x200
    guard pointer != 0, offset < setupSize else { return "" }
    let bytes = try source.bytes(
      at: offset, count: Int(min(128, setupSize - offset)), what: "the kernel's version")
    let text = bytes.bytes.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
    guard text.allSatisfy({ 0x21...0x7e ~= $0 }) else { return "" }
    return String(decoding: text, as: UTF8.self)
  }
}
