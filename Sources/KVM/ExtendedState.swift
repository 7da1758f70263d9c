import CKVM
import Platform

extension KVMVcpu {
  /// Reads MXCSR and which of its bits there are, and sets it: KVM_GET_XSAVE, KVM_SET_XSAVE. (KVM_GET_FPU has a field for it
  /// and leaves it alone.)
  ///
  /// - Parameter change: is given the register and the mask of its bits; what it returns is set, unless that is nil.
  func withMediaControl(
    _ change: (_ value: UInt32, _ mask: UInt32) throws -> UInt32?
  ) throws {
    // Both requests touch 4096 bytes (struct kvm_xsave): the layout of XSAVE (Intel SDM volume 1, section 13.4), of which
    // the first 32 bytes are FXSAVE's and those from 512 on say which parts are there.
    let count = 1024
    let area = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    defer { unsafe area.deallocate() }
    unsafe area.initialize(repeating: 0, count: count)
    try unsafe Request("KVM_GET_XSAVE", CKVM_GET_XSAVE)(descriptor, at: area)
    let (value, mask) = unsafe (area[6], area[7])
    // A processor that leaves the mask zero has all bits but 6 (section 11.6.6).
    guard let new = try change(value, mask == 0 ? 0xffbf : mask) else { return }
    unsafe area[6] = new
    // MXCSR is taken only with the SSE part.
    unsafe area[128] |= 2
    try unsafe Request("KVM_SET_XSAVE", CKVM_SET_XSAVE)(descriptor, at: area)
  }
}
