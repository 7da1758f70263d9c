import CKVM
import Engine
import Glibc
import GuestRAM
import Platform

/// A virtual CPU of KVM: its descriptor, and the page that it shares with the kernel.
///
/// The shared page is mapped as long as this object lives, and nobody outside is given its address.
///
/// KVM expects one thread to issue the requests of a vCPU; another may do so only while the first does not.
@safe public final class KVMVcpu: Vcpu, @unchecked Sendable {
  /// Its number, from 0; also its local APIC's.
  public let id: UInt32
  let descriptor: FileDescriptor
  let hasLocalController: Bool
  private let mapping: MemoryMapping
  // What the loop needs of the three above, within this object.
  @usableFromInline let rawDescriptor: CInt
  @usableFromInline let page: UnsafeMutablePointer<kvm_run>
  @usableFromInline let pageSize: Int
  /// The machine's ring of writes that KVM keeps; nil: it keeps none.
  @usableFromInline let ring: CoalescedRing?
  /// Guest RAM, for instructions that are done here; set before the vCPU runs.
  var memory: GuestMemory?
  /// Whether its CPUID, as it was set, has pages of 1 GiB.
  var hasGigabytePages = false
  // The main thread's own.
  var powerOn: PowerOnState?
  /// The model-specific registers that a reset puts back, as far as KVM has them.
  var resetIndices = KVMVcpu.resetRegisters(listed: [])

  init(
    id: UInt32, descriptor: consuming FileDescriptor, mappingSize: Int, hasLocalController: Bool,
    ringPage: Int? = nil
  ) throws(KVMError) {
    self.id = id
    self.hasLocalController = hasLocalController
    rawDescriptor = descriptor.raw
    mapping = try KVMVcpu.map(descriptor.raw, mappingSize, id)
    self.descriptor = descriptor
    // `KVMSystem` has checked that the mapping is at least as large as `kvm_run`.
    unsafe page = mapping.base.assumingMemoryBound(to: kvm_run.self)
    pageSize = mapping.length
    guard let ringPage else {
      ring = nil
      return
    }
    // The capability's number, which is the kernel's; the mapping has to be as long as it says.
    let place = ringPage.multipliedReportingOverflow(by: CKVM_MAPPING_PAGE)
    guard ringPage > 0, !place.overflow, place.partialValue <= mapping.length,
      CKVM_COALESCED_RING_SIZE <= mapping.length - place.partialValue
    else {
      throw KVMError(
        "KVM_CHECK_EXTENSION", .invalidArgument,
        purpose: "ring of coalesced writes in page \(ringPage) of \(mapping.length) bytes")
    }
    ring = unsafe CoalescedRing(
      (mapping.base + place.partialValue).assumingMemoryBound(to: ckvm_coalesced_ring.self))
  }

  private static func map(_ raw: CInt, _ length: Int, _ id: UInt32) throws(KVMError) -> MemoryMapping {
    do {
      return try MemoryMapping(descriptor: raw, length: length)
    } catch {
      throw KVMError("mmap", error, purpose: "shared page of vCPU \(id)")
    }
  }

  /// Runs the guest until the handler says to stop: KVM_RUN again and again.
  @inlinable
  public func run(_ handler: some VcpuExitHandler) {
    while true {
      handler.willEnterGuest()
      guard handler.handle(enter()) else { return }
    }
  }

  /// Enters the guest until something needs the VMM: KVM_RUN.
  ///
  /// - Returns: why the guest left; the data of an access is borrowed from the shared page until the next `enter()`.
  @inlinable @inline(__always)
  public func enter() -> VcpuExit {
    let result = ckvm_ioctl(rawDescriptor, CKVM_RUN, 0)
    guard result >= 0 else { return unsafe VcpuExit(error: Errno(rawValue: CInt(-result)), page: page) }
    return unsafe VcpuExit(page: page, mappingSize: pageSize)
  }

  /// Makes the current KVM_RUN, or the next one, return at once with `.interrupted`, after completing the access
  /// that the last exit was about (`kvm_run.immediate_exit`). To interrupt a KVM_RUN that is under way its thread must be
  /// sent a signal afterwards.
  public func requestImmediateExit() { unsafe ckvm_set_immediate_exit(page, 1) }

  /// Takes that back.
  public func clearImmediateExit() { unsafe ckvm_set_immediate_exit(page, 0) }

  /// Has KVM leave the general registers in the shared page whenever KVM_RUN returns: KVM_CAP_SYNC_REGS.
  func shareRegisters() { unsafe page.pointee.kvm_valid_regs = CKVM_SYNC_X86_REGS }

  /// The instruction pointer that the last KVM_RUN left in the shared page; 0 where it leaves none.
  @inlinable
  public var instructionPointer: UInt64 {
    unsafe UnsafeRawPointer(page).load(fromByteOffset: Int(CKVM_RUN_RIP_OFFSET), as: UInt64.self)
  }

  /// This vCPU's own counters: KVM_GET_STATS_FD.
  public func statistics() throws(KVMError) -> Statistics {
    try Statistics(of: descriptor)
  }
}
