import CKVM
import Engine
import Glibc
import Platform

/// A virtual CPU and the page that it shares with the kernel.
///
/// KVM expects one thread to issue the requests of a vCPU; another may do so only while the first does not.
public struct Vcpu: ~Copyable, @unchecked Sendable {
  /// Its number, from 0; also its local APIC's.
  public let id: UInt32
  let descriptor: FileDescriptor
  private let mapping: MemoryMapping

  init(id: UInt32, descriptor: consuming FileDescriptor, mappingSize: Int) throws(KVMError) {
    self.id = id
    mapping = try Vcpu.map(descriptor.raw, mappingSize, id)
    self.descriptor = descriptor
  }

  private static func map(_ raw: CInt, _ length: Int, _ id: UInt32) throws(KVMError) -> MemoryMapping {
    do {
      return try MemoryMapping(descriptor: raw, length: length)
    } catch {
      throw KVMError("mmap", error, purpose: "shared page of vCPU \(id)")
    }
  }

  /// The shared page. `KVMSystem` has checked that it is at least as large as `kvm_run`.
  var page: UnsafeMutablePointer<kvm_run> {
    mapping.base.assumingMemoryBound(to: kvm_run.self)
  }

  /// Enters the guest until something needs the VMM: KVM_RUN.
  ///
  /// - Returns: why the guest left. A signal or `requestImmediateExit` is `.interrupted`.
  @inline(__always)
  public func run() -> VcpuExit {
    let result = ckvm_ioctl(descriptor.raw, CKVM_RUN, 0)
    if result < 0 {
      let error = CInt(-result)
      // EAGAIN: the vCPU waits for INIT and SIPI and was woken by a signal.
      if error == EINTR || error == EAGAIN { return .interrupted }
      // KVM answers EFAULT with a reason where guest memory could not be reached; the reason says more.
      return .failed(Errno(rawValue: error))
    }
    return VcpuExit(page: page, mappingSize: mapping.length)
  }

  /// Makes the current KVM_RUN, or the next one, return at once with `.interrupted`, after completing the access
  /// that the last exit was about (`kvm_run.immediate_exit`). From any thread; to interrupt a KVM_RUN that is under
  /// way its thread must be sent a signal afterwards.
  public func requestImmediateExit() { ckvm_set_immediate_exit(page, 1) }

  /// Takes that back. By the vCPU's own thread, before it looks at what was asked of it.
  public func clearImmediateExit() { ckvm_set_immediate_exit(page, 0) }

  /// This vCPU's own counters: KVM_GET_STATS_FD.
  public func statistics() throws(KVMError) -> Statistics {
    try Statistics(of: descriptor)
  }
}
