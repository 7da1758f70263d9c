/// KVM_EXIT_* that are told apart by name.
enum ExitReason {
  static let io: UInt64 = 2
  static let hlt: UInt64 = 5
  static let mmio: UInt64 = 6
  static let intr: UInt64 = 10
}

extension Key {
  /// The reason in the key of an ``ExitSite``.
  @inline(__always)
  var reason: UInt64 { high >> 8 & 0xff }
}
