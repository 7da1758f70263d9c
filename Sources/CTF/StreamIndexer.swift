/// Walks the packet headers of one data file.
///
/// LTTng's own index files are not used: the headers say the same, and they are what will be decoded.
struct FileIndexer {
  /// What one file holds.
  struct Result {
    let path: String
    let size: Int
    var stream = 0
    var instanceID: UInt64?
    var index = PacketIndex()
    var first: PacketHeader?
    var last: PacketHeader?
    var begin: Int64?
    var end: Int64?
    var isOrdered = true
    var discarded: UInt64 = 0
    var lost: UInt64 = 0
    var cpu: UInt64?
    var hasSeveralCPUs = false
    var damage: TraceError?
  }

  static func index(_ path: String, _ plans: TracePlans) -> Result {
    var result = Result(path: path, size: 0)
    do throws(TraceError) {
      let window = PacketWindow(capacity: 8192)
      try window.open(path)
      let size = window.file?.size ?? 0
      result = Result(path: path, size: size)
      guard size < 1 << 56 else { throw TraceError(file: path, message: "the file is too large") }
      var state = DecodeState(registerCount: plans.registerCount)
      defer { state.deallocate() }
      var nothing = NoOutput()
      var offset = 0
      while offset < size {
        let header = try plans.readHeader(
          window, at: offset, index: result.index.packetCount,
          expected: result.first == nil ? nil : result.stream, &state, context: &nothing)
        result.add(header, plans)
        if let defect = header.defect { throw defect }
        offset += header.packetBits / 8
      }
    } catch {
      result.damage = error
    }
    return result
  }
}

extension FileIndexer.Result {
  fileprivate mutating func add(_ header: PacketHeader, _ plans: TracePlans) {
    let clock = plans.streams[header.stream].clock
    let begin = header.begin.map { clock($0) }
    let end = header.end.map { clock($0) } ?? begin
    if first == nil {
      stream = header.stream
      instanceID = header.instanceID
      cpu = header.cpu
      first = header
    } else {
      if header.cpu != cpu { hasSeveralCPUs = true }
      let losses = StreamWalker.losses(last, header, isFirst: false)
      discarded += losses.events
      lost += losses.packets
    }
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
    // An unknown end must not hide the packet from a search by time.
    index.append(
      offset: header.offset, begin: begin ?? Int64.min, end: header.end == nil ? Int64.max : end ?? Int64.max)
    last = header
  }
}
