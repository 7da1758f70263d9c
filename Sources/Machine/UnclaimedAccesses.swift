/// An address that no device claims, and how often it was accessed.
package struct UnclaimedAccess: Sendable, Equatable {
  /// Whether it is a port; else it is a guest physical address.
  package let isPort: Bool
  /// The address.
  package let address: UInt64
  /// Accesses, reads and writes; each element of a string instruction is one, however KVM bundles them into exits.
  package let count: UInt64
}

/// Counts accesses that no device claims, by address, in a table of fixed size: a guest that scans its ports costs no
/// memory. Each vCPU has its own.
struct UnclaimedAccesses {
  private static let capacity = 256
  private static let probes = 8

  private struct Slot {
    var key: UInt64 = 0
    var count: UInt64 = 0
  }

  private var slots = [Slot](repeating: Slot(), count: capacity)
  /// Accesses at addresses that found no slot.
  private(set) var elsewhere: UInt64 = 0

  /// Counts accesses. Guest physical addresses have at most 52 bits, so bit 63 can tell ports apart.
  mutating func count(isPort: Bool, address: UInt64, times: UInt64 = 1) {
    let key = address | (isPort ? 1 << 63 : 0)
    var index = Int((key &* 0x9e37_79b9_7f4a_7c15) >> 56)
    for _ in 0..<UnclaimedAccesses.probes {
      if slots[index].count == 0 || slots[index].key == key {
        slots[index].key = key
        slots[index].count += times
        return
      }
      index = (index + 1) % UnclaimedAccesses.capacity
    }
    elsewhere += times
  }

  /// The sums over several vCPUs, most frequent first.
  static func merge(_ tables: [UnclaimedAccesses]) -> (accesses: [UnclaimedAccess], elsewhere: UInt64) {
    var sums: [UInt64: UInt64] = [:]
    for table in tables {
      for slot in table.slots where slot.count > 0 { sums[slot.key, default: 0] += slot.count }
    }
    let accesses = sums.map { key, count in
      UnclaimedAccess(isPort: key >> 63 == 1, address: key & ~(1 << 63), count: count)
    }
    return (
      accesses.sorted { ($1.count, $0.address) < ($0.count, $1.address) },
      tables.reduce(0) { $0 + $1.elsewhere }
    )
  }
}
