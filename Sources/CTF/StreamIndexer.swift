/// Walks the packet headers of one data file.
///
/// LTTng's own index files are not used: the headers say the same, and they are what will be decoded.
struct FileIndexer {
  /// What one file holds of one stream class, or a piece of a file.
  struct Result {
    let path: String
    let size: Int
    let stream: Int
    /// The packet of the file that `index` begins with.
    fileprivate(set) var firstPacket = 0
    /// Bytes of the file, or of the piece.
    fileprivate(set) var byteCount = 0
    /// nil when there is none, or several.
    fileprivate(set) var instanceID: UInt64?
    /// All packets of the file, also those of other classes.
    fileprivate(set) var index = PacketIndex()
    /// The number of packets of this class.
    fileprivate(set) var packetCount = 0
    /// Whether there are packets of other classes.
    fileprivate(set) var isMixed = false
    let first: PacketHeader
    fileprivate(set) var last: PacketHeader
    fileprivate(set) var begin: Int64?
    fileprivate(set) var end: Int64?
    fileprivate(set) var isOrdered = true
    /// Whether packets come in the order of their begins, and of their sequence numbers where begins are the same.
    fileprivate(set) var isInTimeOrder = true
    /// Whether packets come in the order of their sequence numbers.
    fileprivate(set) var isInSequence = true
    fileprivate(set) var discarded: UInt64 = 0
    fileprivate(set) var lost: UInt64 = 0
    fileprivate(set) var cpu: UInt64?
    fileprivate(set) var hasSeveralCPUs = false
    fileprivate(set) var hasOtherUUID = false
    fileprivate(set) var isDamaged = false
  }

  /// - Returns: The streams in the file, none when it is empty, and what ended the walk before the file's end.
  ///
  /// - Parameters:
  ///   - buffer: Used for reading; the same one for many files keeps the heap in one piece.
  ///   - isGrowing: Whether what cannot be read is not there yet: the walk ends before it, and nothing is wrong.
  static func index(
    _ path: String, _ plans: TracePlans, _ buffer: PacketBuffer, isGrowing: Bool = false
  ) -> (results: [Result], damage: TraceError?) {
    var results: [Result] = []
    var index = PacketIndex()
    var damage: TraceError?
    var complete = 0
    do throws(TraceError) {
      try buffer.open(path)
      let size = buffer.file?.size ?? 0
      guard size < 1 << 56 else { throw TraceError(file: path, message: "the file is too large") }
      var state = DecodeState(plans)
      defer { unsafe state.deallocate() }
      var nothing = NoOutput()
      var offset = 0
      // The result that the packet before belongs to.
      var current = 0
      var places: [Int: Int] = [:]
      while offset < size {
        let header = try plans.readHeader(
          buffer, at: offset, index: index.packetCount, expected: nil, &state, context: &nothing)
        if isGrowing, header.defect != nil { break }
        let clock = plans.streams[header.stream].clock
        if results.isEmpty || results[current].stream != header.stream {
          if let place = places[header.stream] {
            current = place
            results[current].add(header, clock)
          } else {
            current = results.count
            places[header.stream] = current
            results.append(Result(path: path, size: size, header, clock))
          }
        } else {
          results[current].add(header, clock)
        }
        // An unknown end must not hide the packet from a search by time.
        index.append(
          offset: header.offset, begin: header.begin.map { clock($0) } ?? Int64.min,
          end: header.end.map { clock($0) } ?? Int64.max, bytes: header.packetBits / 8)
        if let defect = header.defect {
          damage = damage ?? defect
          guard header.isSizeKnown else { break }
        }
        offset += header.packetBits / 8
        complete = offset
      }
    } catch {
      if !isGrowing { damage = damage ?? error }
    }
    buffer.close()
    for place in results.indices {
      results[place].index = index
      results[place].byteCount = isGrowing ? complete : results[place].size
      results[place].isDamaged = damage != nil
      if results.count > 1 {
        results[place].isMixed = true
        // The index is that of all: no packet can be left out by its time.
        results[place].isOrdered = false
      }
    }
    return (results, damage)
  }

  /// Walks some of a file's packets again.
  ///
  /// - Parameters:
  ///   - whole: What was found of the stream class in the file.
  ///   - pieces: Packets of the file, in its order.
  /// - Returns: A result for each piece; nil when the file is not what it was.
  static func index(
    _ whole: Result, _ pieces: [Range<Int>], _ plans: TracePlans, _ buffer: PacketBuffer
  ) -> [Result]? {
    var state = DecodeState(plans)
    defer {
      unsafe state.deallocate()
      buffer.close()
    }
    var nothing = NoOutput()
    var results: [Result] = []
    guard (try? buffer.open(whole.path)) != nil else { return nil }
    let clock = plans.streams[whole.stream].clock
    for piece in pieces {
      let entry = piece.lowerBound / whole.index.stride
      guard whole.index.entries.indices.contains(entry) else { return nil }
      var offset = whole.index.entries[entry].offset
      var index = PacketIndex()
      var result: Result?
      for number in entry * whole.index.stride..<piece.upperBound {
        guard
          let header = try? plans.readHeader(
            buffer, at: offset, index: number, expected: nil, &state, context: &nothing)
        else { return nil }
        offset += header.packetBits / 8
        guard number >= piece.lowerBound else { continue }
        index.append(
          offset: header.offset, begin: header.begin.map { clock($0) } ?? Int64.min,
          end: header.end.map { clock($0) } ?? Int64.max, bytes: header.packetBits / 8)
        guard header.stream == whole.stream else { continue }
        if result == nil {
          result = Result(path: whole.path, size: whole.size, header, clock)
        } else {
          result?.add(header, clock)
        }
      }
      guard var result else { return nil }
      result.index = index
      result.byteCount = index.end - (index.entries.first?.offset ?? 0)
      result.firstPacket = piece.lowerBound
      result.isMixed = whole.isMixed
      if whole.isMixed { result.isOrdered = false }
      result.isDamaged = whole.isDamaged && piece.upperBound == pieces.last?.upperBound
      results.append(result)
    }
    return results
  }
}

extension FileIndexer.Result {
  fileprivate init(path: String, size: Int, _ header: PacketHeader, _ clock: ClockConversion) {
    self.path = path
    self.size = size
    stream = header.stream
    instanceID = header.instanceID
    cpu = header.cpu
    first = header
    last = header
    addTimes(header, clock)
  }

  fileprivate mutating func add(_ header: PacketHeader, _ clock: ClockConversion) {
    if header.cpu != cpu { hasSeveralCPUs = true }
    if header.instanceID != instanceID { instanceID = nil }
    let losses = StreamWalker.losses(last, header, isFirst: false)
    discarded += losses.events
    lost += losses.packets
    if !PacketOrder.time.holds(last, header) { isInTimeOrder = false }
    if !PacketOrder.sequence.holds(last, header) { isInSequence = false }
    last = header
    addTimes(header, clock)
  }

  private mutating func addTimes(_ header: PacketHeader, _ clock: ClockConversion) {
    packetCount += 1
    if header.hasOtherUUID { hasOtherUUID = true }
    let begin = header.begin.map { clock($0) }
    let end = header.end.map { clock($0) } ?? begin
    if let begin {
      if let previous = self.end, begin < previous { isOrdered = false }
      self.begin = min(self.begin ?? begin, begin)
    } else {
      isOrdered = false
    }
    if let end {
      if let begin, end < begin { isOrdered = false }
      self.end = max(self.end ?? end, end)
    }
  }
}
