import CKVM
import CTestGuests
import Engine
import GuestRAM
import Testing

@testable import KVM

/// Addresses of `ldmxcsr` and `stmxcsr` where KVM does not emulate them: KVM's own walk is the oracle where it has one.
@Suite("A guest's page tables", .enabled(if: kvmIsUsable, kvmReason))
struct PageWalkTests {
  enum Paging: CaseIterable {
    case none, twoLevels, twoLevelsWithLargePages, threeLevels, fourLevels

    func set(in system: inout kvm_sregs, tables: UInt64) {
      system.cr3 = tables
      system.cr4 = 0
      system.efer = 0
      system.cr0 = 1
      system.cs.l = 0
      system.cs.db = 1
      switch self {
      case .none: return
      case .twoLevels: break
      case .twoLevelsWithLargePages: system.cr4 = 1 << 4
      case .threeLevels: system.cr4 = 1 << 5
      case .fourLevels:
        system.cr4 = 1 << 5
        system.efer = 1 << 10 | 1 << 8
        system.cs.l = 1
        system.cs.db = 0
      }
      system.cr0 |= 1 << 31
    }

    var entrySize: UInt64 { self == .threeLevels || self == .fourLevels ? 8 : 4 }
  }

  private struct Numbers {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 11 ^ state << 31
    }
    mutating func chance(_ percent: UInt64) -> Bool { next() >> 20 % 100 < percent }
  }

  // Sixteen pages of tables that point to each other.
  private static let tables: UInt64 = 0x2_0000
  private static let tableCount: UInt64 = 16

  private func fill(_ memory: GuestMemory, _ paging: Paging, _ numbers: inout Numbers) throws {
    let size = paging.entrySize
    for page in 0..<Self.tableCount {
      for index in 0..<(4096 / size) {
        var entry = Self.tables + numbers.next() % Self.tableCount << 12
        if numbers.chance(20) { entry = (numbers.next() & 0xffff) << 12 }
        // Not a table that lies beyond what KVM has at 32-bit processors' page size extension.
        if numbers.chance(25) { entry = entry & ~0x1f_f000 | 1 << 7 }
        entry |= numbers.next() & 0b111_0111_1110 & ~(1 << 7) | (numbers.chance(85) ? 1 : 0)
        // Bit 8 of what leads to a table is ignored by Intel's processors and reserved by AMD's.
        if paging == .fourLevels, entry & 1 << 7 == 0 { entry &= ~(1 << 8) }
        if size == 8 {
          if numbers.chance(3) { entry |= 1 << 63 }
          if numbers.chance(3) { entry |= 1 << (12 + numbers.next() % 9) }
          if paging == .threeLevels, numbers.chance(2) { entry |= 1 << (52 + numbers.next() % 11) }
          try memory.write(entry, at: GuestAddress(Self.tables + page << 12 + size * index), .little)
        } else {
          if numbers.chance(3) { entry |= 1 << 21 }
          try memory.write(
            UInt32(truncatingIfNeeded: entry), at: GuestAddress(Self.tables + page << 12 + size * index),
            .little)
        }
      }
    }
    guard paging == .threeLevels else { return }
    // The processor loads these four at once, and takes none with reserved bits.
    for index: UInt64 in 0..<4 {
      let entry = Self.tables + (1 + index) << 12 | (numbers.chance(75) ? 1 : 0)
      try memory.write(entry, at: GuestAddress(Self.tables + 8 * index), .little)
    }
  }

  @Test("A linear address leads where KVM says, or nowhere where KVM says so", arguments: Paging.allCases)
  func translations(paging: Paging) throws {
    let guest = try BareGuest(exeunt_test_image_ports(), mode: .long)
    var numbers = Numbers(state: 42)
    var found = 0
    for round in 0..<18 {
      try fill(guest.memory, paging, &numbers)
      var system = try guest.vcpu.systemRegisters()
      // Out of long mode, and into whatever is next.
      Paging.none.set(in: &system, tables: 0)
      try guest.vcpu.setSystemRegisters(system)
      paging.set(in: &system, tables: Self.tables)
      if round % 2 == 1, paging != .none { system.efer |= 1 << 11 }
      try guest.vcpu.setSystemRegisters(system)
      let walk = PageWalk(
        memory: guest.memory, system: try guest.vcpu.systemRegisters(), flags: 1 << 18,
        hasGigabytePages: guest.vcpu.hasGigabytePages)
      for _ in 0..<1500 {
        var linear = numbers.next()
        if paging == .fourLevels {
          linear = UInt64(bitPattern: Int64(bitPattern: linear << 16) >> 16)
        } else {
          linear &= 0xffff_ffff
        }
        let expected = try guest.translate(linear)
        // Beyond what the processor has of addresses there is no RAM: either way nothing is accessed.
        let actual = walk.physical(linear, writing: false).flatMap { $0 < 1 << 36 ? $0 : nil }
        #expect(
          actual == expected.flatMap { $0 < 1 << 36 ? $0 : nil },
          "\(String(linear, radix: 16)) in round \(round)")
        if expected != nil { found += 1 }
      }
    }
    #expect(found > 500, "so that it is no comparison of nothing with nothing")
  }

  /// Intel SDM volume 3, section 4.6.1.
  @Test(
    "A kernel's right to a page is that of all levels, with CR0.WP, CR4.SMAP and RFLAGS.AC",
    arguments: [Paging.twoLevels, .threeLevels, .fourLevels])
  func rights(paging: Paging) throws {
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let size = paging.entrySize
    // Levels with rights; the four entries of the first of three have none.
    let levels = paging == .fourLevels ? 4 : 2
    let first = paging == .threeLevels ? 1 : 0
    func place(_ level: Int) -> GuestAddress { GuestAddress(Self.tables + UInt64(level) << 12) }
    for rights in 0..<(1 << (2 * levels)) {
      for flags in 0..<16 {
        let (writes, protects, prevents, allows) = (
          flags & 1 != 0, flags & 2 != 0, flags & 4 != 0, flags & 8 != 0
        )
        func entry(_ level: Int) -> UInt64 { UInt64(rights >> (2 * level) & 3) << 1 }
        if first == 1 { try memory.write(Self.tables + 1 << 12 | 1, at: place(0), .little) }
        for level in 0..<levels {
          let next = level == levels - 1 ? 0x5_5000 : Self.tables + UInt64(first + level + 1) << 12
          let value = next | entry(level) | 1
          if size == 8 {
            try memory.write(value, at: place(first + level), .little)
          } else {
            try memory.write(UInt32(value), at: place(first + level), .little)
          }
        }
        var system = kvm_sregs()
        paging.set(in: &system, tables: Self.tables)
        if protects { system.cr0 |= 1 << 16 }
        if prevents { system.cr4 |= 1 << 21 }
        let walk = PageWalk(
          memory: memory, system: system, flags: allows ? 1 << 18 : 0, hasGigabytePages: true)
        let isWritable = (0..<levels).allSatisfy { entry($0) & 2 != 0 }
        let isOfUsers = (0..<levels).allSatisfy { entry($0) & 4 != 0 }
        let isAllowed = (!writes || isWritable || !protects) && (!isOfUsers || !prevents || allows)
        #expect(walk.physical(0x123, writing: writes) == (isAllowed ? 0x5_5123 : nil), "\(rights) \(flags)")
        // What was gone through is accessed, and what was written dirty, and that alone.
        let leaf = try memory.read(UInt32.self, at: place(first + levels - 1), .little)
        #expect(leaf & 0x60 == (isAllowed ? writes ? 0x60 : 0x20 : 0))
        if first == 1 { #expect(try memory.read(UInt32.self, at: place(0), .little) & 0x60 == 0) }
      }
    }
  }

  /// A vCPU in 64-bit mode that maps the page at 0x40000000 to 0x50000, the next to 0x70000, the one behind it to nothing, then one that may
  /// not be written, and one that is no RAM.
  private func mapped() throws -> BareGuest {
    let guest = try BareGuest(exeunt_test_image_ports(), mode: .long)
    let pages: [UInt64] = [0x5_0003, 0x7_0003, 0, 0x5_0001, 0xd000_0003]
    try guest.memory.write(0x2_0003 as UInt64, at: GuestAddress(0x9008), .little)
    try guest.memory.write(0x2_1003 as UInt64, at: GuestAddress(0x2_0000), .little)
    for (index, page) in pages.enumerated() {
      try guest.memory.write(page, at: GuestAddress(0x2_1000 + 8 * UInt64(index)), .little)
    }
    guest.vcpu.memory = guest.memory
    var system = try guest.vcpu.systemRegisters()
    system.cr4 |= 1 << 9
    system.cr0 |= 1 << 16
    try guest.vcpu.setSystemRegisters(system)
    return guest
  }

  private func mend(_ guest: BareGuest, _ bytes: [UInt8], at address: UInt64) throws -> Bool {
    var registers = try guest.registers
    registers.rip = BareGuest.entry
    registers.rax = address
    try guest.vcpu.setRegisters(registers)
    let isDone = InstructionMending.mend(.init(suberror: 1, instruction: bytes, data: []), of: guest.vcpu)
    #expect(try guest.registers.rip == BareGuest.entry + (isDone ? UInt64(bytes.count) : 0))
    return isDone
  }

  @Test("An operand on two pages is read and written on both, and not at all where one of them cannot be")
  func crossing() throws {
    let guest = try mapped()
    let (load, store): ([UInt8], [UInt8]) = ([0x0f, 0xae, 0x10], [0x0f, 0xae, 0x18])
    func word(_ address: UInt64) throws -> UInt32 {
      try guest.memory.read(UInt32.self, at: GuestAddress(address), .little)
    }
    for split: UInt64 in 0...4 {
      let place = 0x4000_1000 - split
      try guest.memory.clear(count: 0x1000, at: GuestAddress(0x5_0000))
      try guest.memory.clear(count: 0x1000, at: GuestAddress(0x7_0000))
      for index: UInt64 in 0..<4 {
        let physical = index < split ? 0x5_1000 - split + index : 0x7_0000 + index - split
        try guest.memory.write(
          UInt8(truncatingIfNeeded: UInt32(0x0000_3fa5) >> UInt32(8 * index)), at: GuestAddress(physical),
          .little)
      }
      #expect(try mend(guest, load, at: place))
      #expect(try mend(guest, store, at: 0x4000_0100))
      #expect(try word(0x5_0100) == 0x3fa5)
      try guest.memory.clear(count: 0x1000, at: GuestAddress(0x7_0000))
      try guest.memory.clear(count: 0x1000, at: GuestAddress(0x5_0000))
      #expect(try mend(guest, store, at: place))
      for index: UInt64 in 0..<4 {
        let physical = index < split ? 0x5_1000 - split + index : 0x7_0000 + index - split
        #expect(
          try guest.memory.read(UInt8.self, at: GuestAddress(physical), .little)
            == UInt8(truncatingIfNeeded: UInt32(0x3fa5) >> UInt32(8 * index)))
      }
    }
    // Behind the second page nothing is; the fourth may not be written; the fifth is a device's. Nothing is done in part.
    try guest.memory.fill(at: GuestAddress(0x7_0ff8), count: 8) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 0x11)
    }
    for (code, place): ([UInt8], UInt64) in [
      (store, 0x4000_1ffd), (load, 0x4000_1ffd), (load, 0x4000_2000), (store, 0x4000_3000),
      (store, 0x4000_4000),
      (load, 0x4000_4000), (store, 0x4000_3ffe), (load, 0x4000_3ffe),
      // A bit of MXCSR that there is not; an address that is none.
      (load, 0x4000_1ff8), (load, 0x8000_0000_0000), (store, 0x7fff_ffff_fffe),
    ] { #expect(try !mend(guest, code, at: place), "\(code) at \(String(place, radix: 16))") }
    #expect(try word(0x7_0ff8) == 0x1111_1111 && word(0x7_0ffc) == 0x1111_1111)
    #expect(try mend(guest, store, at: 0x4000_0100))
    #expect(try word(0x5_0100) == 0x3fa5, "MXCSR is as it was")
    #expect(try mend(guest, load, at: 0x4000_3100), "what may not be written may be read")
  }

  @Test("In real mode the address is the segment's base and an offset within its limit")
  func segments() throws {
    let guest = try BareGuest(exeunt_test_image_ports())
    guest.vcpu.memory = guest.memory
    var system = try guest.vcpu.systemRegisters()
    system.cr4 |= 1 << 9
    (system.ds.base, system.es.base) = (0x1_2340, 0x1_5670)
    system.es.limit = 0x1fff
    try guest.vcpu.setSystemRegisters(system)
    func mend(_ bytes: [UInt8], bx: UInt64) throws -> Bool {
      var registers = try guest.registers
      registers.rip = BareGuest.entry
      registers.rbx = bx
      try guest.vcpu.setRegisters(registers)
      return InstructionMending.mend(.init(suberror: 1, instruction: bytes, data: []), of: guest.vcpu)
    }
    // ldmxcsr (%bx); stmxcsr (%bx), with ds and es.
    try guest.memory.write(0x7f81 as UInt32, at: GuestAddress(0x1_2340 + 0x1234), .little)
    #expect(try mend([0x0f, 0xae, 0x17], bx: 0x1234))
    #expect(try mend([0x26, 0x0f, 0xae, 0x1f], bx: 0x1ffc))
    #expect(try guest.memory.read(UInt32.self, at: GuestAddress(0x1_5670 + 0x1ffc), .little) == 0x7f81)
    #expect(try !mend([0x26, 0x0f, 0xae, 0x1f], bx: 0x1ffd), "beyond the limit")
    #expect(try !mend([0x0f, 0xae, 0x1f], bx: 0xfffd), "beyond the segment")
    #expect(try guest.memory.read(UInt32.self, at: GuestAddress(0x1_5670 + 0x2000), .little) == 0)
  }
}
