import CKVM
import KVM
import Testing

/// What CPUID tells is made of what KVM offers alone, so that other hosts' offers can be tried here.
@Suite("What CPUID tells a guest")
struct GuestCPUIDTests {
  /// A processor as KVM before Linux 6.14 offers it: without hypervisor and deadline, and with the host's topology.
  private struct Host: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let entries: [kvm_cpuid_entry2]

    private static func entry(
      _ function: UInt32, _ index: UInt32 = 0, _ eax: UInt32 = 0, _ ebx: UInt32 = 0, _ ecx: UInt32 = 0,
      _ edx: UInt32 = 0
    ) -> kvm_cpuid_entry2 {
      var entry = kvm_cpuid_entry2()
      (entry.function, entry.index) = (function, index)
      (entry.eax, entry.ebx, entry.ecx, entry.edx) = (eax, ebx, ecx, edx)
      return entry
    }

    static let intel = Host(
      testDescription: "Intel",
      entries: [
        entry(0, 0, 0x20, 0x756e_6547, 0x6c65_746e, 0x4965_6e69),
        entry(1, 0, 0x806f8, 0x1240_0800, ~(1 << 31 | 1 << 24), ~(1 << 28)),
        // Two caches of a core's, one of the third level, and the end.
        entry(4, 0, 0x0fc0_4121, 0x1c0_003f, 0x3f), entry(4, 1, 0x0fc0_4122, 0x1c0_003f, 0x3f),
        entry(4, 2, 0x0fff_c163, 0x2c0_003f, 0xdfff), entry(4, 3),
        entry(7, 0, 1, .max, .max, .max), entry(7, 1, .max), entry(0xa, 0, 0x0830_0805),
        entry(0xb, 0, 1, 2, 0x100, 0x12), entry(0xb, 1, 6, 0x40, 0x201, 0x12), entry(0x12, 0, 1),
        entry(0x14, 0, 1), entry(0x1c, 0, 0x4000_000b), entry(0x1f, 0, 1, 2, 0x100, 0x12),
        entry(0x4000_0000, 0, 0x4000_0001), entry(0x4000_0001, 0, .max),
        entry(0x8000_0000, 0, 0x8000_0008), entry(0x8000_0001, 0, 0, 0, .max, .max),
        entry(0x8000_0008, 0, 0x3934, 0, 0x603f),
      ])
    static let amd = Host(
      testDescription: "AMD",
      entries: [
        entry(0, 0, 0x10, 0x6874_7541, 0x444d_4163, 0x6974_6e65),
        entry(1, 0, 0xa1_0f11, 0x1240_0800, ~(1 << 31 | 1 << 24), ~(1 << 28)),
        entry(7, 0, 1, .max, .max, .max), entry(0xb, 0, 1, 2, 0x100, 0x12),
        entry(0x4000_0001, 0, .max), entry(0x8000_0000, 0, 0x8000_0022),
        entry(0x8000_0001, 0, 0, 0, .max, .max), entry(0x8000_0007, 0, 0, 0, 0, 1 << 8),
        entry(0x8000_0008, 0, 0x3030, 0, 0x603f), entry(0x8000_000a, 0, 1, 0x8000),
        entry(0x8000_001d, 0, 0x0000_4121), entry(0x8000_001d, 1, 0x0003_c163), entry(0x8000_001d, 2),
        entry(0x8000_001e, 0, 0x12, 0x109, 2), entry(0x8000_001f, 0, 3), entry(0x8000_0022, 0, 7),
      ])
  }

  private func machine(_ vcpus: UInt32, pmu: Bool = false, controller: Bool = true, deadline: Bool = true)
    -> GuestCPUID.Machine
  {
    GuestCPUID.Machine(
      vcpus: vcpus, hasLocalController: controller, hasDeadlineTimer: deadline, hasPerformanceCounters: pmu)
  }

  private func leaf(
    _ entries: [kvm_cpuid_entry2], _ function: UInt32, _ index: UInt32 = 0
  ) throws -> kvm_cpuid_entry2 {
    let found = entries.filter { $0.function == function && $0.index == index }
    #expect(found.count <= 1, "leaf \(function).\(index)")
    return try #require(found.first, "leaf \(function).\(index)")
  }

  private func isMissing(_ entries: [kvm_cpuid_entry2], _ leaves: [UInt32]) -> Bool {
    !entries.contains { leaves.contains($0.function) }
  }

  @Test("There is a hypervisor, and a deadline where there is a timer for it", arguments: [Host.intel, .amd])
  private func hypervisor(host: Host) throws {
    let with = try leaf(GuestCPUID(host.entries, machine(1)).entries(forVcpu: 0), 1)
    #expect(with.ecx & 1 << 31 != 0 && with.ecx & 1 << 24 != 0)
    let without = try leaf(GuestCPUID(host.entries, machine(1, deadline: false)).entries(forVcpu: 0), 1)
    #expect(without.ecx & 1 << 31 != 0 && without.ecx & 1 << 24 == 0)
    let alone = GuestCPUID(host.entries, machine(1, controller: false)).entries(forVcpu: 0)
    // No APIC, no x2APIC, no deadline, and nothing of KVM's that sends interrupts.
    #expect(try leaf(alone, 1).edx & 1 << 9 == 0)
    #expect(try leaf(alone, 1).ecx & (1 << 21 | 1 << 24) == 0)
    #expect(try leaf(alone, 1).ecx & 1 << 31 != 0)
    #expect(try leaf(alone, 0x4000_0001).eax == ~(1 << 4 | 1 << 6 | 1 << 7 | 1 << 11 | 1 << 14))
  }

  @Test(
    "All leaves say the same of where a vCPU is", arguments: [Host.intel, .amd],
    [1, 2, 3, 4, 16, 254, 300] as [UInt32])
  private func topology(host: Host, vcpus: UInt32) throws {
    let cpuid = GuestCPUID(host.entries, machine(vcpus))
    // As many bits as tell them apart.
    let bits = (0...16).first { 1 << $0 >= vcpus }! as UInt32
    for id in Set([0, 1, vcpus / 2, vcpus - 1]) where id < vcpus {
      let entries = cpuid.entries(forVcpu: id)
      let first = try leaf(entries, 1)
      #expect(first.ebx == (id & 0xff) << 24 | min(vcpus, 255) << 16 | 0x0800)
      #expect((first.edx >> 28 & 1 == 1) == (vcpus > 1))
      for function: UInt32 in host.testDescription == "Intel" ? [0xb, 0x1f] : [0xb] {
        let threads = try leaf(entries, function, 0)
        #expect((threads.eax, threads.ebx, threads.ecx, threads.edx) == (0, 1, 0x100, id))
        let cores = try leaf(entries, function, 1)
        #expect((cores.eax, cores.ebx, cores.ecx, cores.edx) == (bits, vcpus, 0x201, id))
        let end = try leaf(entries, function, 2)
        #expect((end.eax, end.ebx, end.ecx, end.edx) == (0, 0, 2, id))
        #expect([threads, cores, end].allSatisfy { $0.flags == 1 })
      }
      if host.testDescription == "Intel" {
        let room = UInt32(1) << bits
        for index: UInt32 in 0...2 {
          let cache = try leaf(entries, 4, index)
          #expect(cache.eax >> 26 == min(room, 64) - 1)
          #expect(cache.eax >> 14 & 0xfff == (index == 2 ? room - 1 : 0))
          #expect(
            cache.eax & 0x3fff == host.entries.first { $0.function == 4 && $0.index == index }!.eax & 0x3fff)
        }
        #expect(try leaf(entries, 4, 3).eax == 0)
        #expect(try leaf(entries, 0x8000_0008).ecx == 0)
        #expect(isMissing(entries, [0x8000_001e]))
      } else {
        let extended = try leaf(entries, 0x8000_001e)
        #expect((extended.eax, extended.ebx, extended.ecx) == (id, id & 0xff, 0))
        #expect(try leaf(entries, 0x8000_0008).ecx == min(vcpus - 1, 255) | bits << 12)
        #expect((try leaf(entries, 0x8000_0001).ecx & 2 != 0) == (vcpus > 1))
        #expect(try leaf(entries, 0x8000_001d, 0).eax == 0x0121)
        #expect(try leaf(entries, 0x8000_001d, 1).eax == 0x0163 | (1 << bits - 1) << 14)
        #expect(isMissing(entries, [0x1f]))
      }
      #expect(entries.count <= Int(CKVM_CPUID_CAPACITY))
    }
  }

  @Test(
    "What the machine does not serve is left out; counters only until they are asked for",
    arguments: [Host.intel, .amd])
  private func unserved(host: Host) throws {
    for pmu in [false, true] {
      let entries = GuestCPUID(host.entries, machine(2, pmu: pmu)).entries(forVcpu: 1)
      let first = try leaf(entries, 1)
      let extended = try leaf(entries, 0x8000_0001)
      let seventh = try leaf(entries, 7)
      // Nested virtualization, enclaves, encrypted memory.
      #expect(first.ecx & 1 << 5 == 0)
      #expect(extended.ecx & (1 << 2 | 1 << 12) == 0)
      #expect(seventh.ebx & 1 << 2 == 0 && seventh.ecx & 1 << 30 == 0)
      #expect(isMissing(entries, [0x12, 0x8000_000a, 0x8000_001f]))
      // Counters, and whatever else looks at what a processor does.
      #expect((first.ecx & 1 << 15 != 0) == pmu)
      #expect((first.edx & 1 << 21 != 0) == pmu)
      #expect((seventh.ebx & 1 << 25 != 0) == pmu)
      #expect((extended.ecx & 1 << 23 != 0) == pmu)
      #expect(isMissing(entries, [0xa, 0x14, 0x1c, 0x8000_0022]) == !pmu)
      // And nothing else.
      let ours: UInt32 = 1 << 31 | 1 << 24
      #expect(first.ecx | 1 << 5 | (pmu ? 0 : 1 << 15 | 1 << 2) == .max, "\(first.ecx & ours)")
      #expect(seventh.ebx | 1 << 2 | (pmu ? 0 : 1 << 25) == .max)
    }
  }
}
