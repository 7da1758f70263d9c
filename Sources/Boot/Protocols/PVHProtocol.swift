/// Xen's PVH entry: hvm_start_info (xen/include/public/arch-x86/hvm/start_info.h, docs/misc/pvh.pandoc).
extension BootRequest {
  func pvhPlan() throws(BootError) -> BootPlan {
    let executable: ELFImage? =
      switch image {
      case .elf(let image): image
      case .multiboot(let image): image.executable
      case .multiboot2(let image): image.executable
      case .linux, .flat: nil
      }
    guard let image = executable, let entry = image.pvhEntry else { throw .unsupported("has no PVH entry") }
    var builder = try PlanBuilder(self)
    try builder.add(image.segments, of: source)
    builder.addDataArea()
    let descriptors = try builder.addDescriptors(longMode: false)
    let text = try builder.addText(commandLine, what: "the command line")

    var list = ByteBuilder()
    for module in modules {
      list.append(try builder.addHigh(module.source, limit: 1 << 32, what: "the ramdisk"))
      list.append(module.source.size)
      list.append(UInt64(0))  // no command line of its own
      list.append(UInt64(0))
    }
    let modulesAddress = modules.isEmpty ? 0 : try builder.addLow(list.bytes, what: "the list of modules")

    var table = ByteBuilder()
    let map = MemoryMap(layout)
    for range in map.entries {
      table.append(range.start)
      table.append(range.length)
      table.append(range.kind)
      table.append(UInt32(0))
    }
    let mapAddress = try builder.addLow(table.bytes, what: "the memory map")

    var information = ByteBuilder()
    information.append(UInt32(0x336e_c578))
    information.append(UInt32(1))  // version
    information.append(UInt32(0))  // flags
    information.append(UInt32(modules.count))
    information.append(modulesAddress)
    information.append(text)
    information.append(FirmwareTables.window.lowerBound)
    information.append(mapAddress)
    information.append(UInt32(map.entries.count))
    information.append(UInt32(0))
    let start = try builder.addLow(information.bytes, what: "hvm_start_info")
    return BootPlan(
      bootProtocol: .pvh, description: "vmlinux",
      entry: BootPlan.Entry(
        mode: .protected(descriptors), instruction: UInt64(entry), rbx: start),
      pieces: builder.pieces)
  }
}
