/// Where the packets of one data file are: every packet's place, or every n-th one's when there are very many.
struct PacketIndex: Sendable {
  struct Entry: Sendable {
    /// Bytes from the file's begin to the first packet of the entry.
    var offset: Int
    /// Begin of the first packet, ns.
    var begin: Int64
    /// The latest end of the entry's packets, ns.
    var end: Int64
  }

  /// So many entries at most: the memory for an index does not grow with the trace.
  static let maximumEntries = 1 << 14

  private(set) var entries: [Entry] = []
  /// Packets for each entry.
  private(set) var stride = 1
  private(set) var packetCount = 0
  /// Where the last packet ends, in bytes from the file's begin.
  private(set) var end = 0

  mutating func append(offset: Int, begin: Int64, end: Int64, bytes: Int) {
    self.end = offset + bytes
    if packetCount % stride == 0 {
      if entries.count == Self.maximumEntries { halve() }
    }
    if packetCount % stride == 0 {
      entries.append(Entry(offset: offset, begin: begin, end: end))
    } else {
      entries[entries.count - 1].end = max(entries[entries.count - 1].end, end)
    }
    packetCount += 1
  }

  private mutating func halve() {
    var half: [Entry] = []
    half.reserveCapacity(Self.maximumEntries)
    for index in Swift.stride(from: 0, to: entries.count, by: 2) {
      var entry = entries[index]
      if index + 1 < entries.count { entry.end = max(entry.end, entries[index + 1].end) }
      half.append(entry)
    }
    entries = half
    stride *= 2
  }
}

/// One file of a stream, or a piece of a file, where other packets of it are in other files as well.
struct StreamFile: Sendable {
  let path: String
  /// Size of the piece in bytes.
  let size: Int
  /// Index, in the stream, of the piece's first packet.
  let firstPacket: Int
  /// Index, in the file, of the piece's first packet.
  let packetsBefore: Int
  /// The packets of the piece.
  let index: PacketIndex
  /// Whether it also holds packets of other stream classes, which are passed over.
  let isMixed: Bool
  /// Whether something behind the last indexed packet, or the end of that packet, cannot be read.
  let isDamaged: Bool

  /// Where the piece begins in the file, in bytes.
  var start: Int { index.entries.first?.offset ?? 0 }
}

/// A stream with what is needed to read it.
struct StreamRecord: Sendable {
  let number: Int
  let plans: TracePlans
  let plan: StreamPlan
  let files: [StreamFile]
  /// Whether each packet begins after the one before it has ended, so that packets outside a window can be left out.
  let isOrdered: Bool
}
