import Devices
import Glibc
import GuestRAM
import Platform

/// A source of random bytes (virtio 1.2, section 5.4): the host's, from getrandom(2).
package final class EntropyDevice: VirtioDevice, @unchecked Sendable {
  /// The most entries of its queue.
  package static let queueSize: UInt16 = 64
  /// Bytes of one answer at the most; a driver takes what it gets (section 5.4.6.2), and asks again.
  package static let answerLimit = 4096

  package let kind: UInt32 = 4
  package let features: UInt64 = 0
  package let queueSizes = [EntropyDevice.queueSize]
  private let id: DeviceID
  private let observer: any DeviceObserver
  private let stamps: KickStamps?
  /// Signalled where requests were left for the device's loop.
  private let left: EventFD
  // Accessed under the device's lock.
  private var chain = DescriptorChain()

  /// Makes a source.
  ///
  /// - Parameter stamps: where its guest leaves time stamps; nil where it leaves none.
  package init(id: DeviceID, stamps: KickStamps? = nil, observer: any DeviceObserver) throws(Errno) {
    self.stamps = stamps
    self.id = id
    self.observer = observer
    left = try EventFD()
  }

  package var sources: [DeviceSource] { [DeviceSource(queues: 0..<1, arrival: left.descriptor.raw)] }

  package func readConfiguration(offset: UInt32, size: Int) -> UInt64 { 0 }

  package func start(features: UInt64) {}

  package func reset(by thread: ThreadContext) { _ = left.consume() }

  package func handle(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    var budget = Int(queue.maximumSize)
    repeat {
      queue.suspendKicks(memory)
      while queue.pop(into: &chain, memory) {
        answer(&queue, index, memory, by: thread)
        budget -= 1
        // A guest that asks as fast as it is answered must not keep this thread from others' work.
        guard budget > 0 else { return left.signal() }
      }
    } while queue.resumeKicks(memory)
  }

  package func collect(
    source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {
    guard left.consume() > 0 else { return }
    handle(&queues[0], index: 0, memory: memory, by: thread)
  }

  private func answer(
    _ queue: inout Virtqueue, _ index: Int, _ memory: GuestMemory, by thread: ThreadContext
  ) {
    let wanted = min(chain.writableLength, UInt64(EntropyDevice.answerLimit))
    guard wanted > 0 else { return queue.fail(.request("no place for random bytes")) }
    let request = DeviceRequest(device: id, queue: UInt16(index), id: queue.taken &- 1, kind: .entropy)
    stamps?.tell(observer, request, head: chain.head, memory, by: thread)
    observer.requestBegan(request, bytes: UInt32(wanted), by: thread)
    observer.backendSubmitted(request, .random, bytes: UInt32(wanted), by: thread)
    var written = 0
    var isWhole = true
    // The buffers were in RAM when the chain was read, and RAM stays. What getrandom(2) did not give is not said to be there.
    try? DescriptorChain.pieces(of: chain.writable, skipping: 0, count: wanted) {
      (address, count) throws(GuestMemoryError) in
      let bytes = try memory.hostBytes(at: address, count: count)
      isWhole = isWhole && HostRandom.fill(bytes)
      memory.wasFilled(bytes)
      if isWhole { written += count }
    }
    let isAll = UInt64(written) == wanted
    observer.backendCompleted(request, status: isAll ? 0 : UInt16(EIO), by: thread)
    queue.push(head: chain.head, written: UInt32(written), memory)
    observer.requestEnded(request, status: isAll ? 0 : 1, by: thread)
  }
}
