/// From the fragments of CTF 2 metadata (section 5) to a trace model.
struct FragmentReader {
  private struct Clock {
    let info: ClockInfo
    let namespace: String?
    let name: String?
    let uid: String?
    let precision: UInt64?
    let accuracy: UInt64?
    let origin: String
  }

  private struct StreamFragment {
    var packetContext: StructureType?
    var eventHeader: StructureType?
    var eventContext: StructureType?
    var clock: String?
    var events: [UInt64: EventClass] = [:]
  }

  private let text: MetadataText
  private let file: String
  private var classes: FieldClassReader
  private var uuid: [UInt8]?
  private var identity: [String]?
  private var hasPreamble = false
  private var hasTrace = false
  private var packetHeader: StructureType?
  private var environment: [(name: String, value: EnvironmentValue)] = []
  private var clocks: [String: Clock] = [:]
  private var clockOrder: [ClockInfo] = []
  private var streams: [UInt64: StreamFragment] = [:]
  private var eventCount = 0

  /// More text than any tracer writes; a longer file is refused rather than read into memory.
  static let maximumBytes = 16 << 20

  init(_ text: MetadataText) {
    self.text = text
    file = text.path
    classes = FieldClassReader(file: text.path)
  }

  mutating func model() throws(TraceError) -> TraceModel {
    var reader = JSONReader(try text.whole(limit: Self.maximumBytes), file: file)
    while let value = try next(&reader) { try read(value) }
    guard hasPreamble else { throw TraceError(file: file, message: "the metadata is empty") }
    guard hasTrace || !streams.isEmpty else {
      throw TraceError(file: file, message: "the metadata has neither a trace class nor a data stream class")
    }
    var streamClasses: [StreamClass] = []
    for (id, stream) in streams.sorted(by: { $0.key < $1.key }) {
      streamClasses.append(
        StreamClass(
          id: id, packetContext: stream.packetContext, eventHeader: stream.eventHeader,
          eventContext: stream.eventContext, events: stream.events.values.sorted { $0.id < $1.id },
          format: .roles(clock: stream.clock)))
    }
    try check(streamClasses)
    return TraceModel(
      byteOrder: .little, uuid: uuid, environment: environment, clocks: clockOrder,
      packetHeader: packetHeader, streamClasses: streamClasses, format: .ctf2, identity: identity)
  }

  /// The next fragment. Where the file is cut, its last one may be too: then it counts for nothing.
  private func next(_ reader: inout JSONReader) throws(TraceError) -> JSONValue? {
    do throws(TraceError) {
      return try reader.next()
    } catch {
      guard text.damage != nil, reader.isAtEnd else { throw error }
      return nil
    }
  }

  private func failure(_ message: String) -> TraceError { TraceError(file: file, message: message) }

  /// What only the whole tells.
  private func check(_ classes: [StreamClass]) throws(TraceError) {
    if let packetHeader, classes.count > 1, !packetHeader.hasRole(.streamClassID) {
      throw failure(
        "there are \(classes.count) data stream classes, but packet headers do not tell which one it is")
    }
    for stream in classes {
      if let header = stream.eventHeader, stream.events.count > 1, !header.hasRole(.eventClassID) {
        throw failure(
          "data stream class \(stream.id) has \(stream.events.count) event record classes, but the headers of event "
            + "records do not tell which one it is")
      }
      for event in stream.events {
        let parts = [stream.eventHeader, stream.eventContext, event.context, event.payload]
        if parts.allSatisfy({ $0?.isAlwaysEmpty ?? true }) {
          throw failure(
            "event records of class \(event.id) of data stream class \(stream.id) would have no bits")
        }
      }
    }
    try MetadataReader.checkSize(classes, packetHeader, file: file)
  }

  private mutating func read(_ value: JSONValue) throws(TraceError) {
    var object = try MetadataObject(value, "a fragment", file: file)
    let kind = try object.requiredString("type")
    object = try MetadataObject(value, "the \(kind.prefix(64)) fragment", file: file)
    _ = object.value("type")
    guard hasPreamble || kind == "preamble" else {
      throw object.failure("the first fragment has to be the preamble, not '\(kind.prefix(64))'")
    }
    try object.readAttributesAndExtensions()
    switch kind {
    case "preamble": try readPreamble(&object)
    case "field-class-alias": try readAlias(&object)
    case "trace-class": try readTrace(&object)
    case "clock-class": try readClock(&object)
    case "data-stream-class": try readStream(&object)
    case "event-record-class": try readEvent(&object)
    default: throw object.failure("there is no fragment of the type '\(kind.prefix(64))'")
    }
    try object.finish()
  }

  // MARK: Fragments

  private mutating func readPreamble(_ object: inout MetadataObject) throws(TraceError) {
    if hasPreamble { throw object.failure("there are two preambles") }
    hasPreamble = true
    let version = try object.requiredUnsigned("version")
    guard version == 2 else {
      throw object.failure("the trace is CTF \(version); only CTF 1.8 and CTF 2 can be read")
    }
    uuid = try object.uuid("uuid")
  }

  private mutating func readAlias(_ object: inout MetadataObject) throws(TraceError) {
    let name = try object.requiredString("name")
    let type = try classes.read(try object.required("field-class"))
    guard classes.addAlias(name, type) else {
      throw object.failure("there are two field class aliases called '\(name.prefix(64))'")
    }
  }

  private mutating func readTrace(_ object: inout MetadataObject) throws(TraceError) {
    if hasTrace { throw object.failure("there are two trace classes") }
    guard streams.isEmpty else { throw object.failure("the trace class comes after a data stream class") }
    hasTrace = true
    let namespace = try object.string("namespace")
    let name = try object.string("name")
    // Traces with the same identity are pieces of one.
    if let uid = try object.string("uid") { identity = [namespace ?? "", name ?? "", uid] }
    if let value = object.value("environment") {
      for entry in try MetadataObject(value, "'environment'", file: file).members {
        environment.append((entry.name, try environmentValue(entry, object)))
      }
    }
    if let header = try classes.structure(&object, "packet-header-field-class") {
      packetHeader = try RoleBinder(scope: .packetHeader, clock: nil, hasUUID: uuid != nil, object).bind(
        header)
    }
  }

  private func environmentValue(
    _ entry: JSONValue.Member, _ object: MetadataObject
  ) throws(TraceError) -> EnvironmentValue {
    switch entry.value.kind {
    case .string(let text): return .string(text)
    case .integer(let number): return number.signed.map { .integer($0) } ?? .string("\(number)")
    default:
      throw object.failure(
        "'\(entry.name.prefix(64))' of the environment has to be an integer or a string, not "
          + entry.value.description, entry.value)
    }
  }

  private mutating func readClock(_ object: inout MetadataObject) throws(TraceError) {
    let id = try object.requiredString("id")
    let frequency = try object.requiredUnsigned("frequency")
    guard frequency > 0 else { throw object.failure("the clock class '\(id.prefix(64))' has frequency 0") }
    var origin = ""
    if let value = object.value("origin") {
      if case .string(let text) = value.kind {
        guard text == "unix-epoch" else {
          throw object.failure("'origin' has to be unix-epoch or an object, not '\(text.prefix(64))'", value)
        }
        origin = "unix-epoch"
      } else {
        var custom = try MetadataObject(value, "'origin' of \(object.what)", file: file)
        let parts = [
          try custom.string("namespace"), try custom.requiredString("name"), try custom.requiredString("uid"),
        ]
        try custom.finish()
        origin = "\(parts)"
      }
    }
    var seconds: Int64 = 0
    var cycles: UInt64 = 0
    if let value = object.value("offset-from-origin") {
      var offset = try MetadataObject(value, "'offset-from-origin' of \(object.what)", file: file)
      seconds = try offset.signed("seconds") ?? 0
      cycles = try offset.unsigned("cycles") ?? 0
      guard cycles < frequency else {
        throw offset.failure("an offset of \(cycles) cycles is a second or more")
      }
      try offset.finish()
    }
    let clock = Clock(
      info: ClockInfo(
        name: id, uuid: nil, frequency: frequency, offsetSeconds: seconds,
        offsetCycles: Int64(clamping: cycles), isAbsolute: origin == "unix-epoch"),
      namespace: try object.string("namespace"), name: try object.string("name"),
      uid: try object.string("uid"),
      precision: try object.unsigned("precision"), accuracy: try object.unsigned("accuracy"), origin: origin)
    _ = try object.string("description")
    for other in clocks.values where Self.isSame(clock, other) && !Self.agree(clock, other) {
      throw object.failure(
        "the clock classes '\(id.prefix(64))' and '\(other.info.name.prefix(64))' have the same identity, but differ"
      )
    }
    guard clocks.updateValue(clock, forKey: id) == nil else {
      throw object.failure("there are two clock classes with the id '\(id.prefix(64))'")
    }
    guard clocks.count <= 256 else { throw object.failure("there are more than 256 clock classes") }
    clockOrder.append(clock.info)
  }

  /// Whether two classes are of the same clock (section 5.7).
  private static func isSame(_ a: Clock, _ b: Clock) -> Bool {
    a.name != nil && a.uid != nil && a.namespace == b.namespace && a.name == b.name && a.uid == b.uid
  }

  private static func agree(_ a: Clock, _ b: Clock) -> Bool {
    a.info.frequency == b.info.frequency && a.precision == b.precision && a.accuracy == b.accuracy
      && a.origin == b.origin
  }

  private mutating func readStream(_ object: inout MetadataObject) throws(TraceError) {
    let id = try object.unsigned("id") ?? 0
    try skipNames(&object)
    var stream = StreamFragment()
    stream.clock = try object.string("default-clock-class-id")
    if let clock = stream.clock, clocks[clock] == nil {
      throw object.failure("there is no clock class '\(clock.prefix(64))' before this data stream class")
    }
    func bound(_ scope: DynamicScope, _ name: String) throws(TraceError) -> StructureType? {
      guard let structure = try classes.structure(&object, name) else { return nil }
      return try RoleBinder(scope: scope, clock: stream.clock, hasUUID: false, object).bind(structure)
    }
    stream.packetContext = try bound(.packetContext, "packet-context-field-class")
    stream.eventHeader = try bound(.eventHeader, "event-record-header-field-class")
    stream.eventContext = try bound(.streamEventContext, "event-record-common-context-field-class")
    guard streams.updateValue(stream, forKey: id) == nil else {
      throw object.failure("there are two data stream classes with the id \(id)")
    }
    guard streams.count <= MetadataReader.maximumClasses else {
      throw object.failure("too many data stream classes")
    }
  }

  private mutating func readEvent(_ object: inout MetadataObject) throws(TraceError) {
    let id = try object.unsigned("id") ?? 0
    let streamID = try object.unsigned("data-stream-class-id") ?? 0
    let name = try object.string("name")
    _ = try object.string("namespace")
    _ = try object.string("uid")
    let binder = RoleBinder(scope: .payload, clock: nil, hasUUID: false, object)
    let event = EventClass(
      id: id, name: name ?? "<unknown>",
      context: try classes.structure(&object, "specific-context-field-class").map(binder.unbind),
      payload: try classes.structure(&object, "payload-field-class").map(binder.unbind))
    guard streams[streamID] != nil else {
      throw object.failure("there is no data stream class \(streamID) before this event record class")
    }
    guard streams[streamID]?.events.updateValue(event, forKey: id) == nil else {
      throw object.failure("data stream class \(streamID) has two event record classes with the id \(id)")
    }
    eventCount += 1
    guard eventCount <= MetadataReader.maximumClasses else {
      throw object.failure("too many event record classes")
    }
  }

  /// Names that nothing depends on.
  private func skipNames(_ object: inout MetadataObject) throws(TraceError) {
    for name in ["namespace", "name", "uid"] { _ = try object.string(name) }
  }
}
