/// Finds the packets that are in several files, as in snapshots that overlap or in copies, by walking the headers of the
/// files side by side. Memory grows with the number of files, not of packets.
///
/// A packet of a trace with a UUID is known by its stream, instance, sequence number, counters, times and size. Where
/// there is no UUID or no sequence number, its content has to be the same as well, and it has to be in another file; a
/// packet that has neither times nor a sequence number is never taken for another one.
struct DuplicateFinder {
  /// Packets of one file that follow each other.
  struct Piece {
    /// Index into the files given.
    let file: Int
    /// Indices of packets in the file.
    var packets: Range<Int>
  }

  /// What is to be read, in the order of the stream, or of each stream.
  struct Finding {
    var pieces: [Piece] = []
    /// How many packets of each file are left out.
    var leftOut: [Int] = []
  }

  private struct Source {
    let result: FileIndexer.Result
    var header: PacketHeader
    var key: PacketOrder.Key
    /// Index in the file.
    var packet: Int
    let buffer: PacketBuffer?
    /// The piece that the next packet goes on with, or -1.
    var piece = -1
  }

  private struct Place {
    let file: Int
    let header: PacketHeader
  }

  /// Files of one stream that alternate more often than this are in no order that could be kept in memory.
  static let maximumPieces = 1 << 14
  /// So many packets of one time are remembered.
  static let maximumAlike = 1 << 14
  private static let maximumBuffers = 64

  private let plans: TracePlans
  private let order: PacketOrder
  private let isOneStream: Bool
  private var sources: [Source] = []
  /// Indices into `sources`, the one with the next packet first.
  private var heap: [Int] = []
  private let shared = PacketBuffer(capacity: 8192)
  private var state: DecodeState
  private var finding = Finding()
  /// The packets of the current key.
  private var alike: [PacketIdentity: [Place]] = [:]
  private var alikeCount = 0
  private let comparison = ContentComparison()

  /// What is to be read of files whose packets are in order; nil when that is all packets of each file, one file after
  /// the other.
  ///
  /// - Parameter isOneStream: Whether all files are of one stream, whose packets have to come in order.
  /// - Throws: When the files cannot be told apart, or have changed.
  static func find(
    in results: [FileIndexer.Result], _ plans: TracePlans, order: PacketOrder, isOneStream: Bool
  ) throws(TraceError) -> Finding? {
    var finder = DuplicateFinder(plans, order, isOneStream)
    // Nothing of the finder leaves but what it found.
    defer { unsafe finder.state.deallocate() }
    for result in results { try finder.add(result) }
    while let top = finder.heap.first { try finder.take(top) }
    let isPlain = finder.finding.pieces.count == results.count
    return isPlain && finder.finding.leftOut.allSatisfy { $0 == 0 } ? nil : finder.finding
  }

  private init(_ plans: TracePlans, _ order: PacketOrder, _ isOneStream: Bool) {
    self.plans = plans
    self.order = order
    self.isOneStream = isOneStream
    state = DecodeState(plans)
  }

  private mutating func add(_ result: FileIndexer.Result) throws(TraceError) {
    let key = PacketOrder.Key(first: 0)
    let hasBuffer = sources.count < Self.maximumBuffers
    var source = Source(
      result: result, header: PacketHeader(), key: key, packet: -1,
      buffer: hasBuffer ? PacketBuffer(capacity: 8192) : nil)
    guard try advance(&source) else {
      throw TraceError(file: result.path, message: "the file has changed while it was read")
    }
    sources.append(source)
    finding.leftOut.append(0)
    heap.append(sources.count - 1)
    var child = heap.count - 1
    while child > 0, isBefore(heap[child], heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Of one place the packet that is whole comes before one that is cut off.
  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    if sources[a].key != sources[b].key { return sources[a].key < sources[b].key }
    let (isCut, isOtherCut) = (sources[a].header.defect != nil, sources[b].header.defect != nil)
    return isCut == isOtherCut ? a < b : isOtherCut
  }

  /// Goes to the next packet of the stream class; false at the end of what could be indexed.
  private mutating func advance(_ source: inout Source) throws(TraceError) -> Bool {
    let buffer = source.buffer ?? shared
    try buffer.open(source.result.path)
    var offset = source.packet < 0 ? 0 : source.header.offset + source.header.packetBits / 8
    var nothing = NoOutput()
    while source.packet + 1 < source.result.index.packetCount {
      source.packet += 1
      let header = try plans.readHeader(
        buffer, at: offset, index: source.packet, expected: nil, &state, context: &nothing)
      offset += header.packetBits / 8
      guard header.stream == source.result.stream else { continue }
      guard let key = order.key(header) else { return false }
      source.header = header
      source.key = key
      return true
    }
    return false
  }

  /// Takes the packet at the top, and goes on in its file.
  private mutating func take(_ number: Int) throws(TraceError) {
    let source = sources[number]
    if try isKnown(number) {
      finding.leftOut[number] += 1
      sources[number].piece = -1
    } else {
      put(number, source.packet)
    }
    guard finding.pieces.count <= max(Self.maximumPieces, sources.count * 2) else {
      throw TraceError(
        file: source.result.path,
        message: "the packets of one stream alternate between files too often to be put in order")
    }
    var next = source
    next.piece = sources[number].piece
    if try advance(&next) {
      sources[number] = next
    } else {
      heap[0] = heap[heap.count - 1]
      heap.removeLast()
    }
    sift()
    if let top = heap.first, sources[top].key != source.key {
      alike.removeAll(keepingCapacity: true)
      alikeCount = 0
    }
  }

  private mutating func sift() {
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { return }
      if child + 1 < heap.count, isBefore(heap[child + 1], heap[child]) { child += 1 }
      guard isBefore(heap[child], heap[place]) else { return }
      heap.swapAt(child, place)
      place = child
    }
  }

  private mutating func put(_ number: Int, _ packet: Int) {
    let piece = sources[number].piece
    if piece >= 0, !isOneStream || piece == finding.pieces.count - 1 {
      finding.pieces[piece].packets = finding.pieces[piece].packets.lowerBound..<packet + 1
      return
    }
    sources[number].piece = finding.pieces.count
    finding.pieces.append(Piece(file: number, packets: packet..<packet + 1))
  }

  /// Whether the packet at the top has been taken from somewhere else; remembers it.
  private mutating func isKnown(_ number: Int) throws(TraceError) -> Bool {
    let source = sources[number]
    let header = source.header
    let identity = PacketIdentity(header)
    let others = alike[identity] ?? []
    for other in others {
      if isCertain(header), isCertain(other.header) { return true }
      if other.file != number,
        comparison.isSame(
          source.result.path, header, sources[other.file].result.path, other.header)
      {
        return true
      }
    }
    if alikeCount < Self.maximumAlike {
      alike[identity, default: []].append(Place(file: number, header: header))
      alikeCount += 1
    }
    return false
  }

  /// Whether there are no two packets that say the same of themselves as this one.
  private func isCertain(_ header: PacketHeader) -> Bool {
    header.sequence != nil && !header.hasOtherUUID && plans.model.hasIdentity
  }
}
