/// The virtual machine as its trace describes it.
package struct MachineReport: Codable, Equatable, Sendable {
  /// Version of the VMM.
  package var version: String
  /// Built-in guest or image.
  package var guest: String
  /// The KVM module: vmx, svm, pvm, …
  package var kvm: String
  /// Release of the host's kernel.
  package var kernel: String
  /// Guest RAM in bytes.
  package var ramBytes: UInt64
  /// vCPUs.
  package var vcpus: Int
  /// I/O threads.
  package var loops: Int
  /// Process id of the VMM.
  package var pid: UInt32
  /// Rate of the time stamp counter, kHz.
  package var tscKHz: UInt32
  /// The whole configuration, JSON as the VMM wrote it.
  package var configuration: String

  package init(
    version: String, guest: String, kvm: String, kernel: String, ramBytes: UInt64, vcpus: Int, loops: Int,
    pid: UInt32, tscKHz: UInt32, configuration: String
  ) {
    self.version = version
    self.guest = guest
    self.kvm = kvm
    self.kernel = kernel
    self.ramBytes = ramBytes
    self.vcpus = vcpus
    self.loops = loops
    self.pid = pid
    self.tscKHz = tscKHz
    self.configuration = configuration
  }
}

/// One of several machines that a report is about.
package struct NamedMachineReport: Codable, Equatable, Sendable {
  /// What rows call it.
  package var name: String
  /// What its trace says of it; nil: nothing.
  package var machine: MachineReport?

  package init(name: String, machine: MachineReport? = nil) {
    self.name = name
    self.machine = machine
  }
}
