import CKVM
import CTestGuests
import Engine
import Testing

@testable import KVM

@Suite("The ring of writes that KVM keeps")
struct CoalescedRingTests {
  private final class Page {
    let ring: UnsafeMutablePointer<ckvm_coalesced_ring>

    init() {
      ring = .allocate(capacity: 1)
      ring.initialize(to: ckvm_coalesced_ring())
    }
    deinit { ring.deallocate() }

    /// Puts an entry where KVM would.
    func put(_ entry: kvm_coalesced_mmio) {
      withUnsafeMutableBytes(of: &ring.pointee.entries) { entries in
        entries.bindMemory(to: kvm_coalesced_mmio.self)[Int(ring.pointee.last)] = entry
      }
      ring.pointee.last = (ring.pointee.last + 1) % CKVM_COALESCED_ENTRIES
    }

    func take() -> (isWhole: Bool, writes: [CoalescedWrite]) {
      var writes: [CoalescedWrite] = []
      let isWhole = CoalescedRing(ring).take { writes.append($0) }
      return (isWhole, writes)
    }
  }

  private func entry(_ address: UInt64, _ size: UInt32, pio: UInt32 = 1) -> kvm_coalesced_mmio {
    var entry = kvm_coalesced_mmio()
    entry.phys_addr = address
    entry.len = size
    entry.pio = pio
    // As behind a shorter write: bytes of another.
    entry.data = (0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88)
    return entry
  }

  @Test("Writes come out in order, around the end, each with its own bytes and no others")
  func order() {
    let page = Page()
    #expect(CKVM_COALESCED_ENTRIES == 170)
    for round in 0..<5 as Range<UInt64> {
      for index in 0..<100 as Range<UInt64> {
        page.put(entry(100 * round + index, UInt32(index % 8) + 1, pio: UInt32(index % 2)))
      }
      #expect(!CoalescedRing(page.ring).isEmpty)
      let (isWhole, writes) = page.take()
      #expect(isWhole && CoalescedRing(page.ring).isEmpty)
      #expect(writes.map(\.address) == (0..<100).map { 100 * round + $0 })
      for (index, write) in writes.enumerated() {
        let size = index % 8 + 1
        let all: UInt64 = 0x8877_6655_4433_2211
        #expect(write.size == size && write.isPort == (index % 2 == 1))
        #expect(write.value == all & (size == 8 ? .max : (1 << (8 * UInt64(size))) - 1))
      }
    }
  }

  @Test("A ring that KVM would not make is not read", arguments: [170, 171, 1 << 31, UInt32.max])
  func hostileIndices(index: UInt32) {
    for change in [{ $0.first = index }, { $0.last = index }] as [(inout ckvm_coalesced_ring) -> Void] {
      let page = Page()
      page.put(entry(1, 1))
      change(&page.ring.pointee)
      let (isWhole, writes) = page.take()
      #expect(!isWhole && writes.isEmpty)
    }
  }

  @Test("Nor an entry", arguments: [(0, 1), (9, 1), (.max, 0), (4, 2), (4, .max)] as [(UInt32, UInt32)])
  func hostileEntries(size: UInt32, pio: UInt32) {
    let page = Page()
    page.put(entry(7, 2))
    page.put(entry(8, size, pio: pio))
    page.put(entry(9, 2))
    let (isWhole, writes) = page.take()
    #expect(!isWhole && writes.map(\.address) == [7])
    // And it stays where it is.
    #expect(page.ring.pointee.first == 1)
  }

  @Test("KVM keeps what is in a range, in order, and nothing else", .enabled(if: kvmIsUsable, kvmReason))
  func kept() throws {
    let guest = try BareGuest(exeunt_test_image_kicks(), keepsWrites: true)
    try guest.machine.coalesce(CoalescedRange(isPort: true, start: 0x600, length: 2))
    try guest.machine.coalesce(CoalescedRange(isPort: false, start: 0x20000, length: 4))
    #expect(guest.vcpu.hasNoCoalescedWrites)
    let exits = try guest.runToHalt()
    // Four bytes do not fit into a range of two.
    #expect(exits == [.out(0x600, size: 4, [5, 0, 0, 0]), .out(0x600, size: 4, [6, 0, 0, 0])])
    #expect(!guest.vcpu.hasNoCoalescedWrites)
    var writes: [CoalescedWrite] = []
    #expect(guest.vcpu.takeCoalescedWrites { writes.append($0) })
    #expect(guest.vcpu.hasNoCoalescedWrites)
    func write(_ isPort: Bool, _ size: Int, _ value: UInt64) -> CoalescedWrite {
      CoalescedWrite(isPort: isPort, address: isPort ? 0x600 : 0x20000, size: size, value: value)
    }
    #expect(
      writes == [
        write(false, 4, 5), write(false, 4, 6), write(true, 2, 5), write(false, 2, 5), write(true, 1, 5),
        write(false, 1, 5),
      ])
  }
}
