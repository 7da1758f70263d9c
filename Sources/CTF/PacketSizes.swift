/// The sizes of a packet as it gives them, and as they are when its writer never came to fill them in.
///
/// Tracers write a packet's header first and its sizes last: one that was interrupted leaves zeros, or bits that are all
/// set. Neither can be a size, so that nothing else is taken for it.
struct PacketSizes {
  /// Bits; as far as they are not known, all that the file has.
  let content: UInt64
  let packet: UInt64
  let isContentKnown: Bool
  let isPacketKnown: Bool

  /// - Parameters:
  ///   - content: `content_size`, bits.
  ///   - packet: `packet_size`, bits.
  ///   - fileBits: How much of the file there is from the packet's begin on.
  init(content: UInt64?, packet: UInt64?, fileBits: UInt64) {
    let given = packet ?? content ?? fileBits
    // A size of all ones is no whole number of bytes, which a packet's has to be.
    let hasPacket = !Self.isUnfilled(given)
    // The content's may be any number: only one that does not fit in the packet is none.
    let hasContent =
      content.map { $0 != 0 && !(Self.isUnfilled($0) && (!hasPacket || $0 > given)) } ?? hasPacket
    isPacketKnown = hasPacket
    isContentKnown = hasContent
    self.packet = hasPacket ? given : fileBits
    self.content = hasContent ? content ?? self.packet : self.packet
  }

  /// Nothing but zeros or ones, as far as there are fields of 16, 32 and 64 bits.
  static func isUnfilled(_ value: UInt64) -> Bool {
    [0, UInt64(UInt16.max), UInt64(UInt32.max), UInt64.max].contains(value)
  }

  /// What is wrong where a size is missing.
  var unfinished: String? {
    switch (isContentKnown, isPacketKnown) {
    case (true, true): nil
    case (false, true):
      "the packet's content size was never filled in: events are read as far as there are any"
    case (true, false): "the packet's size was never filled in: what follows its content cannot be read"
    case (false, false): "the packet's sizes were never filled in: events are read as far as there are any"
    }
  }
}

extension TracePlans {
  private static let scanBytes = 64 << 10

  /// Finds out where events may begin in a packet that does not say where its content ends: not in the zeros at its end,
  /// which are room that was never written to.
  func findEventsEnd(_ header: inout PacketHeader, _ buffer: PacketBuffer) throws(TraceError) {
    guard let file = buffer.file else { return }
    let begin = header.offset + header.eventBits / 8
    var end = header.offset + header.packetBits / 8
    let bytes = ByteBuffer(count: Self.scanBytes)
    while end > begin {
      let start = max(begin, end - Self.scanBytes)
      let count = try file.read(into: bytes, end - start, at: start)
      if let last = (0..<count).last(where: { bytes[$0] != 0 }) {
        end = start + last + 1
        break
      }
      end = start
    }
    header.eventsEnd = max(header.eventBits, (end - header.offset) * 8)
  }
}
