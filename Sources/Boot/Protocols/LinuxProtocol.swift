/// Linux's own protocol: boot_params, by Documentation/arch/x86/boot.rst and zero-page.rst.
extension BootRequest {
  func linuxPlan(longMode: Bool) throws(BootError) -> BootPlan {
    var builder = try PlanBuilder(self)
    var parameters = ByteBuilder(count: 4096)
    let entry: UInt64
    let what: String
    let ramdiskEnd: UInt64
    let commandLineLimit: Int
    switch image {
    case .linux(let image):
      let (start, alignment) = try placeKernel(image, &builder)
      parameters.put(image.header, at: LinuxImage.headerOffset)
      let offset = image.entryOffset ?? 0
      parameters.put(UInt32(truncatingIfNeeded: start + offset), at: 0x214)  // code32_start
      // Told where it is not what the kernel asked for.
      if alignment < image.alignment { parameters.put(UInt32(alignment), at: 0x230) }
      entry = start + (longMode ? 0x200 : offset)
      what =
        "bzImage" + (image.release.isEmpty ? "" : " \(image.release)")
        + ", boot protocol \(image.version >> 8).\(image.version & 0xff)"
      ramdiskEnd = image.ramdiskLimit + 1
      commandLineLimit = image.commandLineLimit
    case .elf(let image):
      guard let start = image.entry else { throw .unsupported("has no entry but PVH's") }
      try builder.add(image.segments, of: source)
      // What the setup header of a bzImage would say.
      parameters.put(UInt16(0xaa55), at: 0x1fe)
      parameters.put([UInt8]("HdrS".utf8), at: 0x202)
      parameters.put(UInt16(0x20f), at: 0x206)
      parameters.put(UInt8(1), at: 0x211)  // LOADED_HIGH
      parameters.put(UInt32(0x100_0000), at: 0x230)  // kernel_alignment
      entry = start
      what = "vmlinux"
      ramdiskEnd = 1 << 32
      commandLineLimit = 4096
    case .multiboot, .multiboot2, .flat:
      throw .unsupported("is no Linux kernel")
    }
    guard commandLine.utf8.count <= commandLineLimit else {
      throw .unsupported(
        "takes a command line of \(commandLineLimit) characters; --append has \(commandLine.utf8.count)")
    }

    builder.addDataArea()
    let descriptors = try builder.addDescriptors(longMode: longMode)
    let mode: BootPlan.Entry.Mode =
      longMode ? .long(descriptors, pageTables: try builder.addPageTables()) : .protected(descriptors)
    let text = try builder.addText(commandLine, what: "the command line")
    parameters.put(UInt8(0xff), at: 0x210)  // type_of_loader: none that has a number
    parameters.put(UInt16(0xffff), at: 0x1fa)  // vid_mode: normal
    parameters.put(UInt32(text), at: 0x228)  // cmd_line_ptr
    parameters.put(FirmwareTables.window.lowerBound, at: 0x70)  // acpi_rsdp_addr
    if let ramdisk = modules.first {
      let address = try builder.addHigh(ramdisk.source, limit: ramdiskEnd, what: "the ramdisk")
      parameters.put(UInt32(address), at: 0x218)
      parameters.put(UInt32(ramdisk.source.size), at: 0x21c)
    }
    let map = MemoryMap(layout)
    parameters.put(UInt8(map.entries.count), at: 0x1e8)
    for (index, range) in map.entries.enumerated() {
      parameters.put(range.start, at: 0x2d0 + 20 * index)
      parameters.put(range.length, at: 0x2d8 + 20 * index)
      parameters.put(range.kind, at: 0x2e0 + 20 * index)
    }
    let page = try builder.addLow(parameters.bytes, alignment: 4096, what: "boot_params")
    return BootPlan(
      bootProtocol: longMode ? .linux64 : .linux32, description: what,
      entry: BootPlan.Entry(
        mode: mode, instruction: entry, rsi: page),
      pieces: builder.pieces)
  }

  /// Decides where a bzImage is loaded, and takes all that it needs until it knows its memory map.
  ///
  /// - Returns: where that is, and what it is aligned to.
  private func placeKernel(
    _ image: LinuxImage, _ builder: inout PlanBuilder
  ) throws(BootError) -> (start: UInt64, alignment: UInt64) {
    let low = LinuxImage.loadAddress
    var start = low
    var size = image.initialSize
    var alignment = image.alignment
    if image.isRelocatable {
      let end = builder.allocator.lowRAMEnd
      func fits(_ start: UInt64) -> Bool { start <= end && size <= end - start }
      func aligned(_ address: UInt64) -> UInt64 { (address + alignment - 1) & ~(alignment - 1) }
      start = aligned(max(low, image.preferredAddress))
      if !fits(start) {
        // Where it wants to be there is not enough RAM: as low as it may be, and on a smaller boundary where it must.
        let lowest = image.movesItselfUp ? max(low, image.preferredAddress) : low
        start = aligned(lowest)
        while !fits(start), alignment > image.minimumAlignment {
          alignment /= 2
          start = aligned(lowest)
        }
      }
    } else if image.preferredAddress > low {
      // It moves itself there, be it into a part of where it is loaded.
      let own = image.preferredAddress..<image.preferredAddress + image.initialSize
      size = image.codeSize
      if own.lowerBound >= low + size {
        try builder.allocator.take(own, what: "the kernel while it starts")
      } else {
        size = max(size, own.upperBound - low)
      }
    }
    try builder.allocator.take(start..<start + size, what: "the kernel while it starts")
    builder.place(
      BootPlan.Piece(
        what: "the kernel", address: start,
        content: .file(source, offset: image.codeOffset, count: image.codeSize)))
    return (start, alignment)
  }
}
