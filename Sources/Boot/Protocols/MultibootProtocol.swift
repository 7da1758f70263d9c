/// Multiboot 1 (Multiboot Specification 0.6.96, sections 3.2 and 3.3).
extension BootRequest {
  func multibootPlan() throws(BootError) -> BootPlan {
    guard case .multiboot(let image) = image else { throw .unsupported("has no multiboot header") }
    var builder = try PlanBuilder(self)
    try BootRequest.checkReach(of: image.segments)
    try builder.add(image.segments, of: source)
    builder.addDataArea()
    let descriptors = try builder.addDescriptors(longMode: false)
    let stack = try builder.addLow([UInt8](repeating: 0, count: Self.multibootStackSize), what: "a stack")
    let text = try builder.addText(multibootCommandLine, what: "the command line")
    let loader = try builder.addText("exeunt", what: "the boot loader's name")

    var list = ByteBuilder()
    for module in modules {
      let what = "the module \(module.commandLine)"
      let address = try builder.addBehindImage(module.source, what: what)
      list.append(UInt32(address))
      list.append(UInt32(address + module.source.size))
      list.append(UInt32(try builder.addText(module.commandLine, what: "\(what)'s command line")))
      list.append(UInt32(0))
    }
    let modulesAddress = modules.isEmpty ? 0 : try builder.addLow(list.bytes, what: "the list of modules")

    var table = ByteBuilder()
    for range in MemoryMap(layout).entries {
      table.append(UInt32(20))  // bytes that follow
      table.append(range.start)
      table.append(range.length)
      table.append(range.kind)
    }
    let mapAddress = try builder.addLow(table.bytes, what: "the memory map")

    var information = ByteBuilder(count: 116)
    // Memory sizes, command line, modules, memory map, loader's name.
    let given: UInt32 = 0b10_0100_1101
    information.put(given, at: 0)
    information.put(UInt32(AddressAllocator.lowEnd >> 10), at: 4)
    let high =
      builder.allocator.lowRAMEnd - min(builder.allocator.lowRAMEnd, AddressAllocator.hole.upperBound)
    information.put(UInt32(high >> 10), at: 8)
    information.put(UInt32(text), at: 16)
    information.put(UInt32(modules.count), at: 20)
    information.put(UInt32(modulesAddress), at: 24)
    information.put(UInt32(table.count), at: 44)
    information.put(UInt32(mapAddress), at: 48)
    information.put(UInt32(loader), at: 64)
    let start = try builder.addLow(information.bytes, what: "the multiboot information")
    return BootPlan(
      bootProtocol: .multiboot, description: "multiboot kernel",
      entry: BootPlan.Entry(
        mode: .protected(descriptors), instruction: image.entry, hasRealModeVectors: true, rax: 0x2bad_b002,
        rbx: start,
        rsp: stack + UInt64(Self.multibootStackSize)),
      warnings: image.wantsDisplay
        ? ["the kernel asks for a video mode (multiboot flag 2), and this machine has no display"] : [],
      // The other protocols' kernels set up the controllers themselves.
      expectsFirmwareInterrupts: true, pieces: builder.pieces)
  }

  /// A kernel should make a stack of its own before it needs one, and some call a function first.
  static let multibootStackSize = 4096

  /// Refuses what 32-bit code without paging does not reach.
  static func checkReach(of segments: [ELFImage.Segment]) throws(BootError) {
    for segment in segments where segment.range.upperBound > 1 << 32 {
      throw .unsupported(
        "has a segment at \(ELFImage.text(segment.range)), and is entered in 32-bit mode without paging")
    }
  }

  /// The kernel's name and what is given with --append, which may begin with that name already.
  private var multibootCommandLine: String {
    let file = name.split(separator: "/").last.map(String.init) ?? name
    let first = commandLine.split(separator: " ", maxSplits: 1).first.map(String.init)
    if first == name || first == file { return commandLine }
    return commandLine.isEmpty ? name : "\(name) \(commandLine)"
  }
}
