import CKVM
import Glibc
import Platform

/// /dev/kvm: what the kernel offers, and the way to make virtual machines.
public struct KVMSystem: ~Copyable {
  /// The API version that this code is written for; the kernel has answered 12 since 2007.
  public static let expectedAPIVersion = 12

  let descriptor: FileDescriptor
  /// The size of a vCPU's shared page, bytes: KVM_GET_VCPU_MMAP_SIZE.
  public let runMappingSize: Int
  /// The version that the kernel speaks: KVM_GET_API_VERSION.
  public let apiVersion: Int

  /// Opens the device.
  ///
  /// - Parameter path: the device's node.
  public init(path: String = "/dev/kvm") throws(KVMError) {
    let opened = try KVMSystem.open(path)
    let version = try Request("KVM_GET_API_VERSION", CKVM_GET_API_VERSION)(opened)
    let size = try Request("KVM_GET_VCPU_MMAP_SIZE", CKVM_GET_VCPU_MMAP_SIZE)(opened)
    guard size >= MemoryLayout<kvm_run>.size else {
      throw KVMError("KVM_GET_VCPU_MMAP_SIZE", .invalidArgument, purpose: "shared page of \(size) bytes")
    }
    apiVersion = version
    runMappingSize = size
    descriptor = opened
  }

  private static func open(_ path: String) throws(KVMError) -> FileDescriptor {
    do {
      return try FileDescriptor.open(path, O_RDWR)
    } catch {
      throw KVMError("open", error, purpose: path)
    }
  }

  /// Whether, or how much of, a capability is there: KVM_CHECK_EXTENSION on the system.
  ///
  /// - Returns: 0 where it is missing; else 1 or the capability's own number.
  public func check(_ capability: Capability) throws(KVMError) -> Int {
    try Request("KVM_CHECK_EXTENSION", CKVM_CHECK_EXTENSION)(descriptor, UInt(capability.rawValue))
  }

  /// The CPUID leaves that KVM can give a guest on this host: KVM_GET_SUPPORTED_CPUID.
  public func supportedCPUID() throws(KVMError) -> [kvm_cpuid_entry2] {
    let table = UnsafeMutablePointer<ckvm_cpuid>.allocate(capacity: 1)
    defer { unsafe table.deallocate() }
    unsafe table.initialize(to: ckvm_cpuid())
    unsafe table.pointee.nent = UInt32(CKVM_CPUID_CAPACITY)
    try unsafe Request("KVM_GET_SUPPORTED_CPUID", CKVM_GET_SUPPORTED_CPUID)(descriptor, at: table)
    // The table has no more than it has room for, whatever the kernel says.
    let count = unsafe min(Int(table.pointee.nent), Int(CKVM_CPUID_CAPACITY))
    return unsafe withUnsafeBytes(of: &table.pointee.entries) { entries in
      unsafe Array(entries.bindMemory(to: kvm_cpuid_entry2.self).prefix(count))
    }
  }

  /// Makes a virtual machine without memory, vCPUs or interrupt controllers: KVM_CREATE_VM.
  public func createVirtualMachine() throws(KVMError) -> KVMVirtualMachine {
    while true {
      do {
        let raw = try Request("KVM_CREATE_VM", CKVM_CREATE_VM)(descriptor)
        return KVMVirtualMachine(
          descriptor: FileDescriptor(owning: CInt(raw)), runMappingSize: runMappingSize)
      } catch {
        // The kernel gives up with EINTR when a signal arrives while it registers its MMU notifier.
        guard error.errno == .interrupted else { throw error }
      }
    }
  }
}
