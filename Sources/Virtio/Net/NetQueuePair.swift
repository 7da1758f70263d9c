import Devices
import Glibc
import GuestRAM
import Platform

/// A pair of a network interface's queues (virtio 1.2, section 5.1.2): packets on their way in both directions.
///
/// All calls come one at a time, under the device's lock.
final class NetQueuePair {
  private let index: Int
  private let id: DeviceID
  private let backend: any PacketBackend
  private let observer: any DeviceObserver
  private let stamps: KickStamps?
  /// Signalled when the loop has to look at `interest` again, or to go on with what is unfinished.
  private let wakeup: EventFD
  /// Whether it is signalled. Most wake-ups are about packets, and spared a system call that finds nothing.
  private var isSignalled = false
  /// Whether the driver uses it.
  private var isActive = false
  private var hasGuestChecksum = false
  private var receiver = PacketReceiver()
  private var chain = DescriptorChain()
  private var vectors: [iovec] = []
  /// Whether `chain` waits for room, and of which generation of its queue it is.
  private var isBlocked = false
  private var generation: UInt32 = 0
  /// The number of the request in `chain`.
  private var number: UInt32 = 0
  /// Whether the transmit queue may hold packets for which no kick will come.
  private var isUnfinished = false
  /// What happened to packets that did not arrive.
  private(set) var losses = PacketLosses()

  init(
    _ index: Int, of id: DeviceID, _ backend: any PacketBackend, stamps: KickStamps?,
    observer: any DeviceObserver
  ) throws(Errno) {
    self.index = index
    self.id = id
    self.backend = backend
    self.observer = observer
    self.stamps = stamps
    wakeup = try EventFD()
  }

  /// The number of the queue with buffers for what is received, and of that with what is sent.
  var receiveQueue: Int { 2 * index }
  var transmitQueue: Int { 2 * index + 1 }

  /// Can be read when there is something to `move` beside packets.
  var arrival: CInt { wakeup.descriptor.raw }

  /// What is waited for: packets as long as there are buffers for them, and room where one waits for it.
  var interest: Readiness {
    guard isActive, !losses.isGone else { return [] }
    let packets: Readiness = receiver.isStarved ? [] : .input
    return isBlocked ? packets.union(.output) : packets
  }

  /// The driver is ready, and has agreed on this.
  func start(features: UInt64) {
    hasGuestChecksum = features & NetDevice.Feature.guestChecksum != 0
    receiver.mergesBuffers = features & NetDevice.Feature.mergedBuffers != 0
  }

  /// Begins to be used, or is used no more.
  func setActive(_ isActive: Bool) {
    guard isActive != self.isActive else { return }
    self.isActive = isActive
    wake()
  }

  func reset(by thread: ThreadContext) {
    if isBlocked { giveUp(by: thread) }
    isActive = false
    hasGuestChecksum = false
    isBlocked = false
    isUnfinished = false
    receiver.reset()
    wake()
  }

  /// Has the loop go on with it.
  func wake() {
    isSignalled = true
    wakeup.signal()
  }

  /// There are new buffers for what is received.
  func buffersAdded() {
    // The loop is told that there are buffers again: packets are received there alone.
    guard receiver.isStarved else { return }
    receiver.isStarved = false
    wake()
  }

  /// What the pair's loop does when it is woken up.
  func move(_ queues: inout [Virtqueue], _ memory: GuestMemory, by thread: ThreadContext) {
    if isSignalled {
      isSignalled = false
      _ = wakeup.consume()
    }
    guard isActive else { return }
    if isBlocked || isUnfinished { transmit(&queues[transmitQueue], memory, by: thread) }
    receive(&queues[receiveQueue], memory, by: thread)
    // Nothing will tell of room any more: what waits for it is refused.
    if losses.isGone, isBlocked { transmit(&queues[transmitQueue], memory, by: thread) }
  }

  // MARK: Sending

  /// Sends what the driver has added.
  func transmit(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    // A driver that adds packets too early finds them sent when it begins to use the pair.
    isUnfinished = !isActive
    guard isActive else { return }
    if isBlocked {
      isBlocked = false
      if queue.canComplete(generation) { send(&queue, memory, by: thread) } else { giveUp(by: thread) }
      if isBlocked { return }
    }
    var budget = Int(queue.maximumSize)
    repeat {
      queue.suspendKicks(memory)
      while queue.pop(into: &chain, memory) {
        // A guest that sends as fast as the host takes it must not keep this thread from others' work.
        budget -= 1
        let length = chain.readableLength
        guard length >= UInt64(NetDevice.headerLength) else {
          return queue.fail(.request("a packet that is shorter than its header"))
        }
        number = queue.taken &- 1
        stamps?.tell(observer, sent, head: chain.head, memory, by: thread)
        let bytes = UInt32(clamping: length - UInt64(NetDevice.headerLength))
        observer.requestBegan(sent, bytes: bytes, by: thread)
        observer.backendSubmitted(sent, .send, bytes: bytes, by: thread)
        send(&queue, memory, by: thread)
        if isBlocked {
          // The loop waits for room, and the driver's kicks say nothing meanwhile.
          return wake()
        }
        guard budget > 0 else {
          isUnfinished = true
          return wake()
        }
      }
    } while queue.resumeKicks(memory)
  }

  /// Sends what is in `chain`, or leaves it there until there is room.
  private func send(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    vectors.removeAll(keepingCapacity: true)
    var isWhole = true
    for buffer in chain.readable {
      guard let bytes = try? memory.hostBytes(at: buffer.address, count: Int(buffer.length)) else {
        isWhole = false
        break
      }
      vectors.append(iovec(iov_base: bytes.baseAddress, iov_len: bytes.count))
    }
    var error = Errno.badAddress
    var isSent = false
    if isWhole {
      switch vectors.withUnsafeMutableBufferPointer({ backend.send($0, pair: index) }) {
      case .done: isSent = true
      case .notNow:
        isBlocked = true
        generation = queue.generation
        return
      case .failed(let refusal):
        error = refusal
        losses.refused(refusal)
      }
    }
    observer.backendCompleted(sent, status: isSent ? 0 : UInt16(clamping: error.rawValue), by: thread)
    queue.push(head: chain.head, written: 0, memory)
    observer.requestEnded(sent, status: isSent ? 0 : 1, by: thread)
  }

  /// What waits for room is sent no more: its queue is gone.
  private func giveUp(by thread: ThreadContext) {
    observer.requestEnded(sent, status: DeviceRequest.givenUp, by: thread)
  }

  /// The request in `chain`.
  private var sent: DeviceRequest { subject(transmitQueue, number, .transmit) }

  // MARK: Receiving

  private func receive(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    queue.suspendKicks(memory)
    var budget = Int(queue.maximumSize)
    while budget > 0, !losses.isGone {
      budget -= 1
      if !receiver.holdsPacket {
        switch backend.receive(into: receiver.buffer, pair: index) {
        case .done(let count): receiver.take(count, keepsFlags: hasGuestChecksum)
        case .notNow: return
        case .failed(let error):
          losses.gone(error)
          return
        }
        guard receiver.holdsPacket else { continue }
      }
      switch receiver.findRoom(in: &queue, memory) {
      case .starved: return
      case .tooSmall: losses.tooLarge += 1
      case .enough(let number):
        let subject = subject(receiveQueue, number, .receive)
        observer.requestBegan(subject, bytes: receiver.byteCount, by: thread)
        receiver.deliver(to: &queue, memory)
        observer.requestEnded(subject, status: 0, by: thread)
      }
    }
  }

  private func subject(_ queue: Int, _ number: UInt32, _ kind: DeviceRequest.Kind) -> DeviceRequest {
    DeviceRequest(device: id, queue: UInt16(queue), id: number, kind: kind)
  }
}
