/// What a packet says about itself (CTF 1.8, section 5).
struct PacketHeader {
  /// Index into the plans of the trace.
  var stream = 0
  /// Bytes from the file's begin.
  var offset = 0
  /// Sizes in bits, reduced to what the file has.
  var packetBits = 0
  var contentBits = 0
  /// Sizes in bits as the packet gives them, or the file's where it does not.
  var statedPacketBits: UInt64 = 0
  var statedContentBits: UInt64 = 0
  /// Where the first event may begin, and where none begins any more, in bits from the packet's begin.
  var eventBits = 0
  var eventsEnd = 0
  var instanceID: UInt64?
  /// Cycles.
  var begin: UInt64?
  var end: UInt64?
  var discarded: UInt64?
  var sequence: UInt64?
  var cpu: UInt64?
  /// Whether the packet carries another UUID than the metadata.
  var hasOtherUUID = false
  /// What is wrong with the packet's sizes, although its begin can be read.
  var defect: TraceError?
  /// Whether the packet says where its content ends.
  var isContentKnown = true
  /// Whether `packetBits` leads to the next packet.
  var isSizeKnown = true
}

/// Discards what it is given: headers matter through their registers only.
struct NoOutput: DecodeOutput {
  mutating func restart() {}
  @inline(__always) mutating func reserve(_ words: Int) -> Bool { true }
  @inline(__always) mutating func put(_ value: UInt64, _ slot: UInt16) {}
  @inline(__always)
  @unsafe
  mutating func load(_ fields: FieldLoads, _ bytes: PacketBytes) -> UInt64 { unsafe fields.last(from: bytes) }
  @inline(__always) mutating func putStructure(_ value: UInt64) {}
  @inline(__always) mutating func putText(_ text: LoadedBytes, _ slot: UInt16) -> Bool { true }
  mutating func putText(_ text: LoadedBytes, _ encoding: TextEncoding, _ slot: UInt16) -> Bool { true }
}

extension TracePlans {
  private static let magic: UInt64 = 0xc1fc_1fc1
  /// A header and context that need more than this are no header.
  private static let maximumHeaderBytes = 1 << 20

  /// Reads the header and context of the packet at `offset` of the buffer's file.
  ///
  /// - Parameters:
  ///   - index: Index of the packet in its file, for errors.
  ///   - expected: The stream that the packet has to belong to.
  /// - Returns: The header; `context` receives the packet context, decoded.
  func readHeader<Output: DecodeOutput>(
    _ buffer: PacketBuffer, at offset: Int, index: Int, expected: Int?, _ state: inout DecodeState,
    context: inout Output
  ) throws(TraceError) -> PacketHeader {
    guard let file = buffer.file else { return PacketHeader() }
    func failure(_ bit: Int, _ message: String) -> TraceError {
      TraceError(
        file: file.path, packet: index, bitOffset: UInt64(offset) * 8 + UInt64(max(0, bit)), message: message)
    }
    var header = PacketHeader()
    header.offset = offset
    let fileBits = (file.size - offset) * 8
    if offset < buffer.start || offset + min(4096, file.size - offset) > buffer.end {
      try buffer.load(from: offset, upTo: file.size)
    }
    while true {
      var cursor = BitCursor(
        base: buffer.address(offset), position: 0, limit: (buffer.end - offset) * 8, content: fileBits,
        eventsEnd: fileBits)
      let clock = state.clock
      if model.format == .ctf2 { beginPacket(&state) }
      context.restart()
      var status = DecodeStatus.complete
      if let packetHeader {
        var nothing = NoOutput()
        status = Interpreter.run(packetHeader.pointers, &cursor, &state, &nothing)
        if status == .complete { try checkHeader(&header, buffer, state, failure) }
      } else if model.format == .ctf2 {
        header.stream = try streamIndex(buffer, offset, state, failure)
      }
      if let expected, status == .complete, header.stream != expected {
        throw failure(0, "the packet belongs to another stream class than the one before it")
      }
      if status == .complete, let plan = streams[header.stream].packetContext {
        status = Interpreter.run(plan.pointers, &cursor, &state, &context)
      }
      if status == .complete {
        header.eventBits = cursor.position
        break
      }
      state.clock = clock
      guard status == .shortage else { throw failure(cursor.position, status.message) }
      guard buffer.end < file.size, buffer.count < Self.maximumHeaderBytes else {
        throw failure(cursor.position, "the packet's header is cut off: the file ends")
      }
      if offset > buffer.start {
        try buffer.load(from: offset, upTo: file.size)
      } else {
        guard buffer.grow() else { throw failure(cursor.position, "the packet's header is too large") }
        try buffer.load(from: offset, upTo: file.size)
      }
      guard buffer.count > 0 else { throw failure(0, "the file was cut short while it was read") }
    }
    try readContext(&header, state, fileBits, failure)
    if !header.isContentKnown { try findEventsEnd(&header, buffer) }
    state.emptyLeft = min(
      state.emptyLeft + header.contentBits * DecodeState.emptyElementsForBit, 1 << 60)
    return header
  }

  private func checkHeader(
    _ header: inout PacketHeader, _ buffer: PacketBuffer, _ state: DecodeState,
    _ failure: (Int, String) -> TraceError
  ) throws(TraceError) {
    if hasMagic, state.registers[Register.magic] != Self.magic {
      let found = String(state.registers[Register.magic], radix: 16)
      throw failure(0, "the packet's magic number is 0x\(found), not 0xc1fc1fc1")
    }
    if hasUUID, let uuid = model.uuid {
      let position = Int(state.registers[Register.uuidPosition])
      header.hasOtherUUID = !buffer.holds(uuid, at: header.offset + position)
    }
    if model.format == .ctf2 {
      header.stream = try streamIndex(buffer, header.offset, state, failure)
      return
    }
    guard hasStreamID else {
      guard streams.count <= 1 else {
        throw failure(0, "the packet does not say which of \(streams.count) streams it belongs to")
      }
      return
    }
    let id = state.registers[Register.streamID]
    guard let index = streamPlaces[id] else {
      throw failure(0, "the packet belongs to stream \(id), which the metadata does not declare")
    }
    header.stream = index
  }

  private func readContext(
    _ header: inout PacketHeader, _ state: DecodeState, _ fileBits: Int,
    _ failure: (Int, String) -> TraceError
  ) throws(TraceError) {
    let fields = streams[header.stream].contextFields
    let hasRoles = model.format == .ctf2
    func value(_ register: Int) -> UInt64? {
      (hasRoles ? isPresent(register, state) : fields >> UInt64(register) & 1 == 1)
        ? state.registers[register] : nil
    }
    header.begin = value(Register.timestampBegin).map { hasRoles ? state.clock : $0 }
    header.end = value(Register.timestampEnd)
    header.discarded = value(Register.eventsDiscarded)
    header.sequence = value(Register.packetSequenceNumber)
    header.cpu = value(Register.cpu)
    if hasStreamInstanceID || hasRoles && isPresent(Register.streamInstanceID, state) {
      header.instanceID = state.registers[Register.streamInstanceID]
    }
    // A crashed tracer leaves 0 for the end, which says nothing.
    if let begin = header.begin, let end = header.end, end < begin { header.end = end == 0 ? nil : end }

    let sizes = PacketSizes(
      content: value(Register.contentSize), packet: value(Register.packetSize), fileBits: UInt64(fileBits))
    if let message = sizes.unfinished {
      header.defect = failure(header.eventBits, message)
      header.isContentKnown = sizes.isContentKnown
      header.isSizeKnown = sizes.isPacketKnown
      // Neither did the writer come to what else it fills in at the end.
      if let end = header.end, PacketSizes.isUnfilled(end) || end < header.begin ?? 0 { header.end = nil }
      if let discarded = header.discarded, PacketSizes.isUnfilled(discarded) { header.discarded = nil }
    }
    let (packet, used) = (sizes.packet, sizes.content)
    guard packet % 8 == 0, packet > 0 else {
      throw failure(0, "the packet's size of \(packet) bits is no positive number of bytes")
    }
    guard used <= packet else {
      throw failure(0, "the packet's content of \(used) bits is larger than the packet of \(packet) bits")
    }
    guard used >= UInt64(header.eventBits) else {
      throw failure(0, "the packet's content of \(used) bits is smaller than its header")
    }
    if packet > UInt64(fileBits) {
      header.defect = failure(
        fileBits, "the packet of \(packet) bits is cut off: the file has \(fileBits) bits of it")
    }
    header.statedPacketBits = packet
    header.statedContentBits = used
    header.packetBits = Int(min(packet, UInt64(fileBits)))
    header.contentBits = Int(min(used, UInt64(fileBits)))
    header.eventsEnd = header.contentBits
  }
}

extension PacketHeader {
  var counters: PacketCounters {
    var counters = PacketCounters()
    (counters.sequence, counters.discarded) = (sequence, discarded)
    return counters
  }
}
