import Devices
import GuestRAM
import Platform

/// A network interface (virtio 1.2, section 5.1) with one pair of queues or several.
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
    /// VIRTIO_NET_F_CTRL_VQ: there is a queue for commands.
    package static let control: UInt64 = 1 << 17
    /// VIRTIO_NET_F_MQ: there may be several pairs of queues.
    package static let multipleQueues: UInt64 = 1 << 22

    static let offloads =
      checksum | guestChecksum | guestSegmentation4 | guestSegmentation6 | guestCongestion | hostSegmentation4
      | hostSegmentation6 | hostCongestion
  }

  /// Bytes in front of each packet (section 5.1.6).
  package static let headerLength = 12
  /// The most entries of each queue with packets.
  package static let queueSize: UInt16 = 256
  /// The most entries of the control queue.
  package static let controlQueueSize: UInt16 = 64

  /// The number in the trace.
  package let id: DeviceID
  package let kind: UInt32 = 1
  package let features: UInt64
  package let queueSizes: [UInt16]
  private let backend: any PacketBackend
  private let configuration: [UInt8]
  private let pairs: [NetQueuePair]
  // Everything below is accessed under the device's lock.
  private var chain = DescriptorChain()
  /// The control queue's number (section 5.1.2); nil where the driver has not agreed on one.
  private var controlQueue: Int?
  private var isStarted = false
  /// How many pairs of queues the driver may use.
  private var usablePairs = 1
  /// Whether the control queue may hold commands for which no kick will come.
  private var isUnfinished = false

  /// What keeps packets from being moved now, and what to do about it; nil where nothing is known to.
  package var notice: String? { backend.notice }

  /// Makes an interface with as many pairs of queues as its backend has.
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
    var pairs: [NetQueuePair] = []
    for index in 0..<backend.pairs {
      pairs.append(try NetQueuePair(index, of: id, backend, stamps: stamps, observer: observer))
    }
    self.pairs = pairs
    let hasSeveral = pairs.count > 1
    queueSizes =
      Array(repeating: NetDevice.queueSize, count: 2 * pairs.count)
      + (hasSeveral ? [NetDevice.controlQueueSize] : [])
    features =
      Feature.address | Feature.status | Feature.mergedBuffers
      | (backend.hasOffloads ? Feature.offloads : 0)
      | (hasSeveral ? Feature.control | Feature.multipleQueues : 0)
    // Section 5.1.4: mac, status with VIRTIO_NET_S_LINK_UP, max_virtqueue_pairs; the rest belongs to features that are not
    // there.
    configuration = address + [1, 0] + (hasSeveral ? [UInt8(pairs.count), 0] : [])
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
    usablePairs = features & Feature.multipleQueues != 0 ? pairs.count : 1
    controlQueue = features & Feature.control != 0 ? 2 * usablePairs : nil
    for pair in pairs { pair.start(features: features) }
    backend.accept(PacketOffloads(features))
    // A driver with several says how many it uses once it is ready (section 5.1.5).
    pairs[0].setActive(true)
  }

  package func reset(by thread: ThreadContext) {
    if isStarted {
      if usablePairs > 1 { backend.use(pairs: 1) }
      backend.accept([])
    }
    isStarted = false
    usablePairs = 1
    controlQueue = nil
    isUnfinished = false
    for pair in pairs { pair.reset(by: thread) }
  }

  /// One for each pair; the first one's loop serves the control queue, too.
  package var sources: [DeviceSource] {
    pairs.indices.map {
      DeviceSource(
        queues: $0 == 0 ? 0..<queueSizes.count : 2 * $0..<2 * $0 + 2, arrival: pairs[$0].arrival,
        packets: backend.descriptor(pair: $0))
    }
  }

  package func interest(source: Int) -> Readiness { pairs[source].interest }

  /// What happened to packets that did not arrive.
  package var losses: PacketLosses {
    var losses = pairs.reduce(into: PacketLosses()) { $0.merge($1.losses) }
    losses.keptWaiting = backend.keptWaiting
    return losses
  }

  // MARK: Queues

  package func handle(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if index == controlQueue { return obey(&queue, memory) }
    // Queues of pairs that were not agreed on are nobody's.
    guard index < 2 * usablePairs else { return }
    let pair = pairs[index / 2]
    if index == pair.transmitQueue { pair.transmit(&queue, memory, by: thread) } else { pair.buffersAdded() }
  }

  package func collect(
    source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {
    pairs[source].move(&queues, memory, by: thread)
    if source == 0, isUnfinished, let controlQueue { obey(&queues[controlQueue], memory) }
  }

  // MARK: Commands

  private func obey(_ queue: inout Virtqueue, _ memory: GuestMemory) {
    isUnfinished = false
    var budget = Int(queue.maximumSize)
    repeat {
      queue.suspendKicks(memory)
      while queue.pop(into: &chain, memory) {
        do {
          let command = try NetControl(chain, memory)
          // The place was in RAM when the chain was read, and RAM stays.
          try? memory.write(answer(command).rawValue, at: command.answer, .little)
        } catch {
          return queue.fail(error)
        }
        queue.push(head: chain.head, written: 1, memory)
        budget -= 1
        // A guest that commands as fast as it is obeyed must not keep this thread from others' work.
        guard budget > 0 else {
          isUnfinished = true
          return pairs[0].wake()
        }
      }
    } while queue.resumeKicks(memory)
  }

  private func answer(_ command: NetControl) -> NetControl.Answer {
    guard case .usePairs(let count) = command.command, (1...usablePairs).contains(count),
      backend.use(pairs: count)
    else { return .error }
    for (index, pair) in pairs.enumerated() { pair.setActive(index < count) }
    return .ok
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
