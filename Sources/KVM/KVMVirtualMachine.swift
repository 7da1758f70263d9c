import CKVM
import Engine
import GuestRAM
import Platform

/// A virtual machine of KVM: the kernel's object that holds guest memory, vCPUs and interrupt controllers.
public final class KVMVirtualMachine: VirtualMachine, @unchecked Sendable {
  let descriptor: FileDescriptor
  private let runMappingSize: Int
  /// What CPUID tells the guest; nil: KVM's default.
  var cpuid: GuestCPUID?
  /// The model-specific registers that a reset of a vCPU puts back.
  var resetIndices = KVMVcpu.resetRegisters(listed: [])
  /// Whether its vCPUs leave their registers in the shared page at each exit.
  var tellsInstructionPointers = false
  /// The page of each vCPU's mapping in which the writes are that it keeps; nil: it keeps none.
  var ringPage: Int?
  /// Guest RAM; nil where whoever made the machine has it.
  var memory: GuestMemory?
  // What is in the kernel, noted when it is made.
  var controllers = MachineRequirements.InterruptControllers.none
  var hasTimer = false
  // The main thread's own.
  var powerOn: ControllerState?

  init(descriptor: consuming FileDescriptor, runMappingSize: Int) {
    self.descriptor = descriptor
    self.runMappingSize = runMappingSize
  }

  /// Whether, or how much of, a capability this machine has: KVM_CHECK_EXTENSION on the VM.
  public func check(_ capability: Capability) throws(KVMError) -> Int {
    try Request("KVM_CHECK_EXTENSION", CKVM_CHECK_EXTENSION)(descriptor, UInt(capability.rawValue))
  }

  /// Switches a capability on: KVM_ENABLE_CAP.
  ///
  /// - Parameter argument: what the capability takes, as the kernel documents it (Documentation/virt/kvm/api.rst).
  func enable(_ capability: Capability, _ argument: UInt64) throws(KVMError) {
    var request = kvm_enable_cap()
    request.cap = UInt32(capability.rawValue)
    request.args.0 = argument
    try Request("KVM_ENABLE_CAP", CKVM_ENABLE_CAP)(descriptor, &request)
  }

  /// Maps memory of this process into the guest's physical memory: KVM_SET_USER_MEMORY_REGION.
  ///
  /// - Parameters:
  ///   - slot: the memory slot to set.
  ///   - guestAddress: guest physical address, a multiple of the page size.
  ///   - memory: must stay mapped as long as the machine lives.
  public func setMemory(
    slot: UInt32, guestAddress: UInt64, memory: UnsafeMutableRawBufferPointer
  ) throws(KVMError) {
    var region = kvm_userspace_memory_region()
    region.slot = slot
    region.guest_phys_addr = guestAddress
    region.memory_size = UInt64(memory.count)
    region.userspace_addr = UInt64(UInt(bitPattern: memory.baseAddress))
    try Request("KVM_SET_USER_MEMORY_REGION", CKVM_SET_USER_MEMORY_REGION)(descriptor, &region)
  }

  /// Tells KVM which three pages below 4 GiB it may use for itself on Intel processors without unrestricted guests:
  /// KVM_SET_TSS_ADDR.
  public func setTSSAddress(_ address: UInt64) throws(KVMError) {
    try Request("KVM_SET_TSS_ADDR", CKVM_SET_TSS_ADDR)(descriptor, UInt(address))
  }

  /// Tells KVM which page it may use for an identity map, as above: KVM_SET_IDENTITY_MAP_ADDR.
  public func setIdentityMapAddress(_ address: UInt64) throws(KVMError) {
    var address = address
    try Request("KVM_SET_IDENTITY_MAP_ADDR", CKVM_SET_IDENTITY_MAP_ADDR)(descriptor, &address)
  }

  /// Makes a virtual CPU as KVM leaves it: KVM_CREATE_VCPU.
  ///
  /// - Parameter id: also its local APIC's number.
  public func createVcpu(id: UInt32) throws(KVMError) -> KVMVcpu {
    let raw = try Request("KVM_CREATE_VCPU", CKVM_CREATE_VCPU)(descriptor, UInt(id))
    let vcpu = try KVMVcpu(
      id: id, descriptor: FileDescriptor(owning: CInt(raw)), mappingSize: runMappingSize,
      hasLocalController: controllers != .none, ringPage: ringPage)
    vcpu.memory = memory
    if tellsInstructionPointers { vcpu.shareRegisters() }
    vcpu.resetIndices = resetIndices
    return vcpu
  }

  /// Turns a write at an address into a signal of an eventfd, without a return from KVM_RUN: KVM_IOEVENTFD.
  public func assign(_ event: borrowing IoEventFd) throws {
    var request = event.request
    try Request("KVM_IOEVENTFD", CKVM_IOEVENTFD)(descriptor, &request)
  }

  /// Makes an eventfd raise an interrupt line each time it is signalled: KVM_IRQFD.
  public func assign(_ interrupt: borrowing IrqFd) throws {
    var request = kvm_irqfd()
    request.fd = UInt32(interrupt.event.descriptor.raw)
    request.gsi = interrupt.line
    try Request("KVM_IRQFD", CKVM_IRQFD)(descriptor, &request)
  }

  /// The machine's own counters: KVM_GET_STATS_FD.
  public func statistics() throws(KVMError) -> Statistics {
    try Statistics(of: descriptor)
  }
}
