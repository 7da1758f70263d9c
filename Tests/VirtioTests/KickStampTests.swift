import GuestRAM
import Testing
import Virtio

@Suite("Time stamps that a guest leaves of its requests")
struct KickStampTests {
  @Test("are found by queue and first descriptor; beyond the table and beyond RAM there are none")
  func table() throws {
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let stamps = KickStamps(table: GuestAddress(0x5000))
    try memory.write(UInt64(0x1122_3344_5566_7788), at: GuestAddress(0x5000 + 8 * 255), .little)
    try memory.write(UInt64(9), at: GuestAddress(0x5000 + 8 * 256), .little)
    #expect(stamps.stamp(queue: 0, head: 255, memory) == 0x1122_3344_5566_7788)
    #expect(stamps.stamp(queue: 1, head: 0, memory) == 9)
    #expect(stamps.stamp(queue: 0, head: 0, memory) == 0)
    // The next queue's is not taken for it.
    #expect(stamps.stamp(queue: 0, head: 256, memory) == 0)
    let edge = KickStamps(table: GuestAddress((1 << 20) - 8))
    try memory.write(UInt64(5), at: GuestAddress((1 << 20) - 8), .little)
    #expect(edge.stamp(queue: 0, head: 0, memory) == 5)
    #expect(edge.stamp(queue: 0, head: 1, memory) == 0)
    #expect(edge.stamp(queue: .max, head: 1, memory) == 0)
    #expect(KickStamps(table: GuestAddress(.max - 7)).stamp(queue: 3, head: 1, memory) == 0)
  }
}
