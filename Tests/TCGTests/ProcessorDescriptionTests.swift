import Testing

@testable import TCG

@Suite("What CPUID says under the translator")
struct ProcessorDescriptionTests {
  private func answer(
    _ leaf: UInt32, _ subleaf: UInt32 = 0, vcpus: UInt32, hasLocalControllers: Bool = true, id: UInt32,
    library: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var values = library
    ProcessorDescription(vcpus: vcpus, hasLocalControllers: hasLocalControllers)
      .complete(&values, leaf: leaf, subleaf: subleaf, id: id)
    return values
  }

  @Test(
    "each vCPU has its number, and all agree how many there are", arguments: [1, 2, 3, 8, 255] as [UInt32])
  func topology(vcpus: UInt32) {
    for id in 0..<vcpus {
      let first = answer(1, vcpus: vcpus, id: id)
      #expect(first.1 >> 24 == id && first.1 >> 16 & 0xff == vcpus)
      #expect(first.3 >> 28 & 1 == (vcpus > 1 ? 1 : 0))
      let threads = answer(0xb, 0, vcpus: vcpus, id: id)
      let cores = answer(0xb, 1, vcpus: vcpus, id: id)
      #expect(threads.1 == 1 && threads.2 == 1 << 8 && threads.3 == id)
      #expect(cores.1 == vcpus && cores.2 == 2 << 8 | 1 && cores.3 == id)
      // Shifted by so much, all numbers are the same processor's.
      #expect(id >> cores.0 == 0 && vcpus <= 1 << cores.0)
      #expect(answer(0xb, 2, vcpus: vcpus, id: id).1 == 0)
    }
  }

  @Test(
    "without local APICs neither they nor their timer are announced; the library's caches and features stay")
  func localControllers() {
    let library: (UInt32, UInt32, UInt32, UInt32) = (0x663, 0xaa00_0800, 1 << 9 | 1 << 3 | 1 << 21, 1 << 26)
    for has in [false, true] {
      let first = answer(1, vcpus: 1, hasLocalControllers: has, id: 0, library: library)
      #expect(first.0 == 0x663 && first.1 & 0xffff == 0x800)
      #expect(first.3 >> 9 & 1 == (has ? 1 : 0) && first.2 >> 24 & 1 == (has ? 1 : 0))
      // SSSE3 and SSE2 are the library's; MONITOR and x2APIC are not there; a hypervisor is.
      #expect(first.2 >> 9 & 1 == 1 && first.3 >> 26 & 1 == 1)
      #expect(first.2 >> 3 & 1 == 0 && first.2 >> 21 & 1 == 0 && first.2 >> 31 == 1)
      #expect(answer(0x8000_0001, vcpus: 1, hasLocalControllers: has, id: 0).3 >> 9 & 1 == (has ? 1 : 0))
    }
    #expect(answer(4, vcpus: 1, id: 0, library: library) == library)
  }
}
