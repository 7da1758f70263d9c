import Machine
import Platform
import Testing

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
    #expect(
      HostVirtualization.findings(path: "/dev/null").contains { $0.isEssential && $0.status == .missing })
  }

  @Test("with KVM nothing essential is missing", .enabled(if: isKVMUsable, "needs /dev/kvm"))
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

  private static var isKVMUsable: Bool { (try? FileDescriptor.open("/dev/kvm", 2)) != nil }
}
