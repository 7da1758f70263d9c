import Devices
import Glibc
import GuestRAM
import Platform

/// A network interface (virtio 1.2, section 5.1) with one pair of queues.
///
/// Packets are sent straight from guest RAM. Received ones pass through a buffer of the device, since how many of the
/// driver's buffers a packet needs is known only when it is there.
package final class NetDevice: VirtioDevice, @unchecked Sendable {
  /// Feature bits (section 5.1.3).
  package enum Feature {
    /// VIRTIO_NET_F_CSUM: the driver may leave checksums to the device.
    package static let checksum: UInt64 = 1 << 0
    /// VIRTIO_NET_F_GUEST_CSUM.
    package static let guestChecksum: UInt64 = 1 << 1
    /// VIRTIO_NET_F_MAC.
    package static let address: UInt64 = 1 << 5
    /// VIRTIO_NET_F_GUEST_TSO4.
    package static let guestSegmentation4: UInt64 = 1 << 7
    /// VIRTIO_NET_F_GUEST_TSO6.
    package static let guestSegmentation6: UInt64 = 1 << 8
    /// VIRTIO_NET_F_GUEST_ECN.
    package static let guestCongestion: UInt64 = 1 << 9
    /// VIRTIO_NET_F_HOST_TSO4: the driver may leave segmentation to the device.
    package static let hostSegmentation4: UInt64 = 1 << 11
    /// VIRTIO_NET_F_HOST_TSO6.
    package static let hostSegmentation6: UInt64 = 1 << 12
    /// VIRTIO_NET_F_HOST_ECN.
    package static let hostCongestion: UInt64 = 1 << 13
    /// VIRTIO_NET_F_MRG_RXBUF: a received packet may fill several buffers.
    package static let mergedBuffers: UInt64 = 1 << 15
    /// VIRTIO_NET_F_STATUS.
    package static let status: UInt64 = 1 << 16

    static let offloads =
      checksum | guestChecksum | guestSegmentation4 | guestSegmentation6 | guestCongestion | hostSegmentation4
      | hostSegmentation6 | hostCongestion
  }

  /// Bytes in front of each packet (section 5.1.6).
  package static let headerLength = 12
  /// The most entries of each queue.
  package static let queueSize: UInt16 = 256
  /// The numbers of the queues (section 5.1.2).
  package static let receiveQueue = 0
  package static let transmitQueue = 1

  /// The number in the trace.
  package let id: DeviceID
  package let kind: UInt32 = 1
  package let features: UInt64
  package let queueSizes = [NetDevice.queueSize, NetDevice.queueSize]
  private let backend: any PacketBackend
  private let observer: any DeviceObserver
  private let stamps: KickStamps?
  private let configuration: [UInt8]
  /// Signalled when the loop has to look at `interest` again, or to go on with what is unfinished.
  private let wakeup: EventFD
  // Everything below is accessed under the device's lock.
  private var isStarted = false
  private var hasGuestChecksum = false
  private var receiver = PacketReceiver()
  private var chain = DescriptorChain()
  private var vectors: [iovec] = []
  /// Whether `chain` waits for room, and of which generation of its queue it is.
  private var isBlocked = false
  private var generation: UInt32 = 0
  /// Whether the transmit queue may hold packets for which no kick will come.
  private var isUnfinished = false
  /// What happened to packets that did not arrive.
  package private(set) var losses = PacketLosses()

  /// Makes an interface.
  ///
  /// - Parameters:
  ///   - address: the Ethernet address, 6 bytes.
  ///   - stamps: where its guest leaves time stamps of packets that it sends; nil where it leaves none.
  package init(
    id: DeviceID, _ backend: any PacketBackend, address: [UInt8], stamps: KickStamps? = nil,
    observer: any DeviceObserver
  ) throws(Errno) {
    precondition(address.count == 6)
    self.id = id
    self.backend = backend
    self.observer = observer
    self.stamps = stamps
    wakeup = try EventFD()
    features =
      Feature.address | Feature.status | Feature.mergedBuffers
      | (backend.hasOffloads ? Feature.offloads : 0)
    // Section 5.1.4: mac, status with VIRTIO_NET_S_LINK_UP; the rest belongs to features that are not there.
    configuration = address + [1, 0]
  }

  package func readConfiguration(offset: UInt32, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<size where Int(offset) + index < configuration.count {
      value |= UInt64(configuration[Int(offset) + index]) << (8 * UInt64(index))
    }
    return value
  }

  package func start(features: UInt64) {
    isStarted = true
    hasGuestChecksum = features & Feature.guestChecksum != 0
    receiver.mergesBuffers = features & Feature.mergedBuffers != 0
    backend.accept(PacketOffloads(features))
    wakeup.signal()
  }

  package func reset() {
    if isStarted { backend.accept([]) }
    isStarted = false
    hasGuestChecksum = false
    isBlocked = false
    isUnfinished = false
    receiver.reset()
    wakeup.signal()
  }

  package var sources: [DeviceSource] {
    [DeviceSource(queues: 0..<2, arrival: wakeup.descriptor.raw, packets: backend.descriptor)]
  }

  /// Packets as long as there are buffers for them, and room where one waits for it.
  package func interest(source: Int) -> Readiness {
    guard isStarted, !losses.isGone else { return [] }
    let packets: Readiness = receiver.isStarved ? [] : .input
    return isBlocked ? packets.union(.output) : packets
  }

  // MARK: Queues

  package func handle(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if index == NetDevice.transmitQueue { return transmit(&queue, memory, by: thread) }
    // The loop is told that there are buffers again: packets are received there alone.
    guard receiver.isStarved else { return }
    receiver.isStarved = false
    wakeup.signal()
  }

  package func collect(
    source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {
    _ = wakeup.consume()
    guard isStarted else { return }
    if isBlocked || isUnfinished { transmit(&queues[NetDevice.transmitQueue], memory, by: thread) }
    receive(&queues[NetDevice.receiveQueue], memory, by: thread)
  }

  // MARK: Sending

  private func transmit(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    isUnfinished = false
    if isBlocked {
      isBlocked = false
      if queue.generation == generation { send(&queue, memory, by: thread) }
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
        let subject = subject(NetDevice.transmitQueue, queue.taken &- 1, .transmit)
        stamps?.tell(observer, subject, head: chain.head, memory, by: thread)
        observer.requestBegan(
          subject, bytes: UInt32(clamping: length - UInt64(NetDevice.headerLength)), by: thread)
        send(&queue, memory, by: thread)
        if isBlocked {
          // The loop waits for room, and the driver's kicks say nothing meanwhile.
          return wakeup.signal()
        }
        guard budget > 0 else {
          isUnfinished = true
          return wakeup.signal()
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
    var status: UInt8 = 1
    if isWhole {
      switch vectors.withUnsafeMutableBufferPointer({ backend.send($0) }) {
      case .done: status = 0
      case .notNow:
        isBlocked = true
        generation = queue.generation
        return
      case .failed(let error): losses.refused(error)
      }
    }
    queue.push(head: chain.head, written: 0, memory)
    observer.requestEnded(
      subject(NetDevice.transmitQueue, queue.taken &- 1, .transmit), status: status, by: thread)
  }

  // MARK: Receiving

  private func receive(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    queue.suspendKicks(memory)
    var budget = Int(queue.maximumSize)
    while budget > 0, !losses.isGone {
      budget -= 1
      if !receiver.holdsPacket {
        switch backend.receive(into: receiver.buffer) {
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
        let subject = subject(NetDevice.receiveQueue, number, .receive)
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

extension PacketOffloads {
  /// What a driver has agreed to take.
  fileprivate init(_ features: UInt64) {
    self = []
    typealias Feature = NetDevice.Feature
    // Section 5.1.3.1: segmentation needs checksums.
    guard features & Feature.guestChecksum != 0 else { return }
    insert(.checksum)
    if features & Feature.guestSegmentation4 != 0 { insert(.segmentation4) }
    if features & Feature.guestSegmentation6 != 0 { insert(.segmentation6) }
    if features & Feature.guestCongestion != 0, contains(.segmentation4) || contains(.segmentation6) {
      insert(.congestion)
    }
  }
}

/// Packets that did not arrive, for whoever runs the machine.
package struct PacketLosses: Sendable {
  private var refusals: UInt64 = 0
  private var refusal: Errno?
  private var end: Errno?
  /// Packets for the guest that its buffers were too small for.
  package internal(set) var tooLarge: UInt64 = 0

  /// Whether there is nothing to receive from any more.
  package var isGone: Bool { end != nil }

  mutating func refused(_ error: Errno) {
    refusals += 1
    if refusal == nil { refusal = error }
  }

  mutating func gone(_ error: Errno) { end = error }

  /// One line for each kind of loss.
  package var texts: [String] {
    var texts: [String] = []
    if let refusal {
      texts.append(
        "\(refusals) packet\(refusals == 1 ? "" : "s") of the guest could not be sent, the first because of: \(refusal)"
      )
    }
    if tooLarge > 0 {
      texts.append(
        "\(tooLarge) packet\(tooLarge == 1 ? "" : "s") for the guest did not fit into its receive buffers")
    }
    if let end { texts.append("nothing could be received any more: \(end)") }
    return texts
  }
}
