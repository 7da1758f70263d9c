import Engine
import Testing

@testable import TCG

/// What the library leaves out of a processor, and is done here. Guests are in machine code of 32 bits.
@Suite("A processor under the translator", .enabled(if: (try? TCGEngine()) != nil, "needs libunicorn2"))
struct ProcessorTests {
  private static func bytes(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// MOV ECX, index; MOV EAX, value; XOR EDX, EDX; WRMSR.
  private static func write(_ index: UInt32, _ value: UInt32) -> [UInt8] {
    [0xb9] + bytes(index) + [0xb8] + bytes(value) + [0x31, 0xd2, 0x0f, 0x30]
  }

  /// MOV [place], EAX.
  private static func store(_ place: UInt32) -> [UInt8] { [0xa3] + bytes(place) }
  /// MOV EAX, [place].
  private static func load(_ place: UInt32) -> [UInt8] { [0xa1] + bytes(place) }
  private static let halt: [UInt8] = [0xf4]

  @Test("begins without exceptions of x87 and SSE, in full precision, with no register in use")
  func floatingPoint() throws {
    // MOV EAX, 0x200; MOV CR4, EAX (OSFXSR); STMXCSR [0x2000]; FNSTENV [0x2004]; a third: FLD1; FLD [3]; FDIVP; FSTP [0x2020].
    let code: [UInt8] =
      [0xb8, 0, 2, 0, 0, 0x0f, 0x22, 0xe0, 0x0f, 0xae, 0x1d] + Self.bytes(0x2000)
      + [0xd9, 0x35] + Self.bytes(0x2004)
      + [0xc7, 0x05] + Self.bytes(0x2030) + Self.bytes(3)
      + [0xd9, 0xe8, 0xda, 0x35] + Self.bytes(0x2030) + [0xdd, 0x1d] + Self.bytes(0x2028) + Self.halt
    for _ in 0..<2 {
      let bare = try BareVcpu(code, isProtected: true)
      bare.vcpu.run(bare)
      let words = try bare.words(14)
      #expect(words[0] == 0x1f80)
      // The environment: control, status, tags. FNSTENV masks exceptions afterwards, which they are.
      #expect(words[1] & 0xffff == 0x37f && words[3] & 0xffff == 0xffff)
      #expect(words[10] == UInt32(truncatingIfNeeded: (1.0 / 3).bitPattern))
    }
  }

  @Test("says that string instructions are fast")
  func miscellaneous() throws {
    let code: [UInt8] = [0xb9] + Self.bytes(0x1a0) + [0x0f, 0x32] + Self.store(0x2000) + Self.halt
    let bare = try BareVcpu(code, isProtected: true)
    bare.vcpu.run(bare)
    #expect(try bare.words(1) == [1])
  }

  @Test(
    "enters its kernel by SYSENTER, and without a segment raises an exception instead",
    arguments: [true, false])
  func entry(hasSegment: Bool) throws {
    let begin =
      Self.write(0x174, hasSegment ? 0x0b : 3) + Self.write(0x175, 0x7000)
    let length = begin.count + Self.write(0x176, 0).count
    // STI; SYSENTER; MOV AL, 1; OUT 0x10, AL; and where it goes on: MOV AL, 2; OUT 0x10, AL.
    let target = BareVcpu.start + UInt64(length) + 7
    let code =
      begin + Self.write(0x176, UInt32(target)) + [0xfb, 0x0f, 0x34, 0xb0, 1, 0xe6, 0x10]
      + [0xb0, 2, 0xe6, 0x10]
    let bare = try BareVcpu(code, isProtected: true)
    var (said, hasShutDown): (UInt8?, Bool) = (nil, false)
    bare.onExit = { exit in
      if case .port(let access) = exit { said = access.data.load(as: UInt8.self) }
      if case .shutdown = exit { hasShutDown = true }
      return false
    }
    bare.vcpu.run(bare)
    let state = try bare.vcpu.state()
    if hasSegment {
      #expect(said == 2 && !hasShutDown)
      #expect(state.cs.selector == 8 && state.ss.selector == 0x10 && state.general.rsp == 0x7000)
      #expect(state.rflags & 1 << 9 == 0)
    } else {
      // Without gates, the exception is a triple fault.
      #expect(said == nil && hasShutDown)
    }
  }

  @Test("has its local APIC where IA32_APIC_BASE says, none where that says so, and refuses reserved bits")
  func base() throws {
    let code: [UInt8] =
      Self.write(0x1b, 0xfee0_1900) + [0x0f, 0x32] + Self.store(0x2000)
      + Self.load(0xfee0_1030) + Self.store(0x2004) + Self.load(0xfee0_0030) + Self.store(0x2008)
      // Off: CPUID's leaf 1, and its EDX.
      + Self.write(0x1b, 0xfee0_1100) + [0xb8, 1, 0, 0, 0, 0x0f, 0xa2, 0x89, 0x15] + Self.bytes(0x200c)
      + Self.load(0xfee0_1030) + Self.store(0x2010)
      // On again, as after power-on.
      + Self.write(0x1b, 0xfee0_0900) + Self.load(0xfee0_00f0) + Self.store(0x2014)
      + Self.write(0x1b, 0xfee0_0901) + Self.store(0x2018)
    let bare = try BareVcpu(code, isProtected: true, hasLocalControllers: true)
    var (exits, hasShutDown): ([UInt64], Bool) = ([], false)
    bare.onExit = { exit in
      guard case .memory(let access) = exit else {
        if case .shutdown = exit { hasShutDown = true }
        return false
      }
      exits.append(access.address)
      access.data.storeBytes(of: 0x1234_5678, as: UInt32.self)
      return true
    }
    bare.vcpu.run(bare)
    let words = try bare.words(7)
    #expect(words[0] == 0xfee0_1900 && words[1] == 0x0005_0014)
    #expect(exits == [0xfee0_0030, 0xfee0_1030] && words[2] == 0x1234_5678 && words[4] == 0x1234_5678)
    #expect(words[3] & 1 << 9 == 0)
    #expect(words[5] == 0xff)
    #expect(hasShutDown && words[6] == 0)
  }
}
