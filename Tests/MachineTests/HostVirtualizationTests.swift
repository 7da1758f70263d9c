import Platform
import TestSupport
import Testing

@testable import Machine

@Suite("What exeunt doctor finds")
struct HostVirtualizationTests {
  @Test("a host without /dev/kvm is told so, with what to do")
  func withoutDevice() {
    let findings = HostVirtualization.findings(path: "/nonexistent/kvm")
    let essential = findings.filter { $0.isEssential && $0.status == .missing }
    #expect(essential.count == 1)
    #expect(essential.first?.found.contains("No such file") == true)
    #expect(essential.first?.advice?.contains("modprobe") == true)
  }

  @Test("a device that is not KVM's is not usable")
  func wrongDevice() {
    let findings = HostVirtualization.findings(path: "/dev/null").filter { $0.isEssential }
    #expect(findings.count == 1 && findings.first?.status == .missing)
    #expect(findings.first?.advice?.contains("something else than KVM's device") == true)
  }

  @Test("with KVM nothing essential is missing", .needsKVM("what `exeunt doctor` finds of it"))
  func withKVM() {
    let findings = HostVirtualization.findings()
    #expect(!findings.contains { $0.isEssential && $0.status == .missing })
    #expect(findings.contains { $0.name == "vCPUs" })
  }

  @Test("every warning and lack comes with advice")
  func advice() {
    let findings = HostVirtualization.findings() + HostResources.findings()
    for finding in findings where finding.status != .ok && finding.name != "capabilities" {
      #expect(finding.advice != nil, "\(finding.name)")
    }
  }

  @Test(
    "what bounds a guest's burden on the host, and what keeps writes, is said, and what the lack of each means"
  )
  func burdens() {
    for (busLock, notify) in [(0, 0), (1, 0), (2, 0), (3, 1)] {
      let findings = HostVirtualization.burdens(busLock: busLock, notify: notify)
      #expect(findings.map(\.name) == ["bus locks", "blocked interrupts"])
      #expect(findings.map(\.status) == [busLock >= 2 ? .ok : .warning, notify == 1 ? .ok : .warning])
      #expect(findings.allSatisfy { ($0.advice == nil) == ($0.status == .ok) && !$0.isEssential })
    }
    for (memory, ports, words) in [
      (true, true, "kept for memory and ports"), (false, true, "not for memory (coalesced_mmio)"),
      (true, false, "not for ports (coalesced_pio)"),
      (false, false, "not for memory (coalesced_mmio) and ports (coalesced_pio)"),
    ] { #expect(HostVirtualization.coalescing(memory: memory, ports: ports).found == words) }
    let names = HostVirtualization.findings().map(\.name)
    #expect(
      !HostEngine.hasKVM
        || ["bus locks", "blocked interrupts", "coalesced writes"].allSatisfy(names.contains))
  }
}
