import Devices
import GuestRAM

/// Where a built-in guest leaves the time stamp counter of each request as it shows it to its device, just before the kick
/// (docs/guest-abi.md). Virtio has no place for that, and other guests leave none.
package struct KickStamps: Sendable, Equatable {
  /// Entries of each queue's part of the table, by the request's first descriptor.
  package static let entriesEachQueue: UInt64 = 256

  /// The table: 8 bytes for each entry.
  package let table: GuestAddress

  /// Names the table.
  package init(table: GuestAddress) { self.table = table }

  /// The stamp of a request; 0 where there is none.
  ///
  /// - Parameter head: the request's first descriptor.
  package func stamp(queue: Int, head: UInt16, _ memory: GuestMemory) -> UInt64 {
    guard UInt64(head) < KickStamps.entriesEachQueue else { return 0 }
    let entry = UInt64(truncatingIfNeeded: queue) &* KickStamps.entriesEachQueue &+ UInt64(head)
    return (try? memory.read(at: GuestAddress(table.value &+ 8 &* entry), .little)) ?? 0
  }

  /// Tells of a request's stamp, where there is one and somebody wants to know.
  ///
  /// - Parameter head: the request's first descriptor.
  func tell(
    _ observer: any DeviceObserver, _ request: DeviceRequest, head: UInt16, _ memory: GuestMemory,
    by thread: ThreadContext
  ) {
    guard observer.wantsKickStamps else { return }
    let stamp = stamp(queue: Int(request.queue), head: head, memory)
    if stamp != 0 { observer.kickStamp(request, timeStampCounter: stamp, by: thread) }
  }
}
