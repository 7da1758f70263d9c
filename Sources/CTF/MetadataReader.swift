/// From metadata text to a trace model: reads the blocks in order, types as they come.
struct MetadataReader {
  /// The most stream and event classes of one trace.
  static let maximumClasses = 1 << 18

  /// The most fields of all events together, nested ones and contexts included: each costs memory in a plan.
  static let maximumFields = 1 << 21

  private let builder: TypeBuilder
  private let text: MetadataText
  private let root = TypeScope(parent: nil)
  private var byteOrder: ByteOrder?
  private var uuid: [UInt8]?
  private var packetHeader: StructureType?
  private var hasTrace = false
  private var environment: [(name: String, value: EnvironmentValue)] = []
  private var clocks: [ClockInfo] = []
  private var streams: [UInt64: StreamBlock] = [:]
  private var events: [(stream: UInt64?, event: EventClass, line: Int)] = []

  private struct StreamBlock {
    var packetContext: StructureType?
    var eventHeader: StructureType?
    var eventContext: StructureType?
    var events: [UInt64: EventClass] = [:]
  }

  /// Reads the metadata file at `path`; also returns how long its text is.
  static func read(path: String) throws(TraceError) -> (TraceModel, bytes: Int) {
    let text = try MetadataText(path: path)
    var reader = MetadataReader(text, path)
    return (try reader.model(), text.bytes.count)
  }

  private init(_ text: MetadataText, _ file: String) {
    self.text = text
    builder = TypeBuilder(file: file)
  }

  private mutating func model() throws(TraceError) -> TraceModel {
    var parser = try Parser(text.bytes, file: builder.file)
    while let statement = try parser.next() { try read(statement) }
    guard hasTrace else { throw TraceError(file: builder.file, message: "the metadata has no trace block") }
    guard let byteOrder else {
      throw TraceError(file: builder.file, message: "the trace block gives no byte_order")
    }
    try attachEvents()
    var classes: [StreamClass] = []
    for (id, block) in streams.sorted(by: { $0.key < $1.key }) {
      classes.append(
        StreamClass(
          id: id, packetContext: block.packetContext, eventHeader: block.eventHeader,
          eventContext: block.eventContext,
          events: block.events.values.sorted { $0.id < $1.id }))
    }
    try checkSize(classes)
    return TraceModel(
      byteOrder: byteOrder, uuid: uuid, environment: environment, clocks: clocks,
      packetHeader: packetHeader, streamClasses: classes)
  }

  private func checkSize(_ classes: [StreamClass]) throws(TraceError) {
    func weight(_ structure: StructureType?) -> Int { structure?.weight ?? 0 }
    var total = 0
    for stream in classes {
      total += weight(packetHeader) + weight(stream.packetContext) + weight(stream.eventHeader)
      for event in stream.events {
        total += weight(stream.eventContext) + weight(event.context) + weight(event.payload)
        guard total <= Self.maximumFields else {
          throw TraceError(
            file: builder.file, message: "the events have more than \(Self.maximumFields) fields together")
        }
      }
    }
  }

  private mutating func attachEvents() throws(TraceError) {
    for (stream, event, line) in events {
      var id = stream ?? 0
      if stream == nil {
        if streams.count == 1, let only = streams.keys.first { id = only }
        if streams.count > 1 {
          throw builder.failure(
            line, "the event '\(event.name)' has no stream_id, and there are several streams")
        }
      }
      if streams.isEmpty, stream == nil || stream == 0 { streams[0] = StreamBlock() }
      guard streams[id] != nil else {
        throw builder.failure(
          line, "the event '\(event.name)' belongs to stream \(id), which is not declared")
      }
      guard streams[id]?.events.updateValue(event, forKey: event.id) == nil else {
        throw builder.failure(line, "stream \(id) has two events with the id \(event.id)")
      }
    }
  }

  private mutating func read(_ statement: Syntax.Statement) throws(TraceError) {
    if try builder.define(statement, in: root) { return }
    guard case .block(let keyword, let body, let line) = statement else {
      throw builder.failure(statement.line, "this cannot stand at the top level")
    }
    var block = BlockReader(keyword, body, line: line, builder, TypeScope(parent: root))
    switch keyword {
    case "trace": try readTrace(&block)
    case "stream": try readStream(&block)
    case "event": try readEvent(&block)
    case "clock": try readClock(&block)
    case "env": try readEnvironment(&block)
    default: break
    }
  }

  // MARK: Blocks

  private mutating func readTrace(_ block: inout BlockReader) throws(TraceError) {
    if hasTrace { throw builder.failure(block.line, "there are two trace blocks") }
    hasTrace = true
    try block.scan()
    guard let major = try block.number("major"), let minor = try block.number("minor") else {
      throw builder.failure(block.line, "the trace block gives no major and minor version")
    }
    guard major == 1, minor == 8 else {
      throw builder.failure(block.line, "the trace is CTF \(major).\(minor); only CTF 1.8 can be read")
    }
    if let order = block.attribute("byte_order") {
      guard let value = try builder.byteOrder(order) else {
        throw builder.failure(order.line, "the trace's byte_order cannot be native")
      }
      byteOrder = value
    }
    uuid = try block.uuid("uuid")
    if let uuid, let other = text.uuid, uuid != other {
      throw builder.failure(block.line, "the trace block's UUID differs from that of the metadata packets")
    }
    packetHeader = try block.structure("packet.header")
    try block.finish()
  }

  private mutating func readStream(_ block: inout BlockReader) throws(TraceError) {
    try block.scan()
    let id = try block.number("id") ?? 0
    var stream = StreamBlock()
    stream.packetContext = try block.structure("packet.context")
    stream.eventHeader = try block.structure("event.header")
    stream.eventContext = try block.structure("event.context")
    try block.finish()
    guard streams.updateValue(stream, forKey: id) == nil else {
      throw builder.failure(block.line, "there are two streams with the id \(id)")
    }
    guard streams.count <= Self.maximumClasses else { throw builder.failure(block.line, "too many streams") }
  }

  private mutating func readEvent(_ block: inout BlockReader) throws(TraceError) {
    try block.scan()
    // The name may be missing; babeltrace2 shows the same word then.
    let event = EventClass(
      id: try block.number("id") ?? 0, name: try block.string("name") ?? "<unknown>",
      context: try block.structure("context"), payload: try block.structure("fields"))
    events.append((try block.number("stream_id"), event, block.line))
    block.ignore(["loglevel", "model.emf.uri"])
    try block.finish()
    guard events.count <= Self.maximumClasses else { throw builder.failure(block.line, "too many events") }
  }

  private mutating func readClock(_ block: inout BlockReader) throws(TraceError) {
    try block.scan()
    guard let name = try block.string("name") else {
      throw builder.failure(block.line, "a clock has no name")
    }
    let frequency = try block.number("freq") ?? 1_000_000_000
    guard frequency > 0 else { throw builder.failure(block.line, "the clock '\(name)' has frequency 0") }
    let clock = ClockInfo(
      name: name, uuid: try block.uuid("uuid"), frequency: frequency,
      offsetSeconds: try block.signedNumber("offset_s") ?? 0,
      offsetCycles: try block.signedNumber("offset") ?? 0,
      isAbsolute: try block.boolean("absolute") ?? false)
    block.ignore(["description", "precision"])
    try block.finish()
    guard !clocks.contains(where: { $0.name == name }) else {
      throw builder.failure(block.line, "there are two clocks called '\(name)'")
    }
    guard clocks.count < 256 else { throw builder.failure(block.line, "there are more than 256 clocks") }
    clocks.append(clock)
  }

  private mutating func readEnvironment(_ block: inout BlockReader) throws(TraceError) {
    try block.scan()
    for (name, attribute) in block.remaining {
      switch attribute.value {
      case .string(let text): environment.append((name, .string(text)))
      case .path(let path): environment.append((name, .string(path.joined(separator: "."))))
      case .integer(let magnitude, let isNegative):
        let bits = isNegative ? 0 &- magnitude : magnitude
        environment.append((name, .integer(Int64(bitPattern: bits))))
      }
    }
  }
}
