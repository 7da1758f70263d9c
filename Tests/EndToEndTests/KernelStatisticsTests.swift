import Foundation
import GuestPrograms
import Testing

@Suite("KVM's own counters and the trace", .serialized, .needsKVM("its counters"), .needsTracing)
struct KernelStatisticsTests {
  /// KVM counts an MMIO exit where an emulated access goes to userspace: exactly the traced ones.
  @Test("agree on memory-mapped exits", arguments: [true, false])
  func memoryMapped(ioeventfd: Bool) throws {
    let recorded = try GuestCase(
      guest: "doorbell", parameters: ["iterations=300", "window=memory"], ioeventfd: ioeventfd
    ).record()
    let tally = try OracleTally(recorded.trace)
    let traced = tally.exits.filter { $0.key.space == .memory }.values.reduce(0, +)
    #expect(traced >= (ioeventfd ? 1 : 300))
    #expect(tally.statistics[0]?["mmio_exits"] == traced)
    withExtendedLifetime(recorded) {}
  }

  /// KVM counts a port exit where the processor reports one, before it looks for an ioeventfd; an implementation
  /// without hardware virtualization emulates the instruction instead and counts none.
  @Test("agree on port exits where this KVM counts them", arguments: [true, false])
  func ports(ioeventfd: Bool) throws {
    let recorded = try GuestCase(
      guest: "doorbell", parameters: ["iterations=300", "window=port"], ioeventfd: ioeventfd
    ).record()
    let tally = try OracleTally(recorded.trace)
    let traced = tally.exits.filter { $0.key.space == .port }.values.reduce(0, +)
    let consumed = tally.kicks.values.reduce(0, +)
    let counted = try #require(tally.statistics[0]?["io_exits"])
    #expect(traced + consumed >= 300)
    let emulates = FileManager.default.fileExists(atPath: "/sys/module/kvm_pvm")
    #expect(counted == (emulates ? 0 : traced + consumed))
    #expect(try #require(tally.statistics[0]?["exits"]) >= traced)
    withExtendedLifetime(recorded) {}
  }
}
