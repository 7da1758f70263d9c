/// The plans of one trace: everything that is needed to decode its packets.
final class TracePlans: Sendable {
  let model: TraceModel
  let packetHeader: DecodePlan?
  let streams: [StreamPlan]
  /// Index into `streams` by id.
  let streamPlaces: [UInt64: Int]
  let registerCount: Int
  /// How deep the loops of any plan are nested; those of rows' plans are no deeper.
  let loopCount: Int
  /// Whether packets begin with the magic number, say their stream, carry the UUID.
  let hasMagic: Bool
  let hasStreamID: Bool
  let hasStreamInstanceID: Bool
  let hasUUID: Bool
  /// Where the positions of UUIDs are kept (CTF 2).
  let uuidRegisters: [Int]
  /// Whether the events that a packet's counter adds to those discarded before were discarded after all of the
  /// packet's own: LTTng closes a packet when the next one has room, and counts until then.
  let discardsAtPacketEnd: Bool

  init(_ model: TraceModel, file: String, times: TimeFrame = TimeFrame()) throws(TraceError) {
    self.model = model
    let references = References()
    // The first pass over all types finds what is referred to; the second one emits plans that keep those fields.
    _ = try Self.compile(model, references, file, times)
    references.isComplete = true
    let count = references.registerCount
    let (header, streams) = try Self.compile(model, references, file, times)
    assert(references.registerCount == count)
    packetHeader = header
    self.streams = streams
    streamPlaces = Dictionary(
      streams.enumerated().map { ($1.streamClass.id, $0) }, uniquingKeysWith: { first, _ in first })
    registerCount = count
    let plans = [header].compactMap(\.self) + streams.flatMap(\.plans)
    loopCount = max(header?.loopCount ?? 0, streams.map(\.loopCount).max() ?? 0)
    precondition(plans.allSatisfy { $0.registerCount <= count }, "a plan names a register that there is not")
    uuidRegisters = references.uuidRegisters.sorted()
    precondition(uuidRegisters.allSatisfy { $0 < count }, "a UUID is kept in a register that there is not")
    let fields = model.packetHeader?.fields ?? []
    let isNamed = model.format == .ctf1
    hasMagic =
      isNamed
      ? fields.first.map { $0.name == "magic" && $0.type.isMagic } ?? false
      : fields.first?.type.hasRole(.magic) ?? false
    hasStreamID = isNamed && model.packetHeader?.hasMember("stream_id") ?? false
    hasStreamInstanceID =
      isNamed && fields.contains { $0.name == "stream_instance_id" && $0.type.isUnsignedInteger }
    discardsAtPacketEnd = model.environment.contains {
      $0.name == "tracer_name" && $0.value.text.hasPrefix("lttng-")
    }
    hasUUID = isNamed && fields.contains { $0.name == "uuid" && $0.type.isUUID }
  }

  private static func compile(
    _ model: TraceModel, _ references: References, _ file: String, _ times: TimeFrame
  ) throws(TraceError) -> (DecodePlan?, [StreamPlan]) {
    references.restart()
    var compiler = PlanCompiler(model, references, file: file, roots: [:], start: (1 << 40, 0))
    try compiler.add(model.packetHeader, .packetHeader)
    var streams: [StreamPlan] = []
    // A trace without streams has packets without events.
    let none = StreamClass(id: 0, packetContext: nil, eventHeader: nil, eventContext: nil, events: [])
    let classes = model.streamClasses.isEmpty ? [none] : model.streamClasses
    for (number, stream) in classes.enumerated() {
      references.clock = nil
      streams.append(
        try StreamPlan(
          model, stream, number: number, references, file: file, roots: compiler.roots,
          start: (compiler.modulus, compiler.remainder), times: times))
    }
    return (model.packetHeader == nil ? nil : compiler.finish(), streams)
  }
}

/// The plans of one stream class.
final class StreamPlan: Sendable {
  let streamClass: StreamClass
  let packetContext: DecodePlan?
  /// Bit n: the context has the field of register n.
  let contextFields: UInt64
  let header: EventHeaderPlan
  /// Contexts and payload of each event, decoded to a tape, in the order of `streamClass.events`.
  let events: [DecodePlan]
  /// The same, for loops that cannot afford to count references.
  var pointers: PlainTable<PlanPointers> { table.pointers }
  private let table: PlanTable
  /// All of its plans.
  var plans: [DecodePlan] { [packetContext, header.plan].compactMap(\.self) + events }
  let clock: ClockConversion
  let hasClock: Bool
  /// How deep the loops of its plans are nested.
  let loopCount: Int
  /// Index into `streamClass.events` by event id.
  let eventIndex: [UInt64: Int]
  private let file: String
  private let model: TraceModel
  private let references: References.Frozen
  private let roots: [DynamicScope: StructureType]
  private let payloadStart: (modulus: Int, remainder: Int)
  private let number: Int

  init(
    _ model: TraceModel, _ stream: StreamClass, number: Int, _ references: References,
    file: String,
    roots: [DynamicScope: StructureType], start: (modulus: Int, remainder: Int), times: TimeFrame
  ) throws(TraceError) {
    streamClass = stream
    self.number = number
    self.file = file
    self.model = model
    if case .roles(let clock) = stream.format { references.clock = clock }
    var context = PlanCompiler(model, references, file: file, roots: roots, stream: number, start: start)
    try context.add(stream.packetContext, .packetContext)
    packetContext = stream.packetContext == nil ? nil : context.finish()
    contextFields = (stream.packetContext?.fields ?? []).reduce(0) { fields, field in
      guard field.type.isUnsignedInteger, let register = Register.packetContext[field.name] else {
        return fields
      }
      return fields | 1 << UInt64(register)
    }
    // Without headers, and with only one kind of event, every event begins where its first part is aligned to.
    let only = stream.events.count == 1 ? stream.events[0] : nil
    let begin = stream.eventHeader ?? only.flatMap { stream.eventContext ?? $0.context ?? $0.payload }
    let alignment = begin?.alignment ?? 1
    // Headers without an alignment of their own begin with a byte all the same, if all events are whole bytes.
    let mayBeBytes = stream.eventHeader != nil && alignment < 8 && context.isAtByte
    let budget = (references.typesLeft, references.fieldsLeft)
    var compiled = try Self.compile(stream, context, alignment: mayBeBytes ? 8 : alignment)
    if mayBeBytes, !compiled.areWholeBytes {
      (references.typesLeft, references.fieldsLeft) = budget
      compiled = try Self.compile(stream, context, alignment: alignment)
    }
    var header = compiled.header
    payloadStart = (header.modulus, header.remainder)
    self.roots = header.roots
    events = compiled.events
    table = PlanTable(events)
    let headerPlan = header.finish()
    loopCount =
      ([packetContext, headerPlan].compactMap(\.self) + compiled.events).map(\.loopCount).max() ?? 0
    var shape = EventHeaderPlan.Shape.none
    if stream.eventHeader != nil {
      // The interpreter also keeps what later scopes refer to.
      let isSimple = compiled.alignment >= 8 && !references.streamsWithUsedHeaders.contains(number)
      shape = .init(isSimple ? HeaderLayout(header.steps, header.ranges, header.fields) : nil)
    }
    self.header = EventHeaderPlan(
      plan: headerPlan, alignment: compiled.alignment, shape: shape,
      // In CTF 2 it is class 0 that follows where nothing is said.
      defaultID: stream.hasRoles ? 0 : UInt64.max)
    eventIndex = Dictionary(
      stream.events.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let clock = references.clock.flatMap { name in model.clocks.first { $0.name == name } }
    hasClock = references.clock != nil
    self.clock = ClockConversion(clock, times)
    if !references.isComplete { references.complete(stream: number) }
    self.references = .init(references, stream: number)
  }

  /// A header and the events behind it, compiled for one alignment of their begin.
  private struct Parts {
    let alignment: Int
    let header: PlanCompiler
    var events: [DecodePlan] = []
    /// Whether each event that begins with a byte ends with one.
    var areWholeBytes = true
  }

  /// - Parameters:
  ///   - context: The compiler behind the packet's context.
  ///   - alignment: Of the begin of headers, in bits.
  private static func compile(
    _ stream: StreamClass, _ context: PlanCompiler, alignment: Int
  ) throws(TraceError) -> Parts {
    func compiler(_ roots: [DynamicScope: StructureType], _ start: (Int, Int)) -> PlanCompiler {
      PlanCompiler(
        context.model, context.references, file: context.file, roots: roots, stream: context.stream,
        start: start)
    }
    var header = compiler(context.roots, (alignment, 0))
    try header.add(stream.eventHeader, .eventHeader)
    var parts = Parts(alignment: alignment, header: header)
    for event in stream.events {
      let (plan, isAtByte) = try compile(
        event, of: stream, compiler(header.roots, (header.modulus, header.remainder)))
      parts.events.append(plan)
      if !isAtByte { parts.areWholeBytes = false }
    }
    return parts
  }

  /// The plan of an event, and whether its end is known to be that of a byte. What it refers to of its own fields is
  /// known when it was compiled once.
  private static func compile(
    _ event: EventClass, of stream: StreamClass, _ empty: PlanCompiler
  ) throws(TraceError) -> (plan: DecodePlan, isAtByte: Bool) {
    let references = empty.references
    let budget = (references.typesLeft, references.fieldsLeft)
    var compiler = empty
    while true {
      let known = compiler.local.count
      try compiler.add(stream.eventContext, .streamEventContext)
      try compiler.add(event.context, .eventContext)
      try compiler.add(event.payload, .payload)
      if compiler.local.count == known || !references.isComplete {
        return (compiler.finish(), compiler.isAtByte)
      }
      let local = compiler.local
      compiler = empty
      compiler.local = local
      (references.typesLeft, references.fieldsLeft) = budget
    }
  }

  /// A plan for rows: contexts skipped, of the payload only the fields with slots.
  func rowPlan(_ event: EventClass, slots: [Int: UInt16]) throws(TraceError) -> DecodePlan {
    try DeepStack.run(levels: streamClass.height(of: event), file: file) { () throws(TraceError) in
      let compiler = PlanCompiler(
        model, References(references), file: file, roots: roots, stream: number, start: payloadStart,
        slots: slots)
      let plan = try Self.compile(event, of: streamClass, compiler).plan
      // What holds for the plan that decodes everything, of which this one leaves out steps.
      precondition(
        plan.registerCount <= compiler.references.registerCount
          && plan.loopCount <= loopCount,
        "a row's plan needs more than its event's")
      return plan
    }
  }
}

/// How event headers are decoded.
struct EventHeaderPlan: Sendable {
  /// Headers that need no interpreter, all little-endian.
  enum Shape: Sendable, Equatable {
    case general
    /// No header at all.
    case none
    /// LTTng's compact header: 5 bits of id, 27 bits of time; ids from 31 on use the general plan.
    case compact
    /// LTTng's large header: 16 bits of id, 32 bits of time `offset` bytes from the begin; ids from 65535 on use
    /// the general plan.
    case large(offset: Int)
    /// The same with the time at the next multiple of `alignment` bits.
    case padded(alignment: Int)
  }

  let plan: DecodePlan
  /// Alignment of the header's first bit, in bits.
  let alignment: Int
  let shape: Shape
  /// The event id where a header says none: UInt64.max for the only event.
  let defaultID: UInt64
}

extension FieldType {
  var isUnsignedInteger: Bool {
    switch self {
    case .integer(let type): !type.isSigned
    case .enumeration(let type): !type.container.isSigned
    default: false
    }
  }

  /// Whether this is an array of 16 bytes.
  var isUUID: Bool {
    guard case .array(let array) = self, case .constant(16) = array.length,
      case .integer(let type) = array.element
    else { return false }
    return type.size == 8 && type.alignment % 8 == 0
  }
}

extension FieldType {
  /// Whether this can be the magic number of packets.
  var isMagic: Bool {
    guard case .integer(let type) = self else { return false }
    return type.size == 32 && !type.isSigned
  }

  fileprivate func hasMember(_ name: String) -> Bool {
    switch self {
    case .structure(let type): type.hasMember(name)
    case .variant(let type): type.options.contains { $0.type.hasMember(name) }
    case .array(let type): type.element.hasMember(name)
    default: false
    }
  }
}

extension StructureType {
  /// Whether an unsigned integer of that name is in the structure, at any depth.
  fileprivate func hasMember(_ name: String) -> Bool {
    fields.contains { ($0.name == name && $0.type.isUnsignedInteger) || $0.type.hasMember(name) }
  }
}
