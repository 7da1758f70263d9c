/// Multiboot 2 (Multiboot2 Specification 2.0, sections 3.3 and 3.6), as GRUB does it.
extension BootRequest {
  func multiboot2Plan() throws(BootError) -> BootPlan {
    guard case .multiboot2(let image) = image else { throw .unsupported("has no multiboot 2 header") }
    var builder = try PlanBuilder(self)
    let (segments, base) = try placed(image, builder)
    try BootRequest.checkReach(of: segments)
    try builder.add(segments, of: source)
    builder.addDataArea()
    let descriptors = try builder.addDescriptors(longMode: false)
    let stack = try builder.addLow(
      [UInt8](repeating: 0, count: BootRequest.multibootStackSize), what: "a stack")
    var warnings = image.unmetWishes.map { "the kernel \($0) (multiboot 2), and this machine has none" }
    let sections = image.sections.map { addSections($0, &builder, &warnings) }

    var information = Multiboot2Information()
    information.add(.loadBase) { $0.append(UInt32(base)) }
    information.add(.commandLine) { $0.append(text: commandLine) }
    information.add(.loaderName) { $0.append(text: "exeunt") }
    for module in modules {
      let address = try builder.addBehindImage(module.source, what: "the module \(module.commandLine)")
      information.add(.module) {
        $0.append(UInt32(address))
        $0.append(UInt32(address + module.source.size))
        $0.append(text: BootRequest.arguments(of: module))
      }
    }
    let high =
      builder.allocator.lowRAMEnd - min(builder.allocator.lowRAMEnd, AddressAllocator.hole.upperBound)
    information.add(.memorySizes) {
      $0.append(UInt32(AddressAllocator.lowEnd >> 10))
      $0.append(UInt32(high >> 10))
    }
    information.add(.memoryMap) {
      $0.append(UInt32(24))  // bytes of an entry
      $0.append(UInt32(0))  // their version
      for range in MemoryMap(layout).entries {
        $0.append(range.start)
        $0.append(range.length)
        $0.append(range.kind)
        $0.append(UInt32(0))
      }
    }
    if let sections, let table = image.sections {
      information.add(.sections) {
        $0.append(UInt32(table.count))
        $0.append(UInt32(table.headerSize))
        $0.append(UInt32(table.namesIndex))
        $0.append(sections)
      }
    }
    information.add(.oldRootPointer) { $0.append(builder.oldRootPointer) }
    information.add(.newRootPointer) { $0.append(builder.rootPointer) }
    let start = try builder.addAnywhere(information.bytes, what: "the multiboot 2 information")
    return BootPlan(
      bootProtocol: .multiboot2, description: "multiboot 2 kernel",
      entry: BootPlan.Entry(
        mode: .protected(descriptors), instruction: image.entry &+ base &- image.linkedBase,
        hasRealModeVectors: true, rax: 0x36d7_6289, rbx: start,
        rsp: stack + UInt64(BootRequest.multibootStackSize)),
      warnings: warnings, expectsFirmwareInterrupts: true, pieces: builder.pieces)
  }

  /// What follows a module's name: GRUB tells a kernel that, and not the name.
  private static func arguments(of module: Module) -> String {
    let words = module.commandLine.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    return words.count > 1 ? String(words[1]) : ""
  }

  /// Puts the sections that no segment loads at the top of RAM.
  ///
  /// - Returns: the section headers with their addresses.
  private func addSections(
    _ sections: ELFSections, _ builder: inout PlanBuilder, _ warnings: inout [String]
  ) -> [UInt8] {
    guard !sections.loose.isEmpty else { return sections.placed(at: nil).headers }
    guard let size = sections.looseSize, let base = try? builder.takeHigh(size, what: "the kernel's symbols")
    else {
      warnings.append(
        "the kernel's symbols do not fit into RAM beside it: it finds them at address 0; give more --memory")
      return sections.placed(at: nil).headers
    }
    let (headers, places) = sections.placed(at: base)
    for (section, address) in places {
      builder.place(
        BootPlan.Piece(
          what: "the kernel's symbols", address: address,
          content: .file(source, offset: section.fileOffset, count: section.size)))
    }
    return headers
  }

  /// Decides where the image is loaded.
  ///
  /// - Returns: its segments there, and the lowest address of them.
  private func placed(
    _ image: Multiboot2Image, _ builder: PlanBuilder
  ) throws(BootError) -> (segments: [ELFImage.Segment], base: UInt64) {
    let segments = image.content.segments
    let linked = image.linkedBase
    guard let relocation = image.relocation else { return (segments, linked) }
    let size = (segments.map(\.range.upperBound).max() ?? linked) - linked
    let base = try placed(size: size, linkedAt: linked, relocation, builder.allocator)
    return (segments.map { $0.moved(from: linked, to: base) }, base)
  }

  private func placed(
    size: UInt64, linkedAt linked: UInt64, _ relocation: Multiboot2Image.Relocation,
    _ allocator: AddressAllocator
  ) throws(BootError) -> UInt64 {
    // Only looks: segments take their addresses themselves.
    var allocator = allocator
    let what =
      "the image, which may be loaded anywhere from \(hexadecimal(relocation.minimum)) to "
      + "\(hexadecimal(relocation.maximum)),"
    // Below 1 MiB is what the image is told, and what firmware leaves.
    let start = max(relocation.minimum, AddressAllocator.hole.upperBound)
    let end = min(relocation.maximum, allocator.lowRAMEnd)
    if relocation.preference == .none, linked >= relocation.minimum, linked % relocation.alignment == 0,
      linked <= end, size <= end - linked
    {
      // Where it is linked, unless that is taken or no RAM.
      if (try? allocator.take(linked..<linked + size, what: what)) != nil { return linked }
    }
    guard relocation.minimum <= relocation.maximum, size <= relocation.maximum - relocation.minimum else {
      throw .noRoom(
        "\(what) has \(size) bytes, for which that leaves no room, however much RAM there is: its header's relocatable tag is mistaken"
      )
    }
    guard start < end, size <= end - start else {
      throw .noRoom(
        "\(what) has \(size) bytes, and RAM ends at \(hexadecimal(allocator.lowRAMEnd)); give more --memory")
    }
    return relocation.preference == .high
      ? try allocator.highest(size, alignment: relocation.alignment, in: start..<end, what: what)
      : try allocator.lowest(size, alignment: relocation.alignment, in: start..<end, what: what)
  }
}

extension Multiboot2Image {
  /// The lowest address that it is linked to.
  fileprivate var linkedBase: UInt64 { content.segments.map(\.physicalAddress).min() ?? 0 }
}

/// The information, tag by tag (section 3.6.1).
private struct Multiboot2Information {
  enum Tag: UInt32 {
    case end, commandLine, loaderName, module, memorySizes
    case memoryMap = 6
    case sections = 9
    case oldRootPointer = 14
    case newRootPointer
    case loadBase = 21
  }

  private var builder = ByteBuilder(count: 8)

  /// Adds a tag with what comes behind its type and size.
  mutating func add(_ tag: Tag, _ fill: (inout ByteBuilder) -> Void) {
    var content = ByteBuilder()
    fill(&content)
    builder.append(tag.rawValue)
    builder.append(UInt32(8 + content.count))
    builder.append(content.bytes)
    builder.append([UInt8](repeating: 0, count: (8 - content.count % 8) % 8))
  }

  /// All of it, with its size and its end.
  var bytes: [UInt8] {
    var whole = self
    whole.add(.end) { _ in }
    whole.builder.put(UInt32(whole.builder.count), at: 0)
    return whole.builder.bytes
  }
}

extension ByteBuilder {
  /// Text with a zero behind it.
  fileprivate mutating func append(text: String) { append(Array(text.utf8) + [0]) }
}
