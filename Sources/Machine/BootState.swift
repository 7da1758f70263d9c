import Engine
import GuestRAM

/// The state in which the first vCPU is entered (docs/guest-abi.md, "Modes at entry").
struct BootState {
  static let stackPointer: UInt64 = 0x8000
  private static let descriptorTable: UInt64 = 0x500
  private static let pageTables: UInt64 = 0x1000

  let mode: MachineConfiguration.Mode
  let loadAddress: UInt64
  let entry: UInt64

  /// Checks what can be checked before there is a machine.
  func validate(memory: RAMLayout) throws(MachineError) {
    let isRAM = memory.regions.contains { entry >= $0.start.value && entry - $0.start.value < $0.length }
    guard isRAM, mode == .real || entry < 1 << 32 else {
      throw MachineError(
        "the entry \(GuestAddress(entry)) is not in RAM that \(mode.rawValue) mode reaches; change --entry or --load, "
          + "or give more --memory")
    }
    guard mode == .real else { return }
    let base = loadAddress & ~0xf
    guard loadAddress < 1 << 20, entry >= base, entry - base <= 0xffff else {
      throw MachineError(
        "real mode reaches 64 KiB from the load address, which lies below 1 MiB: entry \(GuestAddress(entry)) with load "
          + "address \(GuestAddress(loadAddress)) is out of reach; change --entry, --load or --mode")
    }
  }

  /// Checks that an image leaves room for the tables that `apply` writes.
  func checkRoom(imageSize: Int) throws(MachineError) {
    let tables: [(what: String, range: Range<UInt64>)] =
      switch mode {
      case .real: []
      case .protected: [("descriptor table", BootState.descriptorTableRange)]
      case .long:
        [
          ("descriptor table", BootState.descriptorTableRange), ("page tables", BootState.pageTableRange),
        ]
      }
    for table in tables where table.range.overlaps(loadAddress..<loadAddress + UInt64(imageSize)) {
      throw MachineError(
        "the image overlaps \(GuestAddress(table.range.lowerBound)) to "
          + "\(GuestAddress(table.range.upperBound - 1)), where \(mode.rawValue) mode has its \(table.what); "
          + "choose a --load of \(GuestAddress(BootState.pageTableRange.upperBound)) or above"
      )
    }
  }

  private static let descriptorTableRange = descriptorTable..<descriptorTable + 24
  private static let pageTableRange = pageTables..<pageTables + 6 * 4096

  /// Writes the tables that the mode needs into guest RAM and sets the vCPU's registers.
  func apply(to vcpu: any Vcpu, memory: GuestMemory) throws(MachineError) {
    do {
      var state = try vcpu.state()
      state.general.rsp = BootState.stackPointer
      state.rflags = 2
      state.rip = entry
      switch mode {
      case .real:
        setRealMode(&state)
        state.rip = entry - state.cs.base
      case .protected:
        try writeDescriptors(memory, longMode: false)
        setFlatSegments(&state, longMode: false)
        state.cr0 |= 1
        state.general.rbx = ParameterLocation.address
      case .long:
        try writeDescriptors(memory, longMode: true)
        try writePageTables(memory)
        setFlatSegments(&state, longMode: true)
        state.cr3 = BootState.pageTables
        state.cr4 |= 1 << 5  // PAE
        state.cr0 |= 1 << 31 | 1  // PG, PE
        state.efer |= 1 << 10 | 1 << 8  // LMA, LME
        state.general.rbx = ParameterLocation.address
      }
      try vcpu.setState(state)
    } catch {
      throw MachineError("setting the vCPU's state at entry: \(error)")
    }
  }

  private func setRealMode(_ state: inout CPUState) {
    let base = loadAddress & ~0xf
    state.cs.base = base
    state.cs.selector = UInt16(base >> 4)
    for path in [\CPUState.ds, \.es, \.ss, \.fs, \.gs] {
      state[keyPath: path].base = 0
      state[keyPath: path].selector = 0
    }
  }

  private func setFlatSegments(_ state: inout CPUState, longMode: Bool) {
    state.gdt.base = BootState.descriptorTable
    state.gdt.limit = 23
    state.idt.base = 0
    state.idt.limit = 0
    var code = CPUState.Segment()
    code.selector = 0x08
    code.limit = 0xffff_ffff
    code.type = 11  // code, readable, accessed
    code.isPresent = true
    code.isCodeOrData = true
    code.countsPages = true
    code.is32Bit = !longMode
    code.is64Bit = longMode
    state.cs = code
    var data = code
    data.selector = 0x10
    data.type = 3  // data, writable, accessed
    data.is32Bit = true
    data.is64Bit = false
    state.setDataSegments(data)
  }

  // The guest may load these segments again, so they stand in memory too (Intel SDM volume 3, section 3.4.5).
  private func writeDescriptors(_ memory: GuestMemory, longMode: Bool) throws(GuestMemoryError) {
    let code: UInt64 = longMode ? 0x00af_9b00_0000_ffff : 0x00cf_9b00_0000_ffff
    let data: UInt64 = 0x00cf_9300_0000_ffff
    for (index, descriptor) in [0, code, data].enumerated() {
      try memory.write(descriptor, at: GuestAddress(BootState.descriptorTable + 8 * UInt64(index)), .little)
    }
  }

  /// One PML4 entry, four page directories, 2 MiB pages: 4 GiB mapped one to one.
  private func writePageTables(_ memory: GuestMemory) throws(GuestMemoryError) {
    let presentWritable: UInt64 = 3
    let large: UInt64 = 1 << 7
    let root = BootState.pageTables
    try memory.clear(count: 6 * 4096, at: GuestAddress(root))
    try memory.write(root + 0x1000 | presentWritable, at: GuestAddress(root), .little)
    for directory in 0..<UInt64(4) {
      let table = root + 0x2000 + directory * 0x1000
      try memory.write(table | presentWritable, at: GuestAddress(root + 0x1000 + 8 * directory), .little)
      for entry in 0..<UInt64(512) {
        let page = directory << 30 | entry << 21
        try memory.write(page | large | presentWritable, at: GuestAddress(table + 8 * entry), .little)
      }
    }
  }
}

/// Where built-in guests find their parameters.
enum ParameterLocation {
  static let address: UInt64 = 0x7000
}
