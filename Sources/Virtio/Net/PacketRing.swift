/// Packets that wait for a guest to take them, in their order. Those that there is no room for are dropped, as a switch does.
struct PacketRing: ~Copyable {
  /// Bytes of the longest packet: an Ethernet frame, and more than that.
  static let packetLimit = 2048
  /// The most packets.
  static let capacity = 256

  private let storage = UnsafeMutableRawBufferPointer.allocate(
    byteCount: PacketRing.packetLimit * PacketRing.capacity, alignment: 16)
  private var lengths = [Int](repeating: 0, count: PacketRing.capacity)
  private var first = 0
  /// How many there are.
  private(set) var count = 0

  deinit { storage.deallocate() }

  /// Adds a packet, or drops it.
  mutating func append(_ packet: UnsafeRawBufferPointer) {
    guard count < PacketRing.capacity, packet.count <= PacketRing.packetLimit else { return }
    let place = (first + count) % PacketRing.capacity
    slot(place).copyMemory(from: packet)
    lengths[place] = packet.count
    count += 1
  }

  /// Takes the first packet; there is one.
  ///
  /// - Returns: how many bytes of it were copied, which are all where the buffer has room for them.
  mutating func take(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    precondition(count > 0)
    let length = min(lengths[first], buffer.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: slot(first)[..<length]))
    first = (first + 1) % PacketRing.capacity
    count -= 1
    return length
  }

  private func slot(_ place: Int) -> UnsafeMutableRawBufferPointer {
    .init(rebasing: storage[place * PacketRing.packetLimit..<(place + 1) * PacketRing.packetLimit])
  }
}
