import Board
import GuestRAM

/// What is to be booted, and the machine it is booted on.
package struct BootRequest: Sendable {
  /// A file that goes along with the kernel: a ramdisk, or a multiboot module with its command line.
  package struct Module: Sendable {
    /// The bytes.
    package let source: any ImageSource
    /// What the kernel is told about it: for multiboot, the name and what follows it.
    package let commandLine: String

    /// Describes a module.
    package init(source: any ImageSource, commandLine: String) {
      self.source = source
      self.commandLine = commandLine
    }
  }

  /// The kernel, which has been recognised.
  package var image: KernelImage
  /// The file it is in.
  package var source: any ImageSource
  /// The kernel's name, which a multiboot command line begins with.
  package var name: String
  /// The command line.
  package var commandLine: String
  /// Ramdisks or modules.
  package var modules: [Module]
  /// The protocol that is wanted; nil for the best that the kernel offers.
  package var bootProtocol: BootPlan.BootProtocol?
  /// Where RAM is.
  package var layout: RAMLayout
  /// What the firmware's tables describe.
  package var firmware: FirmwareTables

  /// Describes what is to be booted.
  package init(
    image: KernelImage, source: any ImageSource, name: String, commandLine: String, modules: [Module],
    bootProtocol: BootPlan.BootProtocol? = nil, layout: RAMLayout, firmware: FirmwareTables
  ) {
    self.image = image
    self.source = source
    self.name = name
    self.commandLine = commandLine
    self.modules = modules
    self.bootProtocol = bootProtocol
    self.layout = layout
    self.firmware = firmware
  }

  /// The protocols by which the kernel can be entered, best first.
  var offered: [BootPlan.BootProtocol] {
    switch image {
    case .linux(let image):
      (image.has64BitEntry ? [.linux64] : []) + (image.entryOffset == nil ? [] : [.linux32])
    case .elf(let image):
      (image.pvhEntry == nil ? [] : [.pvh])
        + (image.entry == nil ? [] : [image.is64Bit ? .linux64 : .linux32])
    case .multiboot(let image): [.multiboot] + (image.executable?.pvhEntry == nil ? [] : [.pvh])
    case .multiboot2(let image): [.multiboot2] + (image.executable?.pvhEntry == nil ? [] : [.pvh])
    case .flat: []
    }
  }

  /// Plans the boot: decides where everything goes and finds that it fits.
  package func plan() throws(BootError) -> BootPlan {
    guard let best = offered.first else {
      throw .unsupported("is no kernel: it is neither a bzImage nor ELF, and has no multiboot header")
    }
    let chosen = bootProtocol ?? best
    guard offered.contains(chosen) else {
      throw .unsupported(
        "cannot be entered by \(chosen.rawValue); it offers \(offered.map(\.rawValue).joined(separator: ", "))"
      )
    }
    guard !commandLine.utf8.contains(0) else { throw .unsupported("the command line contains a zero byte") }
    if chosen != .multiboot, chosen != .multiboot2, modules.count > 1 {
      throw .unsupported("takes one ramdisk, and \(modules.count) files are given with --initrd")
    }
    switch chosen {
    case .linux64, .linux32: return try linuxPlan(longMode: chosen == .linux64)
    case .pvh: return try pvhPlan()
    case .multiboot: return try multibootPlan()
    case .multiboot2: return try multiboot2Plan()
    }
  }
}

/// What a plan is put together from: room, pieces and the state at entry.
struct PlanBuilder {
  var allocator: AddressAllocator
  private let serialPort: UInt16
  private(set) var pieces: [BootPlan.Piece] = []
  /// Where the image ends, or 1 MiB where that is higher.
  private var imageEnd = AddressAllocator.hole.upperBound
  /// ACPI's root pointer, as it stands in RAM.
  let rootPointer: [UInt8]

  /// Where information for the kernel goes. In the pages below, many a kernel has page tables or a stack before it has read
  /// what it was given; there things are only put where there is no room above.
  static let lowWindow: Range<UInt64> = 0x9000..<AddressAllocator.lowEnd
  private static let lowestWindow: Range<UInt64> = BIOSArea.window.upperBound..<lowWindow.lowerBound

  /// Begins with what firmware leaves.
  init(_ request: BootRequest) throws(BootError) {
    allocator = AddressAllocator(layout: request.layout)
    serialPort = UInt16(request.firmware.layout.slot(.serial).ranges[0].start)
    let tables = try request.firmware.bytes()
    rootPointer = Array(tables.prefix(FirmwareTables.rootPointerSize))
    try add(tables, what: "the firmware's tables", at: FirmwareTables.window.lowerBound)
    try add(BIOSArea.code, what: "the BIOS's code", at: BIOSArea.codeWindow.lowerBound)
    let extended = BIOSArea.extended(multiprocessorPointer: try request.firmware.multiprocessorPointer())
    try add(extended, what: "the extended BIOS data area", at: AddressAllocator.hole.lowerBound)
  }

  /// Adds the interrupt table and the BIOS data area, unless a segment of the image is there.
  mutating func addDataArea() {
    // Nothing else is ever put there.
    try? add(
      BIOSArea.bytes(serialPort: serialPort), what: "the BIOS data area", at: BIOSArea.window.lowerBound)
  }

  mutating func add(_ bytes: [UInt8], what: String, at address: UInt64) throws(BootError) {
    try allocator.take(address..<address + UInt64(bytes.count), what: what)
    pieces.append(BootPlan.Piece(what: what, address: address, content: .bytes(bytes)))
  }

  /// Adds an image's segments.
  mutating func add(_ segments: [ELFImage.Segment], of source: any ImageSource) throws(BootError) {
    for segment in segments {
      guard !segment.range.overlaps(AddressAllocator.hole) else {
        throw .noRoom(
          "has a segment at \(ELFImage.text(segment.range)), where a PC has its firmware "
            + "(\(ELFImage.text(AddressAllocator.hole)))")
      }
      try allocator.take(segment.range, what: "a segment of the image")
      imageEnd = max(imageEnd, segment.range.upperBound)
      pieces.append(
        BootPlan.Piece(
          what: "the image", address: segment.physicalAddress,
          content: .file(source, offset: segment.fileOffset, count: segment.fileSize)))
      if segment.memorySize > segment.fileSize {
        pieces.append(
          BootPlan.Piece(
            what: "the image", address: segment.physicalAddress + segment.fileSize,
            content: .zeros(segment.memorySize - segment.fileSize)))
      }
    }
  }

  /// Adds a piece whose room was taken.
  mutating func place(_ piece: BootPlan.Piece) { pieces.append(piece) }

  /// Adds bytes in low memory.
  mutating func addLow(_ bytes: [UInt8], alignment: UInt64 = 16, what: String) throws(BootError) -> UInt64 {
    let address = try takeLow(UInt64(bytes.count), alignment: alignment, what: what)
    pieces.append(BootPlan.Piece(what: what, address: address, content: .bytes(bytes)))
    return address
  }

  private mutating func takeLow(_ size: UInt64, alignment: UInt64, what: String) throws(BootError) -> UInt64 {
    for window in [PlanBuilder.lowWindow, PlanBuilder.lowestWindow] {
      if let address = try? allocator.lowest(size, alignment: alignment, in: window, what: what) {
        return address
      }
    }
    throw .noRoom("leaves no room in the first 639 KiB of RAM for \(what), \(size) bytes")
  }

  /// Adds text with a zero behind it, in low memory.
  mutating func addText(_ text: String, what: String) throws(BootError) -> UInt64 {
    try addLow(Array(text.utf8) + [0], what: what)
  }

  /// Adds bytes in low memory, or where they have no room there, at the top of RAM below 4 GiB.
  mutating func addAnywhere(_ bytes: [UInt8], what: String) throws(BootError) -> UInt64 {
    if let address = try? addLow(bytes, what: what) { return address }
    let address = try takeHigh(UInt64(bytes.count), what: what)
    pieces.append(BootPlan.Piece(what: what, address: address, content: .bytes(bytes)))
    return address
  }

  /// Adds a file, as high as it may be below 4 GiB, on a page of its own.
  mutating func addHigh(_ source: any ImageSource, limit: UInt64, what: String) throws(BootError) -> UInt64 {
    guard source.size > 0 else { throw .truncated("\(what) is empty") }
    let address = try takeHigh(source.size, limit: limit, what: what)
    pieces.append(
      BootPlan.Piece(what: what, address: address, content: .file(source, offset: 0, count: source.size)))
    return address
  }

  /// Takes whole pages, as high as they may be below 4 GiB.
  mutating func takeHigh(_ bytes: UInt64, limit: UInt64 = 1 << 32, what: String) throws(BootError) -> UInt64 {
    let window = try window(for: bytes, limit: limit, what: what)
    return try allocator.highest((bytes + 4095) & ~4095, alignment: 4096, in: window, what: what)
  }

  /// Adds a file on a page of its own, right behind the image and what was added so before, as boot loaders do: small kernels
  /// take the memory behind the last module for free. Where there is no room, it is as low as it may be above 1 MiB.
  mutating func addBehindImage(_ source: any ImageSource, what: String) throws(BootError) -> UInt64 {
    guard source.size > 0 else { throw .truncated("\(what) is empty") }
    let window = try window(for: source.size, what: what)
    let size = (source.size + 4095) & ~4095
    let place: UInt64
    if imageEnd < window.upperBound,
      let address = try? allocator.lowest(
        size, alignment: 4096, in: imageEnd..<window.upperBound, what: what)
    {
      place = address
      imageEnd = address + size
    } else {
      place = try allocator.lowest(size, alignment: 4096, in: window, what: what)
    }
    pieces.append(
      BootPlan.Piece(what: what, address: place, content: .file(source, offset: 0, count: source.size)))
    return place
  }

  /// RAM from 1 MiB on, where that is enough for so many bytes with nothing else there.
  private func window(
    for bytes: UInt64, limit: UInt64 = 1 << 32, what: String
  ) throws(BootError) -> Range<UInt64> {
    let end = min(limit, allocator.lowRAMEnd)
    let start = AddressAllocator.hole.upperBound
    guard end > start, bytes <= end - start, (bytes + 4095) & ~4095 <= end - start else {
      throw .noRoom("there is no room for \(what), \(bytes) bytes; give more --memory")
    }
    return start..<end
  }

  /// ACPI's root pointer as version 1.0 has it: without what later versions have behind its first 20 bytes.
  var oldRootPointer: [UInt8] { FirmwareTables.oldRootPointer(of: rootPointer) }

  /// Adds the descriptor table: code at 0x10 and data at 0x18, as Linux asks for, and a task state segment.
  mutating func addDescriptors(longMode: Bool) throws(BootError) -> BootPlan.Descriptors {
    typealias Descriptors = BootPlan.Descriptors
    var table = ByteBuilder()
    let all = [0, 0, Descriptors.code(longMode: longMode), Descriptors.data, Descriptors.task, 0]
    for descriptor in all { table.append(descriptor) }
    let address = try addLow(table.bytes, what: "the descriptor table")
    return Descriptors(address: address, count: all.count, code: 0x10, data: 0x18, task: 0x20)
  }

  /// Adds page tables that map the first 4 GiB one to one.
  mutating func addPageTables() throws(BootError) -> UInt64 {
    let root = try takeLow(PageTables.size, alignment: 4096, what: "the page tables")
    pieces.append(
      BootPlan.Piece(what: "the page tables", address: root, content: .bytes(PageTables.bytes(root: root))))
    return root
  }
}
