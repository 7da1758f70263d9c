import CKVM
import Engine
import Platform

/// The ring of writes that KVM has kept (Documentation/virt/kvm/api.rst, KVM_(UN)REGISTER_COALESCED_MMIO): one for the machine,
/// mapped behind the shared page of each of its vCPUs. KVM appends to it under a lock of its own, and a write for which
/// there is no room exits. The kernel is not trusted: no index or size of its own is used before it was compared.
@safe @usableFromInline struct CoalescedRing {
  @usableFromInline let page: UnsafeMutablePointer<ckvm_coalesced_ring>

  /// - Parameter page: mapped as long as this is used.
  init(_ page: UnsafeMutablePointer<ckvm_coalesced_ring>) { unsafe self.page = page }

  /// Whether all writes have been taken, and whoever took them is done with them. From any thread.
  @inlinable
  var isEmpty: Bool { unsafe ckvm_coalesced_first(page) == ckvm_coalesced_last(page) }

  /// Hands out the writes that are there now, oldest first. One thread at a time.
  ///
  /// - Returns: false where the ring is none that KVM makes; it is left as it is from there on.
  @usableFromInline
  func take(_ body: (CoalescedWrite) -> Void) -> Bool {
    var first = unsafe ckvm_coalesced_first(page)
    // Looked at once: what other vCPUs append meanwhile is for the next exit, or this one might never end.
    let last = unsafe ckvm_coalesced_last(page)
    guard first < CKVM_COALESCED_ENTRIES, last < CKVM_COALESCED_ENTRIES else { return false }
    while first != last {
      guard let write = unsafe CoalescedWrite(ckvm_coalesced_entry(page, first)) else { return false }
      body(write)
      first = first == CKVM_COALESCED_ENTRIES - 1 ? 0 : first + 1
      // Only now: who finds the ring empty takes it that all writes were carried out.
      unsafe ckvm_coalesced_give_back(page, first)
    }
    return true
  }
}

extension KVMVirtualMachine {
  /// Keeps writes to a range: KVM_REGISTER_COALESCED_MMIO.
  public func coalesce(_ range: CoalescedRange) throws {
    var zone = kvm_coalesced_mmio_zone()
    zone.addr = range.start
    zone.size = range.length
    zone.pio = range.isPort ? 1 : 0
    try Request("KVM_REGISTER_COALESCED_MMIO", CKVM_REGISTER_COALESCED_MMIO)(descriptor, &zone)
  }
}

extension KVMVcpu {
  /// Whether the machine's ring is empty, or there is none.
  @inlinable
  public var hasNoCoalescedWrites: Bool { ring?.isEmpty ?? true }

  /// Hands out what is in the machine's ring.
  @inlinable
  public func takeCoalescedWrites(_ body: (CoalescedWrite) -> Void) -> Bool { ring?.take(body) ?? true }
}

extension CoalescedWrite {
  /// An entry of the ring; nil where it is none that KVM makes.
  fileprivate init?(_ entry: kvm_coalesced_mmio) {
    guard entry.len >= 1, entry.len <= 8, entry.pio <= 1 else { return nil }
    let bytes = unsafe withUnsafeBytes(of: entry.data) { unsafe $0.loadUnaligned(as: UInt64.self) }
    let size = Int(entry.len)
    // Bytes behind those that were written are of an earlier entry.
    let mask: UInt64 = size == 8 ? .max : (1 << (8 * UInt64(size))) - 1
    self.init(
      isPort: entry.pio != 0, address: entry.phys_addr, size: size, value: UInt64(littleEndian: bytes) & mask)
  }
}
