/// What the metadata of one trace says (CTF 1.8, section 7.3; CTF 2, section 5), types resolved.
final class TraceModel: Sendable {
  let byteOrder: ByteOrder
  let uuid: [UInt8]?
  let environment: [(name: String, value: EnvironmentValue)]
  let clocks: [ClockInfo]
  let packetHeader: StructureType?
  let streamClasses: [StreamClass]
  /// Whether there are bit fields of both byte orders, so that they could meet inside a byte.
  let mixesBitOrders: Bool
  let format: Format
  /// What, if there, tells traces apart in place of the UUID: namespace, name and unique id.
  let identity: [String]?

  /// The version of the format.
  enum Format: Sendable {
    /// CTF 1.8: names say what fields mean, and the clock goes on from one packet to the next.
    case ctf1
    /// CTF 2: roles say what fields mean, and every packet begins with the clock at 0.
    case ctf2
  }

  init(
    byteOrder: ByteOrder, uuid: [UInt8]?, environment: [(name: String, value: EnvironmentValue)],
    clocks: [ClockInfo], packetHeader: StructureType?, streamClasses: [StreamClass], format: Format = .ctf1,
    identity: [String]? = nil
  ) {
    self.format = format
    self.identity = identity
    self.byteOrder = byteOrder
    self.uuid = uuid
    self.environment = environment
    self.clocks = clocks
    self.packetHeader = packetHeader
    self.streamClasses = streamClasses
    var orders = BitOrders(native: byteOrder)
    if let packetHeader { orders.add(.structure(packetHeader)) }
    for stream in streamClasses {
      for structure in [stream.packetContext, stream.eventHeader, stream.eventContext] {
        if let structure { orders.add(.structure(structure)) }
      }
      for event in stream.events {
        if let context = event.context { orders.add(.structure(context)) }
        if let payload = event.payload { orders.add(.structure(payload)) }
      }
    }
    mixesBitOrders = orders.hasLittle && orders.hasBig
  }
}

extension TraceModel {
  /// Whether there is something that no other recording has.
  var hasIdentity: Bool { uuid != nil || identity != nil }

  /// Whether both describe pieces of one recording.
  func isSameTrace(as other: TraceModel) -> Bool {
    if identity != nil || other.identity != nil { return identity == other.identity }
    return uuid != nil && uuid == other.uuid
  }

  /// How deep types are nested.
  var height: Int { streamClasses.reduce(packetHeader?.height ?? 0) { max($0, $1.height) } }
}

extension StreamClass {
  /// How deep the types are nested of what packets and events have.
  public var height: Int {
    events.reduce(max(packetContext?.height ?? 0, eventHeader?.height ?? 0)) { max($0, height(of: $1)) }
  }

  /// How deep the types are nested of what an event of this stream has behind its header.
  public func height(of event: EventClass) -> Int {
    max(eventContext?.height ?? 0, event.context?.height ?? 0, event.payload?.height ?? 0)
  }
}

/// The byte orders of numbers that may begin or end inside a byte.
private struct BitOrders {
  let native: ByteOrder
  var hasLittle = false
  var hasBig = false

  init(native: ByteOrder) { self.native = native }

  mutating func add(_ type: FieldType) {
    switch type {
    case .integer(let type): add(type.size, type.alignment, type.byteOrder)
    case .enumeration(let type): add(type.container.size, type.container.alignment, type.container.byteOrder)
    case .floatingPoint(let type): add(type.size, type.alignment, type.byteOrder)
    case .boolean(let type): add(type.size, type.alignment, type.byteOrder)
    case .bitArray(let type): add(type.bits.size, type.bits.alignment, type.bits.byteOrder)
    case .string, .text, .blob: break
    case .array(let type): add(type.element)
    case .structure(let type): for field in type.fields { add(field.type) }
    case .variant(let type): for option in type.options { add(option.type) }
    case .selection(let type): for option in type.options { add(option.type) }
    }
  }

  private mutating func add(_ size: Int, _ alignment: Int, _ order: ByteOrder?) {
    guard size % 8 != 0 || alignment < 8 else { return }
    if (order ?? native) == .big { hasBig = true } else { hasLittle = true }
  }
}

/// A value of the `env` block.
enum EnvironmentValue: Sendable, Equatable {
  case integer(Int64)
  case string(String)

  var text: String {
    switch self {
    case .integer(let value): "\(value)"
    case .string(let value): value
    }
  }
}

/// A `stream` block with its events.
public final class StreamClass: Sendable {
  /// The id that packets name it by.
  public let id: UInt64
  /// `packet.context`.
  public let packetContext: StructureType?
  /// `event.header`.
  public let eventHeader: StructureType?
  /// `event.context` of the stream, common to its events.
  public let eventContext: StructureType?
  /// The events, by id.
  public let events: [EventClass]
  let format: Format

  /// What says which fields matter to a reader.
  enum Format: Sendable {
    /// Their names (CTF 1.8).
    case names
    /// Their roles (CTF 2); the stream has this clock.
    case roles(clock: String?)
  }

  /// Whether fields matter to a reader by their roles and not by their names.
  public var hasRoles: Bool { if case .roles = format { true } else { false } }

  init(
    id: UInt64, packetContext: StructureType?, eventHeader: StructureType?, eventContext: StructureType?,
    events: [EventClass], format: Format = .names
  ) {
    self.format = format
    self.id = id
    self.packetContext = packetContext
    self.eventHeader = eventHeader
    self.eventContext = eventContext
    self.events = events
  }
}

/// An `event` block.
public final class EventClass: Sendable {
  /// The id that event headers name it by.
  public let id: UInt64
  /// Its name, for LTTng `provider:event`.
  public let name: String
  /// Its own `context`.
  public let context: StructureType?
  /// Its `fields`.
  public let payload: StructureType?

  init(id: UInt64, name: String, context: StructureType?, payload: StructureType?) {
    self.id = id
    self.name = name
    self.context = context
    self.payload = payload
  }
}
