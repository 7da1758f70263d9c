import GuestRAM

/// A received packet on its way into a driver's buffers (virtio 1.2, section 5.1.6.4), with the buffers that were taken for it.
struct PacketReceiver: ~Copyable {
  /// Whether a packet can be delivered.
  enum Room {
    /// There are buffers for it, the first of which has this number on its queue.
    case enough(first: UInt32)
    /// There are not enough; it is kept.
    case starved
    /// The driver's buffer is too small for it, and it is dropped.
    case tooSmall
  }

  /// The largest packet with its header: a segment of 64 KiB with all headers is less.
  private static let capacity = 17 << 12

  /// Where a packet is received to.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: PacketReceiver.capacity, alignment: 16)
  /// Whether a packet may fill several buffers.
  var mergesBuffers = false
  /// Whether a packet waits for buffers: nothing is to be received until the driver has added some.
  var isStarved = false
  private var length = 0
  /// Taken from the queue, for this packet or the next.
  private var chains: [DescriptorChain] = []
  private var room: UInt64 = 0
  private var firstNumber: UInt32 = 0
  /// The queue's, when they were taken.
  private var generation: UInt32 = 0
  private var spare: [DescriptorChain] = []

  init() { buffer.initializeMemory(as: UInt8.self, repeating: 0) }

  deinit { buffer.deallocate() }

  /// Whether there is a packet to be delivered.
  var holdsPacket: Bool { length > 0 }

  /// Forgets the packet, and the buffers of a queue that is no more.
  mutating func reset() {
    length = 0
    isStarved = false
    mergesBuffers = false
    release()
  }

  /// Accepts what was received into `buffer`; less than a header is no packet.
  ///
  /// - Parameter keepsFlags: whether the driver is told what the host knows of checksums.
  mutating func take(_ count: Int, keepsFlags: Bool) {
    length = count > NetDevice.headerLength ? min(count, buffer.count) : 0
    // VIRTIO_NET_HDR_F_NEEDS_CSUM and DATA_VALID belong to a feature; without it they are zero (section 5.1.6.4.1).
    if !keepsFlags { buffer[0] = 0 }
  }

  /// Bytes of the packet without its header.
  var byteCount: UInt32 { UInt32(length - NetDevice.headerLength) }

  /// Takes as many of the driver's buffers as the packet needs.
  mutating func findRoom(in queue: inout Virtqueue, _ memory: GuestMemory) -> Room {
    isStarved = false
    if queue.generation != generation {
      // The buffers belong to the queue as it was before its driver took it back.
      release()
      generation = queue.generation
    }
    while room < UInt64(length) {
      guard mergesBuffers || chains.isEmpty else {
        // The buffer stays for the next packet.
        length = 0
        return .tooSmall
      }
      var chain = spare.popLast() ?? DescriptorChain()
      guard queue.pop(into: &chain, memory) else {
        spare.append(chain)
        // A buffer that was added since the last look comes without a kick.
        if queue.resumeKicks(memory) { continue }
        isStarved = true
        return .starved
      }
      guard chain.readableCount == 0 else {
        queue.fail(.request("a buffer to be read in the queue of received packets"))
        isStarved = true
        return .starved
      }
      if chains.isEmpty { firstNumber = queue.taken &- 1 }
      chains.append(chain)
      room += chain.length
    }
    return .enough(first: firstNumber)
  }

  /// Copies the packet into the buffers that were found, and pushes these.
  mutating func deliver(to queue: inout Virtqueue, _ memory: GuestMemory) {
    // num_buffers: 1 where buffers are not merged.
    buffer.storeBytes(of: UInt16(clamping: chains.count).littleEndian, toByteOffset: 10, as: UInt16.self)
    var place = 0
    for chain in chains {
      let part = min(Int(chain.length), length - place)
      copy(place, part, to: chain, memory)
      queue.push(head: chain.head, written: UInt32(part), memory)
      place += part
    }
    length = 0
    release()
  }

  private func copy(_ start: Int, _ count: Int, to chain: DescriptorChain, _ memory: GuestMemory) {
    var place = start
    // The buffers were in RAM when the chain was read, and RAM stays.
    try? DescriptorChain.pieces(of: chain.buffers[...], skipping: 0, count: UInt64(count)) {
      (address, length) throws(GuestMemoryError) in
      let target = try memory.hostBytes(at: address, count: length)
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[place..<place + length]))
      memory.wasFilled(target)
      place += length
    }
  }

  private mutating func release() {
    spare += chains
    chains.removeAll(keepingCapacity: true)
    room = 0
  }
}
