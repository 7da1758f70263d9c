/// From metadata text to a trace model: reads the blocks in order, types as they come.
struct MetadataReader {
  /// The most stream and event classes of one trace.
  static let maximumClasses = 1 << 18

  /// The most fields of all events together, nested ones and contexts included: each costs memory in a plan.
  static let maximumFields = 1 << 21

  private let text: MetadataText
  private var parser: Parser
  private let root = TypeScope(parent: nil)
  private var byteOrder: ByteOrder?
  private var uuid: [UInt8]?
  private var packetHeader: StructureType?
  private var hasTrace = false
  private var environment: [(name: String, value: EnvironmentValue)] = []
  private var environmentPlaces: [String: Int] = [:]
  private var clocks: [ClockInfo] = []
  private var streams: [UInt64: StreamBlock] = [:]
  private var events: [(stream: UInt64?, event: EventClass, line: Int)] = []

  private struct StreamBlock {
    var packetContext: StructureType?
    var eventHeader: StructureType?
    var eventContext: StructureType?
    var events: [UInt64: EventClass] = [:]
  }

  /// What a metadata file says.
  struct Result {
    let model: TraceModel
    /// The file's size.
    let bytes: Int
    /// What ended the text before its end.
    let damage: TraceError?
    /// What is not allowed, but was read as it can mean only one thing.
    let warnings: [TraceError]
  }

  /// Reads the metadata file at `path`.
  ///
  /// - Parameter isStrict: Whether to refuse everything that the specification does not allow.
  static func read(path: String, isStrict: Bool = false) throws(TraceError) -> Result {
    let text = try MetadataText(path: path, isStrict: isStrict)
    if text.isJSON {
      var reader = FragmentReader(text)
      return Result(model: try reader.model(), bytes: text.fileSize, damage: text.damage, warnings: [])
    }
    var reader = try MetadataReader(text, isStrict: isStrict)
    let model = try reader.model()
    return Result(
      model: model, bytes: text.fileSize, damage: text.damage, warnings: reader.parser.warnings)
  }

  private init(_ text: MetadataText, isStrict: Bool) throws(TraceError) {
    self.text = text
    parser = try Parser(text, isStrict: isStrict)
  }

  private mutating func model() throws(TraceError) -> TraceModel {
    do throws(TraceError) {
      while try readStatement() {}
    } catch {
      // Where the file is cut, its last statement may be too.
      guard let damage = text.damage, parser.isAtEnd else { throw error }
      if !hasTrace { throw damage }
    }
    guard hasTrace else { throw TraceError(file: parser.file, message: "the metadata has no trace block") }
    guard let byteOrder else {
      throw TraceError(file: parser.file, message: "the trace block gives no byte_order")
    }
    // What is missing may be what uses a definition.
    if text.damage == nil { try parser.checkReferences() }
    try attachEvents()
    var classes: [StreamClass] = []
    for (id, block) in streams.sorted(by: { $0.key < $1.key }) {
      classes.append(
        StreamClass(
          id: id, packetContext: block.packetContext, eventHeader: block.eventHeader,
          eventContext: block.eventContext,
          events: block.events.values.sorted { $0.id < $1.id }))
    }
    try Self.checkSize(classes, packetHeader, file: parser.file)
    return TraceModel(
      byteOrder: byteOrder, uuid: uuid, environment: environment, clocks: clocks,
      packetHeader: packetHeader, streamClasses: classes)
  }

  /// Refuses metadata whose plans would take too much memory.
  static func checkSize(
    _ classes: [StreamClass], _ packetHeader: StructureType?, file: String
  ) throws(TraceError) {
    func weight(_ structure: StructureType?) -> Int { structure?.weight ?? 0 }
    var total = 0
    for stream in classes {
      total += weight(packetHeader) + weight(stream.packetContext) + weight(stream.eventHeader)
      for event in stream.events {
        total += weight(stream.eventContext) + weight(event.context) + weight(event.payload)
        guard total <= Self.maximumFields else {
          throw TraceError(
            file: file, message: "the events have more than \(Self.maximumFields) fields together")
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
          throw parser.failure(
            line, "the event '\(event.name)' has no stream_id, and there are several streams")
        }
      }
      if streams.isEmpty, stream == nil || stream == 0 { streams[0] = StreamBlock() }
      guard streams[id] != nil else {
        throw parser.failure(
          line, "the event '\(event.name)' belongs to stream \(id), which is not declared")
      }
      guard streams[id]?.events.updateValue(event, forKey: event.id) == nil else {
        throw parser.failure(line, "stream \(id) has two events with the id \(event.id)")
      }
    }
  }

  /// Reads a statement of the top level; false at the end.
  private mutating func readStatement() throws(TraceError) -> Bool {
    while try parser.take(.semicolon) {}
    if parser.token == .end { return false }
    if try parser.definition(in: root) { return true }
    guard case .identifier(let word) = parser.token else {
      throw parser.failure("expected a block or the definition of a type, found \(parser.token.shown)")
    }
    switch word {
    case "trace": try readTrace()
    case "stream": try readStream()
    case "event": try readEvent()
    case "clock": try readClock()
    case "env": try readEnvironment()
    case "callsite":
      // For people who look at the program; nothing about the trace.
      _ = try BlockReader(word, &parser, in: root, isKept: false)
    case "struct", "variant", "enum":
      var isDefinition = false
      if case .type(_, let isNew) = try parser.specifier(in: root) { isDefinition = isNew }
      try parser.endDefinition(mayMiss: isDefinition && parser.token.beginsAnother)
    default:
      throw parser.failure("'\(word.prefix(64))' cannot stand at the top level")
    }
    return true
  }

  // MARK: Blocks

  private mutating func readTrace() throws(TraceError) {
    var block = try BlockReader("trace", &parser, in: root)
    if hasTrace { throw block.failure(block.line, "there are two trace blocks") }
    hasTrace = true
    guard let major = try block.number("major"), let minor = try block.number("minor") else {
      throw block.failure(block.line, "the trace block gives no major and minor version")
    }
    guard major == 1, minor == 8 else {
      throw block.failure(block.line, "the trace is CTF \(major).\(minor); only CTF 1.8 can be read")
    }
    if let order = block.attribute("byte_order") {
      guard let value = try parser.byteOrder(order) else {
        throw block.failure(order.line, "the trace's byte_order cannot be native")
      }
      byteOrder = value
      if let packets = text.byteOrder, packets != value {
        throw block.failure(order.line, "the metadata packets have the other byte order than the trace")
      }
    }
    uuid = try block.uuid("uuid")
    if let uuid, let other = text.uuid, uuid != other {
      throw block.failure(block.line, "the trace block's UUID differs from that of the metadata packets")
    }
    packetHeader = try block.structure("packet.header")
    try block.finish(&parser)
  }

  private mutating func readStream() throws(TraceError) {
    var block = try BlockReader("stream", &parser, in: root)
    let id = try block.number("id") ?? 0
    var stream = StreamBlock()
    stream.packetContext = try block.structure("packet.context")
    stream.eventHeader = try block.structure("event.header")
    stream.eventContext = try block.structure("event.context")
    try block.finish(&parser)
    try parser.keep(448)
    guard streams.updateValue(stream, forKey: id) == nil else {
      throw block.failure(block.line, "there are two streams with the id \(id)")
    }
    guard streams.count <= Self.maximumClasses else { throw block.failure(block.line, "too many streams") }
  }

  private mutating func readEvent() throws(TraceError) {
    var block = try BlockReader("event", &parser, in: root)
    // The name may be missing; babeltrace shows the same word then.
    let event = EventClass(
      id: try block.number("id") ?? 0, name: try block.string("name", allowsWord: true) ?? "<unknown>",
      context: try block.structure("context"), payload: try block.structure("fields"))
    events.append((try block.number("stream_id"), event, block.line))
    try block.skipNumber("loglevel", &parser)
    try block.skipText("model.emf.uri", &parser)
    try block.finish(&parser)
    try parser.keep(256 + event.name.utf8.count)
    guard events.count <= Self.maximumClasses else { throw block.failure(block.line, "too many events") }
  }

  private mutating func readClock() throws(TraceError) {
    var block = try BlockReader("clock", &parser, in: root)
    guard let name = try block.string("name", allowsWord: true) else {
      throw block.failure(block.line, "a clock has no name")
    }
    let frequency = try block.number("freq") ?? 1_000_000_000
    guard frequency > 0 else {
      throw block.failure(block.line, "the clock '\(name.prefix(64))' has frequency 0")
    }
    let clock = ClockInfo(
      name: name, uuid: try block.uuid("uuid"), frequency: frequency,
      offsetSeconds: try block.signedNumber("offset_s") ?? 0,
      offsetCycles: try block.signedNumber("offset") ?? 0,
      isAbsolute: try block.attribute("absolute").map { (value) throws(TraceError) in
        try parser.boolean(value)
      }
        ?? false)
    try block.skipText("description", &parser)
    _ = try block.number("precision")
    try block.finish(&parser)
    // What a clock's attribute means that nobody knows, times would not show.
    for attribute in block.unknown {
      try parser.tolerate(
        attribute.line, "the clock block has no attribute '\(attribute.name.prefix(64))'", "ignored")
    }
    guard !clocks.contains(where: { $0.name == name }) else {
      throw block.failure(block.line, "there are two clocks called '\(name.prefix(64))'")
    }
    guard clocks.count < 256 else { throw block.failure(block.line, "there are more than 256 clocks") }
    clocks.append(clock)
  }

  private mutating func readEnvironment() throws(TraceError) {
    let block = try BlockReader("env", &parser, in: root, allowsRepeated: true)
    try block.finish(&parser)
    for attribute in block.remaining {
      if let known = environmentPlaces[attribute.name] {
        let message = "'\(attribute.name.prefix(64))' is given twice in the env blocks"
        guard environment[known].value == attribute.environmentValue else {
          throw block.failure(attribute.line, message)
        }
        try parser.tolerate(attribute.line, message, "with the same value")
        continue
      }
      environmentPlaces[attribute.name] = environment.count
      environment.append((attribute.name, attribute.environmentValue))
      if case .integer(let magnitude, false) = attribute.value {
        parser.environment[attribute.name] = magnitude
      }
    }
  }
}

extension Parser.Attribute {
  /// The value as the `env` block has it.
  fileprivate var environmentValue: EnvironmentValue {
    switch value {
    case .string(let text): .string(text)
    case .path(let path): .string(path.joined(separator: "."))
    case .integer(let magnitude, let isNegative):
      .integer(Int64(bitPattern: isNegative ? 0 &- magnitude : magnitude))
    }
  }
}
