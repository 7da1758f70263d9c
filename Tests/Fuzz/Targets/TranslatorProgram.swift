import Engine
import GuestRAM

/// Code of a guest that an input makes.
///
/// A step is 8 bytes of code as they are, or, where the first is below 0x60, an access that code of chance would hardly make: to a
/// device's register or to a port, reading or writing.
struct TranslatorProgram {
  /// Where devices' registers are.
  static let windows: UInt64 = 0xd000_0000
  private static let address: UInt64 = 0x1000
  private static let tables: UInt64 = 0xf_8000

  /// How it begins: in real (0), protected (1) or 64-bit mode (2).
  private let mode: Int
  private let code: [UInt8]

  init(_ input: ArraySlice<UInt8>, _ mode: Int) {
    self.mode = mode
    code = Self.code(input, mode)
  }

  func load(into memory: GuestMemory) throws {
    try memory.write(code, at: GuestAddress(Self.address))
    if mode == 2 { try Self.makeTables(in: memory) }
  }

  private static func code(_ input: ArraySlice<UInt8>, _ mode: Int) -> [UInt8] {
    var code: [UInt8] = []
    var rest = input
    while rest.count >= 8, code.count < 0x6000 {
      let step = Array(rest.prefix(8))
      rest = rest.dropFirst(8)
      let register = UInt32(step[1]) << 2 & 0x1fc | UInt32(step[2] % 4) * 0x200
      let value = Array(step[4...])
      let wide: [UInt8] = mode == 0 ? [0x66] : []
      let far: [UInt8] = mode == 0 ? [0x66, 0x67] : []
      // MOV EAX, value; the address is after a SIB byte without registers, in all modes alike.
      let load = wide + [0xb8] + value
      let address = [0x04, 0x25] + bytes(UInt32(truncatingIfNeeded: windows) + register)
      switch step[0] {
      case ..<0x20: code += load + far + [0x89] + address
      case ..<0x28: code += far + [0x8b] + address
      case ..<0x30: code += load + wide + [0xba] + bytes(register) + wide + [step[3] & 1 == 0 ? 0xef : 0xed]
      // Where queues may be: a store to low memory.
      case ..<0x60:
        code += load + far + [0x89, 0x04, 0x25] + bytes(UInt32(step[1]) << 8 | UInt32(step[2]) << 2)
      default: code += step
      }
    }
    return code + [0xf4]
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Four gigabytes, each page where it is.
  private static func makeTables(in memory: GuestMemory) throws {
    try memory.write(Self.tables + 0x1003, at: GuestAddress(Self.tables), .little)
    for gigabyte in 0..<4 as Range<UInt64> {
      let directory = Self.tables + 0x2000 + gigabyte * 0x1000
      try memory.write(directory | 3, at: GuestAddress(Self.tables + 0x1000 + gigabyte * 8), .little)
      for page in 0..<512 as Range<UInt64> {
        try memory.write(
          (gigabyte << 30 | page << 21) | 0x83, at: GuestAddress(directory + page * 8), .little)
      }
    }
  }

  /// The processor's state at the first of its instructions.
  var beginning: CPUState {
    var state = CPUState()
    var segment = CPUState.Segment()
    segment.limit = 0xffff_ffff
    segment.isPresent = true
    segment.isCodeOrData = true
    segment.type = 3
    segment.is32Bit = mode == 1
    segment.countsPages = true
    state.setDataSegments(segment)
    segment.type = 11
    segment.is64Bit = mode == 2
    state.cs = segment
    state.tr.type = 11
    state.tr.isPresent = true
    state.tr.limit = 0xffff
    state.cr0 = mode == 0 ? 0x10 : mode == 1 ? 0x11 : 0x8000_0011
    if mode == 2 {
      state.cr3 = Self.tables
      state.cr4 = 0x20
      state.efer = 0x500
    }
    state.idt.limit = mode == 0 ? 0x3ff : 0
    state.rip = Self.address
    state.general.rsp = 0x8000
    return state
  }
}
